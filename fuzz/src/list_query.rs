//! Filters, orders, pages and cursors: what is taken is inside its bounds, and a cursor says what it was made of.

use gatehouse::access_logs::timeline::filter::{Action, Asked, Who, is_storable};
use gatehouse::access_logs::timeline::{Order, Place};
use gatehouse::http::{Cursor, PageRequest};
use gatehouse::lockbox::entries::list::{Field, Match, Query};
use gatehouse::types::VendorId;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What stands behind the `?` of a URL.
pub fn holds(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else {
        return;
    };
    timeline(query);
    entries(query);
    if let Ok(page) = PageRequest::beside(query, |_, _| Ok(())) {
        assert!((1..=100).contains(&page.limit));
        if let Some(cursor) = page.cursor {
            says_what_it_was_made_of::<i64>(&cursor);
            says_what_it_was_made_of::<(i64, String)>(&cursor);
            says_what_it_was_made_of::<(Order, Place)>(&cursor);
            says_what_it_was_made_of::<Vec<String>>(&cursor);
        }
    }
}

fn says_what_it_was_made_of<T: DeserializeOwned + Serialize>(cursor: &Cursor) {
    let Ok(key) = cursor.key::<T>() else {
        return;
    };
    let text = |key: &T| Cursor::after(key).expect("a cursor").into_text();
    let first = text(&key);
    assert!(
        first
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    );
    let query = format!("cursor={first}");
    let again = PageRequest::beside(&query, |_, _| Ok(())).expect("a page");
    let again = again
        .cursor
        .expect("a cursor")
        .key::<T>()
        .expect("the same key");
    assert_eq!(text(&again), first);
}

fn timeline(query: &str) {
    let asked = Asked::parse(query, false);
    // Who sees all vendors can ask all that one vendor can.
    assert!(asked.is_err() || Asked::parse(query, true).is_ok());
    for asked in [asked, Asked::parse(query, true)].into_iter().flatten() {
        assert!((1..=100).contains(&asked.page.limit));
        let filter = asked.filter;
        assert!(filter.from.iter().chain(&filter.to).all(is_storable));
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            assert!(from < to);
        }
        if let Some(Action::Is(text) | Action::Begins(text)) = filter.action {
            // Neither a sign of LIKE's but the underscore, nor one that ends a text.
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
            assert!(
                (1..=101).contains(&text.len()) && text.bytes().all(plain),
                "{text:?}"
            );
        }
        if let Some(Who::Kind(text) | Who::Named(text)) = filter.caller {
            assert!(!text.is_empty() && text.len() <= 241 && !text.chars().any(char::is_control));
        }
        assert!(
            filter
                .outcome
                .is_none_or(|outcome| ["done", "refused", "failed"].contains(&outcome))
        );
        assert!(asked.format.is_none() || asked.page.cursor.is_none());
    }
}

fn entries(text: &str) {
    let mut query = Query::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let is_ours = name == "sort" || name.starts_with("filter[");
        match query.take(&name, &value) {
            Ok(taken) => assert_eq!(taken, is_ours, "{name}"),
            Err(_) => return,
        }
    }
    let order = query.order();
    assert_eq!(
        order.last().map(|sort| sort.field),
        Some(Field::Id),
        "the order is not total"
    );
    for (number, sort) in order.iter().enumerate() {
        assert!(
            order[..number]
                .iter()
                .all(|before| before.field != sort.field)
        );
    }
    let mut values = 0;
    for (number, filter) in query.filters.iter().enumerate() {
        assert!(
            query.filters[..number]
                .iter()
                .all(|before| before.field != filter.field)
        );
        values += filter.any.len();
        for value in &filter.any {
            match value {
                Match::Text(text) => assert!(!text.contains(['\0', ',', '*'])),
                Match::Wild(parts) => assert!(
                    parts.len() > 1 && parts.iter().all(|part| !part.contains(['\0', ',', '*']))
                ),
                Match::Id(id) => assert!(*id >= 0),
                Match::At(at) => assert!(at.as_second() >= 0),
            }
        }
    }
    assert!(values <= 50);
    assert_eq!(query.mark(VendorId(1)), query.mark(VendorId(1)));
    assert_ne!(query.mark(VendorId(1)), query.mark(VendorId(2)));
}
