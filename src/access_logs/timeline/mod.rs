//! One timeline of a site, of a vendor, or of the platform: what Gatehouse did (`events`), merged with what tokens then
//! did inside OpenBao (`access_logs`).
//!
//! A page is read from up to three lanes: events, lines, and for a site the events of tokens for the whole store that
//! touched it. Each lane is walked along an index in the order of the answer, from the place where the page before
//! ended, so a page costs the same wherever it begins and however much there is. A filter is tried on what a lane
//! passes by, and a lane passes by at most [`SCAN`] rows for a page: then the page ends there, with fewer items than
//! asked for, even none, and a cursor that goes on.
//!
//! # Quirks
//! - Times are of two clocks: Gatehouse's for events, OpenBao's for lines.
//! - What is stored late, as lines are by a second or so, lands at its own time: whoever follows the end of the log from
//!   the oldest on may have passed it.

pub mod export;
pub mod filter;
pub mod http;
mod known;
pub mod page;
mod status;
pub mod store;
mod view;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::types::{SecretId, VendorId};
use filter::Filter;

pub use status::OpenBao;
pub use view::Item;

/// Rows of a lane that are looked at for one page.
pub const SCAN: i64 = 20_000;

/// The same where each row has to be joined before the filter can be tried.
pub const SCAN_JOINED: i64 = 5_000;

/// Whose half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AccessLogSource)]
pub enum Source {
    /// Gatehouse's own events.
    Gatehouse,
    /// Lines of OpenBao's audit log.
    OpenBao,
}

impl Source {
    /// As answers name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gatehouse => "gatehouse",
            Self::OpenBao => "openbao",
        }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Newest first.
    #[default]
    Desc,
    /// Oldest first.
    Asc,
}

/// A row's place in the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// When.
    pub at: Timestamp,
    /// Of two at the same time, the event comes before the line.
    pub source: Source,
    /// The row.
    pub id: i64,
}

impl Order {
    /// How two places follow each other.
    #[must_use]
    pub fn compare(self, one: &Place, other: &Place) -> std::cmp::Ordering {
        match self {
            Self::Asc => one.cmp(other),
            Self::Desc => other.cmp(one),
        }
    }
}

/// What the timeline is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All vendors, and what is no vendor's.
    All,
    /// A vendor.
    Vendor(VendorId),
    /// A site, there or removed.
    Site(VendorId, SecretId),
}

impl Scope {
    /// Whose, if a vendor's.
    #[must_use]
    pub fn vendor(&self) -> Option<VendorId> {
        match self {
            Self::All => None,
            Self::Vendor(vendor) | Self::Site(vendor, _) => Some(*vendor),
        }
    }
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// A vendor: operators have no names and nobody of the platform an address.
    Vendor,
    /// An operator.
    Operator,
}

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Of what.
    pub scope: Scope,
    /// What of it.
    pub filter: Filter,
    /// Which way.
    pub order: Order,
    /// For whom.
    pub viewer: Viewer,
    /// Nothing older is shown.
    pub floor: Timestamp,
    /// Over all vendors, each has a floor of its own: the time it is counted from, and the days where a vendor has none.
    pub floors: Option<(Timestamp, i32)>,
    /// Whether items name their vendor.
    pub names_vendor: bool,
}

/// A row of either table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// Whose, if a vendor's.
    pub vendor: Option<VendorId>,
    /// What.
    pub action: String,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// Why not.
    pub code: Option<String>,
    /// Who, of events.
    pub actor: Option<String>,
    /// Which site.
    pub secret_id: Option<String>,
    /// Which credential.
    pub credential: Option<String>,
    /// Which token.
    pub issuance: Option<uuid::Uuid>,
    /// From where.
    pub address: Option<String>,
    /// What sent it.
    pub user_agent: Option<String>,
    /// By which request.
    pub request_id: Option<String>,
    /// OpenBao's id of the call.
    pub openbao_request_id: Option<String>,
    /// More.
    pub details: serde_json::Value,
}
