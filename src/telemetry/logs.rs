//! The log: JSON lines, at levels that can be changed while the process runs.

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use super::levels::Raised;
use super::traces::Traces;

static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    usual: String,
    filter: reload::Handle<EnvFilter, Registry>,
    raised: Mutex<Option<Raised>>,
}

/// What is logged now.
pub struct Now {
    /// The levels of the settings.
    pub usual: String,
    /// What stands beside them for a while.
    pub raised: Option<Raised>,
}

/// Starts the log at the levels `usual`, as in `RUST_LOG`, and the traces, where there are any. For a process, once.
///
/// # Panics
/// Where it is called twice.
pub fn init<W>(usual: &str, to: W, traces: Option<&Traces>)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter(usual, None));
    let told = filter_fn(|meta| may_be_told(meta.target()));
    let lines = tracing_subscriber::fmt::layer().json();
    let lines = lines.flatten_event(true).with_writer(to);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter.and(told)))
        .with(traces.map(Traces::layer))
        .init();
    let log = Log {
        usual: usual.to_owned(),
        filter: handle,
        raised: Mutex::new(None),
    };
    LOG.set(log).ok();
}

/// Never logged, whatever the levels say: the client library's own lines hold secret paths, and the server library's
/// errors for requests that are none would let anybody fill the log.
fn may_be_told(target: &str) -> bool {
    !["vaultrs", "rustify", "actix_http::h1"]
        .iter()
        .any(|never| target.starts_with(never))
}

/// The exporter's own lines are of interest where they warn.
fn filter(usual: &str, raised: Option<&Raised>) -> EnvFilter {
    let more = raised.map(|raised| format!(",{}", raised.levels.as_str()));
    let more = more.unwrap_or_default();
    EnvFilter::builder().parse_lossy(format!("opentelemetry=warn,{usual}{more}"))
}

/// What is logged now. Nothing is known where the log was not started.
pub fn now() -> Option<Now> {
    let log = LOG.get()?;
    let raised = log.raised.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Now {
        usual: log.usual.clone(),
        raised: raised.clone(),
    })
}

/// Changes the levels, or takes back the usual ones.
pub fn change(to: Option<Raised>) {
    let Some(log) = LOG.get() else { return };
    let mut raised = log.raised.lock().unwrap_or_else(PoisonError::into_inner);
    log.take(&mut raised, to);
}

/// Takes back the usual levels, if nothing else was said since `ended`.
pub fn end(ended: &Raised) {
    let Some(log) = LOG.get() else { return };
    let mut raised = log.raised.lock().unwrap_or_else(PoisonError::into_inner);
    if raised.as_ref() == Some(ended) {
        log.take(&mut raised, None);
    }
}

impl Log {
    fn take(&self, now: &mut Option<Raised>, to: Option<Raised>) {
        if *now == to {
            return;
        }
        let more = to.as_ref().map(|raised| raised.levels.as_str());
        tracing::info!(usual = self.usual, more, "The levels of the log change");
        if let Err(error) = self.filter.reload(filter(&self.usual, to.as_ref())) {
            tracing::error!(%error, "The levels of the log cannot be changed");
            return;
        }
        *now = to;
    }
}
