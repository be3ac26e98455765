//! What stands around the handlers of marked routes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, SizedStream, to_bytes};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, ETAG, HeaderName, IF_MATCH, LOCATION,
};
use actix_web::web::Bytes;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, rt, web};
use futures_util::{StreamExt, stream};
use tracing::Instrument;
use zeroize::Zeroizing;

use super::{Asked, Begun, Key, Refused, Replay, Reply, Try};
use crate::app::App;
use crate::auth::PUBLIC_KEY;
use crate::error::{Dialect, Error, Result};
use crate::http::{body_digest, want_body_digest};
use crate::kill_point::{is_chosen, kill_point};
use crate::telemetry;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Headers that belong to an answer; all others are made anew.
const KEPT: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];
/// What of a request's headers proves who asks.
const SHOWN: [HeaderName; 2] = [AUTHORIZATION, HeaderName::from_static("x-tl-token")];
/// The same of a form, which has its key in its address: browsers send no header of ours.
const SHOWN_BY_FORMS: [HeaderName; 1] = [COOKIE];
const FORM_KEY: &str = "once";
/// So long the second of two clicks waits for the answer to the first.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

type Answer = std::result::Result<HttpResponse, actix_web::Error>;

/// The handler, done once for each `Idempotency-Key`. Its own extractors decide first who asks and whether it may, and
/// whether the body is one that it takes.
pub fn once<F, Args, R>(
    replay: Replay,
    handler: F,
) -> impl Handler<(HttpRequest, web::Payload), Output = Answer>
where
    F: Handler<Args, Output = Result<R>>,
    R: Into<HttpResponse> + 'static,
    Args: FromRequest + 'static,
{
    move |request: HttpRequest, payload: web::Payload| {
        let handler = handler.clone();
        async move { answer(replay, handler, request, payload.into_inner()).await }
    }
}

async fn answer<F, Args, R>(
    replay: Replay,
    handler: F,
    request: HttpRequest,
    mut payload: Payload,
) -> Answer
where
    F: Handler<Args, Output = Result<R>>,
    R: Into<HttpResponse> + 'static,
    Args: FromRequest + 'static,
{
    let key = key_of(&request);
    if key.is_some() {
        want_body_digest(&request);
    }
    let args = Args::from_request(&request, &mut payload)
        .await
        .map_err(Into::into)?;
    let Some(key) = key else {
        return Ok(handler.call(args).await?.into());
    };
    let app = request.app_data::<web::Data<App>>().cloned();
    let app = app.ok_or_else(|| Error::Internal("the app is not there".to_owned()))?;
    let app = app.into_inner();
    let this = try_of(&app, &request, &key?)?;
    let patience = if is_form(&request) {
        PATIENCE
    } else {
        Duration::ZERO
    };
    // A client that goes away must be able to ask again: what was begun goes on to its end without it.
    let work = async move {
        match begun(&app, &this, patience).await? {
            Begun::Done(stored) => replayed(&stored),
            Begun::Mine => {
                let answer = handler.call(args).await.map(Into::into);
                kept(&app, &this, replay, answer).await
            }
        }
    };
    let tracker = request.app_data::<web::Data<App>>().cloned();
    let work = telemetry::carried(work.instrument(tracing::Span::current()));
    let done = match tracker {
        Some(app) => rt::spawn(app.tracker.track_future(work)).await,
        None => rt::spawn(work).await,
    };
    let done = done.map_err(|e| Error::Internal(format!("the work ended: {e}")))?;
    Ok(done?)
}

/// Whether it is a form of the console.
fn is_form(request: &HttpRequest) -> bool {
    Dialect::of(request.path()) == Dialect::Console
}

/// The key, as it was sent.
fn key_of(request: &HttpRequest) -> Option<Result<String>> {
    if is_form(request) {
        let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
        let found = pairs.find(|(name, _)| name == FORM_KEY);
        return found.map(|(_, key)| Ok(key.into_owned()));
    }
    let mut keys = request.headers().get_all(KEY);
    let only = keys.next()?.to_str().ok();
    let only = only.filter(|_| keys.next().is_none());
    Some(only.map(str::to_owned).ok_or(Refused::Invalid.into()))
}

/// Begins the try; where another one is at work, when that has ended, or the patience has.
async fn begun(app: &Arc<App>, this: &Try, patience: Duration) -> Result<Begun> {
    let start = Instant::now();
    loop {
        match this.begin(app).await {
            Err(Error::Idempotency(Refused::InFlight)) if start.elapsed() < patience => {
                tokio::time::sleep(PAUSE).await;
            }
            begun => return begun,
        }
    }
}

/// The request as a try. Credentials that stand in the body are proved by the handler, too late for this.
fn try_of(app: &App, request: &HttpRequest, key: &str) -> Result<Try> {
    let who = telemetry::current().seen.who();
    let who = who.ok_or(Error::CredentialsMissing)?;
    let key = Key::parse(key, who.actor == PUBLIC_KEY)?;
    let headers = request.headers();
    let names: &[HeaderName] = if is_form(request) {
        &SHOWN_BY_FORMS
    } else {
        &SHOWN
    };
    let shown: Vec<&[u8]> = names
        .iter()
        .map(|name| {
            let value = headers.get(name);
            value.map_or(&[][..], |value| value.as_bytes())
        })
        .collect();
    let digest = body_digest(request).unwrap_or_default();
    let asked = Asked {
        vendor: who.vendor,
        actor: who.actor,
        shown: &shown,
        key,
        parts: &[
            request.method().as_str().as_bytes(),
            request.path().as_bytes(),
            request.query_string().as_bytes(),
            &digest,
            headers
                .get(IF_MATCH)
                .map_or(&[], |version| version.as_bytes()),
        ],
        request_id: telemetry::current().request_id,
    };
    Try::new(app, asked)
}

/// Passes the handler's answer on, and keeps it if something was made.
async fn kept(
    app: &Arc<App>,
    this: &Try,
    replay: Replay,
    answer: Result<HttpResponse>,
) -> Result<HttpResponse> {
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.entry().status,
    };
    if status.is_server_error() {
        this.failed(app).await;
        return answer;
    }
    if !status.is_success() {
        this.refused(app).await;
        return answer;
    }
    let (head, body) = answer?.into_parts();
    let bytes = to_bytes(body)
        .await
        .map_err(|_| Error::Internal("an answer has no body".to_owned()))?;
    let text =
        str::from_utf8(&bytes).map_err(|_| Error::Internal("an answer is no text".to_owned()))?;
    let headers = KEPT.iter().filter_map(|name| {
        let value = head.headers().get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let stored = Reply {
        status: status.as_u16(),
        headers: headers.collect(),
        body: Zeroizing::new(text.to_owned()),
    };
    this.answered(app, replay, &stored).await?;
    kill_point("before the first byte of an answer");
    Ok(head.set_body(sent(bytes)))
}

/// A body as it is sent: in one piece, but where a test has the process die behind its first byte.
fn sent(bytes: Bytes) -> BoxBody {
    const TORN: &str = "after the first byte of an answer";
    if !is_chosen(TORN) || bytes.is_empty() {
        return BoxBody::new(bytes);
    }
    let length = bytes.len() as u64;
    let mut rest = bytes;
    let first = rest.split_to(1);
    let rest = async move {
        // What was written before is sent meanwhile.
        tokio::task::yield_now().await;
        kill_point(TORN);
        Ok(rest)
    };
    let pieces = stream::iter([Ok::<_, Infallible>(first)]).chain(stream::once(rest));
    BoxBody::new(SizedStream::new(length, pieces))
}

fn replayed(stored: &Reply) -> Result<HttpResponse> {
    let status = StatusCode::from_u16(stored.status);
    let status = status.map_err(|_| Error::Integrity("an idempotency key's answer"))?;
    let mut response = HttpResponse::build(status);
    for (name, value) in &stored.headers {
        response.insert_header((name.as_str(), value.as_str()));
    }
    response.insert_header((REPLAYED, "true"));
    Ok(response.body(stored.body.as_str().to_owned()))
}
