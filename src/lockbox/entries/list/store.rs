//! The statement of a list. Its text is put together from closed lists of words, what callers say are parameters.
//!
//! It is prepared anew for each list: PostgreSQL plans it for the very values.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio_postgres::types::ToSql;

use super::page::Shown;
use super::{Field, Filter, Match, Part, Query, Sort};
use crate::db::{GenericClient, Result};
use crate::lockbox::entries::Entry;
use crate::lockbox::entries::store::{COLUMNS, entry};
use crate::types::VendorId;

/// The rows of a list; none where the lockbox is not open at this epoch.
///
/// # Errors
/// Where the database does not answer.
pub async fn rows(
    client: &impl GenericClient,
    vendor: VendorId,
    epoch: i64,
    query: &Query,
    part: Option<&Part>,
) -> Result<Vec<Entry>> {
    let statement = Statement::of(vendor, epoch, query, part);
    let params: Vec<&(dyn ToSql + Sync)> = statement
        .params
        .iter()
        .map(|param| &**param as &(dyn ToSql + Sync))
        .collect();
    let rows = client.query(&statement.sql, &params).await?;
    rows.iter().map(entry).collect()
}

/// A statement that is being put together.
struct Statement {
    sql: String,
    params: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Statement {
    fn of(vendor: VendorId, epoch: i64, query: &Query, part: Option<&Part>) -> Self {
        let order = query.order();
        let mut statement = Self {
            sql: format!(
                "SELECT {COLUMNS} FROM lockbox_entries e WHERE e.vendor_id = $1 \
                 AND (SELECT l.epoch FROM lockboxes l WHERE l.vendor_id = $1 AND NOT l.locked) = $2"
            ),
            params: vec![Box::new(vendor.0), Box::new(epoch)],
        };
        for filter in &query.filters {
            statement.and_filter(filter);
        }
        if let Some(search) = &query.search {
            let pattern = statement.bind(pattern(&["", search, ""]));
            let [key, client] = [Field::Key, Field::ClientId].map(folded);
            statement.and(&format!(
                "({key} LIKE {pattern} OR {client} LIKE {pattern})"
            ));
        }
        if let Some(after) = part.and_then(|part| part.after.as_ref()) {
            statement.and_after(&order, after.shown());
        }
        let keys: Vec<String> = order
            .iter()
            .map(|sort| {
                let direction = if sort.descending { "DESC" } else { "ASC" };
                format!("{} {direction}", column(sort.field))
            })
            .collect();
        statement.sql.push_str(" ORDER BY ");
        statement.sql.push_str(&keys.join(", "));
        if let Some(part) = part {
            let limit = statement.bind(part.limit);
            statement.sql.push_str(" LIMIT ");
            statement.sql.push_str(&limit);
        }
        statement
    }

    fn bind(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.params.push(Box::new(value));
        format!("${}", self.params.len())
    }

    fn bind_shown(&mut self, shown: &Shown) -> String {
        match shown {
            Shown::Number(number) => self.bind(*number),
            Shown::At(at) => self.bind(*at),
            Shown::Text(text) => self.bind(text.clone()),
        }
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    fn and_filter(&mut self, filter: &Filter) {
        let name = column(filter.field);
        let mut conditions: Vec<String> = Vec::new();
        for one in &filter.any {
            conditions.push(match one {
                Match::Id(id) => format!("{name} = {}", self.bind(*id)),
                Match::At(at) => format!("{name} = {}", self.bind(*at)),
                Match::Text(text) => format!("{name} = {}", self.bind(text.clone())),
                Match::Wild(parts) => {
                    format!(
                        "{} LIKE {}",
                        folded(filter.field),
                        self.bind(pattern(parts))
                    )
                }
            });
        }
        if let (Field::CreatedAt, [Match::Wild(parts)]) = (filter.field, &filter.any[..]) {
            self.and_day(name, parts);
        }
        match conditions.len() {
            0 => self.and("false"),
            _ => self.and(&format!("({})", conditions.join(" OR "))),
        }
    }

    /// The day that a pattern of a time begins with bounds it too, so that an index leads there.
    fn and_day(&mut self, name: &str, parts: &[String]) {
        let text = parts.first().and_then(|part| part.get(..10));
        let day = text.and_then(|text| text.parse::<Date>().ok());
        let midnight = |day: Date| day.to_zoned(TimeZone::UTC).map(|at| at.timestamp()).ok();
        let next = day.and_then(|day| day.tomorrow().ok());
        if let (Some(from), Some(to)) = (day.and_then(midnight), next.and_then(midnight)) {
            let (from, to) = (self.bind(from), self.bind(to));
            self.and(&format!("{name} >= {from} AND {name} < {to}"));
        }
    }

    /// What comes after a place in the order. The first key alone bounds it too, so that an index leads there.
    fn and_after(&mut self, order: &[Sort], at: &[Shown]) {
        let bound: Vec<String> = at.iter().map(|shown| self.bind_shown(shown)).collect();
        let sign = |sort: &Sort| if sort.descending { "<" } else { ">" };
        let uniform = order
            .iter()
            .all(|sort| sort.descending == order[0].descending);
        if uniform {
            let names: Vec<&str> = order.iter().map(|sort| column(sort.field)).collect();
            let (names, values) = (names.join(", "), bound.join(", "));
            return self.and(&format!("({names}) {} ({values})", sign(&order[0])));
        }
        let mut later = "false".to_owned();
        for (sort, value) in order.iter().zip(&bound).rev() {
            let name = column(sort.field);
            later = format!(
                "({name} {} {value} OR ({name} = {value} AND {later}))",
                sign(sort)
            );
        }
        let first = column(order[0].field);
        self.and(&format!("{first} {}= {}", sign(&order[0]), bound[0]));
        self.and(&later);
    }
}

fn column(field: Field) -> &'static str {
    match field {
        Field::Id => "e.id",
        Field::ClientId => "e.client_id",
        Field::CreatedBy => "e.created_by",
        Field::CreatedAt => "e.created_at",
        Field::Key => "e.key",
    }
}

/// A field's text in lower case, as patterns see it. Of the texts' collation, "C", that is A to Z alone.
fn folded(field: Field) -> &'static str {
    match field {
        Field::Id => "e.id::text",
        Field::ClientId => "lower(e.client_id)",
        Field::CreatedBy => "lower(e.created_by)",
        Field::CreatedAt => {
            r#"lower(to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))"#
        }
        Field::Key => "lower(e.key)",
    }
}

/// A pattern of `LIKE` for parts with anything between them.
fn pattern(parts: &[impl AsRef<str>]) -> String {
    let escaped = parts.iter().map(|part| {
        let mut text = String::new();
        for character in part.as_ref().chars() {
            if matches!(character, '%' | '_' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text
    });
    escaped.collect::<Vec<_>>().join("%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_literal_but_for_the_wildcard() {
        assert_eq!(pattern(&["a", "b"]), "a%b");
        assert_eq!(pattern(&["", ""]), "%");
        assert_eq!(pattern(&["", "50%_\\", ""]), "%50\\%\\_\\\\%");
        assert_eq!(pattern(&["50%", ""]), "50\\%%");
    }
}
