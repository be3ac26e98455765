//! Logs, traces and metrics. Logs are JSON, one line per request; a path's parameters and query never stand in them.

pub mod levels;
pub mod logs;
pub mod traces;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::USER_AGENT;
use actix_web::{Error, HttpMessage, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::{RequestId, RootSpanBuilder};

use crate::app::App;
use crate::error::Dialect;
use crate::events::refused::Seen;
use crate::http::limit::Counted;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

tokio::task_local! {
    static CURRENT: Current;
}

/// What is known of a request wherever its work is done. The default is of work that no request asked for.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// The request's id.
    pub request_id: String,
    /// How its errors look.
    pub dialect: Dialect,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// What sent it, as it says: at most 200 characters.
    pub user_agent: String,
    /// What turned out about it so far.
    pub seen: Arc<Seen>,
    /// The limits it was counted against.
    pub limits: Arc<Counted>,
}

/// The metrics of this process. The first call installs the recorder.
pub fn metrics() -> Option<&'static PrometheusHandle> {
    if METRICS.get().is_none()
        && let Ok(handle) = PrometheusBuilder::new().install_recorder()
    {
        METRICS.set(handle).ok();
    }
    METRICS.get()
}

/// The request being answered in this task: for errors and events made where it is out of sight.
#[must_use]
pub fn current() -> Current {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Takes what [`current`] gives here along into another task.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(current(), work)
}

/// What a client says of itself, as it can be kept.
fn shown(said: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    said.chars().take(200).map(plain).collect()
}

/// Runs the handling of a request with what [`current`] gives.
///
/// # Errors
/// Those of the request.
pub async fn with_request_id(
    request: ServiceRequest,
    next: actix_web::middleware::Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let user_agent = request.headers().get(USER_AGENT);
    let user_agent = user_agent.map(|text| String::from_utf8_lossy(text.as_bytes()));
    let app = request.app_data::<web::Data<App>>();
    let current = Current {
        request_id: super::http::request_id(request.request()),
        dialect: Dialect::of(request.path()),
        address: app.map(|app| super::http::client_address(app, request.request())),
        user_agent: shown(&user_agent.unwrap_or_default()),
        seen: Arc::default(),
        limits: Arc::default(),
    };
    let limits = Arc::clone(&current.limits);
    let answer = async {
        let done = next.call(request).await;
        done.map_err(|error| super::http::answered(error, |headers| limits.write(headers)))
    };
    let mut response = CURRENT.scope(current, answer).await?;
    limits.write(response.headers_mut());
    Ok(response)
}

/// The span of a request, and its one line in the log.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        request.extensions_mut().insert(Instant::now());
        let route = request
            .match_pattern()
            .unwrap_or_else(|| "unmatched".to_owned());
        let id = request.extensions().get::<RequestId>().copied();
        let span = tracing::info_span!(
            "request",
            request_id = %id.map(|id| id.to_string()).unwrap_or_default(),
            http.method = %request.method(),
            http.route = %route,
            vendor.id = Empty,
            trace_id = Empty,
            otel.name = Empty,
            otel.kind = Empty,
            otel.status_code = Empty,
            http.response.status_code = Empty,
        );
        traces::begin(request, &span, &route);
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let (status, started) = match outcome {
            Ok(response) => {
                let started = response.request().extensions().get::<Instant>().copied();
                (response.status(), started)
            }
            Err(error) => (error.as_response_error().status_code(), None),
        };
        let ms = started.map_or(0.0, |at| at.elapsed().as_secs_f64() * 1000.0);
        let status = status.as_u16();
        metrics::counter!("gatehouse_requests_total", "status" => status.to_string()).increment(1);
        metrics::histogram!("gatehouse_request_seconds").record(ms / 1000.0);
        traces::end(&span, status);
        span.in_scope(|| tracing::info!(http.status = status, duration_ms = ms, "Answered"));
    }
}
