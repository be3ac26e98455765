//! Handlers of the first page.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jiff::{SignedDuration, Timestamp};

use super::store::{self, Queue};
use crate::app::App;
use crate::console::http::{see_other, shown};
use crate::console::layout::{Area, Badge, Frame, moment, moment_or, span};
use crate::console::plot::{self, Bar};
use crate::console::session::http::{Act, SignedIn};
use crate::console::texts;
use crate::error::{Error, Result};
use crate::health;
use crate::http::in_background;
use crate::tasks::http::renew_all;
use crate::tokens::budget::{self, own_kinds};
use crate::vault::AppToken;
use crate::vendors::repair::{self, Finding};

const HOURS: i32 = 24;
const SHOWN: i64 = 10;

struct CheckRow {
    name: &'static str,
    badge: Badge,
}

struct TokenRow {
    name: &'static str,
    left: String,
    next: String,
    renewals: u64,
    failures: u64,
    badge: Badge,
    line: Option<String>,
    /// The same in words: when, and the life from then on.
    history: Vec<(String, String)>,
}

struct HourRow {
    begins: String,
    issued: i64,
    refused: i64,
}

/// What was issued and refused.
struct Traffic {
    bars: Vec<Bar>,
    hours: Vec<HourRow>,
    issued: i64,
    refused: i64,
}

struct Holder {
    namespace: String,
    live: u32,
    cap: u32,
}

#[derive(Template)]
#[template(path = "console/home.html")]
struct HomePage {
    frame: Frame,
    is_ready: bool,
    checks: Vec<CheckRow>,
    tokens: Vec<TokenRow>,
    traffic: Option<Traffic>,
    live: u32,
    cap: u32,
    holders: Vec<Holder>,
    queue: Queue,
    oldest: String,
    findings: Vec<Finding>,
    more_findings: bool,
}

/// `GET /console`.
pub async fn show(app: web::Data<App>, by: SignedIn, request: HttpRequest) -> Result<HttpResponse> {
    let now = app.clock.now();
    let since = now
        .checked_sub(SignedDuration::from_hours(i64::from(HOURS)))
        .map_err(|e| Error::Internal(format!("the clock: {e}")))?;
    let checks = health::checks(&app).await;
    let own = own_kinds();
    let client = app.db.all().await?;
    let counted = store::hours(&client, &own, since).await;
    let queue = store::queue(&client, since).await?;
    let (live, of_service) = budget::store::live(&client, &own, now).await?;
    let holders = budget::store::holders(&client, None, &own, now, SHOWN).await?;
    let mut findings = repair::store::findings(&client, 0, SHOWN).await?;
    drop(client);
    let more_findings = findings.len() > usize::try_from(SHOWN).unwrap_or(usize::MAX);
    findings.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
    let caps = &app.config.limits.leases;
    let tokens = app.vault.app_tokens();
    let frame = Frame::new(&by.0.who(), Area::Home, "What matters now");
    shown(&HomePage {
        frame: frame.after(request.query_string()),
        is_ready: checks.iter().all(|check| check.ok),
        checks: checks.iter().map(check_row).collect(),
        tokens: tokens.iter().map(|token| token_row(token, now)).collect(),
        // Millions take longer than a statement may; the rest of the page does not depend on it.
        traffic: counted.ok().map(|counted| traffic(&counted, since)),
        live: live.saturating_add(of_service),
        cap: caps.all,
        holders: holders
            .into_iter()
            .map(|holder| Holder {
                cap: holder.cap.unwrap_or(caps.vendor),
                live: holder.live,
                namespace: holder.namespace,
            })
            .collect(),
        oldest: moment_or(queue.oldest.as_ref(), "none"),
        queue,
        findings,
        more_findings,
    })
}

fn check_row(check: &health::Check) -> CheckRow {
    let said = check.problem.or(check.warning);
    CheckRow {
        name: texts::check(check.name),
        badge: Badge {
            text: said.map_or("good", texts::problem).to_owned(),
            tone: match (check.ok, check.warning) {
                (false, _) => "bad",
                (true, Some(_)) => "warn",
                (true, None) => "good",
            },
        },
    }
}

fn token_row(token: &AppToken, now: Timestamp) -> TokenRow {
    let (state, renewals) = (token.state(), token.renewals());
    let life = |life: Option<u64>| life.map_or_else(|| "no end".to_owned(), span);
    TokenRow {
        name: state.name,
        left: match (state.ttl_seconds, &state.token) {
            (Some(seconds), _) => span(seconds),
            (None, Some(_)) => "no end".to_owned(),
            (None, None) => "no token".to_owned(),
        },
        next: moment_or(state.next_renewal.as_ref(), "not planned"),
        renewals: state.renewals,
        failures: state.failures,
        badge: Badge {
            text: if token.is_fit() {
                "good"
            } else {
                "about to end"
            }
            .to_owned(),
            tone: if token.is_fit() { "good" } else { "bad" },
        },
        line: plot::life(&renewals, now),
        history: renewals
            .iter()
            .rev()
            .take(12)
            .map(|one| (moment(&one.at), life(one.life)))
            .collect(),
    }
}

fn traffic(counted: &BTreeMap<i32, store::Hour>, since: Timestamp) -> Traffic {
    let counted: Vec<store::Hour> = (0..HOURS)
        .map(|hour| counted.get(&hour).copied().unwrap_or_default())
        .collect();
    let pairs: Vec<(i64, i64)> = counted.iter().map(|h| (h.issued, h.refused)).collect();
    Traffic {
        bars: plot::bars(&pairs),
        issued: pairs.iter().map(|(issued, _)| issued).sum(),
        refused: pairs.iter().map(|(_, refused)| refused).sum(),
        hours: hour_rows(&counted, since),
    }
}

fn hour_rows(hours: &[store::Hour], since: Timestamp) -> Vec<HourRow> {
    let row = |(place, hour): (usize, &store::Hour)| {
        let later = SignedDuration::from_hours(i64::try_from(place).unwrap_or(0));
        let begins = since.checked_add(later).unwrap_or(since);
        HourRow {
            begins: moment(&begins),
            issued: hour.issued,
            refused: hour.refused,
        }
    };
    hours.iter().enumerate().map(row).collect()
}

/// `POST /console/app-tokens/renew`.
pub async fn renew(app: web::Data<App>, sent: Act) -> Result<HttpResponse> {
    let actor = sent.by.actor();
    in_background(
        &app,
        move |app| async move { renew_all(&app, &actor).await },
    )
    .await?;
    Ok(see_other("/console?done=renewed"))
}
