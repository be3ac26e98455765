//! Handlers of the list of vendors, and of one of them.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::shown;
use crate::console::layout::{Area, Badge, Frame, moment, moment_or, next_query};
use crate::console::session::Session;
use crate::console::session::http::{Member, SignedIn};
use crate::error::{Error, Result};
use crate::http::{NamespacePath, Page, PageRequest};
use crate::tokens::budget::{self, own_kinds};
use crate::types::VendorId;
use crate::vendors::cancel::Progress;
use crate::vendors::{Status, Vendor, VendorView, create, http, keys, store};
use crate::webhooks;

struct Row {
    namespace: String,
    name: String,
    status: Badge,
    plan: String,
    created: String,
}

#[derive(Template)]
#[template(path = "console/vendors/list.html")]
struct ListPage {
    frame: Frame,
    text: String,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

const LONGEST_TEXT: usize = 200;

/// `GET /console/vendors`: a page, of all or of those whose names hold a text.
pub async fn list(app: web::Data<App>, by: SignedIn, request: HttpRequest) -> Result<HttpResponse> {
    let mut text = String::new();
    let page = PageRequest::beside(request.query_string(), |name, value| match name {
        "q" if value.len() <= LONGEST_TEXT && !value.contains('\0') => {
            value.trim().clone_into(&mut text);
            Ok(())
        }
        "done" => Ok(()),
        _ => Err(Error::InvalidParameter("known: q, limit, cursor")),
    })?;
    let is_first = page.cursor.is_none();
    let after = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let after = after.map(VendorId);
    let client = app.db.all().await?;
    let rows = if text.is_empty() {
        store::page(&client, after, page.limit).await?
    } else {
        store::page_with(&client, &text, after, page.limit).await?
    };
    let page = Page::from_rows(
        rows,
        page.limit,
        |vendor| vendor.id.0,
        |vendor| row(&vendor),
    );
    let frame = Frame::new(&by.0.who(), Area::Vendors, "Vendors");
    let next = page.next_cursor.as_deref();
    shown(&ListPage {
        next: next.map(|cursor| next_query(&[("q", &text)], cursor)),
        frame: frame.after(request.query_string()),
        text,
        rows: page.items,
        is_first,
    })
}

fn row(vendor: &Vendor) -> Row {
    Row {
        namespace: vendor.namespace.to_string(),
        name: vendor.name.as_str().to_owned(),
        status: Badge::of(vendor.status.as_str()),
        plan: plan(vendor),
        created: moment(&vendor.created_at),
    }
}

fn plan(vendor: &Vendor) -> String {
    let plan = vendor.profile.plan.as_ref();
    let plan = plan.map_or("no plan", |plan| plan.as_str());
    format!("{plan}, {}", vendor.profile.subscription.as_str())
}

struct PairRow {
    id: String,
    generation: i32,
    public_key: String,
    status: Badge,
    created: String,
    ends: String,
    public_used: String,
    private_used: String,
    /// Whether it can be ended: a newer one is there.
    can_end: bool,
}

struct WebhookRow {
    id: String,
    host: String,
    status: Badge,
}

#[derive(Template)]
#[template(path = "console/vendors/show.html")]
struct VendorPage {
    frame: Frame,
    view: VendorView,
    status: Badge,
    plan: String,
    created: String,
    live: u32,
    cap: u32,
    pairs: Vec<PairRow>,
    can_rotate: bool,
    webhooks: Vec<WebhookRow>,
    progress: Option<ProgressPart>,
}

/// `GET /console/vendors/{namespace}`.
pub async fn show(
    app: web::Data<App>,
    by: Member,
    path: NamespacePath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &path.0).await?;
    let page = vendor_page(&app, &by.0, &vendor, request.query_string()).await?;
    shown(&page)
}

async fn vendor_page(app: &App, by: &Session, vendor: &Vendor, query: &str) -> Result<VendorPage> {
    let view = http::view_of(app, vendor).await?;
    let now = app.clock.now();
    let client = app.db.of(vendor.id).await?;
    let pairs = keys::store::page(&client, vendor.id, None, 20).await?;
    let holder = budget::store::holders(&client, Some(vendor.id), &own_kinds(), now, 1).await?;
    let endpoints = webhooks::store::page(&client, vendor.id.into(), None, 100).await?;
    drop(client);
    let newest = pairs.iter().map(|pair| pair.generation).max();
    let living = pairs.iter().filter(|pair| pair.is_live(now)).count();
    let ring = app.keys()?;
    let rows = pairs.iter().map(|pair| PairRow {
        id: pair.id.to_string(),
        generation: pair.generation,
        public_key: ring.public_key(pair.id).expose().to_owned(),
        status: Badge::of(if pair.is_live(now) { "live" } else { "ended" }),
        created: moment(&pair.created_at),
        ends: moment_or(pair.ends_at.as_ref(), "no end"),
        public_used: moment_or(pair.public_at.as_ref(), "never"),
        private_used: moment_or(pair.private_at.as_ref(), "never"),
        can_end: pair.is_live(now) && Some(pair.generation) != newest,
    });
    Ok(VendorPage {
        frame: Frame::new(&by.who(), Area::Vendors, vendor.name.as_str()).after(query),
        status: Badge::of(vendor.status.as_str()),
        plan: plan(vendor),
        created: moment(&vendor.created_at),
        live: holder.first().map_or(0, |holder| holder.live),
        cap: vendor.lease_cap.unwrap_or(app.config.limits.leases.vendor),
        pairs: rows.collect(),
        can_rotate: vendor.status != Status::Cancelled && living == 1,
        webhooks: endpoints.iter().map(webhook_row).collect(),
        progress: part(&view),
        view,
    })
}

/// What of an address may be shown: the rest may hold a secret.
#[must_use]
pub fn host(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(url::Url::host_str);
    host.unwrap_or("unknown").to_owned()
}

fn webhook_row(endpoint: &webhooks::Endpoint) -> WebhookRow {
    let state = match endpoint.disabled_at {
        None => "enabled",
        Some(_) => "disabled",
    };
    WebhookRow {
        id: endpoint.id.to_string(),
        host: host(endpoint.url.as_str()),
        status: Badge::of(state),
    }
}

#[derive(Template)]
#[template(path = "console/vendors/progress.html")]
struct ProgressPart {
    namespace: String,
    stage: &'static str,
    secrets: i64,
    tokens: i64,
    started: String,
    finished: Option<String>,
    problem: Option<String>,
}

fn part(view: &VendorView) -> Option<ProgressPart> {
    let progress: &Progress = view.cancellation.as_ref()?;
    Some(ProgressPart {
        namespace: view.namespace.clone(),
        stage: progress.stage.as_str(),
        secrets: progress.secrets_removed,
        tokens: progress.tokens_revoked,
        started: moment(&progress.started_at),
        finished: progress.finished_at.as_ref().map(moment),
        problem: progress.last_problem.clone(),
    })
}

/// `GET /console/vendors/{namespace}/progress`: the part of the page that tells how far a cancellation has come.
pub async fn progress(
    app: web::Data<App>,
    _by: SignedIn,
    path: NamespacePath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &path.0).await?;
    let view = http::view_of(&app, &vendor).await?;
    shown(&part(&view).ok_or(Error::NotFound)?)
}
