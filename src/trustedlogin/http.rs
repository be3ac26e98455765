//! Handlers of the dialect.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use super::fields::Body;
use super::{connector, own_account, subscribed};
use crate::app::App;
use crate::auth::ConnectorVendor;
use crate::error::{Error, Result};
use crate::http::{Answer, Json};
use crate::tokens::{self, http::read_grant};
use crate::vendors::VendorView;

/// What the support plugins of 2019 read of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrustedLoginAccount)]
pub struct AccountView<'a> {
    id: i64,
    name: &'a str,
    namespace: &'a str,
    status: &'a str,
    /// A store-wide read token.
    read_key: &'a str,
}

/// `GET /api/v1/accounts/{id}`: name, status and a read token. Wrong keys are 403, whether the account exists or not;
/// right keys for another's account 404.
pub async fn account(
    app: web::Data<App>,
    caller: ConnectorVendor,
    id: web::Path<String>,
) -> Result<Answer<AccountView<'static>>> {
    let caller = caller.0;
    own_account(&caller, &id)?;
    if caller.vendor.is_support_paused(app.clock.now()) {
        return Err(Error::SupportPaused);
    }
    let issued = tokens::issue(&app, read_grant(&caller)).await?;
    let vendor = VendorView::from(&*caller.vendor);
    let token = issued
        .token()
        .ok_or_else(|| Error::Internal("a read token came wrapped".to_owned()))?;
    Ok(Answer::ok(AccountView {
        id: vendor.id,
        name: &vendor.name,
        namespace: &vendor.namespace,
        status: &vendor.status,
        read_key: token.expose(),
    }))
}

/// What Connectors read of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrustedLoginConnector)]
pub struct ConnectorAccountView<'a> {
    id: i64,
    name: &'a str,
    status: &'a str,
    #[schema(required)]
    public_key: Option<&'a str>,
    namespace: &'a str,
}

/// `POST /api/v1/accounts/{id}`: a Connector verifies its keys, and says where it answers. Wrong keys and another's
/// account as above.
pub async fn register(
    app: web::Data<App>,
    caller: ConnectorVendor,
    id: web::Path<String>,
    body: Json<Body>,
) -> Result<Answer<ConnectorAccountView<'static>>> {
    let caller = caller.0;
    own_account(&caller, &id)?;
    subscribed(&caller.vendor)?;
    let mut fields = body.0.fields();
    let endpoint = fields.text("api_endpoint", usize::MAX);
    fields.finish()?;
    connector::register(&app, &caller.vendor, "vendor", ("api_endpoint", &endpoint)).await?;
    let mut view = VendorView::from(&*caller.vendor);
    if let Some(key) = caller.vendor.current_key(app.clock.now()) {
        view.public_key = Some(app.keys()?.public_key(key.id).expose().to_owned());
    }
    Ok(Answer::ok(ConnectorAccountView {
        id: view.id,
        name: &view.name,
        status: &view.status,
        public_key: view.public_key.as_deref(),
        namespace: &view.namespace,
    }))
}
