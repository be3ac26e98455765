//! Handlers of key pairs.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use jiff::SignedDuration;

use crate::app::App;
use crate::auth::VendorAdmin;
use crate::console::http::{see_other, shown};
use crate::console::layout::{Area, Frame};
use crate::console::session::Session;
use crate::console::session::http::MemberAct;
use crate::console::vendors::create::http::KeysPage;
use crate::error::{Error, Result};
use crate::http::{KeyPairPath, NamespacePath, in_background};
use crate::vendors::{Vendor, create, keys};

/// Days that the pair before may live on.
const LONGEST: u32 = 366;

fn admin(by: &Session, vendor: Arc<Vendor>) -> VendorAdmin {
    VendorAdmin {
        vendor,
        actor: by.actor(),
        key: None,
    }
}

/// `POST /console/vendors/{namespace}/key-pairs`: a new pair, shown once.
pub async fn rotate(
    app: web::Data<App>,
    sent: MemberAct,
    path: NamespacePath,
) -> Result<HttpResponse> {
    let MemberAct { by, form } = sent;
    let days: Option<u32> = form.get("days").and_then(|text| text.trim().parse().ok());
    let days = days.filter(|days| *days <= LONGEST);
    let days = days.ok_or(Error::InvalidParameter("the days must be 0 to 366"))?;
    let vendor = create::named(&app, &path.0).await?;
    vendor.refuse_cancelled()?;
    let admin = admin(&by, vendor);
    let overlap = SignedDuration::from_hours(24 * i64::from(days));
    let made = in_background(&app, move |app| async move {
        keys::rotate(&app, &admin, overlap).await
    });
    let made = made.await?;
    shown(&KeysPage {
        frame: Frame::new(&by.who(), Area::Vendors, "Keep these keys"),
        namespace: path.0.to_string(),
        public_key: app.keys()?.public_key(made.pair.id).expose().to_owned(),
        private_key: made.private.expose().to_owned(),
        provisioned: true,
        is_rotated: true,
    })
}

/// `POST /console/vendors/{namespace}/key-pairs/{pair}/end`: ends the pair before the newest now.
pub async fn end(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    pair: KeyPairPath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &namespace.0).await?;
    vendor.refuse_cancelled()?;
    let (admin, now) = (admin(&sent.by, vendor), app.clock.now());
    let id = pair.0.ok_or(Error::LastKeyPair)?;
    in_background(&app, move |app| async move {
        keys::set_end(&app, &admin, id, Some(now)).await
    })
    .await?;
    let to = format!("/console/vendors/{}?done=pair-ended", namespace.0);
    Ok(see_other(&to))
}
