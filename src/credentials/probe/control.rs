//! The control connection of FTP (RFC 959): a command out, a reply in, with a limit on what a reply may be.

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Take,
};
use zeroize::Zeroizing;

use super::Step;
use super::attempt::{Attempt, Failure};
use crate::egress::TlsError;

/// Of all lines of a reply together.
const REPLY_LIMIT: u64 = 32 * 1024;

/// The control connection.
pub(super) struct Control<S> {
    stream: BufReader<S>,
}

/// A reply: its code, and the text of its last line.
pub(super) struct Reply {
    pub code: u16,
    pub text: String,
}

/// Why there is no reply.
pub(super) enum Broken {
    Ended,
    NotFtp,
    Tls(TlsError),
}

impl Broken {
    /// A connection that ends fails the step the test is at.
    pub fn at(self, attempt: &Attempt<'_>) -> Failure {
        match self {
            Self::Ended => Failure::new(attempt.at(), "the server ended the connection"),
            Self::NotFtp => Failure::new(
                Step::Protocol,
                "what answers at this port does not speak FTP",
            ),
            Self::Tls(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        TlsError::of(&error).map_or(Self::Ended, Self::Tls)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Control<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream: BufReader::with_capacity(4096, stream),
        }
    }

    /// Sends a command, which must be one line, and reads the reply.
    pub async fn send(&mut self, command: &str) -> Result<Reply, Broken> {
        let line = Zeroizing::new(format!("{command}\r\n"));
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.flush().await?;
        self.reply().await
    }

    /// Says good-bye, and waits for no answer: the test is over.
    pub async fn leave(&mut self) -> Result<(), Broken> {
        self.stream.write_all(b"QUIT\r\n").await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads a reply. One of several lines begins with `230-` and ends with the line that begins with `230 `.
    pub async fn reply(&mut self) -> Result<Reply, Broken> {
        let mut rest = (&mut self.stream).take(REPLY_LIMIT);
        let first = line(&mut rest).await?;
        let code = code(&first).ok_or(Broken::NotFtp)?;
        let mut last = first;
        while last.as_bytes().get(3) == Some(&b'-') || self::code(&last) != Some(code) {
            last = line(&mut rest).await?;
        }
        Ok(Reply {
            code,
            text: last.get(4..).unwrap_or_default().to_owned(),
        })
    }

    /// The connection itself, to speak TLS over. `None` where the peer sent more than it was asked for: in the clear,
    /// so anybody may have.
    pub fn into_stream(self) -> Option<S> {
        self.stream
            .buffer()
            .is_empty()
            .then(|| self.stream.into_inner())
    }
}

async fn line<S: AsyncRead + Unpin>(from: &mut Take<&mut BufReader<S>>) -> Result<String, Broken> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        let cut = from.limit() == 0;
        return Err(if cut { Broken::NotFtp } else { Broken::Ended });
    }
    Ok(String::from_utf8_lossy(&line)
        .trim_end_matches('\r')
        .to_owned())
}

fn code(line: &str) -> Option<u16> {
    let (digits, rest) = line.split_at_checked(3)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit())
        && matches!(digits.as_bytes()[0], b'1'..=b'5')
        && matches!(rest.as_bytes().first(), None | Some(b' ' | b'-'));
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(sent: &[u8]) -> Result<(u16, String), &'static str> {
        let stream = tokio::io::join(sent, tokio::io::sink());
        match Control::new(stream).reply().await {
            Ok(reply) => Ok((reply.code, reply.text)),
            Err(Broken::Ended) => Err("ended"),
            Err(Broken::NotFtp) => Err("not FTP"),
            Err(Broken::Tls(_)) => Err("TLS"),
        }
    }

    #[tokio::test]
    async fn replies_are_read_to_their_last_line_and_no_further() {
        let several = "220-hello\r\n230 not this\r\n 220 nor this\r\n2200 nor this\r\n220-nor\r\n220 ready\r\n";
        let cases = [
            ("220 ready\r\n", "ready"),
            ("220 ready\n230 in\r\n", "ready"),
            ("220\r\n", ""),
            (several, "ready"),
        ];
        for (sent, text) in cases {
            let expected = Ok((220, text.to_owned()));
            assert_eq!(read(sent.as_bytes()).await, expected, "{sent}");
        }
        let not_utf8 = read(b"220 \xff\r\n").await;
        assert_eq!(not_utf8, Ok((220, "\u{fffd}".to_owned())));
    }

    #[tokio::test]
    async fn what_is_no_reply_is_told_apart() {
        let cases = [
            ("220-hello\r\n", "ended"),
            ("220 rea", "ended"),
            ("", "ended"),
            ("SSH-2.0-x\r\n", "not FTP"),
            ("HTTP/1.1 400 Bad Request\r\n", "not FTP"),
            ("620 no\r\n", "not FTP"),
            ("2200 no\r\n", "not FTP"),
            ("22\u{e4} no\r\n", "not FTP"),
            ("\r\n", "not FTP"),
            (&"220-".repeat(20_000), "not FTP"),
            (&"220-a line\r\n".repeat(20_000), "not FTP"),
        ];
        for (sent, expected) in cases {
            let shown = &sent[..sent.len().min(30)];
            assert_eq!(read(sent.as_bytes()).await, Err(expected), "{shown}");
        }
    }

    #[test]
    fn what_came_before_tls_is_not_read_as_if_it_came_after() {
        let early = b"234 go on\r\n230 logged in\r\n";
        let mut control = Control::new(tokio::io::join(&early[..], tokio::io::sink()));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let reply = runtime.unwrap().block_on(control.reply());
        assert!(matches!(reply, Ok(Reply { code: 234, .. })));
        assert!(control.into_stream().is_none());
    }
}
