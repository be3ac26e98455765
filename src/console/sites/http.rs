//! Handlers of sites.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{Field, see_other, shown};
use crate::console::layout::{Area, Frame, moment_or, next_query};
use crate::console::session::Session;
use crate::console::session::http::{Agent, AgentAct, Member, MemberAct};
use crate::error::{Error, Result};
use crate::http::{Form, NamespacePath, NamespaceSitePath, PageRequest};
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
    by: Member,
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
        frame: Frame::of_sites(&by.0.who(), title).after(request.query_string()),
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
    let client = app.db.of(vendor.id).await?;
    let site = store::find(&client, vendor.id, &id).await?;
    let site = site.filter(|site| site.state == State::Registered);
    Ok(site.into_iter().collect())
}

/// `POST /console/vendors/{namespace}/sites/search`: those of an access key, which stands in no address. It is on record.
pub async fn find(
    app: web::Data<App>,
    sent: MemberAct,
    path: NamespacePath,
) -> Result<HttpResponse> {
    let MemberAct { by, form } = sent;
    let vendor = create::named(&app, &path.0).await?;
    let sites = of_key(&app, &vendor, &form, &by).await?;
    let title = format!("Sites of {}", vendor.name.as_str());
    shown(&ListPage {
        frame: Frame::of_sites(&by.who(), title),
        namespace: path.0.to_string(),
        text: String::new(),
        is_search: true,
        rows: sites,
        next: None,
        is_first: true,
    })
}

#[derive(Template)]
#[template(path = "console/sites/search.html")]
struct SearchPage {
    frame: Frame,
    namespace: String,
    store: String,
    key: Field,
    /// What was found, after a search.
    found: Option<Vec<Row>>,
}

fn search_page(app: &App, by: &Session, vendor: &Vendor, found: Option<Vec<Row>>) -> SearchPage {
    let key = Field::text("accessKey", "Access key").required();
    SearchPage {
        frame: Frame::new(&by.who(), Area::Search, "Find a site"),
        namespace: vendor.namespace.to_string(),
        store: app.config.bao.store_path(&vendor.namespace),
        key,
        found,
    }
}

/// `GET /console/vendors/{namespace}/search`: where support agents paste an access key.
pub async fn ask(app: web::Data<App>, by: Agent, path: NamespacePath) -> Result<HttpResponse> {
    let vendor = create::named(&app, &path.0).await?;
    shown(&search_page(&app, &by.0, &vendor, None))
}

/// `POST /console/vendors/{namespace}/search`: the sites of an access key, which stands in no address. It is on record.
pub async fn search(
    app: web::Data<App>,
    sent: AgentAct,
    path: NamespacePath,
) -> Result<HttpResponse> {
    let AgentAct { by, form } = sent;
    let vendor = create::named(&app, &path.0).await?;
    let found = of_key(&app, &vendor, &form, &by).await?;
    shown(&search_page(&app, &by, &vendor, Some(found)))
}

/// The registered sites with the access key of a form. What is none finds nothing.
async fn of_key(
    app: &web::Data<App>,
    vendor: &Arc<Vendor>,
    form: &Form,
    by: &Session,
) -> Result<Vec<Row>> {
    let key = form.get("accessKey").unwrap_or_default().trim().to_owned();
    let Ok(key) = AccessKey::try_from(key) else {
        return Ok(Vec::new());
    };
    let keys = [key];
    let found = search::search(app, vendor, &keys, &by.actor()).await?;
    Ok(found.into_iter().map(|found| row(found.site)).collect())
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
    by: Member,
    path: NamespaceSitePath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &path.0).await?;
    let client = app.db.of(vendor.id).await?;
    let site = store::find(&client, vendor.id, &path.1).await?;
    drop(client);
    let site = site.filter(|site| site.state == State::Registered);
    let site = site.ok_or(Error::NotFound)?;
    let store = app.config.bao.store_path(&vendor.namespace);
    shown(&SitePage {
        frame: Frame::of_sites(&by.0.who(), "Site"),
        namespace: path.0.to_string(),
        path: format!("{store}/{}", site.secret_id),
        labels: site.metadata.to_string(),
        site: row(site),
    })
}

/// `POST /console/vendors/{namespace}/sites/{secretId}/remove`.
pub async fn remove(
    app: web::Data<App>,
    sent: MemberAct,
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
