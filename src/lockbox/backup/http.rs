//! Handlers on backups.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BACKUP_LIMIT;
use super::Backup;
use crate::app::App;
use crate::auth::Administrator;
use crate::error::{Error, Result};
use crate::http::{Answer, FileBody, in_background, parse_json};
use crate::types::Secret;

/// `GET /api/lockbox/backup`: the lockbox as a file, `application/x-ndjson`, line by line. A file without its last line
/// is refused when it is restored.
pub async fn write(app: web::Data<App>, by: Administrator) -> Result<HttpResponse> {
    let app = app.into_inner();
    let backup = super::begin(&app, &by).await?;
    let name = backup.file_name(app.clock.now());
    let lines = stream::try_unfold((app, backup), next);
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(name)],
        })
        .streaming(Box::pin(lines)))
}

type Step = Option<(Bytes, (Arc<App>, Backup))>;

async fn next((app, mut backup): (Arc<App>, Backup)) -> Result<Step> {
    let line = backup.next(&app)?;
    Ok(line.map(|line| (Bytes::from(line), (app, backup))))
}

/// The first line of the body of `POST /api/lockbox/restore`; the backup follows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Of the backup.
    password: Secret,
}

/// What was restored.
#[derive(Serialize, ToSchema)]
#[schema(as = LockboxRestored)]
pub struct RestoredView {
    /// How many entries.
    restored: usize,
}

/// `POST /api/lockbox/restore`: puts a backup in the place of a lockbox that was never initialized, or, with
/// `?replace=true`, of any. Then it is unlocked, with the password of the backup.
pub async fn read(
    app: web::Data<App>,
    by: Administrator,
    request: HttpRequest,
    body: FileBody<BACKUP_LIMIT>,
) -> Result<Answer<RestoredView>> {
    let replace = match request.query_string() {
        "" | "replace=false" => false,
        "replace=true" => true,
        _ => {
            return Err(Error::InvalidParameter(
                "known: replace, which is true or false",
            ));
        }
    };
    let end = body.0.iter().position(|b| *b == b'\n');
    let first = end.map_or(&body.0[..], |end| &body.0[..end]);
    let RestoreRequest { password } = parse_json(first)?;
    let file = end
        .map(|end| body.0[end + 1..].to_vec())
        .unwrap_or_default();
    drop(body);
    let restored = in_background(&app, move |app| async move {
        super::restore(&app, &by, &password, file, replace).await
    });
    Ok(Answer::ok(RestoredView {
        restored: restored.await?,
    }))
}
