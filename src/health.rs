//! Whether the service is alive, and whether it is fit to serve.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Reading;
use crate::error::{Error, Result};
use crate::http::Answer;
use crate::vault::{system, tokens};

const PATIENCE: Duration = Duration::from_secs(1);

/// The process runs.
#[derive(Serialize, ToSchema)]
#[schema(as = Alive)]
pub struct AliveView {
    /// `alive`.
    status: &'static str,
}

/// `GET /healthz`: 200 while the process runs.
pub async fn alive() -> Answer<AliveView> {
    Answer::ok(AliveView { status: "alive" })
}

/// One thing the service needs.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = HealthCheck)]
pub struct Check {
    /// Which.
    pub name: &'static str,
    /// Whether it is there.
    pub ok: bool,
    /// What is wrong, by a fixed word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
    /// What is served all the same, and somebody must look at, by a fixed word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
}

/// What was found last, for a second: whoever asks more often is answered from memory.
#[derive(Default)]
pub struct Probe(Mutex<Option<(Instant, Vec<Check>)>>);

const KEPT: Duration = Duration::from_secs(1);

/// Whether the service can do its work.
#[derive(Serialize, ToSchema)]
#[schema(as = Readiness)]
pub struct ReadyView {
    /// `ready`, or `not_ready`.
    status: &'static str,
    checks: Vec<Check>,
}

/// `GET /readyz`: 200 when a real query and a real, audited call to OpenBao succeed, and the app tokens have life left;
/// 503 else, and when the service is stopping. Proved by a call, as OpenBao's own health check stays green when its
/// audit device blocks. The proof is made at most once a second.
pub async fn ready(app: web::Data<App>) -> Result<Answer<ReadyView>> {
    let checks = checks(&app).await;
    let ready = checks.iter().all(|check| check.ok);
    if ready {
        return Ok(Answer::ok(ReadyView {
            status: "ready",
            checks,
        }));
    }
    let view = ReadyView {
        status: "not_ready",
        checks,
    };
    Answer::new(StatusCode::SERVICE_UNAVAILABLE, view).with((RETRY_AFTER, "2"))
}

/// What the service needs, and whether it is there.
pub async fn checks(app: &App) -> Vec<Check> {
    let mut checks = probe(app).await;
    let stopping = app.draining.is_cancelled() || app.stop.is_cancelled();
    checks.push(check(
        "running",
        if stopping { Err("stopping") } else { Ok(()) },
    ));
    checks
}

/// Whoever comes first asks; who comes meanwhile waits for that answer.
async fn probe(app: &App) -> Vec<Check> {
    let mut last = app.probe.0.lock().await;
    if let Some((_, checks)) = last.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
        return checks.clone();
    }
    let (database, openbao) = tokio::join!(database(app), openbao(app));
    let clocks = [
        ("postgresql", database.ok()),
        ("openbao", openbao.ok().flatten()),
    ];
    let tokens_fit = app.vault.app_tokens().iter().all(|token| token.is_fit());
    let checks = vec![
        check("database", database.map(|_| ())),
        check("openbao", openbao.map(|_| ())),
        check(
            "app_tokens",
            if tokens_fit { Ok(()) } else { Err("expiring") },
        ),
        check("keys", app.keys().map(|_| ()).map_err(|_| "not_loaded")),
        Check {
            warning: clocks_apart(clocks),
            ..check("clock", Ok(()))
        },
    ];
    *last = Some((Instant::now(), checks.clone()));
    checks
}

fn check(name: &'static str, result: std::result::Result<(), &'static str>) -> Check {
    Check {
        name,
        ok: result.is_ok(),
        problem: result.err(),
        warning: None,
    }
}

/// Whether the clocks of the servers are too far from ours. It keeps nobody from being served: lives are counted by
/// each server's own clock, and what is signed with a time is refused where it is too old or too new.
fn clocks_apart(clocks: [(&'static str, Option<Reading>); 2]) -> Option<&'static str> {
    let mut is_apart = false;
    for (of, reading) in clocks {
        let Some(reading) = reading else { continue };
        let ahead = Duration::from_millis(reading.ahead().unsigned_abs()).as_secs_f64();
        metrics::gauge!("gatehouse_clock_ahead_seconds", "of" => of)
            .set(ahead.copysign(if reading.ahead() < 0 { -1.0 } else { 1.0 }));
        is_apart |= reading.is_apart();
    }
    is_apart.then_some("apart")
}

async fn database(app: &App) -> std::result::Result<Reading, &'static str> {
    app.directory.fresh().await.map_err(|_| "out_of_sight")?;
    let query = async {
        let client = app.db.all().await?;
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock \
                   FROM (SELECT 1 FROM vendors UNION ALL SELECT 1 LIMIT 1) AS one";
        let asked = app.clock.now().as_millisecond();
        let said = client.query_one(sql, &[]).await?.try_get("clock")?;
        Ok::<_, Error>(Reading {
            asked,
            said,
            answered: app.clock.now().as_millisecond(),
            step: 1,
        })
    };
    match tokio::time::timeout(PATIENCE * 2, query).await {
        Ok(Ok(reading)) => Ok(reading),
        Ok(Err(_)) => Err("unavailable"),
        Err(_) => Err("timeout"),
    }
}

/// The clock too, where it can be had.
async fn openbao(app: &App) -> std::result::Result<Option<Reading>, &'static str> {
    let handle = app.vault.issuer.handle().map_err(|_| "no_app_token")?;
    let asked = app.clock.now().as_millisecond();
    let look = async move {
        tokens::lookup_self(&handle).await?;
        Ok(system::health(handle).await.ok())
    };
    match tokio::time::timeout(PATIENCE, app.detached(look)).await {
        Ok(Ok(health)) => Ok(health.map(|health| Reading {
            asked,
            said: health.server_time_utc * 1000,
            answered: app.clock.now().as_millisecond(),
            step: 1000,
        })),
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
