//! The table of errors of OpenBao.

use actix_web::http::StatusCode;

use super::Entry;
use crate::vault;

pub(super) fn vault_entry(error: &vault::Error) -> Entry {
    use vault::Error as V;
    let (code, detail) = match error {
        V::Sealed => ("openbao_sealed", "OpenBao is sealed. Try again later."),
        V::TimedOut => (
            "openbao_timeout",
            "OpenBao did not answer in time. Try again.",
        ),
        V::Throttled => (
            "openbao_throttled",
            "OpenBao is limiting the rate of calls. Try again.",
        ),
        V::Denied(_) | V::NoAppToken | V::Unfit(_) => (
            "openbao_denied",
            "The service lacks a right in OpenBao. An operator must look.",
        ),
        V::Unavailable(_) => ("openbao_unavailable", "OpenBao is out of reach. Try again."),
        V::BeingUpgraded => (
            "not_provisioned",
            "The vendor's store is not complete yet. Try again.",
        ),
        V::NotFound
        | V::PathInUse
        | V::VersionMoved
        | V::InvalidAccessor
        | V::Rejected(_)
        | V::UnknownRole(_)
        | V::Malformed(_) => (
            "openbao_unexpected",
            "OpenBao answered unexpectedly. Try again; if it stays so, an operator must look.",
        ),
    };
    Entry {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code,
        detail: detail.to_owned(),
    }
}
