//! Handlers that take and give files of credentials.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::collections::VecDeque;
use std::sync::Arc;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{read, refuse_taken};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::credentials::access::Caller;
use crate::credentials::create::{self, New};
use crate::credentials::{Record, read as one, store};
use crate::error::{Error, Result, cause_chain};
use crate::http::{Answer, FileBody, in_background};
use crate::types::CredentialKey;

/// Rows of one look into the database.
const CHUNK: i64 = 100;
const NDJSON: &str = "application/x-ndjson";

/// What came of a file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CredentialsImported)]
pub struct ImportedView {
    dry_run: bool,
    /// How many credentials were made.
    created: usize,
    /// How many the file holds.
    lines: usize,
}

/// `POST /api/credential-file`: makes all credentials of a file, or none. With `?dryRun=true` it only says what it
/// would do.
pub async fn import(
    app: web::Data<App>,
    by: VendorAdmin,
    request: HttpRequest,
    body: FileBody,
) -> Result<Answer<ImportedView>> {
    let dry_run = match request.query_string() {
        "" | "dryRun=false" => false,
        "dryRun=true" => true,
        _ => return Err(Error::InvalidParameter("known: dryRun, true or false")),
    };
    let by = Caller::from(by);
    let count = in_background(&app, move |app| async move {
        let news = read(&body.0)?;
        refuse_taken(&app, &by, &news).await?;
        let news: Vec<New> = news.into_iter().map(|(_, new)| new).collect();
        if !dry_run {
            create::all(&app, &by, &news).await?;
        }
        Ok(news.len())
    })
    .await?;
    let view = ImportedView {
        dry_run,
        created: if dry_run { 0 } else { count },
        lines: count,
    };
    Ok(if dry_run {
        Answer::ok(view)
    } else {
        Answer::created(view)
    })
}

/// What is still to be written of a file.
struct Export {
    app: Arc<App>,
    by: Arc<Caller>,
    waiting: VecDeque<Record>,
    after: Option<CredentialKey>,
    is_last: bool,
}

/// `GET /api/credential-file`: all credentials with their values, in the order of their keys, as they can be imported
/// again. It is written while it is read, so a failure on the way cuts it off.
pub async fn export(app: web::Data<App>, by: VendorAdmin) -> Result<HttpResponse> {
    let export = Export {
        app: app.clone().into_inner(),
        by: Arc::new(Caller::from(by)),
        waiting: VecDeque::new(),
        after: None,
        is_last: false,
    };
    // The first line before the answer begins, so that trouble can still be told.
    let Some((first, export)) = next(export).await? else {
        return Ok(HttpResponse::Ok().content_type(NDJSON).finish());
    };
    let rest = stream::try_unfold(export, |export| async move {
        next(export).await.inspect_err(|error| {
            tracing::warn!(error.cause = %cause_chain(error), "An export of credentials was cut off");
        })
    });
    let first = stream::once(std::future::ready(Ok::<_, Error>(first)));
    let lines = futures_util::StreamExt::chain(first, rest);
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(lines))
}

async fn next(mut export: Export) -> Result<Option<(Bytes, Export)>> {
    loop {
        let Some(record) = export.waiting.pop_front() else {
            if export.is_last {
                return Ok(None);
            }
            fill(&mut export).await?;
            continue;
        };
        if let Some(line) = line(&export, &record).await? {
            return Ok(Some((line, export)));
        }
    }
}

async fn fill(export: &mut Export) -> Result<()> {
    let client = export.app.db.of(export.by.vendor.id).await?;
    let vendor = export.by.vendor.id;
    let mut rows = store::page(&client, vendor, export.after.as_ref(), CHUNK).await?;
    export.is_last = rows.len() <= usize::try_from(CHUNK).unwrap_or(0);
    rows.truncate(usize::try_from(CHUNK).unwrap_or(0));
    export.after = rows.last().map(|record| record.key.clone());
    export.waiting = rows.into();
    Ok(())
}

/// `None` for one that was deleted meanwhile.
async fn line(export: &Export, record: &Record) -> Result<Option<Bytes>> {
    let (app, by, key) = (
        Arc::clone(&export.app),
        Arc::clone(&export.by),
        record.key.clone(),
    );
    let read = async move { one::read(&app, &by, &key, None).await };
    let found = match export.app.detached(read).await {
        Ok(found) => found,
        Err(Error::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let line = json!({ "key": record.key, "value": found.value, "rotateBy": record.rotate_by });
    Ok(Some(Bytes::from(format!("{line}\n"))))
}
