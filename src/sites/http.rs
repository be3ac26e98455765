//! Handlers on sites.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::register::{self, RegisterRequest, RegisteredView, Registering};
use super::remove::{self, Removal};
use super::{Site, State, store};
use crate::app::App;
use crate::auth::{self, Operator, Remover, StorerOrBody, VendorCaller};
use crate::error::{Error, Result};
use crate::http::{
    Answer, Json, NamespacePath, NamespaceSitePath, Page, PageRequest, Removed, SiteId,
};
use crate::telemetry;
use crate::types::{AccessKey, Namespace, SecretId, VendorId};
use crate::vendors::{self, Vendor};

/// A site as answers show it. Its access key is never among it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Site)]
pub struct SiteView {
    secret_id: SecretId,
    #[schema(required)]
    site_url: Option<String>,
    store: String,
    /// The path below `/v1/` where its secret lies.
    path: String,
    /// The caller's labels, as they were sent: an object, or `[]` of clients in PHP.
    metadata: serde_json::Value,
    #[schema(required)]
    created_at: Option<Timestamp>,
    #[schema(required)]
    expires_at: Option<Timestamp>,
}

impl SiteView {
    fn new(app: &App, namespace: &Namespace, site: Site) -> Self {
        let store = app.config.bao.store_path(namespace);
        Self {
            path: format!("{store}/{}", site.secret_id),
            store,
            secret_id: site.secret_id,
            site_url: site.site_url,
            metadata: site.metadata,
            created_at: site.registered_at,
            expires_at: site.expires_at,
        }
    }
}

/// `POST /sites`: registers a site. 201.
pub async fn register(
    app: web::Data<App>,
    caller: StorerOrBody,
    request: HttpRequest,
    body: Json<RegisterRequest>,
) -> Result<Answer<RegisteredView>> {
    let (caller, by_body_key) = caller
        .or_public_key(&app, &request, body.0.public_key.as_ref())
        .await?;
    telemetry::current().seen.note_site(&body.0.secret_id);
    let asked = Registering {
        caller,
        body: body.0,
        by_body_key,
    };
    let worker = app.clone().into_inner();
    let view = app
        .detached(async move { register::register(&worker, &asked).await })
        .await?;
    Ok(Answer::created(view))
}

/// The body of `POST /sites/search`: 1 to 100 access keys.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SearchSitesRequest)]
pub struct SearchRequest {
    search_keys: Vec<AccessKey>,
}

/// The sites that were found.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundSites)]
pub struct FoundView {
    sites: Vec<SiteView>,
}

/// `POST /sites/search`: the registered sites with any of these access keys, oldest first, expired ones left out.
pub async fn search(
    app: web::Data<App>,
    caller: VendorCaller,
    body: Json<SearchRequest>,
) -> Result<Answer<FoundView>> {
    let vendor = &caller.vendor;
    let found = super::search::search(&app, vendor, &body.0.search_keys, "vendor").await?;
    let sites = found
        .into_iter()
        .map(|found| SiteView::new(&app, &vendor.namespace, found.site))
        .collect();
    Ok(Answer::ok(FoundView { sites }))
}

/// `GET /sites`: a page of the vendor's registered sites, oldest first.
pub async fn list(
    app: web::Data<App>,
    caller: VendorCaller,
    page: PageRequest,
) -> Result<Answer<Page<SiteView>>> {
    list_of(&app, &caller.vendor, page).await
}

/// `GET /api/admin/vendors/{namespace}/sites`: the same for operators.
pub async fn list_for_operator(
    app: web::Data<App>,
    _operator: Operator,
    path: NamespacePath,
    page: PageRequest,
) -> Result<Answer<Page<SiteView>>> {
    let vendor = vendors::create::named(&app, &path.0).await?;
    list_of(&app, &vendor, page).await
}

async fn list_of(app: &App, vendor: &Vendor, page: PageRequest) -> Result<Answer<Page<SiteView>>> {
    let Page { items, next_cursor } = read(app, vendor, page).await?;
    let view = |site| SiteView::new(app, &vendor.namespace, site);
    let items: Vec<_> = items.into_iter().map(view).collect();
    Ok(Answer::ok(Page { items, next_cursor }))
}

/// A page of a vendor's registered sites, oldest first.
pub async fn read(app: &App, vendor: &Vendor, page: PageRequest) -> Result<Page<Site>> {
    let after: Option<(Timestamp, SecretId)> =
        page.cursor.map(|cursor| cursor.key()).transpose()?;
    let made_here = |(at, _): &(Timestamp, SecretId)| (0..=7_258_118_400).contains(&at.as_second());
    if !after.as_ref().is_none_or(made_here) {
        return Err(Error::InvalidParameter("cursor is not one of this list's"));
    }
    let client = app.db.of(vendor.id).await?;
    let rows = store::page(&client, vendor.id, after.as_ref(), page.limit).await?;
    Ok(Page::from_rows(
        rows,
        page.limit,
        |site| (site.registered_at, site.secret_id.clone()),
        |site| site,
    ))
}

/// `GET /sites/{secretId}`.
pub async fn show(
    app: web::Data<App>,
    caller: VendorCaller,
    id: SiteId,
) -> Result<Answer<SiteView>> {
    let id = SecretId::parse(&id.0).map_err(|_| Error::NotFound)?;
    let client = app.db.of(caller.vendor.id).await?;
    let site = store::find(&client, caller.vendor.id, &id).await?;
    let site = site
        .filter(|site| site.state == State::Registered)
        .ok_or(Error::NotFound)?;
    Ok(Answer::ok(SiteView::new(
        &app,
        &caller.vendor.namespace,
        site,
    )))
}

/// `DELETE /sites/{secretId}`: 200 when the secret is gone, known or not; 202 when OpenBao is still to follow.
pub async fn delete(
    app: web::Data<App>,
    caller: Remover,
    request: HttpRequest,
    id: SiteId,
) -> Result<Answer<Removed>> {
    let (vendor, secret_id, actor) = match caller {
        Remover::Known(caller) => {
            let secret_id = SecretId::parse(&id.0).map_err(|_| Error::NotFound)?;
            (caller.vendor().clone(), secret_id, caller.actor())
        }
        Remover::DeleteKey(key) => {
            // The plugins of 2019 send their delete key twice: in the path and, without `Bearer`, in the header.
            if key.expose() != id.0 {
                return Err(auth::refused(&app, &request));
            }
            if !app.keys()?.verify_delete_key(key.expose()) {
                return Err(auth::refused(&app, &request));
            }
            let digest = app.keys()?.digest(key.expose());
            let client = app.db.all().await?;
            let found = store::by_delete_key(&client, &digest).await?;
            drop(client);
            let (vendor, secret_id) = found.ok_or_else(|| auth::refused(&app, &request))?;
            (vendor_by_id(&app, vendor).await?, secret_id, "delete-key")
        }
    };
    let removal = remove::remove(&app, &vendor, &secret_id, actor).await?;
    Ok(removal_answer(removal))
}

/// `DELETE /api/admin/vendors/{namespace}/sites/{secretId}`: the same for operators.
pub async fn delete_for_operator(
    app: web::Data<App>,
    operator: Operator,
    path: NamespaceSitePath,
) -> Result<Answer<Removed>> {
    let vendor = vendors::create::named(&app, &path.0).await?;
    let removal = remove::remove(&app, &vendor, &path.1, &operator.actor()).await?;
    Ok(removal_answer(removal))
}

fn removal_answer(removal: Removal) -> Answer<Removed> {
    match removal {
        Removal::Done => Answer::ok(Removed::DONE),
        Removal::Queued => Answer::accepted(Removed::QUEUED),
    }
}

async fn vendor_by_id(app: &App, id: VendorId) -> Result<Arc<Vendor>> {
    match app.directory.by_id(id) {
        Some(vendor) => Ok(vendor),
        None => vendors::create::reload(app, id).await,
    }
}
