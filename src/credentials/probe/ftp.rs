//! The test of `ftp`: logs in over the control connection, asks for the start folder, and enters it.
//!
//! There is no data connection, so nothing is listed: with FTP the server names the address of it (`PASV`), or connects
//! back to one we name (`PORT`). Both are a way around the guard, and the log-in and the folder say enough.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Step;
use super::attempt::{Attempt, Failure};
use super::control::{Broken, Control};
use crate::credentials::models::Ftp;

/// Where TLS comes before FTP's first word, as it did before RFC 4217.
const IMPLICIT_TLS_PORT: u16 = 990;
const GOODBYE_LIMIT: Duration = Duration::from_millis(300);

/// How a connection gets its TLS.
enum Tls {
    None,
    Explicit,
    Implicit,
}

/// Who logs in.
struct User<'a> {
    name: &'a str,
    password: &'a str,
    /// Whether the password crosses the network encrypted.
    encrypted: bool,
}

/// Tests the credential.
pub(super) async fn test(attempt: &mut Attempt<'_>, ftp: &Ftp) -> Result<String, Failure> {
    let tls = match (ftp.secure, ftp.port) {
        (false, _) => Tls::None,
        (true, IMPLICIT_TLS_PORT) => Tls::Implicit,
        (true, _) => Tls::Explicit,
    };
    test_with(tls, attempt, ftp).await
}

async fn test_with(tls: Tls, attempt: &mut Attempt<'_>, ftp: &Ftp) -> Result<String, Failure> {
    let user = user(ftp)?;
    let stream = attempt.connect(&ftp.hostname, ftp.port).await?;
    match tls {
        Tls::None => {
            let mut control = Control::new(stream);
            greeting(attempt, &mut control).await?;
            session(attempt, control, &user).await
        }
        Tls::Explicit => {
            let mut control = Control::new(stream);
            greeting(attempt, &mut control).await?;
            let stream = upgrade(attempt, control).await?;
            let stream = attempt.handshake(&ftp.hostname, stream).await?;
            session(attempt, Control::new(stream), &user).await
        }
        Tls::Implicit => {
            let mut control = Control::new(attempt.tls(&ftp.hostname, stream).await?);
            greeting(attempt, &mut control).await?;
            session(attempt, control, &user).await
        }
    }
}

/// A line break in the name or the password would begin a command of its own.
fn user(ftp: &Ftp) -> Result<User<'_>, Failure> {
    let user = User {
        name: ftp.username.as_deref().unwrap_or("anonymous"),
        password: match (&ftp.password, &ftp.username) {
            (Some(password), _) => password.expose(),
            (None, Some(_)) => "",
            (None, None) => "anonymous@",
        },
        encrypted: ftp.secure,
    };
    if [user.name, user.password]
        .iter()
        .any(|text| text.contains(['\r', '\n', '\0']))
    {
        return Err(Failure::new(
            Step::Login,
            "the user name or the password holds a line break, which FTP cannot carry",
        ));
    }
    Ok(user)
}

async fn greeting<S: AsyncRead + AsyncWrite + Unpin>(
    attempt: &mut Attempt<'_>,
    control: &mut Control<S>,
) -> Result<(), Failure> {
    attempt.enter(Step::Protocol);
    let mut reply = control.reply().await;
    // "Ready in a moment."
    if matches!(&reply, Ok(reply) if reply.code == 120) {
        reply = control.reply().await;
    }
    match reply.map_err(|broken| broken.at(attempt))?.code {
        220 => Ok(()),
        code @ (400..=599) => Err(Failure::new(
            Step::Protocol,
            format!("the server takes no connections from here ({code})"),
        )),
        _ => Err(Broken::NotFtp.at(attempt)),
    }
}

/// Asks for TLS, and gives the connection to speak it over.
async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    attempt: &mut Attempt<'_>,
    mut control: Control<S>,
) -> Result<S, Failure> {
    attempt.enter(Step::Tls);
    let reply = control.send("AUTH TLS").await;
    match reply.map_err(|broken| broken.at(attempt))?.code {
        234 => control.into_stream().ok_or_else(|| {
            Failure::new(
                Step::Tls,
                "something was sent in the clear after the start of TLS",
            )
        }),
        code => Err(Failure::new(
            Step::Tls,
            format!("the server offers no TLS ({code})"),
        )),
    }
}

async fn session<S: AsyncRead + AsyncWrite + Unpin>(
    attempt: &mut Attempt<'_>,
    mut control: Control<S>,
    user: &User<'_>,
) -> Result<String, Failure> {
    attempt.enter(Step::Login);
    log_in(attempt, &mut control, user).await?;
    attempt.enter(Step::Permission);
    enter_start_folder(attempt, &mut control).await?;
    timeout(GOODBYE_LIMIT, control.leave()).await.ok();
    let how = if user.encrypted { " over TLS" } else { "" };
    Ok(format!(
        "logged in{how}, and the start folder can be entered"
    ))
}

async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    attempt: &Attempt<'_>,
    control: &mut Control<S>,
    user: &User<'_>,
) -> Result<(), Failure> {
    let failed = |text: &str, code: u16| Failure::new(Step::Login, format!("{text} ({code})"));
    let reply = control.send(&format!("USER {}", user.name)).await;
    match reply.map_err(|broken| broken.at(attempt))?.code {
        230 => return Ok(()),
        331 => {}
        code @ (332 | 532) => return Err(failed("the server asks for an account", code)),
        code if user.encrypted => return Err(failed("the server refused the user name", code)),
        code => {
            let text = "the server refused the user name without asking for the password; it may demand TLS";
            return Err(failed(text, code));
        }
    }
    let pass = Zeroizing::new(format!("PASS {}", user.password));
    let reply = control.send(&pass).await;
    match reply.map_err(|broken| broken.at(attempt))?.code {
        202 | 230 => Ok(()),
        code @ (332 | 532) => Err(failed("the server asks for an account", code)),
        code => Err(failed(
            "the server refused the user name and password",
            code,
        )),
    }
}

async fn enter_start_folder<S: AsyncRead + AsyncWrite + Unpin>(
    attempt: &Attempt<'_>,
    control: &mut Control<S>,
) -> Result<(), Failure> {
    let failed = |text: &str, code: u16| Failure::new(Step::Permission, format!("{text} ({code})"));
    let reply = control.send("PWD").await;
    let reply = reply.map_err(|broken| broken.at(attempt))?;
    if reply.code != 257 {
        return Err(failed("the server names no start folder", reply.code));
    }
    let folder = quoted(&reply.text).ok_or_else(|| Broken::NotFtp.at(attempt))?;
    let reply = control.send(&format!("CWD {folder}")).await;
    match reply.map_err(|broken| broken.at(attempt))?.code {
        200..=299 => Ok(()),
        code => Err(failed("the start folder may not be entered", code)),
    }
}

/// The path in `"…" is the current directory`; a quote inside it stands twice.
fn quoted(text: &str) -> Option<String> {
    let mut path = String::new();
    let mut rest = text.trim_start().strip_prefix('"')?.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if rest.peek() == Some(&'"') => rest.next().map(|quote| path.push(quote))?,
            '"' if !path.is_empty() => return Some(path),
            '"' => return None,
            c if c.is_control() => return None,
            c => path.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::egress::{Egress, Settings, authorities};
    use crate::types::Secret;

    #[test]
    fn folders_are_read_from_their_quotes() {
        let cases = [
            (r#""/" is the current directory"#, Some("/")),
            (r#""/a ""b"" c" here"#, Some(r#"/a "b" c"#)),
            (r#""""""#, Some("\"")),
            (r#""""#, None),
            ("/", None),
            (r#""/open"#, None),
            ("\"/a\rDELE b\"", None),
        ];
        for (text, folder) in cases {
            assert_eq!(quoted(text).as_deref(), folder, "{text}");
        }
    }

    #[test]
    fn a_line_break_is_not_sent() {
        for (username, password) in [("a\r\nDELE b", "c"), ("a", "b\nDELE c"), ("a\0", "b")] {
            let ftp = ftp(21, username, password);
            assert!(user(&ftp).is_err(), "{username:?} {password:?}");
        }
    }

    fn ftp(port: u16, username: &str, password: &str) -> Ftp {
        Ftp {
            hostname: "localhost".to_owned(),
            port,
            secure: true,
            username: Some(username.to_owned()),
            password: Some(Secret::new(password.to_owned())),
        }
    }

    /// A server that speaks TLS from the start, and says yes to all. Gives the commands it got.
    async fn implicit_server(listener: TcpListener, config: ServerConfig) -> Vec<String> {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await;
        let mut stream = BufReader::new(stream.unwrap());
        let mut got = Vec::new();
        let mut reply = "220 ready";
        loop {
            // Nobody waits for the good-bye.
            let sent = stream.write_all(format!("{reply}\r\n").as_bytes()).await;
            let mut line = String::new();
            if sent.is_err() || stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return got;
            }
            reply = match line.split_whitespace().next().unwrap_or_default() {
                "USER" => "331 password",
                "PWD" => "257 \"/home\"",
                "QUIT" => "221 bye",
                _ => "250 yes",
            };
            if line.starts_with("PASS") {
                reply = "230 in";
            }
            got.push(line.trim_end().to_owned());
        }
    }

    /// What port 990 means; tests cannot listen there.
    #[tokio::test]
    async fn implicit_tls_comes_before_the_greeting() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ftp = ftp(listener.local_addr().unwrap().port(), "alice", "secret");
        let server = tokio::spawn(implicit_server(listener, config));
        let allow = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let trusted = authorities(made.cert.pem().as_bytes()).unwrap();
        let egress = Egress::new(&Settings::new(allow, trusted)).unwrap();
        let mut attempt = Attempt::new(&egress);
        let tried = test_with(Tls::Implicit, &mut attempt, &ftp).await;
        let outcome = attempt.outcome(Some(tried));
        assert!(outcome.ok, "{outcome:?}");
        let steps: Vec<Step> = outcome.steps.iter().map(|passed| passed.step).collect();
        assert_eq!(
            steps,
            [
                Step::Name,
                Step::Port,
                Step::Tls,
                Step::Protocol,
                Step::Login,
                Step::Permission
            ]
        );
        let commands = ["USER alice", "PASS secret", "PWD", "CWD /home", "QUIT"];
        assert_eq!(server.await.unwrap(), commands);
    }
}
