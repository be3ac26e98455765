//! Pages by cursor.

use std::borrow::Cow;

use actix_web::{FromRequest, Handler};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::decided::head;
use crate::error::{Error, Result};
use crate::types::Namespace;

const DEFAULT: i64 = 50;
const MOST: i64 = 100;

/// Where a page begins: what an answer's `nextCursor` holds, opaque to callers.
#[derive(Clone, Debug)]
pub struct Cursor(String);

impl Cursor {
    /// After the row with this key.
    #[must_use]
    pub fn after(key: &impl Serialize) -> Option<Self> {
        serde_json::to_vec(key)
            .ok()
            .map(|bytes| Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// As answers show it.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    /// The key.
    ///
    /// # Errors
    /// 400 where the text was not made by this service for this list.
    pub fn key<T: DeserializeOwned>(&self) -> Result<T> {
        let bad = Error::InvalidParameter("cursor is not one of this list's");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&self.0);
        bytes
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .filter(|key| !holds_nul(key))
            .and_then(|key| serde_json::from_value(key).ok())
            .ok_or(bad)
    }
}

/// Whether a text of the key has a NUL, which no text in PostgreSQL has.
fn holds_nul(key: &Value) -> bool {
    match key {
        Value::String(text) => text.contains('\0'),
        Value::Array(parts) => parts.iter().any(holds_nul),
        Value::Object(parts) => parts.values().any(holds_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `?limit=` (1 to 100, default 50) and `?cursor=`. Any other parameter, or one given twice, is refused.
#[derive(Debug)]
pub struct PageRequest {
    /// Rows wanted.
    pub limit: i64,
    /// Where to begin.
    pub cursor: Option<Cursor>,
}

impl PageRequest {
    fn parse(query: &str) -> Result<Self> {
        Self::beside(query, |_, _| {
            Err(Error::InvalidParameter(
                "unknown query parameter; known: limit, cursor",
            ))
        })
    }

    /// Reads a query that has other parameters too: `other` takes or refuses each of them.
    ///
    /// # Errors
    /// 400 where a parameter breaks its rule, or is given twice, and the errors of `other`.
    pub fn beside(query: &str, mut other: impl FnMut(&str, &str) -> Result<()>) -> Result<Self> {
        let (mut limit, mut cursor) = (None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let twice = match name.as_ref() {
                "limit" => limit.replace(value.into_owned()).is_some(),
                "cursor" => cursor.replace(value.into_owned()).is_some(),
                name => {
                    other(name, &value)?;
                    false
                }
            };
            if twice {
                return Err(Error::InvalidParameter("a query parameter is given twice"));
            }
        }
        let number = |text: String| {
            let digits =
                !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
            let number = text
                .parse()
                .ok()
                .filter(|n| digits && (1..=MOST).contains(n));
            number.ok_or(Error::InvalidParameter("limit must be 1 to 100"))
        };
        Ok(Self {
            limit: limit.map_or(Ok(DEFAULT), number)?,
            cursor: cursor.map(Cursor),
        })
    }
}

head!(PageRequest, |request| PageRequest::parse(
    request.query_string()
));

/// The query of a call that takes none.
pub struct NoQuery;

head!(NoQuery, |request| if request.query_string().is_empty() {
    Ok(NoQuery)
} else {
    Err(Error::InvalidParameter(
        "this call takes no query parameters",
    ))
});

/// A handler that is called only where there is no query; a stranger is told so first.
pub fn without_query<F, Args>(handler: F) -> impl Handler<(Args, NoQuery), Output = F::Output>
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
{
    move |args: Args, _: NoQuery| handler.call(args)
}

/// `?confirm=`: what a call that cannot be undone is about, said once more.
pub struct Confirmed(Option<String>);

impl Confirmed {
    /// Lets the call pass that is confirmed.
    ///
    /// # Errors
    /// 400 where the parameter is missing or names something else.
    pub fn names(&self, what: &Namespace) -> Result<()> {
        if self.0.as_deref() == Some(what.as_str()) {
            return Ok(());
        }
        Err(Error::InvalidParameter(
            "this cannot be undone: confirm must repeat the namespace",
        ))
    }
}

head!(Confirmed, |request| {
    let mut confirm = None;
    for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if name != "confirm" {
            return Err(Error::InvalidParameter(
                "unknown query parameter; known: confirm",
            ));
        }
        if confirm.replace(value.into_owned()).is_some() {
            return Err(Error::InvalidParameter("a query parameter is given twice"));
        }
    }
    Ok(Confirmed(confirm))
});

/// One page: the rows, and the cursor of the next page where there is one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// Rows.
    pub items: Vec<T>,
    /// `null` on the last page.
    pub next_cursor: Option<String>,
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let cursor = SchemaType::from_iter([Type::String, Type::Null]);
        let cursor = ObjectBuilder::new().schema_type(cursor);
        let says = "null at the end only: a page may be short, or empty, before it";
        ObjectBuilder::new()
            .property("items", items)
            .property("nextCursor", cursor.description(Some(says)))
            .required("items")
            .required("nextCursor")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T> Page<T> {
    /// From `limit + 1` rows: the one too many says that there is a next page.
    #[must_use]
    pub fn from_rows<R, K: Serialize>(
        mut rows: Vec<R>,
        limit: i64,
        key: impl Fn(&R) -> K,
        view: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .and_then(|row| Cursor::after(&key(row)));
        Self {
            next_cursor: next.map(|cursor| cursor.0),
            items: rows.into_iter().map(view).collect(),
        }
    }

    /// Where this would be the last page: with a next one after `key`, as no rows beyond that were looked at.
    #[must_use]
    pub fn or_after(mut self, key: Option<&impl Serialize>) -> Self {
        let further = || key.and_then(Cursor::after).map(|cursor| cursor.0);
        self.next_cursor = self.next_cursor.or_else(further);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_parameters_are_checked() {
        assert_eq!(PageRequest::parse("").map(|p| p.limit).ok(), Some(50));
        assert_eq!(
            PageRequest::parse("limit=100").map(|p| p.limit).ok(),
            Some(100)
        );
        for bad in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=+1",
            "limit=1e1",
            "limit=",
            "limit=5&limit=6",
            "sort=x",
            "offset=1",
            "limit=%D9%A3",
        ] {
            assert!(PageRequest::parse(bad).is_err(), "{bad}");
        }
        let page: Page<i64> = Page::from_rows(vec![1, 2, 3], 2, |n| *n, |n| n);
        let query = format!("cursor={}", page.next_cursor.unwrap_or_default());
        let next = PageRequest::parse(&query)
            .ok()
            .and_then(|p| p.cursor)
            .and_then(|c| c.key::<i64>().ok());
        assert_eq!((page.items, next), (vec![1, 2], Some(2)));
        assert!(
            PageRequest::parse("cursor=!!")
                .ok()
                .and_then(|p| p.cursor)
                .is_some_and(|c| c.key::<i64>().is_err())
        );
        for (text, good) in [("a\0b", false), ("a\\u0000b", true), ("", true)] {
            let cursor = Cursor::after(&(1, text));
            let key = cursor.and_then(|c| c.key::<(i64, String)>().ok());
            assert_eq!(key.is_some(), good, "{text:?}");
        }
    }
}
