//! Whether the service is alive, and whether it is fit to serve.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::time::{Duration, Instant};

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::app::App;
use crate::error::{Error, Result};
use crate::vault::tokens;

const PATIENCE: Duration = Duration::from_secs(1);

/// `GET /healthz`: 200 while the process runs.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

/// One thing the service needs.
#[derive(Clone, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What is wrong, by a fixed word.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

/// What was found last, for a second: whoever asks more often is answered from memory.
#[derive(Default)]
pub struct Probe(Mutex<Option<(Instant, Vec<Check>)>>);

const KEPT: Duration = Duration::from_secs(1);

/// `GET /readyz`: 200 when a real query and a real, audited call to OpenBao succeed, and the app tokens have life left;
/// 503 else, and when the service is stopping. Proved by a call, as OpenBao's own health check stays green when its
/// audit device blocks. The proof is made at most once a second.
pub async fn ready(app: web::Data<App>) -> HttpResponse {
    let mut checks = probe(&app).await;
    let stopping = app.draining.is_cancelled() || app.stop.is_cancelled();
    checks.push(check(
        "running",
        if stopping { Err("stopping") } else { Ok(()) },
    ));
    let ready = checks.iter().all(|check| check.ok);
    let body = json!({ "status": if ready { "ready" } else { "not_ready" }, "checks": checks });
    let mut answer = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    if !ready {
        answer.insert_header(("Retry-After", "2"));
    }
    answer.json(body)
}

/// Whoever comes first asks; who comes meanwhile waits for that answer.
async fn probe(app: &App) -> Vec<Check> {
    let mut last = app.probe.0.lock().await;
    if let Some((_, checks)) = last.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
        return checks.clone();
    }
    let (database, openbao) = tokio::join!(database(app), openbao(app));
    let tokens_fit = app.vault.app_tokens().iter().all(|token| token.is_fit());
    let checks = vec![
        check("database", database),
        check("openbao", openbao),
        check(
            "app_tokens",
            if tokens_fit { Ok(()) } else { Err("expiring") },
        ),
        check("keys", app.keys().map(|_| ()).map_err(|_| "not_loaded")),
    ];
    *last = Some((Instant::now(), checks.clone()));
    checks
}

fn check(name: &'static str, result: std::result::Result<(), &'static str>) -> Check {
    Check {
        name,
        ok: result.is_ok(),
        problem: result.err(),
    }
}

async fn database(app: &App) -> std::result::Result<(), &'static str> {
    app.directory.fresh().await.map_err(|_| "out_of_sight")?;
    let query = async {
        let client = app.db.get().await?;
        client
            .query_one("SELECT 1 FROM vendors UNION ALL SELECT 1 LIMIT 1", &[])
            .await?;
        Ok::<(), Error>(())
    };
    match tokio::time::timeout(PATIENCE * 2, query).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("unavailable"),
        Err(_) => Err("timeout"),
    }
}

async fn openbao(app: &App) -> std::result::Result<(), &'static str> {
    let handle = app.vault.issuer.handle().map_err(|_| "no_app_token")?;
    let look = async move { Ok(tokens::lookup_self(&handle).await.map(|_| ())?) };
    match tokio::time::timeout(PATIENCE, app.detached(look)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Error::Vault(crate::vault::Error::Sealed))) => Err("sealed"),
        Ok(Err(Error::Vault(crate::vault::Error::Denied(_)))) => Err("app_token_refused"),
        Ok(Err(_)) => Err("unavailable"),
        Err(_) => Err("timeout"),
    }
}

/// `GET /metrics`: Prometheus text. Serve it to machines of your own only.
pub async fn metrics(app: web::Data<App>) -> Result<HttpResponse> {
    let handle = crate::telemetry::metrics()
        .ok_or_else(|| Error::Internal("no metrics recorder".to_owned()))?;
    let (open, idle) = app.db.status();
    let number = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    metrics::gauge!("gatehouse_database_connections").set(number(open));
    metrics::gauge!("gatehouse_database_connections_idle").set(number(idle));
    metrics::gauge!("gatehouse_vendors").set(number(app.directory.len()));
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(handle.render()))
}
