//! Who asks for such a page, or sends a form of one: extractors. Where the path names a vendor, it is as for
//! [`crate::console::session::http::Member`], and as for [`crate::console::session::http::SignedIn`] where it does not.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::app::App;
use crate::auth::WebhookAdmin;
use crate::console::session::Session;
use crate::console::session::http::{
    Extracted, Outcome, checked, extract, found, member, operator, refuse_foreign, session,
};
use crate::db;
use crate::error::{Error, Result};
use crate::http::{Decided, Described, Form};
use crate::types::{Namespace, WebhookId};
use crate::vendors::{Vendor, create};
use crate::webhooks::Owner;

/// Whose webhooks.
pub struct Hooks {
    /// As rows name it.
    pub owner: Owner,
    /// The vendor, where they are not the platform's.
    pub vendor: Option<Arc<Vendor>>,
}

impl Hooks {
    async fn of(app: &App, request: &HttpRequest) -> Result<Self> {
        let Some(named) = request.match_info().get("namespace") else {
            return Ok(Self {
                owner: Owner::Platform,
                vendor: None,
            });
        };
        let namespace = Namespace::parse(named).map_err(|_| Error::NotFound)?;
        let vendor = create::named(app, &namespace).await?;
        Ok(Self {
            owner: vendor.id.into(),
            vendor: Some(vendor),
        })
    }

    /// A connection that sees them.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn client(&self, app: &App) -> db::Result<db::Client> {
        app.db.of_or_all(self.owner.vendor()).await
    }

    /// The address that all their pages are below.
    #[must_use]
    pub fn base(&self) -> String {
        match &self.vendor {
            Some(vendor) => format!("/console/vendors/{}", vendor.namespace),
            None => "/console".to_owned(),
        }
    }

    /// The address of the page of one of them.
    #[must_use]
    pub fn page(&self, id: WebhookId) -> String {
        format!("{}/webhooks/{id}", self.base())
    }
}

/// Whoever looks at a page of webhooks.
pub struct Keeper {
    /// Who.
    pub by: Session,
    /// Whose webhooks.
    pub hooks: Hooks,
}

/// A form of a [`Keeper`]. Nothing is done for a vendor that is cancelled.
pub struct KeeperAct {
    /// Who sent it.
    pub by: Session,
    /// Whose webhooks.
    pub hooks: Hooks,
    /// Its fields.
    pub form: Form,
}

impl KeeperAct {
    /// As the API has the caller.
    #[must_use]
    pub fn admin(&self) -> WebhookAdmin {
        WebhookAdmin {
            owner: self.hooks.owner,
            actor: self.by.actor(),
        }
    }
}

fn keeper(request: &HttpRequest, session: Session) -> Outcome<Session> {
    if request.match_info().get("namespace").is_some() {
        member(request, session)
    } else {
        operator(request, session)
    }
}

extract!(Keeper, |app, request, _payload, _decided| {
    let (session, _) = session(&app, &request).await?;
    let by = keeper(&request, session)?;
    let hooks = Hooks::of(&app, &request).await?;
    Ok(Self { by, hooks })
});
extract!(KeeperAct, |app, request, payload, decided| {
    let (session, token) = session(&app, &request).await?;
    refuse_foreign(&request)?;
    let by = keeper(&request, session)?;
    drop(decided);
    let form = Form::from_request(&request, payload).await;
    let form = checked(app.keys()?, &request, form, &token)?;
    let hooks = Hooks::of(&app, &request).await?;
    if let Some(vendor) = &hooks.vendor {
        vendor.refuse_cancelled()?;
    }
    Ok(Self { by, hooks, form })
});
