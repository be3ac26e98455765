//! A file of credentials: one JSON object a line (NDJSON), as `POST /api/credentials` takes it.

pub mod http;

use std::collections::HashMap;

use super::access::Caller;
use super::create::New;
use super::http::CreateCredentialRequest;
use super::store;
use crate::app::App;
use crate::error::{Error, LineError, Result};
use crate::http::{BODY_LIMIT, parse_json};

/// Most lines of a file.
pub const MOST_LINES: usize = 1000;
/// Most errors told of a file.
const MOST_ERRORS: usize = 100;

/// The credentials of a file, each with its line.
///
/// # Errors
/// [`Error::InvalidLines`] with each line that cannot be taken, and why.
pub fn read(bytes: &[u8]) -> Result<Vec<(usize, New)>> {
    let mut news: Vec<(usize, New)> = Vec::new();
    let mut errors = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let lines = bytes.split(|b| *b == b'\n').enumerate();
    for (index, text) in lines.filter(|(_, text)| !text.trim_ascii().is_empty()) {
        let line = index + 1;
        if news.len() + errors.len() == MOST_LINES {
            return Err(Error::InvalidLines(vec![refused(
                line,
                &Error::BodyTooLarge,
            )]));
        }
        let new = short(text)
            .and_then(parse_json::<CreateCredentialRequest>)
            .and_then(CreateCredentialRequest::into_new)
            .and_then(|new| {
                let before = seen.insert(new.key.to_string(), line);
                match before {
                    Some(first) => Err(Error::field("key", format!("is that of line {first} too"))),
                    None => Ok(new),
                }
            });
        match new {
            Ok(new) => news.push((line, new)),
            Err(error) => errors.push(refused(line, &error)),
        }
    }
    finish(news, errors)
}

/// A line is as long as the body of one such request may be.
fn short(text: &[u8]) -> Result<&[u8]> {
    if text.len() <= BODY_LIMIT {
        Ok(text)
    } else {
        Err(Error::BodyTooLarge)
    }
}

/// Refuses lines whose key is taken already.
///
/// # Errors
/// [`Error::InvalidLines`], or trouble with the database.
pub async fn refuse_taken(app: &App, by: &Caller, news: &[(usize, New)]) -> Result<()> {
    let keys: Vec<&str> = news.iter().map(|(_, new)| new.key.as_str()).collect();
    let client = app.db.of(by.vendor.id).await?;
    let taken = store::taken(&client, by.vendor.id, &keys).await?;
    let errors: Vec<LineError> = news
        .iter()
        .filter_map(|(line, new)| {
            let found = taken.iter().find(|(key, _)| key == new.key.as_str());
            found.map(|(_, unfinished)| {
                let error = if *unfinished {
                    Error::Conflict
                } else {
                    Error::CredentialExists
                };
                refused(*line, &error)
            })
        })
        .collect();
    finish((), errors)
}

fn finish<T>(done: T, mut errors: Vec<LineError>) -> Result<T> {
    errors.truncate(MOST_ERRORS);
    if errors.is_empty() {
        Ok(done)
    } else {
        Err(Error::InvalidLines(errors))
    }
}

fn refused(line: usize, error: &Error) -> LineError {
    LineError {
        line,
        code: error.entry().code,
        errors: error.field_errors().to_vec(),
    }
}
