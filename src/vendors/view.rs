//! What is shown of a vendor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cancel::Progress;
use super::{Level, Vendor};

/// A vendor as answers show it. Holds no key but, where the caller may have it, the public one.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Vendor)]
pub struct VendorView {
    /// Account id.
    pub id: i64,
    /// Namespace.
    pub namespace: String,
    /// Shown name.
    pub name: String,
    /// `active`, `suspended` or `cancelled`.
    pub status: String,
    /// The mount of its store.
    pub store: String,
    /// Plan.
    #[schema(required)]
    pub plan: Option<String>,
    /// `active`, `trial` or `unpaid`.
    pub subscription: String,
    /// Whether the billing system has a card to charge.
    #[serde(default)]
    #[schema(required)]
    pub has_card: bool,
    /// Whether its mounts and policies in OpenBao are complete.
    pub provisioned: bool,
    /// How long its logs are kept, in days; `null`: as long as the service's own.
    #[serde(default)]
    #[schema(required)]
    pub log_retention_days: Option<i32>,
    /// When it signed up.
    pub created_at: Timestamp,
    /// The current public key. Never stored: it is derived again for each answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// How far its cancellation has come, where it was cancelled. Never stored: what is kept of a sign-up has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Progress>,
}

impl From<&Vendor> for VendorView {
    fn from(vendor: &Vendor) -> Self {
        Self {
            id: vendor.id.0,
            namespace: vendor.namespace.to_string(),
            name: vendor.name.as_str().to_owned(),
            status: vendor.status.as_str().to_owned(),
            store: vendor.namespace.store(),
            plan: vendor
                .profile
                .plan
                .as_ref()
                .map(|plan| plan.as_str().to_owned()),
            subscription: vendor.profile.subscription.as_str().to_owned(),
            has_card: vendor.profile.has_card,
            provisioned: vendor.provisioned >= Level::ALL,
            log_retention_days: vendor.log_retention_days,
            created_at: vendor.created_at,
            public_key: None,
            cancellation: None,
        }
    }
}
