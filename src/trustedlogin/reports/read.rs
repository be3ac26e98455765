//! The bodies of reports.

use std::net::IpAddr;

use jiff::Timestamp;

use super::super::fields::{Body, Fields};
use crate::error::Result;
use crate::sites::attempts::{Attempt, LOCKDOWN};
use crate::types::SiteUrl;

const CODES: [&str; 2] = ["login_failed", "security_check_failed"];
/// Of texts, in bytes.
const REASON: usize = 4096;
const USER_AGENT: usize = 512;
const URL: usize = 2048;
/// Longer than any address is.
const ADDRESS: usize = 64;
/// 1 January 2200.
const LATEST: i64 = 7_258_118_400;

/// The body of `POST sites/{secretId}/login-attempts`.
pub(super) fn failed(body: &Body) -> Result<Attempt> {
    let mut fields = body.fields();
    let attempt = Attempt {
        code: fields.one_of("code", &CODES).to_owned(),
        site_url: fields.required::<SiteUrl>("client_site_url"),
        at: fields.moment("attempted_at"),
        reason: fields.optional_text("detailed_reason", REASON),
        user_agent: fields.optional_text("client_user_agent", USER_AGENT),
        address: address(&mut fields, "client_ip"),
        identifier_hash: fields.optional_hex("identifier_hash", 64),
    };
    fields.finish()?;
    Ok(attempt)
}

/// The body of `POST report-brute-force`, and of `POST sites/{secretId}/verify-identifier`. Nothing in it is required: a
/// lockdown counts whatever else is known of it.
pub(super) fn seen(body: &Body) -> Result<Attempt> {
    let mut fields = body.fields();
    let url = fields.optional_text("site_url", URL);
    let second = fields.optional_integer("timestamp", 0..=LATEST);
    let attempt = Attempt {
        code: LOCKDOWN.to_owned(),
        site_url: url.and_then(|url| SiteUrl::try_from(url).ok()),
        at: second.and_then(|second| Timestamp::from_second(second).ok()),
        reason: None,
        user_agent: fields.optional_text("user_agent", USER_AGENT),
        address: address(&mut fields, "user_ip"),
        identifier_hash: None,
    };
    fields.finish()?;
    Ok(attempt)
}

fn address(fields: &mut Fields<'_>, name: &str) -> Option<IpAddr> {
    let text = fields.optional_text(name, ADDRESS);
    text.and_then(|text| text.parse().ok())
}
