//! Handlers that read timelines, as pages and as files.

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
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::export::{self, Format, Piece};
use super::filter::{Asked, is_storable};
use super::page::{self, Found, days_before, floor};
use super::{Item, OpenBao, Order, Place, Reading, Scope, Viewer, store};
use crate::app::App;
use crate::auth::{Operator, VendorCaller};
use crate::error::{Error, Result};
use crate::http::{Answer, Cursor, NamespacePath, NamespaceSitePath, PageRequest, SiteId};
use crate::types::SecretId;
use crate::vendors::{self, Vendor};

/// A page as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessLogPage)]
pub struct PageView {
    items: Vec<Item>,
    /// `null` at the end only: a page may be short, or empty, before it.
    #[schema(required)]
    next_cursor: Option<String>,
    openbao: OpenBao,
}

/// What a cursor holds: it is good for one order only.
#[derive(Serialize, Deserialize)]
struct Key(Order, Place);

/// `GET /sites/{secretId}/access-logs`: a site's, there or removed.
pub async fn of_site(
    app: web::Data<App>,
    caller: VendorCaller,
    id: SiteId,
    request: HttpRequest,
) -> Result<Answer<PageView>> {
    let site = SecretId::parse(&id.0).map_err(|_| Error::NotFound)?;
    of_one(app, &caller.vendor, Some(site), Viewer::Vendor, &request).await
}

/// `GET /api/admin/vendors/{namespace}/sites/{secretId}/access-logs`: the same for operators.
pub async fn of_site_for_operator(
    app: web::Data<App>,
    _operator: Operator,
    path: NamespaceSitePath,
    request: HttpRequest,
) -> Result<Answer<PageView>> {
    let vendor = vendors::create::named(&app, &path.0).await?;
    of_one(app, &vendor, Some(path.1), Viewer::Operator, &request).await
}

/// `GET /api/access-logs`: a vendor's.
pub async fn of_vendor(
    app: web::Data<App>,
    caller: VendorCaller,
    request: HttpRequest,
) -> Result<Answer<PageView>> {
    of_one(app, &caller.vendor, None, Viewer::Vendor, &request).await
}

/// `GET /api/admin/vendors/{namespace}/access-logs`: the same for operators.
pub async fn of_vendor_for_operator(
    app: web::Data<App>,
    _operator: Operator,
    path: NamespacePath,
    request: HttpRequest,
) -> Result<Answer<PageView>> {
    let vendor = vendors::create::named(&app, &path.0).await?;
    of_one(app, &vendor, None, Viewer::Operator, &request).await
}

/// `GET /api/admin/access-logs`: all vendors', and what is no vendor's.
pub async fn of_all(
    app: web::Data<App>,
    _operator: Operator,
    request: HttpRequest,
) -> Result<Answer<PageView>> {
    let asked = Asked::parse(request.query_string(), true)?;
    let reading = over_all(&app, &asked).await?;
    answer(app.into_inner(), reading, asked, "all").await
}

/// What is asked for of all vendors, or of the one that is named.
pub async fn over_all(app: &App, asked: &Asked) -> Result<Reading> {
    let named = match (&asked.vendor, asked.filter.issuance) {
        (Some(namespace), _) => {
            let found = vendors::create::named(app, namespace).await;
            let unknown = Error::InvalidParameter("vendor must be the namespace of a vendor");
            Some(found.map_err(|error| match error {
                Error::NotFound => unknown,
                other => other,
            })?)
        }
        // A token is one vendor's, and its rows are found by that.
        (None, Some(id)) => {
            // Given back before another connection is asked for: who holds one and waits for the next can wait for ever.
            let client = app.db.all().await?;
            let found = store::vendor_of(&client, id).await?;
            drop(client);
            match found {
                Some(id) => Some(vendors::create::reload(app, id).await?),
                None => None,
            }
        }
        (None, None) => None,
    };
    let (now, days) = (app.clock.now(), app.config.logs.retention_days);
    let (scope, floor, floors) = if let Some(vendor) = &named {
        (Scope::Vendor(vendor.id), floor(app, vendor)?, None)
    } else {
        let client = app.db.all().await?;
        let longest = store::longest_days(&client).await?;
        let longest = longest.unwrap_or(days).max(days);
        (Scope::All, days_before(now, longest)?, Some((now, days)))
    };
    Ok(Reading {
        scope,
        filter: asked.filter.clone(),
        order: asked.order,
        viewer: Viewer::Operator,
        floor,
        floors,
        names_vendor: true,
    })
}

async fn of_one(
    app: web::Data<App>,
    vendor: &Vendor,
    site: Option<SecretId>,
    viewer: Viewer,
    request: &HttpRequest,
) -> Result<Answer<PageView>> {
    let asked = Asked::parse(request.query_string(), false)?;
    let name = file_name(vendor, site.as_ref());
    let reading = of_vendor_or_site(&app, vendor, site, viewer, &asked)?;
    answer(app.into_inner(), reading, asked, &name).await
}

/// What a file of it is called.
#[must_use]
pub fn file_name(vendor: &Vendor, site: Option<&SecretId>) -> String {
    match site {
        Some(site) => format!("{}-{site}", vendor.namespace),
        None => vendor.namespace.to_string(),
    }
}

/// What is asked for of one vendor, or of one site of it.
pub fn of_vendor_or_site(
    app: &App,
    vendor: &Vendor,
    site: Option<SecretId>,
    viewer: Viewer,
    asked: &Asked,
) -> Result<Reading> {
    Ok(Reading {
        scope: match site {
            Some(site) => Scope::Site(vendor.id, site),
            None => Scope::Vendor(vendor.id),
        },
        filter: asked.filter.clone(),
        order: asked.order,
        viewer,
        floor: floor(app, vendor)?,
        floors: None,
        names_vendor: false,
    })
}

async fn answer(
    app: Arc<App>,
    reading: Reading,
    asked: Asked,
    name: &str,
) -> Result<Answer<PageView>> {
    if let Some(format) = asked.format {
        return Ok(Answer::other(file(&app, reading, format, name).await?));
    }
    let (found, next_cursor) = page_of(&app, &reading, asked.page).await?;
    Ok(Answer::ok(PageView {
        items: found.items,
        next_cursor,
        openbao: found.openbao,
    }))
}

/// A page, and the cursor of the next.
pub async fn page_of(
    app: &App,
    reading: &Reading,
    wanted: PageRequest,
) -> Result<(Found, Option<String>)> {
    let after: Option<Key> = wanted.cursor.map(|cursor| cursor.key()).transpose()?;
    let after = match after {
        None => None,
        Some(Key(order, place)) if order == reading.order && is_storable(&place.at) => Some(place),
        Some(_) => return Err(Error::InvalidParameter("cursor is not one of this list's")),
    };
    let limit = usize::try_from(wanted.limit).unwrap_or(1);
    let found = page::read(app, reading, after, limit).await?;
    let next = found
        .next
        .and_then(|place| Cursor::after(&Key(reading.order, place)));
    Ok((found, next.map(Cursor::into_text)))
}

/// A file.
pub async fn file(
    app: &Arc<App>,
    mut reading: Reading,
    format: Format,
    name: &str,
) -> Result<HttpResponse> {
    let now = app.clock.now();
    reading.filter.to = Some(reading.filter.to.map_or(now, |to| to.min(now)));
    let of = match reading.viewer {
        Viewer::Vendor => reading.scope.vendor(),
        Viewer::Operator => None,
    };
    let slot = app.exports.take(of)?;
    let pieces = export::begin(app, reading, format, slot).await?;
    let name = format!(
        "access-logs-{name}-{}.{}",
        now.strftime("%Y%m%dT%H%M%SZ"),
        format.extension()
    );
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(name)],
        })
        .streaming(Box::pin(stream::try_unfold(pieces, next))))
}

async fn next(mut pieces: mpsc::Receiver<Piece>) -> Result<Option<(Bytes, mpsc::Receiver<Piece>)>> {
    match pieces.recv().await {
        Some(Ok(Some(bytes))) => Ok(Some((Bytes::from(bytes), pieces))),
        Some(Ok(None)) => Ok(None),
        Some(Err(error)) => Err(error),
        None => Err(Error::Internal("an export was cut off".to_owned())),
    }
}
