//! The handler of the page that tells what goes where.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::shown;
use crate::console::layout::{Area, Frame};
use crate::console::session::http::Member;
use crate::error::Result;
use crate::http::NamespacePath;
use crate::vendors::{create, keys};

#[derive(Template)]
#[template(path = "console/set_up/show.html")]
struct SetUpPage {
    frame: Frame,
    /// Where this service is.
    url: String,
    /// Where OpenBao is.
    vault: String,
    namespace: String,
    account: String,
    store: String,
    /// Of the newest key pair that lives.
    public_key: Option<String>,
}

/// `GET /console/vendors/{namespace}/set-up`: the values to paste, without secrets.
pub async fn show(app: web::Data<App>, by: Member, path: NamespacePath) -> Result<HttpResponse> {
    let vendor = create::named(&app, &path.0).await?;
    let (client, now) = (app.db.of(vendor.id).await?, app.clock.now());
    let pairs = keys::store::page(&client, vendor.id, None, 20).await?;
    drop(client);
    let newest = pairs.iter().filter(|pair| pair.is_live(now));
    let newest = newest.max_by_key(|pair| pair.generation);
    let ring = app.keys()?;
    shown(&SetUpPage {
        frame: Frame::new(&by.0.who(), Area::SetUp, "Set up your plugin"),
        url: app.config.access_tokens.issuer.clone(),
        vault: app.config.bao.public_url.clone(),
        namespace: vendor.namespace.to_string(),
        account: vendor.id.to_string(),
        store: app.config.bao.store_path(&vendor.namespace),
        public_key: newest.map(|pair| ring.public_key(pair.id).expose().to_owned()),
    })
}
