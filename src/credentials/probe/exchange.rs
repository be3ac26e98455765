//! One HTTP request over a connection of our own, so that each step can be told apart.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use url::Url;

use super::Step;
use super::attempt::{Attempt, Failure};
use crate::egress::TlsError;

/// Of the answer's head.
const HEAD_LIMIT: usize = 64 * 1024;

/// Of everything that is answered: heads before the last one (1xx) come without end otherwise.
const ANSWER_LIMIT: usize = 256 * 1024;

/// A stream that gives so much and then breaks.
struct Budget<S> {
    stream: S,
    left: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Budget<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        self.left = self.left.saturating_sub(into.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Budget<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// What is asked: never with a body.
pub(super) struct Question<'a> {
    pub method: Method,
    pub url: &'a Url,
    pub headers: HeaderMap,
    /// How much of the answer's body is wanted.
    pub body_limit: usize,
}

/// The part of the answer that is looked at.
pub(super) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Asks, once, and follows nothing.
pub(super) async fn ask(
    attempt: &mut Attempt<'_>,
    question: Question<'_>,
) -> Result<Answer, Failure> {
    let url = question.url;
    let secure = match url.scheme() {
        "http" => false,
        "https" => true,
        _ => {
            return Err(Failure::new(
                Step::Protocol,
                "only http and https endpoints can be tested",
            ));
        }
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(Failure::new(Step::Name, "the endpoint names no host"));
    };
    let limit = question.body_limit;
    let request = request(question)?;
    let stream = attempt.connect(host, port).await?;
    if secure {
        let stream = attempt.tls(host, stream).await?;
        attempt.enter(Step::Protocol);
        exchange(stream, request, limit).await
    } else {
        attempt.enter(Step::Protocol);
        exchange(stream, request, limit).await
    }
}

/// The value of `Host` for a URL, with its port where that is not the scheme's own.
pub(super) fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn request(question: Question<'_>) -> Result<Request<Empty<Bytes>>, Failure> {
    let cannot = || Failure::new(Step::Protocol, "the endpoint cannot be asked for over HTTP");
    let url = question.url;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut request = Request::builder()
        .method(question.method)
        .uri(target)
        .body(Empty::new())
        .map_err(|_| cannot())?;
    *request.headers_mut() = question.headers;
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::try_from(host_header(url)).map_err(|_| cannot())?;
        request.headers_mut().insert(HOST, host);
    }
    Ok(request)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<Empty<Bytes>>,
    limit: usize,
) -> Result<Answer, Failure> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(Budget {
            stream,
            left: ANSWER_LIMIT,
        }))
        .await
        .map_err(|error| broken(&error))?;
    let asking = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let mut incoming = answer.into_body();
        let mut body = Vec::new();
        while body.len() < limit
            && let Some(frame) = incoming.frame().await
        {
            if let Ok(data) = frame?.into_data() {
                body.extend_from_slice(&data[..data.len().min(limit - body.len())]);
            }
        }
        Ok(Answer { status, body })
    };
    // What the connection itself says ends up in the answer, or is of no interest.
    let driven = async move {
        connection.await.ok();
        std::future::pending().await
    };
    tokio::select! {
        biased;
        asked = asking => asked.map_err(|error: hyper::Error| broken(&error)),
        never = driven => never,
    }
}

fn broken(error: &hyper::Error) -> Failure {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>());
    if let Some(tls) = io.and_then(TlsError::of) {
        return tls.into();
    }
    if error.is_parse() {
        let text = "what answers at this port does not speak HTTP";
        return Failure::new(Step::Protocol, text);
    }
    Failure::new(
        Step::Protocol,
        "the server ended the connection without an answer",
    )
}
