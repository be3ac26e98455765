//! Handlers on the lease budget, for operators.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::own_kinds;
use super::store::{self, Holder};
use crate::app::App;
use crate::auth::{Operator, VendorAdmin};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::http::{Answer, Json};
use crate::vendors::create;
use crate::vendors::settings::Change;

/// So many vendors are shown, those that hold most.
const SHOWN: i64 = 100;
/// More leases than anybody has.
const MOST: u32 = 100_000_000;

/// Live tokens of a vendor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LeaseHolder)]
pub struct HolderView {
    vendor: String,
    live: u32,
    /// What holds.
    cap: u32,
    /// What an operator said, if anything.
    #[schema(required)]
    own_cap: Option<u32>,
    /// How many of them public keys may bring it to.
    public_cap: u32,
    #[schema(required)]
    next_end: Option<Timestamp>,
}

impl HolderView {
    fn new(app: &App, holder: Holder) -> Self {
        let caps = &app.config.limits.leases;
        let cap = holder.cap.unwrap_or(caps.vendor);
        Self {
            vendor: holder.namespace,
            live: holder.live,
            cap,
            own_cap: holder.cap,
            public_cap: caps.without_reserve(cap),
            next_end: holder.next_end,
        }
    }
}

/// Live tokens of all.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LeaseBudget)]
pub struct BudgetView {
    live: u32,
    /// Of these, the service's own.
    of_service: u32,
    /// How many may live.
    cap: u32,
    /// How many of them public keys may bring it to.
    public_cap: u32,
    /// Of one vendor, where an operator said nothing else.
    vendor_cap: u32,
    /// Of one address.
    address_cap: u32,
    /// Those that hold most.
    vendors: Vec<HolderView>,
}

/// `GET /api/admin/lease-budget`: how many tokens live and may, and the vendors that hold most.
pub async fn show(app: web::Data<App>, _operator: Operator) -> Result<Answer<BudgetView>> {
    let (now, own) = (app.clock.now(), own_kinds());
    let client = app.db.all().await?;
    let (live, of_service) = store::live(&client, &own, now).await?;
    let holders = store::holders(&client, None, &own, now, SHOWN).await?;
    drop(client);
    let caps = &app.config.limits.leases;
    let views = holders.into_iter();
    Ok(Answer::ok(BudgetView {
        live: live.saturating_add(of_service),
        of_service,
        cap: caps.all,
        public_cap: caps.without_reserve(caps.all),
        vendor_cap: caps.vendor,
        address_cap: caps.address,
        vendors: views.map(|holder| HolderView::new(&app, holder)).collect(),
    }))
}

/// `GET /api/admin/vendors/{namespace}/lease-budget`.
pub async fn show_vendor(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<HolderView>> {
    of_vendor(&app, &by).await
}

/// The body of `PATCH /api/admin/vendors/{namespace}/lease-budget`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeaseCapRequest)]
pub struct CapRequest {
    /// How many tokens may live; `null`: as many as the service's settings say.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    cap: Change,
}

/// `PATCH /api/admin/vendors/{namespace}/lease-budget`.
pub async fn change_vendor(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<CapRequest>,
) -> Result<Answer<HolderView>> {
    let cap = match body.0.cap {
        Change::Unchanged => return of_vendor(&app, &by).await,
        Change::Unsaid => None,
        Change::To(cap) if cap <= MOST => Some(cap),
        Change::To(_) => return Err(Error::field("cap", format!("must be 0 to {MOST}, or null"))),
    };
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    store::set_cap(&transaction, vendor, cap, now).await?;
    let mut event = Event::done("vendor.lease_cap_changed", Some(vendor), &by.actor);
    event.details = json!({ "cap": cap });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    drop(client);
    create::reload(&app, vendor).await?;
    of_vendor(&app, &by).await
}

async fn of_vendor(app: &App, by: &VendorAdmin) -> Result<Answer<HolderView>> {
    let client = app.db.of(by.vendor.id).await?;
    let now = app.clock.now();
    let found = store::holders(&client, Some(by.vendor.id), &own_kinds(), now, 1).await?;
    let holder = found.into_iter().next().ok_or(Error::NotFound)?;
    Ok(Answer::ok(HolderView::new(app, holder)))
}
