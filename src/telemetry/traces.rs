//! Traces: a span for each request, each pass of a task, and each call to OpenBao, sent over OTLP where a collector is
//! set. Spans hold what the log holds: no secret, no path parameter, no query.
//!
//! Whole batches leave from a thread of their own; where the collector does not answer they are dropped, and no request
//! waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::web;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;

use crate::app::App;
use crate::config::TraceConfig;

const EXPORT_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Whether requests become traces in this process.
static ON: AtomicBool = AtomicBool::new(false);

/// The traces of this process.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Connects nothing yet.
    ///
    /// # Errors
    /// Where the exporter cannot be built of the settings.
    pub fn new(config: TraceConfig) -> anyhow::Result<Self> {
        let (endpoint, ca_pem) = (config.endpoint, config.ca_pem);
        // The blocking client may not be made where a runtime runs.
        let client = std::thread::spawn(move || client(ca_pem.as_deref()));
        let client = client
            .join()
            .map_err(|_| anyhow::anyhow!("the exporter's client cannot be made"))??;
        let headers = config.headers.into_iter();
        let headers = headers.map(|(name, value)| (name, value.expose().to_owned()));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.as_str())
            .with_timeout(EXPORT_LIMIT)
            .with_headers(headers.collect())
            .build()?;
        let version = KeyValue::new("service.version", concat!(env!("CARGO_PKG_VERSION")));
        let resource = Resource::builder().with_service_name(config.service);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::TraceIdRatioBased(config.ratio))
            .with_resource(resource.with_attribute(version).build())
            .build();
        ON.store(true, Ordering::Relaxed);
        Ok(Self { provider })
    }

    /// What hands this service's spans, and what it logs in them, to the exporter.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ours = FilterFn::new(|meta| {
            let is_told = meta.is_span() || *meta.level() <= Level::INFO;
            is_told && meta.target().starts_with("gatehouse")
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("gatehouse"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(ours.with_max_level_hint(Level::DEBUG))
    }

    /// Sends what is left, as far as that takes no longer than two seconds.
    pub async fn finish(self) {
        let ended =
            tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(STOP_LIMIT));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "The last traces could not be sent");
        }
    }
}

fn client(ca_pem: Option<&[u8]>) -> anyhow::Result<reqwest::blocking::Client> {
    let mut builder = reqwest::blocking::Client::builder()
        .timeout(EXPORT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if let Some(pem) = ca_pem {
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    Ok(builder.build()?)
}

/// Makes a request's span part of the caller's trace, where a trusted proxy passes one on (W3C Trace Context), and notes
/// the trace's id for the log. Strangers' headers join no traces.
pub(super) fn begin(request: &ServiceRequest, span: &Span, name: &str) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    span.record("otel.name", format!("{} {name}", request.method()));
    span.record("otel.kind", "server");
    let peer = request.peer_addr().map(|peer| peer.ip());
    let app = request.app_data::<web::Data<App>>();
    let is_trusted = peer.zip(app).is_some_and(|(peer, app)| {
        let trusted = &app.config.http.trusted_proxies;
        trusted.iter().any(|network| network.contains(&peer))
    });
    if is_trusted {
        let parent =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(request));
        span.set_parent(parent).ok();
    }
    let context = span.context();
    let trace_id = context.span().span_context().trace_id();
    span.record("trace_id", tracing::field::display(trace_id));
}

/// Notes how a request ended.
pub(super) fn end(span: &Span, status: u16) {
    if ON.load(Ordering::Relaxed) {
        span.record("http.response.status_code", status);
        if status >= 500 {
            span.record("otel.status_code", "ERROR");
        }
    }
}

struct Headers<'a>(&'a ServiceRequest);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.headers().get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        let names = self.0.headers().keys();
        names
            .map(actix_web::http::header::HeaderName::as_str)
            .collect()
    }
}
