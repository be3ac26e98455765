//! What is asked of a list: `sort=key`, `sort=-key`, `filter[key]=one,two*`.
//!
//! - Sorting goes by the bytes of the text. Ties are broken by id, in the direction of the last key.
//! - Fields of a filter must all match, of a field's values one. `*` stands for any characters, and folds A to Z in
//!   its value; everything else stands for itself. An empty value matches what is empty.
//! - An `id` that is no number in its canonical form, and a `created_at` that is no time, match nothing.

use jiff::Timestamp;

use super::super::EntryId;
use crate::auth::sha256_hex;
use crate::error::{Error, Result};
use crate::types::VendorId;

const MOST_SORTS: usize = 10;
const MOST_VALUES: usize = 50;
const LONGEST: usize = 1024;

/// What entries are sorted and filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Number.
    Id,
    /// Text.
    ClientId,
    /// Text.
    CreatedBy,
    /// Time.
    CreatedAt,
    /// Text.
    Key,
}

impl Field {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "id" => Some(Self::Id),
            "client_id" | "clientId" => Some(Self::ClientId),
            "created_by" | "createdBy" => Some(Self::CreatedBy),
            "created_at" | "createdAt" => Some(Self::CreatedAt),
            "key" => Some(Self::Key),
            _ => None,
        }
    }
}

/// A key of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub field: Field,
    /// From the last to the first.
    pub descending: bool,
}

/// One value of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// The same number.
    Id(i64),
    /// The same instant.
    At(Timestamp),
    /// The same text.
    Text(String),
    /// Matches these parts in this order with anything between them; in lower case.
    Wild(Vec<String>),
}

/// What a field must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Which field.
    pub field: Field,
    /// One of these; nothing, where there is none.
    pub any: Vec<Match>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    sorts: Vec<Sort>,
    /// All must match.
    pub filters: Vec<Filter>,
    /// Stands somewhere in key or client, whatever the case of its letters.
    pub search: Option<String>,
    values: usize,
}

impl Query {
    /// Takes a parameter of a query; `false` where it is none of a list's.
    ///
    /// # Errors
    /// [`Error::UnsupportedField`], or [`Error::InvalidParameter`] where there is too much of it.
    pub fn take(&mut self, name: &str, value: &str) -> Result<bool> {
        if name == "sort" {
            self.take_sort(value)?;
        } else if name.starts_with("filter[") {
            let field = name
                .strip_prefix("filter[")
                .and_then(|rest| rest.strip_suffix(']'));
            self.take_filter(field.unwrap_or(name), value)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_sort(&mut self, value: &str) -> Result<()> {
        let (name, descending) = value
            .strip_prefix('-')
            .map_or((value, false), |name| (name, true));
        let field = Field::parse(name).ok_or_else(|| Error::unsupported_field("sort", name))?;
        if self.sorts.len() == MOST_SORTS {
            return Err(Error::InvalidParameter("at most 10 fields to sort by"));
        }
        self.sorts.push(Sort { field, descending });
        Ok(())
    }

    fn take_filter(&mut self, name: &str, value: &str) -> Result<()> {
        let field = Field::parse(name).ok_or_else(|| Error::unsupported_field("filter", name))?;
        if self.filters.iter().any(|filter| filter.field == field) {
            return Err(Error::InvalidParameter(
                "a filter is given twice: separate its values by commas",
            ));
        }
        refuse_tricks(value)?;
        let values: Vec<&str> = value.split(',').collect();
        self.values += values.len();
        if self.values > MOST_VALUES {
            return Err(Error::InvalidParameter("at most 50 values to filter by"));
        }
        let any = values.into_iter().filter_map(|value| read(field, value));
        self.filters.push(Filter {
            field,
            any: any.collect(),
        });
        Ok(())
    }

    /// Takes the text to search for.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] where it cannot be searched for.
    pub fn take_search(&mut self, text: &str) -> Result<()> {
        refuse_tricks(text)?;
        let text = text.to_ascii_lowercase();
        if self.search.replace(text).is_some() {
            return Err(Error::InvalidParameter("a query parameter is given twice"));
        }
        Ok(())
    }

    /// The whole order: no two entries are alike in it.
    #[must_use]
    pub fn order(&self) -> Vec<Sort> {
        let mut order: Vec<Sort> = Vec::new();
        for sort in &self.sorts {
            if order.iter().all(|other| other.field != sort.field) {
                order.push(*sort);
            }
        }
        if let Some(at) = order.iter().position(|sort| sort.field == Field::Id) {
            order.truncate(at + 1);
        } else {
            let descending = order.last().is_some_and(|sort| sort.descending);
            order.push(Sort {
                field: Field::Id,
                descending,
            });
        }
        order
    }

    /// Tells this query of this vendor from all others: what a cursor is good for.
    #[must_use]
    pub fn mark(&self, vendor: VendorId) -> String {
        let asked = format!(
            "{vendor} {:?} {:?} {:?}",
            self.order(),
            self.filters,
            self.search
        );
        let digest = sha256_hex(&[&asked]);
        digest.expose().chars().take(16).collect()
    }
}

fn refuse_tricks(text: &str) -> Result<()> {
    if text.len() > LONGEST || text.contains(['\0', '\u{fffd}']) {
        return Err(Error::InvalidParameter(
            "a filter must be at most 1,024 bytes of UTF-8 without U+0000",
        ));
    }
    Ok(())
}

fn read(field: Field, value: &str) -> Option<Match> {
    if value.contains('*') {
        let parts = value.split('*').map(str::to_ascii_lowercase);
        return Some(Match::Wild(parts.collect()));
    }
    match field {
        Field::Id => EntryId::parse(value).map(|id| Match::Id(id.0)),
        Field::CreatedAt => instant(value).map(Match::At),
        _ => Some(Match::Text(value.to_owned())),
    }
}

/// An instant. A `+` that was not escaped arrives as a blank.
fn instant(text: &str) -> Option<Timestamp> {
    let unescaped = || {
        let at = text.rfind(' ')?;
        format!("{}+{}", &text[..at], &text[at + 1..]).parse().ok()
    };
    let at: Timestamp = text.parse().ok().or_else(unescaped)?;
    // What PostgreSQL has no room for is no time of an entry.
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query> {
        let mut query = Query::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            query.take(&name, &value)?;
        }
        Ok(query)
    }

    fn order(text: &str) -> String {
        let order = query(text).map(|query| query.order()).unwrap_or_default();
        let shown = order.iter().map(|sort| {
            let sign = if sort.descending { "-" } else { "" };
            format!("{sign}{:?}", sort.field)
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn orders_are_total() {
        assert_eq!(order(""), "Id");
        assert_eq!(order("sort=key"), "Key Id");
        assert_eq!(
            order("sort=client_id&sort=-created_at"),
            "ClientId -CreatedAt -Id"
        );
        assert_eq!(order("sort=key&sort=-id&sort=created_by"), "Key -Id");
        assert_eq!(order("sort=key&sort=-key"), "Key Id");
        for bad in [
            "sort=",
            "sort=value",
            "sort=--key",
            "sort=key,id",
            "sort=KEY",
        ] {
            assert!(
                matches!(query(bad), Err(Error::UnsupportedField { .. })),
                "{bad}"
            );
        }
        assert!(query(&"sort=key&".repeat(11)).is_err());
    }

    #[test]
    fn filters_are_read_to_the_letter() {
        let any = |text: &str| query(text).map(|q| q.filters[0].any.clone()).ok();
        let text = |t: &str| Match::Text(t.to_owned());
        assert_eq!(
            any("filter%5Bkey%5D=one,Two"),
            Some(vec![text("one"), text("Two")])
        );
        assert_eq!(any("filter[key]="), Some(vec![text("")]));
        let wild = Match::Wild(vec![String::new(), "a%_\\".to_owned(), "b".to_owned()]);
        assert_eq!(any("filter[key]=*A%25_\\*B"), Some(vec![wild]));
        assert_eq!(any("filter[id]=7,07,x,1.0"), Some(vec![Match::Id(7)]));
        let at = any("filter[created_at]=2021-05-18T09:26:10%2B03:00");
        assert_eq!(at, any("filter[created_at]=2021-05-18T09:26:10+03:00"));
        assert_eq!(at, any("filter[created_at]=2021-05-18T06:26:10Z"));
        assert_eq!(any("filter[created_at]=yesterday"), Some(vec![]));
        for bad in [
            "filter[value]=1",
            "filter[a][b]=1",
            "filter[key=1",
            "filter[]=1",
        ] {
            assert!(
                matches!(query(bad), Err(Error::UnsupportedField { .. })),
                "{bad}"
            );
        }
        for bad in [
            "filter[key]=a&filter[key]=b",
            "filter[key]=a%00",
            "filter[key]=%ff",
        ] {
            assert!(
                matches!(query(bad), Err(Error::InvalidParameter(_))),
                "{bad}"
            );
        }
        assert!(query(&format!("filter[key]={}", ",".repeat(50))).is_err());
        assert!(query("filterkey=1&page=2").is_ok_and(|q| q == Query::default()));
    }
}
