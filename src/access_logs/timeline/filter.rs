//! The query of a timeline: filters, order, page, format.

use jiff::Timestamp;
use uuid::Uuid;

use super::export::Format;
use super::{Order, Source};
use crate::error::{Error, Result};
use crate::http::PageRequest;
use crate::types::Namespace;

const KNOWN: &str = "unknown query parameter; known: from, to, action, outcome, caller, issuance, source, order, \
                     format, limit, cursor";
const KNOWN_OVER_ALL: &str = "unknown query parameter; known: vendor, from, to, action, outcome, caller, issuance, \
                              source, order, format, limit, cursor";

/// Which actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// This one.
    Is(String),
    /// All that begin so; the dot is part of it.
    Begins(String),
}

impl Action {
    /// Whether a line of OpenBao's can be one: those are `store.…` and `credentials.…`.
    #[must_use]
    pub fn may_be_a_line(&self) -> bool {
        let (Self::Is(text) | Self::Begins(text)) = self;
        text.starts_with("store.") || text.starts_with("credentials.")
    }

    fn parse(text: &str) -> Option<Self> {
        let (stem, all) = match text.strip_suffix(".*") {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        if !(1..=100).contains(&stem.len()) || !stem.bytes().all(plain) {
            return None;
        }
        Some(if all {
            Self::Begins(format!("{stem}."))
        } else {
            Self::Is(stem.to_owned())
        })
    }
}

/// Which callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Of this kind.
    Kind(String),
    /// This one, as events name it: `worker:<name>`.
    Named(String),
}

impl Who {
    fn parse(text: &str) -> Option<Self> {
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) => (kind, Some(name)),
            None => (text, None),
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
        let named = name.is_none_or(|name| {
            !name.is_empty() && name.len() <= 200 && !name.chars().any(char::is_control)
        });
        if !(1..=40).contains(&kind.len()) || !kind.bytes().all(plain) || !named {
            return None;
        }
        Some(match name {
            Some(_) => Self::Named(text.to_owned()),
            None => Self::Kind(kind.to_owned()),
        })
    }
}

/// What is wanted of a timeline.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From then on.
    pub from: Option<Timestamp>,
    /// Before then.
    pub to: Option<Timestamp>,
    /// These actions.
    pub action: Option<Action>,
    /// `done`, `refused` or `failed`.
    pub outcome: Option<&'static str>,
    /// By these callers.
    pub caller: Option<Who>,
    /// About this token.
    pub issuance: Option<Uuid>,
    /// One half only.
    pub source: Option<Source>,
}

/// A query.
#[derive(Debug)]
pub struct Asked {
    /// What is wanted.
    pub filter: Filter,
    /// Which way.
    pub order: Order,
    /// Where a page begins, and how long it is.
    pub page: PageRequest,
    /// A file instead of a page.
    pub format: Option<Format>,
    /// Over all vendors: this one.
    pub vendor: Option<Namespace>,
}

impl Asked {
    /// Reads a query. `over_all` says whether the list is of all vendors.
    ///
    /// # Errors
    /// 400 where a parameter is unknown, breaks its rule, or is given twice.
    pub fn parse(query: &str, over_all: bool) -> Result<Self> {
        let (mut filter, mut order, mut format, mut vendor) = (Filter::default(), None, None, None);
        let page = PageRequest::beside(query, |name, value| {
            let twice = match name {
                "from" => filter.from.replace(moment(value, "from")?).is_some(),
                "to" => filter.to.replace(moment(value, "to")?).is_some(),
                "action" => {
                    let rule = "action must be a name such as token.issued, or a beginning such as token.*";
                    filter
                        .action
                        .replace(Action::parse(value).ok_or(Error::InvalidParameter(rule))?)
                        .is_some()
                }
                "outcome" => filter.outcome.replace(outcome(value)?).is_some(),
                "caller" => {
                    let rule = "caller must be a kind such as worker, or a kind and a name such as worker:w1";
                    filter
                        .caller
                        .replace(Who::parse(value).ok_or(Error::InvalidParameter(rule))?)
                        .is_some()
                }
                "issuance" => {
                    let id = Uuid::try_parse(value).ok().filter(|_| value.len() == 36);
                    filter
                        .issuance
                        .replace(id.ok_or(Error::InvalidParameter("issuance must be a UUID"))?)
                        .is_some()
                }
                "source" => filter.source.replace(source(value)?).is_some(),
                "order" => order.replace(direction(value)?).is_some(),
                "format" => format.replace(Format::parse(value)?).is_some(),
                "vendor" if over_all => {
                    let rule = "vendor must be the namespace of a vendor";
                    let namespace =
                        Namespace::parse(value).map_err(|_| Error::InvalidParameter(rule))?;
                    vendor.replace(namespace).is_some()
                }
                _ => {
                    return Err(Error::InvalidParameter(if over_all {
                        KNOWN_OVER_ALL
                    } else {
                        KNOWN
                    }));
                }
            };
            if twice {
                return Err(Error::InvalidParameter("a query parameter is given twice"));
            }
            Ok(())
        })?;
        if let (Some(from), Some(to)) = (filter.from, filter.to)
            && from >= to
        {
            return Err(Error::InvalidParameter("from must be before to"));
        }
        let of_page =
            |(name, _): (std::borrow::Cow<str>, _)| matches!(name.as_ref(), "limit" | "cursor");
        if format.is_some() && url::form_urlencoded::parse(query.as_bytes()).any(of_page) {
            let rule = "format gives everything: limit and cursor cannot stand beside it";
            return Err(Error::InvalidParameter(rule));
        }
        Ok(Self {
            filter,
            order: order.unwrap_or_default(),
            page,
            format,
            vendor,
        })
    }
}

fn moment(text: &str, name: &str) -> Result<Timestamp> {
    let rule = match name {
        "from" => "from must be a time in RFC 3339, such as 2026-11-22T10:00:00Z",
        _ => "to must be a time in RFC 3339, such as 2026-11-22T10:00:00Z",
    };
    let moment = text.parse::<Timestamp>().ok();
    moment
        .filter(is_storable)
        .ok_or(Error::InvalidParameter(rule))
}

/// Whether PostgreSQL knows such times too: from 1970 to 2199.
#[must_use]
pub fn is_storable(moment: &Timestamp) -> bool {
    (0..=7_258_118_400).contains(&moment.as_second())
}

fn outcome(text: &str) -> Result<&'static str> {
    let known = ["done", "refused", "failed"];
    let found = known.into_iter().find(|known| *known == text);
    found.ok_or(Error::InvalidParameter(
        "outcome must be done, refused or failed",
    ))
}

fn source(text: &str) -> Result<Source> {
    match text {
        "gatehouse" => Ok(Source::Gatehouse),
        "openbao" => Ok(Source::OpenBao),
        _ => Err(Error::InvalidParameter(
            "source must be gatehouse or openbao",
        )),
    }
}

fn direction(text: &str) -> Result<Order> {
    match text {
        "desc" => Ok(Order::Desc),
        "asc" => Ok(Order::Asc),
        _ => Err(Error::InvalidParameter("order must be desc or asc")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_queries_are_taken_and_bad_ones_are_not() {
        for good in [
            "",
            "from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:01%2B00:00&order=asc&limit=7",
            "action=token.*&outcome=refused&caller=worker:w1&source=gatehouse",
            "issuance=019a0000-0000-7000-8000-000000000000&caller=public-key",
            "format=csv&action=store.read",
        ] {
            assert!(Asked::parse(good, false).is_ok(), "{good}");
        }
        for bad in [
            "vendor=acme-1",
            "from=yesterday",
            "from=2026-11-22",
            "to=9999-01-01T00:00:00Z",
            "from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z",
            "action=",
            "action=*",
            "action=Token.issued",
            "action=a%00",
            "outcome=ok",
            "caller=",
            "caller=worker:",
            "caller=:x",
            "caller=user:a%00b",
            "issuance=1",
            "issuance=019a00000000700080000000000000ff",
            "source=both",
            "order=up",
            "format=json",
            "format=csv&limit=5",
            "format=csv&cursor=x",
            "outcome=done&outcome=done",
            "x=1",
        ] {
            let said = Asked::parse(bad, false).err();
            assert!(
                matches!(said, Some(Error::InvalidParameter(_))),
                "{bad}: {said:?}"
            );
        }
        assert!(Asked::parse("vendor=acme-1", true).is_ok());
    }
}
