//! Why a token of a workload is not exchanged.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::patterns::{ClaimPlace, Pattern, Patterns};
use crate::auth::jwt::Fault;
use crate::types::is_invisible;

/// Characters of a text that are repeated.
const SHOWN: usize = 128;
/// Patterns of one claim that are repeated.
const PATTERNS: usize = 4;

/// Why a token is not exchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no valid token of its issuer.
    #[error("the subject token is refused: {0}")]
    Token(#[from] Fault),
    /// Its issuer is not on the operators' list, or disabled there.
    #[error("the issuer of the subject token is not on the list")]
    IssuerNotListed,
    /// The vendor has no policy for its issuer, or not the one that was named.
    #[error("the vendor has no such trust policy")]
    NoPolicy,
    /// No policy matches.
    #[error("no trust policy matches the subject token")]
    Mismatch(Vec<Reason>),
    /// More than one policy matches.
    #[error("more than one trust policy matches the subject token")]
    Ambiguous,
    /// Only policies match that hand out nothing.
    #[error("the trust policy that matches is for audits only")]
    AuditOnly,
    /// It was exchanged before, by a policy that takes each token once.
    #[error("the subject token was exchanged before")]
    Spent,
    /// The worker that the policy is for was removed.
    #[error("the worker of the trust policy was removed")]
    WorkerRemoved,
}

impl Refusal {
    /// Its stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(_) => "subject_token_invalid",
            Self::IssuerNotListed => "issuer_not_listed",
            Self::NoPolicy => "trust_policy_unknown",
            Self::Mismatch(_) => "trust_policy_mismatch",
            Self::Ambiguous => "trust_policy_ambiguous",
            Self::AuditOnly => "trust_policy_audits_only",
            Self::Spent => "subject_token_spent",
            Self::WorkerRemoved => "trust_policy_worker_removed",
        }
    }

    /// What happened, and what to do.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Token(fault) => of_fault(*fault),
            Self::IssuerNotListed => {
                "The issuer of the subject token is not on this service's list, to the byte."
            }
            Self::NoPolicy => {
                "The audience has no trust policy for the issuer of the subject token, or not the one named as resource."
            }
            Self::Mismatch(_) => {
                "The subject token does not match the trust policy. What did not match is in reasons."
            }
            Self::Ambiguous => "More than one trust policy matches. Name one as resource.",
            Self::AuditOnly => {
                "The trust policy matches, and is for audits only: nothing is handed out."
            }
            Self::Spent => "The subject token was exchanged before. Get another one.",
            Self::WorkerRemoved => "The worker that the trust policy is for was removed.",
        }
    }

    /// The error code of `OAuth`. What is wrong with a subject token is `invalid_request`, what the vendor has no policy
    /// for is `invalid_target` (RFC 8693, 2.2.2).
    #[must_use]
    pub fn oauth_error(&self) -> &'static str {
        match self {
            Self::NoPolicy | Self::Ambiguous | Self::WorkerRemoved => "invalid_target",
            _ => "invalid_request",
        }
    }

    /// What did not match.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Mismatch(reasons) => reasons,
            _ => &[],
        }
    }

    /// Whether the token was proved to be its issuer's.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        !matches!(
            self,
            Self::IssuerNotListed
                | Self::NoPolicy
                | Self::Token(
                    Fault::Malformed
                        | Fault::Header
                        | Fault::Algorithm
                        | Fault::UnknownKey
                        | Fault::Signature
                )
        )
    }
}

fn of_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Malformed => "The subject token is no signed JWT of at most 8192 bytes.",
        Fault::Header => "The header of the subject token asks for what is not supported.",
        Fault::Algorithm => {
            "The subject token is not signed with an algorithm its issuer is listed with."
        }
        Fault::UnknownKey => "The subject token names a key that its issuer does not have.",
        Fault::Signature => "The signature of the subject token is not valid.",
        Fault::Expired => "The subject token has expired.",
        Fault::NotYet => "The subject token is not valid yet.",
        Fault::Times => "The times of the subject token are missing or malformed.",
        Fault::Issuer => "The subject token is of another issuer.",
        Fault::Audience => "The subject token is for another audience.",
        Fault::Subject => "The subject token names no subject.",
    }
}

/// What did not match, short enough for logs and answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClaimReason)]
pub struct Reason {
    /// Which claim; `endsAt` of the policy itself.
    pub claim: String,
    /// What is wrong with it.
    pub problem: Problem,
    /// What would match.
    pub wanted: Vec<String>,
    /// What the token says, where that is a text.
    #[schema(required)]
    pub found: Option<String>,
}

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ClaimProblem)]
pub enum Problem {
    /// It is not there.
    Missing,
    /// It is a number, a list or an object: only texts are matched.
    NotText,
    /// It is another.
    NoMatch,
    /// The policy's end date is over.
    Ended,
}

impl Reason {
    /// What is wrong with a claim; `None` where it matches.
    #[must_use]
    pub fn of(place: &ClaimPlace, wanted: &Patterns, found: Option<&Value>) -> Option<Self> {
        let problem = match found {
            None => Problem::Missing,
            Some(Value::String(text)) if wanted.match_text(text) => return None,
            Some(Value::String(_)) => Problem::NoMatch,
            Some(_) => Problem::NotText,
        };
        let wanted = wanted.as_slice().iter().map(Pattern::as_str);
        Some(Self {
            claim: shown(place.as_str()),
            problem,
            wanted: wanted.take(PATTERNS).map(shown).collect(),
            found: found.and_then(Value::as_str).map(shown),
        })
    }

    /// That the token is for others.
    #[must_use]
    pub fn audience(wanted: &str, found: Option<&Value>) -> Self {
        let list = |all: &[Value]| {
            let all = all.iter().filter_map(Value::as_str).take(PATTERNS);
            all.collect::<Vec<_>>().join(" ")
        };
        Self {
            claim: "aud".to_owned(),
            problem: match found {
                None => Problem::Missing,
                Some(Value::String(_) | Value::Array(_)) => Problem::NoMatch,
                Some(_) => Problem::NotText,
            },
            wanted: vec![shown(wanted)],
            found: match found {
                Some(Value::Array(all)) => Some(shown(&list(all))),
                other => other.and_then(Value::as_str).map(shown),
            },
        }
    }

    /// That the policy's time is over.
    #[must_use]
    pub fn ended() -> Self {
        Self {
            claim: "endsAt".to_owned(),
            problem: Problem::Ended,
            wanted: Vec::new(),
            found: None,
        }
    }
}

/// As much of a text as is repeated. Tokens and policies hold no control characters; what else could change a line's looks
/// is replaced.
#[must_use]
pub fn shown(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() || is_invisible(c) {
            '?'
        } else {
            c
        }
    };
    text.chars().take(SHOWN).map(plain).collect()
}
