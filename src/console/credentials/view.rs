//! What pages show of credentials.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::form::title;
use crate::console::http::Faults;
use crate::console::layout::{Badge, moment, moment_or};
use crate::credentials::Record;
use crate::credentials::probe::Outcome;
use crate::http::Form;

/// The field of the day on which a credential is to be changed.
pub const DAY: &str = "rotateBy";

/// A credential without its value.
pub struct Row {
    pub key: String,
    pub type_title: String,
    pub version: u32,
    pub changed: String,
    pub used: String,
    pub rotate_by: String,
    /// Whether it should have been changed by now.
    pub is_due: bool,
    pub deleted: Option<String>,
}

impl Row {
    pub fn new(record: &Record, now: Timestamp) -> Self {
        Self {
            key: record.key.to_string(),
            type_title: title(&record.type_name).to_owned(),
            version: record.version,
            changed: moment(&record.updated_at),
            used: moment_or(record.last_used_at.as_ref(), "never"),
            rotate_by: record
                .rotate_by
                .as_ref()
                .map_or_else(|| "no date".to_owned(), day),
            is_due: record.rotate_by.is_some_and(|at| at <= now),
            deleted: record.deleted_at.as_ref().map(moment),
        }
    }
}

/// A field of a value as it is shown to whoever asked for it.
pub struct Shown {
    pub name: String,
    /// `None` for `null`.
    pub text: Option<String>,
}

/// Fields of a value, without its type.
pub fn shown(value: Map<String, Value>) -> Vec<Shown> {
    let fields = value.into_iter().filter(|(name, _)| name != "type");
    let field = |(name, value)| Shown {
        name,
        text: match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        },
    };
    fields.map(field).collect()
}

/// How a trial went.
pub struct Trial {
    pub badge: Badge,
    pub detail: String,
    pub duration_ms: u64,
}

impl From<Outcome> for Trial {
    fn from(outcome: Outcome) -> Self {
        let badge = if outcome.ok {
            Badge::of("works").with_tone_of("done")
        } else {
            Badge::of("does not work").with_tone_of("failed")
        };
        Self {
            badge,
            detail: outcome.detail,
            duration_ms: outcome.duration_ms,
        }
    }
}

/// The day of a moment, as fields for days have it.
pub fn day(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// The day in a form, from its first moment on.
pub fn rotate_by(form: &Form, faults: &mut Faults) -> Option<Timestamp> {
    let text = form.get(DAY)?;
    let day = text.parse::<Date>().ok();
    let day = day.filter(|day| (1970..2200).contains(&day.year()));
    let begun = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    if begun.is_none() {
        faults.add(DAY, "must be a day from 1970 to 2199, as 2027-01-31");
    }
    begun.map(|begun| begun.timestamp())
}
