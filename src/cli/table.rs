//! Answers of the service as people read them: a list as a table, one thing as lines of name and value.

use serde_json::{Map, Value};

use crate::types::is_invisible;

/// Between columns.
const GAP: &str = "  ";

/// The whole text, without a line's end at its end. A table wider than `width` characters is written row by row.
pub fn render(value: &Value, width: Option<usize>) -> String {
    let Some(object) = value.as_object() else {
        return cell(value);
    };
    let (lists, rest): (Vec<_>, Vec<_>) = object.iter().partition(|(_, value)| is_list(value));
    let rest: Map<String, Value> = rest
        .into_iter()
        .filter(|(name, _)| *name != "nextCursor")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut blocks = Vec::new();
    if !rest.is_empty() {
        blocks.push(record(&rest));
    }
    let is_alone = lists.len() == 1 && rest.is_empty();
    for (name, rows) in lists {
        let rows: Vec<_> = rows.as_array().into_iter().flatten().collect();
        let table = table(&rows, width);
        blocks.push(if is_alone {
            table
        } else {
            format!("{name}:\n{table}")
        });
    }
    blocks.join("\n\n")
}

/// A list of things, or one that is empty.
fn is_list(value: &Value) -> bool {
    let rows = value.as_array();
    rows.is_some_and(|rows| rows.iter().all(Value::is_object))
}

fn table(rows: &[&Value], width: Option<usize>) -> String {
    if rows.is_empty() {
        return "none".to_owned();
    }
    let rows: Vec<_> = rows.iter().map(|row| flat(row)).collect();
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let of = |row: &[(String, String)], column: &str| {
        let found = row.iter().find(|(name, _)| name == column);
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    let head = columns.iter().map(|name| (*name).to_owned()).collect();
    let body = rows
        .iter()
        .map(|row| columns.iter().map(|column| of(row, column)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(body).collect();
    let wide = |at: usize| lines.iter().map(|line| length(&line[at])).max();
    let widths: Vec<usize> = (0..columns.len()).filter_map(wide).collect();
    let whole = widths.iter().sum::<usize>() + GAP.len() * columns.len().saturating_sub(1);
    if width.is_some_and(|width| whole > width) {
        let records: Vec<_> = rows.iter().map(|row| aligned(row)).collect();
        return records.join("\n\n");
    }
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, &to)| pad(cell, to));
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn record(object: &Map<String, Value>) -> String {
    aligned(&flat(&Value::Object(object.clone())))
}

fn aligned(pairs: &[(String, String)]) -> String {
    let names = pairs.iter().map(|(name, _)| length(name));
    let to = names.max().unwrap_or_default();
    let line = |(name, value): &(String, String)| {
        let line = format!("{}{GAP}{value}", pad(name, to));
        line.trim_end().to_owned()
    };
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names and values, those of objects within as `outer.inner`.
fn flat(value: &Value) -> Vec<(String, String)> {
    let Some(object) = value.as_object() else {
        return vec![("value".to_owned(), cell(value))];
    };
    let mut pairs = Vec::new();
    for (name, value) in object {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                let inner = flat(value).into_iter();
                pairs.extend(
                    inner.map(|(below, value)| (format!("{}.{below}", plain(name)), value)),
                );
            }
            _ => pairs.push((plain(name), cell(value))),
        }
    }
    pairs
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => plain(&other.to_string()),
    }
}

/// Text that cannot move the cursor, hide itself, or turn the line around.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(length(text))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_a_table_and_what_is_too_wide_is_written_row_by_row() {
        let page = json!({
            "items": [
                { "namespace": "acme", "keys": [1, 2], "life": { "status": "active" } },
                { "namespace": "gravityview", "plan": "pro" },
            ],
            "nextCursor": "abc",
        });
        let table = "\
keys  life.status  namespace    plan
1, 2  active       acme
                   gravityview  pro";
        assert_eq!(render(&page, None), table);
        assert_eq!(render(&page, Some(36)), table);
        let rows = "\
keys         1, 2
life.status  active
namespace    acme

namespace  gravityview
plan       pro";
        assert_eq!(render(&page, Some(35)), rows);
        assert_eq!(
            render(&json!({ "items": [], "nextCursor": null }), None),
            "none"
        );
    }

    #[test]
    fn one_thing_is_lines_and_lists_in_it_stand_below() {
        let thing = json!({ "name": "Acme", "endsAt": null, "keys": [{ "id": 1 }], "old": [] });
        let shown = "endsAt\nname    Acme\n\nkeys:\nid\n1\n\nold:\nnone";
        assert_eq!(render(&thing, None), shown);
        assert_eq!(render(&json!("x"), None), "x");
    }

    #[test]
    fn a_name_cannot_write_over_the_terminal() {
        let name = "evil\u{1b}[2J\u{202e}\nnew";
        let shown = render(&json!({ "name": name }), None);
        assert_eq!(shown, "name  evil\\u{1b}[2J\\u{202e}\\u{a}new");
    }
}
