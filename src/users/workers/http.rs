//! Handlers on workers: what the vendor or an operator does with them.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::{self, Wanted};
use super::store::{self, Changes};
use super::{Patterns, TokenTtl, Worker};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::error::{Error, Result};
use crate::http::{Answer, Deleted, Json, Page, PageRequest, WorkerPath, in_background};
use crate::types::{Name, Secret, WorkerId};

/// A worker as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Worker)]
pub struct WorkerView {
    /// What it logs in with: `BACKEND_USERNAME` of the workers' SDK.
    login: String,
    name: Name,
    /// What it may read.
    keys: Patterns,
    /// First life of its tokens, seconds.
    token_ttl: TokenTtl,
    /// Whether OpenBao enforces `keys` as they stand here. Where not, it does as soon as it is in reach.
    enforced: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl WorkerView {
    fn new(by: &VendorAdmin, worker: Worker) -> Self {
        Self {
            login: worker.login(&by.vendor.namespace).to_string(),
            enforced: worker.written == worker.edition,
            name: worker.name,
            keys: worker.patterns,
            token_ttl: worker.token_ttl,
            created_at: worker.created_at,
            updated_at: worker.updated_at,
        }
    }
}

/// The body of `POST /api/workers`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWorkerRequest {
    name: Name,
    /// Keys, beginnings followed by `*`, or `*` alone. Without it: none is guessed, the request is refused.
    keys: Patterns,
    token_ttl: Option<TokenTtl>,
}

/// `POST /api/workers`: a worker with its key, `BACKEND_PASSWORD` of the workers' SDK, shown once. 201.
pub async fn create(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<CreateWorkerRequest>,
) -> Result<Answer<WithKeyView>> {
    let wanted = Wanted {
        name: body.0.name,
        patterns: body.0.keys,
        token_ttl: body.0.token_ttl.unwrap_or(TokenTtl::DEFAULT),
    };
    let made = in_background(&app, move |app| async move {
        let (worker, key) = change::create(&app, &by, &wanted).await?;
        Ok(with_key(&by, worker, key))
    });
    Ok(Answer::created(made.await?))
}

/// A worker with its key, shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WorkerWithKey)]
pub struct WithKeyView {
    worker: WorkerView,
    #[serde(serialize_with = "Secret::serialize_exposed")]
    worker_key: Secret,
}

fn with_key(by: &VendorAdmin, worker: Worker, worker_key: Secret) -> WithKeyView {
    WithKeyView {
        worker: WorkerView::new(by, worker),
        worker_key,
    }
}

/// `GET /api/workers`: a page.
pub async fn list(
    app: web::Data<App>,
    by: VendorAdmin,
    page: PageRequest,
) -> Result<Answer<Page<WorkerView>>> {
    let after = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.vendor.id).await?;
    let rows = store::page(&client, by.vendor.id, after.map(WorkerId), page.limit).await?;
    let page = Page::from_rows(
        rows,
        page.limit,
        |worker| worker.id.0,
        |worker| WorkerView::new(&by, worker),
    );
    Ok(Answer::ok(page))
}

/// `GET /api/workers/{login}`.
pub async fn show(
    app: web::Data<App>,
    by: VendorAdmin,
    path: WorkerPath,
) -> Result<Answer<WorkerView>> {
    let id = path.of(&by)?;
    let client = app.db.of(by.vendor.id).await?;
    let worker = store::find(&client, by.vendor.id, id).await?;
    let worker = worker.ok_or(Error::NotFound)?;
    Ok(Answer::ok(WorkerView::new(&by, worker)))
}

/// The body of `PATCH /api/workers/{login}`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateWorkerRequest {
    name: Option<Name>,
    keys: Option<Patterns>,
    token_ttl: Option<TokenTtl>,
}

/// `PATCH /api/workers/{login}`.
pub async fn update(
    app: web::Data<App>,
    by: VendorAdmin,
    path: WorkerPath,
    body: Json<UpdateWorkerRequest>,
) -> Result<Answer<WorkerView>> {
    let id = path.of(&by)?;
    let view = in_background(&app, move |app| async move {
        let changes = Changes {
            name: body.0.name.as_ref(),
            patterns: body.0.keys.as_ref(),
            token_ttl: body.0.token_ttl,
        };
        let worker = change::update(&app, &by, id, &changes).await?;
        Ok(WorkerView::new(&by, worker))
    });
    Ok(Answer::ok(view.await?))
}

/// `DELETE /api/workers/{login}`: with its keys, sessions and tokens.
pub async fn remove(
    app: web::Data<App>,
    by: VendorAdmin,
    path: WorkerPath,
) -> Result<Answer<Deleted>> {
    let id = path.of(&by)?;
    in_background(&app, move |app| async move {
        change::remove(&app, &by, id).await
    })
    .await?;
    Ok(Answer::ok(Deleted::DONE))
}

/// The body of `POST /api/workers/{login}/keys`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RotateWorkerKeyRequest)]
pub struct RotateKeyRequest {
    /// How long the former key still lasts, seconds: 0 to 30 days, default a day.
    overlap: Option<u32>,
}

const LONGEST_OVERLAP: u32 = 30 * 24 * 3600;

/// `POST /api/workers/{login}/keys`: another key, shown once.
pub async fn rotate_key(
    app: web::Data<App>,
    by: VendorAdmin,
    path: WorkerPath,
    body: Json<RotateKeyRequest>,
) -> Result<Answer<WithKeyView>> {
    let id = path.of(&by)?;
    let overlap = body.0.overlap.unwrap_or(24 * 3600);
    if overlap > LONGEST_OVERLAP {
        return Err(Error::field("overlap", "must be 0 to 2592000 seconds"));
    }
    let overlap = SignedDuration::from_secs(overlap.into());
    let made = in_background(&app, move |app| async move {
        let (worker, key) = change::rotate_key(&app, &by, id, overlap).await?;
        Ok(with_key(&by, worker, key))
    });
    Ok(Answer::created(made.await?))
}
