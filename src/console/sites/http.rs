//! Handlers of sites.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{see_other, shown};
use crate::console::layout::{Area, Frame, moment_or, next_query};
use crate::console::session::http::{Act, SignedIn};
use crate::error::{Error, Result};
use crate::http::{NamespacePath, NamespaceSitePath, PageRequest};
use crate::sites::http::read;
use crate::sites::remove::Removal;
use crate::sites::{Site, State, remove, search, store};
use crate::types::{AccessKey, SecretId};
use crate::vendors::{Vendor, create};

struct Row {
    secret_id: String,
    url: String,
    registered: String,
    expires: String,
}

#[derive(Template)]
#[template(path = "console/sites/list.html")]
struct ListPage {
    frame: Frame,
    namespace: String,
    /// What was looked for: a secret id. An access key is not shown again.
    text: String,
    is_search: bool,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

fn row(site: Site) -> Row {
    Row {
        secret_id: site.secret_id.to_string(),
        url: site.site_url.unwrap_or_else(|| "not said".to_owned()),
        registered: moment_or(site.registered_at.as_ref(), "not yet"),
        expires: moment_or(site.expires_at.as_ref(), "no end"),
    }
}

/// `GET /console/vendors/{namespace}/sites`: a page, or the one of a secret id.
pub async fn list(
    app: web::Data<App>,
    by: SignedIn,
    path: NamespacePath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let mut text = String::new();
    let page = PageRequest::beside(request.query_string(), |name, value| match name {
        "q" => {
            value.trim().clone_into(&mut text);
            Ok(())
        }
        "done" => Ok(()),
        _ => Err(Error::InvalidParameter("known: q, limit, cursor")),
    })?;
    let vendor = create::named(&app, &path.0).await?;
    let is_first = page.cursor.is_none();
    let (sites, next) = if text.is_empty() {
        let page = read(&app, &vendor, page).await?;
        (page.items, page.next_cursor)
    } else {
        (of_id(&app, &vendor, &text).await?, None)
    };
    let title = format!("Sites of {}", vendor.name.as_str());
    shown(&ListPage {
        frame: Frame::new(&by.0.who(), Area::Vendors, title).after(request.query_string()),
        namespace: path.0.to_string(),
        is_search: !text.is_empty(),
        text,
        rows: sites.into_iter().map(row).collect(),
        next: next.map(|cursor| next_query(&[], &cursor)),
        is_first,
    })
}

async fn of_id(app: &App, vendor: &Vendor, text: &str) -> Result<Vec<Site>> {
    let Ok(id) = SecretId::parse(text) else {
        return Ok(Vec::new());
    };
    let client = app.db.get().await?;
    let site = store::find(&client, vendor.id, &id).await?;
    let site = site.filter(|site| site.state == State::Registered);
    Ok(site.into_iter().collect())
}

/// `POST /console/vendors/{namespace}/sites/search`: those of an access key, which stands in no address. It is on record.
pub async fn find(app: web::Data<App>, sent: Act, path: NamespacePath) -> Result<HttpResponse> {
    let Act { by, form } = sent;
    let vendor = create::named(&app, &path.0).await?;
    let key = form.get("accessKey").unwrap_or_default().to_owned();
    let sites = match AccessKey::try_from(key) {
        Ok(key) => {
            let keys = [key];
            let found = search::search(&app, &vendor, &keys, &by.actor()).await?;
            found.into_iter().map(|found| row(found.site)).collect()
        }
        Err(_) => Vec::new(),
    };
    let title = format!("Sites of {}", vendor.name.as_str());
    shown(&ListPage {
        frame: Frame::new(&by.who(), Area::Vendors, title),
        namespace: path.0.to_string(),
        text: String::new(),
        is_search: true,
        rows: sites,
        next: None,
        is_first: true,
    })
}

#[derive(Template)]
#[template(path = "console/sites/show.html")]
struct SitePage {
    frame: Frame,
    namespace: String,
    site: Row,
    path: String,
    labels: String,
}

/// `GET /console/vendors/{namespace}/sites/{secretId}`.
pub async fn show(
    app: web::Data<App>,
    by: SignedIn,
    path: NamespaceSitePath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &path.0).await?;
    let client = app.db.get().await?;
    let site = store::find(&client, vendor.id, &path.1).await?;
    drop(client);
    let site = site.filter(|site| site.state == State::Registered);
    let site = site.ok_or(Error::NotFound)?;
    let store = app.config.bao.store_path(&vendor.namespace);
    shown(&SitePage {
        frame: Frame::new(&by.0.who(), Area::Vendors, "Site"),
        namespace: path.0.to_string(),
        path: format!("{store}/{}", site.secret_id),
        labels: site.metadata.to_string(),
        site: row(site),
    })
}

/// `POST /console/vendors/{namespace}/sites/{secretId}/remove`.
pub async fn remove(
    app: web::Data<App>,
    sent: Act,
    path: NamespaceSitePath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &path.0).await?;
    let app = app.into_inner();
    let done = match remove::remove(&app, &vendor, &path.1, &sent.by.actor()).await? {
        Removal::Done => "site-removed",
        Removal::Queued => "site-queued",
    };
    Ok(see_other(&format!(
        "/console/vendors/{}/sites?done={done}",
        path.0
    )))
}
