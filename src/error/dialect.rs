//! How errors look where an API is borrowed: the path of a request tells.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Entry, Error};
use crate::federation::Reason;

/// Whose errors an answer's look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// This service's: a problem document.
    #[default]
    Own,
    /// `RPort`'s: a list of faults. It knows neither 422 nor 423.
    RPort,
    /// TrustedLogin's: an object with a `message`, and `errors` by field.
    TrustedLogin,
    /// That of `OAuth` (RFC 6749, 5.2): an object with `error` and `error_description`.
    OAuth,
    /// Of the console: a page.
    Console,
}

impl Dialect {
    /// The dialect of a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        // Plugins whose base URL ends in a slash too many are to read why nothing is found.
        let path = path.trim_start_matches('/');
        let is_below = |folder: &str| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if is_below("api/v1/vault") || is_below("api/v1/vault-admin") {
            Self::RPort
        } else if is_below("api/v1") {
            Self::TrustedLogin
        } else if is_below("oauth") {
            Self::OAuth
        } else if is_below("console") {
            Self::Console
        } else {
            Self::Own
        }
    }

    /// The status an error has, where the table of codes says `status`.
    #[must_use]
    pub(super) fn status(self, error: &Error, status: u16) -> u16 {
        match (self, error, status) {
            (Self::RPort, Error::LockboxPasswordWrong, _) => 401,
            (Self::RPort, _, 422) => 400,
            (Self::RPort, _, 423) => 409,
            _ => status,
        }
    }

    /// How callers are asked for credentials.
    #[must_use]
    pub(super) fn challenge(self) -> &'static str {
        match self {
            Self::Own | Self::TrustedLogin | Self::Console => r#"Bearer realm="gatehouse""#,
            Self::RPort | Self::OAuth => r#"Basic realm="gatehouse""#,
        }
    }
}

/// The body of an error of `RPort`.
#[derive(Serialize, ToSchema)]
#[schema(as = RPortErrors)]
pub(super) struct Faults {
    errors: Vec<Fault>,
}

/// A fault.
#[derive(Serialize, ToSchema)]
#[schema(as = RPortError)]
struct Fault {
    /// Always empty, as `RPort` has it.
    code: &'static str,
    title: String,
    detail: String,
}

/// One element for each fault: what is wrong, and by which names it is found again here.
pub(super) fn rport(error: &Error, entry: &Entry, request_id: &str) -> Faults {
    let fault = |title: String| Fault {
        code: "",
        title,
        detail: format!("{}, request {request_id}", entry.code),
    };
    let fields = error.field_errors().iter().map(|field| {
        let name = snake_case(field.pointer.trim_start_matches('/'));
        let said = format!("{name} {}", field.detail);
        fault(said.trim_start().to_owned())
    });
    let mut errors: Vec<Fault> = fields.collect();
    if errors.is_empty() {
        errors.push(fault(entry.detail.clone()));
    }
    Faults { errors }
}

/// The body of an error of TrustedLogin. Its Connector takes what has no `errors` for an answer, whatever the status;
/// anything but a JSON object its clients report as a firewall's.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginError)]
pub(super) struct Refusal<'a> {
    message: &'a str,
    error: &'a str,
    code: &'a str,
    request_id: &'a str,
    errors: Errors<'a>,
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TrustedLoginFaults)]
enum Errors<'a> {
    /// What is wrong, by field.
    Fields(BTreeMap<&'a str, Vec<String>>),
    /// The same as the message.
    Message([&'a str; 1]),
}

/// What is wrong, and where fields are, with which.
pub(super) fn trustedlogin<'a>(
    error: &'a Error,
    entry: &'a Entry,
    request_id: &'a str,
) -> Refusal<'a> {
    let mut fields: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for field in error.field_errors() {
        let path = field.pointer.trim_start_matches('/');
        let name = path.split('/').next().unwrap_or_default();
        let said = format!("The {} field {}.", name_or_body(path), field.detail);
        fields.entry(name_or_body(name)).or_default().push(said);
    }
    Refusal {
        message: &entry.detail,
        error: &entry.detail,
        code: entry.code,
        request_id,
        errors: if fields.is_empty() {
            Errors::Message([&entry.detail])
        } else {
            Errors::Fields(fields)
        },
    }
}

/// The body of an error of `OAuth`.
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(super) struct OAuthRefusal<'a> {
    error: &'static str,
    error_description: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [Reason],
}

/// What is wrong in the words of `OAuth`, and in ours.
pub(super) fn oauth<'a>(
    error: &'a Error,
    entry: &'a Entry,
    request_id: &'a str,
) -> OAuthRefusal<'a> {
    let name = match (error, entry.status.as_u16()) {
        (Error::OAuth(error), _) => error.name(),
        (Error::Workload(refusal), _) => refusal.oauth_error(),
        (_, 401) => "invalid_client",
        (_, 402 | 403) => "unauthorized_client",
        (_, 429 | 503) => "temporarily_unavailable",
        (_, 500..) => "server_error",
        _ => "invalid_request",
    };
    OAuthRefusal {
        error: name,
        error_description: &entry.detail,
        code: entry.code,
        request_id,
        reasons: match error {
            Error::Workload(refusal) => refusal.reasons(),
            _ => &[],
        },
    }
}

fn name_or_body(name: &str) -> &str {
    if name.is_empty() { "body" } else { name }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_the_dialect() {
        for path in [
            "/api/v1/vault",
            "/api/v1/vault/",
            "/api/v1/vault/1/x",
            "/api/v1/vault-admin/sesame",
        ] {
            assert_eq!(Dialect::of(path), Dialect::RPort, "{path}");
        }
        for path in [
            "/api/v1",
            "/api/v1/",
            "/api/v1/vaults",
            "//api/v1/sites",
            "/api/v1/accounts/1",
        ] {
            assert_eq!(Dialect::of(path), Dialect::TrustedLogin, "{path}");
        }
        for path in ["/oauth/token", "/oauth", "//oauth/revoke"] {
            assert_eq!(Dialect::of(path), Dialect::OAuth, "{path}");
        }
        for path in [
            "/oauths",
            "/api/oauth",
            "/api/v10/sites",
            "/api/lockbox",
            "/",
            "",
        ] {
            assert_eq!(Dialect::of(path), Dialect::Own, "{path}");
        }
        assert_eq!(snake_case("requiredGroup"), "required_group");
    }
}
