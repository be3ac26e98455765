//! Every call to OpenBao as the log (at `debug`) and traces show it: by its method and the form of its path, with how it
//! ended.

use std::time::Instant;

use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::Error;

/// The words of OpenBao's API. Whatever else stands in a path is a name, and is left out.
const WORDS: [&str; 41] = [
    "accessors",
    "acl",
    "approle",
    "audit",
    "auth",
    "capabilities-self",
    "create",
    "data",
    "delete",
    "destroy",
    "entity",
    "entity-alias",
    "group",
    "health",
    "id",
    "identity",
    "internal",
    "kubernetes",
    "login",
    "lookup",
    "lookup-accessor",
    "lookup-self",
    "metadata",
    "mounts",
    "oidc",
    "policies",
    "renew-accessor",
    "renew-self",
    "revoke-accessor",
    "revoke-self",
    "role",
    "role-id",
    "roles",
    "seal-status",
    "secret-id",
    "sys",
    "token",
    "ui",
    "undelete",
    "unwrap",
    "wrapping",
];

/// Does a call in a span of its own, where it is done for a request.
pub(super) async fn watched<T, E: Into<Error>>(
    method: &str,
    path: &str,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    // What tasks do alone would be a trace for each call.
    let span = if Span::current().is_none() {
        Span::none()
    } else {
        tracing::debug_span!(
            "openbao",
            openbao.method = method,
            openbao.route = Empty,
            openbao.outcome = Empty,
            otel.kind = "client",
            otel.name = Empty,
            otel.status_code = Empty,
        )
    };
    let is_told = tracing::enabled!(tracing::Level::DEBUG);
    let route = (is_told || !span.is_disabled()).then(|| route(path));
    if let Some(route) = &route {
        span.record("otel.name", format!("{method} {route}"));
        span.record("openbao.route", route);
    }
    let started = Instant::now();
    let ended = call.instrument(span.clone()).await.map_err(Into::into);
    let outcome = ended.as_ref().err().map_or("done", kind);
    span.record("openbao.outcome", outcome);
    if ended.as_ref().is_err_and(is_fault) {
        span.record("otel.status_code", "ERROR");
    }
    if is_told {
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        tracing::debug!(
            method,
            route,
            outcome,
            duration_ms = ms,
            "OpenBao was called"
        );
    }
    ended
}

/// The path without its names: `auth/token/create/{}`.
fn route(path: &str) -> String {
    let shown = |part| if WORDS.contains(&part) { part } else { "{}" };
    let parts: Vec<_> = path.split('/').map(shown).collect();
    parts.join("/")
}

/// Whether OpenBao failed, and did not merely say no.
fn is_fault(error: &Error) -> bool {
    error.is_outcome_unknown() || matches!(error, Error::Sealed | Error::Throttled)
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Sealed => "sealed",
        Error::Unavailable(_) => "unavailable",
        Error::TimedOut => "timed_out",
        Error::Throttled => "throttled",
        Error::Denied(_) => "denied",
        Error::NotFound => "not_found",
        Error::PathInUse => "path_in_use",
        Error::VersionMoved => "version_moved",
        Error::BeingUpgraded => "being_upgraded",
        Error::InvalidAccessor => "invalid_accessor",
        Error::UnknownRole(_) => "unknown_role",
        Error::Rejected(_) => "rejected",
        Error::Malformed(_) => "malformed",
        Error::Unfit(_) => "unfit",
        Error::NoAppToken => "no_app_token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_shows_words_of_the_api_and_no_name() {
        for (path, shown) in [
            ("auth/token/create/acme1.write", "auth/token/create/{}"),
            ("acme1-store/0123456789abcdef", "{}/{}"),
            ("sys/policies/acl/acme1.site-write", "sys/policies/acl/{}"),
            ("sys/mounts/acme1-store", "sys/mounts/{}"),
            ("acme1-credentials/data/a_key", "{}/data/{}"),
        ] {
            assert_eq!(route(path), shown);
        }
        assert!(WORDS.is_sorted());
    }
}
