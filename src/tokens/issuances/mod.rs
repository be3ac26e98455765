//! The ledger as vendors and operators see it: what was handed out, what of it lives, and how it is ended.

pub mod http;
pub mod revoke;
pub mod store;
pub mod view;

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Kind;
use crate::types::{IssuanceId, KeyId, SecretId, VendorId, WorkerId};

/// The longest life of any kind: what was issued before that lives no more.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(28 * 24);
/// An id is made before its token, and the row after it.
const MINTING: SignedDuration = SignedDuration::from_mins(5);
/// Rows that are looked at for one page, or marked in one transaction.
const REACH: i64 = 5000;

/// A token that was handed out, as its row says.
pub struct Issuance {
    /// Names it.
    pub id: IssuanceId,
    /// Whose.
    pub vendor: VendorId,
    /// The vendor's name.
    pub namespace: String,
    /// Which kind.
    pub kind: String,
    /// Names the token in OpenBao.
    pub accessor: String,
    /// For which site.
    pub secret_id: Option<String>,
    /// To whom.
    pub caller: String,
    /// When.
    pub issued_at: Timestamp,
    /// The end of its life as far as the service knows: holders renew at OpenBao, unseen.
    pub expires_at: Timestamp,
    /// The end of its longest life.
    pub max_expires_at: Timestamp,
    /// First life, seconds; unknown of old ones.
    pub ttl: Option<i32>,
    /// How many calls it is good for; `None`: any number.
    pub uses: Option<i32>,
    /// From where it works; `None`: from everywhere.
    pub bound_cidrs: Option<Vec<String>>,
    /// When it was last used in OpenBao, as the audit log says.
    pub last_used_at: Option<Timestamp>,
    /// Where the caller was.
    pub client_address: Option<String>,
    /// By which request.
    pub request_id: String,
    /// For which worker.
    pub worker: Option<WorkerId>,
    /// For which one credential, by its key.
    pub credential: Option<String>,
    /// What was asked about its end.
    pub revoke: Option<Revoke>,
}

/// That a token is to end, or was ended.
pub struct Revoke {
    /// Why.
    pub reason: Option<String>,
    /// Who asked for it.
    pub by: Option<String>,
    /// When.
    pub asked_at: Option<Timestamp>,
    /// When it was dead.
    pub revoked_at: Option<Timestamp>,
}

/// What is known of a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It may be used.
    Live,
    /// Its end was asked for, and OpenBao is still to follow.
    Ending,
    /// It was ended.
    Revoked,
    /// Its longest life is over.
    Expired,
}

impl State {
    const ALL: [Self; 4] = [Self::Live, Self::Ending, Self::Revoked, Self::Expired];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Ending => "ending",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl Issuance {
    /// What is known of its life at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        match &self.revoke {
            Some(revoke) if revoke.revoked_at.is_some() => State::Revoked,
            _ if self.max_expires_at <= now => State::Expired,
            Some(_) => State::Ending,
            None => State::Live,
        }
    }
}

/// Callers by kind (`worker`), or one of a kind (`worker:w0123456789abcdef`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(try_from = "String")]
pub struct CallerName(String);

/// A text that names no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a kind of caller, or kind:name")]
pub struct CallerNameError;

impl CallerName {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// Where the text breaks it.
    pub fn parse(text: &str) -> Result<Self, CallerNameError> {
        let (kind, name) = text.split_once(':').unwrap_or((text, "-"));
        let kind_fits = (1..=32).contains(&kind.len())
            && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let name_fits = (1..=200).contains(&name.len()) && !name.chars().any(char::is_control);
        if kind_fits && name_fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(CallerNameError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CallerName {
    type Error = CallerNameError;
    fn try_from(text: String) -> Result<Self, CallerNameError> {
        Self::parse(&text)
    }
}

/// Client addresses: one, or those of a network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub struct Addresses(IpNet);

impl Addresses {
    /// As they may be on record: those of IPv4 as IPv6 writes them, too.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        let mut all = vec![self.0.to_string()];
        if let IpNet::V4(v4) = self.0 {
            let mapped = v4.addr().to_ipv6_mapped();
            all.push(format!("{mapped}/{}", 96 + v4.prefix_len()));
        }
        all
    }
}

impl TryFrom<String> for Addresses {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let one = text
            .parse()
            .map(|address: IpAddr| IpNet::from(address.to_canonical()));
        let net: Option<IpNet> = one.ok().or_else(|| text.parse().ok());
        net.filter(|net| net.trunc() == *net)
            .map(Self)
            .ok_or("must be an IP address, or a network in CIDR form without host bits")
    }
}

impl From<Addresses> for String {
    fn from(addresses: Addresses) -> Self {
        addresses.0.to_string()
    }
}

/// A moment as callers write it: RFC 3339 with a zone, from 1970 to 2200.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = DateTime)]
pub struct Moment(pub Timestamp);

impl TryFrom<String> for Moment {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = |at: &Timestamp| (0..=7_258_118_400).contains(&at.as_second());
        let at = text.parse().ok().filter(fits).map(Self);
        at.ok_or("must be an RFC 3339 time with a zone")
    }
}

/// Which tokens are meant. What is left out narrows nothing down.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In which state.
    pub state: Option<State>,
    /// Of which kind.
    pub kind: Option<Kind>,
    /// For which site.
    pub site: Option<SecretId>,
    /// Handed out to whom.
    pub caller: Option<CallerName>,
    /// By which key pair.
    pub key: Option<KeyId>,
    /// To which client addresses.
    pub address: Option<Addresses>,
    /// Handed out before.
    pub issued_before: Option<Timestamp>,
    /// Handed out after.
    pub issued_after: Option<Timestamp>,
}

/// A stretch of the ledger, in the order of ids, which is the order of time.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The first id that belongs to it.
    pub from: IssuanceId,
    /// The first that does not any more.
    pub before: IssuanceId,
}

impl Filter {
    /// Where the tokens that are meant can be found: those before `cursor`.
    #[must_use]
    pub fn stretch(&self, cursor: Option<IssuanceId>, now: Timestamp) -> Stretch {
        let last = IssuanceId(uuid::Uuid::max());
        let later = |at: Timestamp| at.checked_add(MINTING).unwrap_or(Timestamp::MAX);
        let earlier = |at: Timestamp, by| at.checked_sub(by).unwrap_or(Timestamp::MIN);
        let before = self.issued_before.map(later).map(IssuanceId::first_of);
        let lives = matches!(self.state, Some(State::Live | State::Ending));
        let alive_since = lives.then(|| earlier(now, LONGEST_LIFE));
        let since = self.issued_after.max(alive_since);
        let since = since.map_or(Timestamp::UNIX_EPOCH, |at| earlier(at, MINTING));
        Stretch {
            from: IssuanceId::first_of(since),
            before: before.unwrap_or(last).min(cursor.unwrap_or(last)),
        }
    }

    /// Whether an index leads to the tokens that are meant, of one vendor or of all; otherwise most rows on the way may
    /// be others.
    fn is_direct(&self, one_vendor: bool) -> bool {
        let site = self.site.is_none() || one_vendor;
        let others = self.kind.is_none() && self.caller.is_none();
        let who = self.key.is_none() && self.address.is_none();
        site && self.state.is_none() && others && who
    }

    /// As events tell it.
    fn told(&self) -> Value {
        json!({
            "kind": self.kind.map(|kind| kind.rules().name),
            "site": self.site,
            "caller": self.caller,
            "keyId": self.key.map(|key| key.0),
            "clientAddress": self.address,
            "issuedBefore": self.issued_before,
            "issuedAfter": self.issued_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_named_by_kind_or_by_kind_and_name() {
        for good in [
            "vendor",
            "public-key",
            "operator:ann",
            "worker:w00",
            "task:a b",
        ] {
            assert!(CallerName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ":", "vendor:", ":x", "Vendor", "operator:a\0b", "a b"] {
            assert!(CallerName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_one_or_a_network() {
        let read = |text: &str| Addresses::try_from(text.to_owned()).ok().map(String::from);
        for (given, kept) in [
            ("198.51.100.7", "198.51.100.7/32"),
            ("::ffff:198.51.100.7", "198.51.100.7/32"),
            ("198.51.100.0/24", "198.51.100.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(read(given).as_deref(), Some(kept), "{given}");
        }
        for bad in [
            "",
            "198.51.100.7/24",
            "198.51.100.0/33",
            "localhost",
            "10.0.0.0/-1",
            "fe80::1%1",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let v4 = Addresses::try_from("10.0.0.0/8".to_owned());
        assert_eq!(
            v4.map(|v4| v4.written()[1].clone()),
            Ok("::ffff:10.0.0.0/104".to_owned())
        );
    }

    #[test]
    fn stretch_holds_what_the_filter_means() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50);
        let id = IssuanceId::new(now);
        let holds = |filter: &Filter, cursor| {
            let stretch = filter.stretch(cursor, now);
            stretch.from <= id && id < stretch.before
        };
        let hour = SignedDuration::from_hours(1);
        assert!(holds(&Filter::default(), None));
        assert!(!holds(&Filter::default(), Some(id)));
        let live = Filter {
            state: Some(State::Live),
            ..Filter::default()
        };
        assert!(holds(&live, None));
        let after = |at| Filter {
            issued_after: Some(at),
            ..live.clone()
        };
        assert!(holds(&after(now - hour), None) && !holds(&after(now + hour), None));
        let before = |at| Filter {
            issued_before: Some(at),
            ..live.clone()
        };
        assert!(holds(&before(now + hour), None) && !holds(&before(now - hour), None));
        assert!(!holds(&before(now - hour), Some(id)));
    }
}
