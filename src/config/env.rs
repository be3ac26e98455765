//! Reads single variables.

use std::str::FromStr;

use super::{ConfigError, Result};
use crate::types::Secret;

/// Where variables come from: the process's environment, or a table in tests.
pub struct Env<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    /// The process's own environment. Nothing outside this file reads it.
    #[must_use]
    pub fn process() -> Env<'static> {
        Env(&|name| std::env::var(name).ok())
    }

    /// Log levels: `RUST_LOG`, default `info`.
    #[must_use]
    pub fn log_levels(&self) -> String {
        self.text("RUST_LOG").unwrap_or_else(|| "info".to_owned())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.0)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
        default: T,
    ) -> Result<T> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|e: T::Err| invalid(name, &e)),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        match self.text(name).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(invalid(name, &"must be true or false")),
        }
    }

    /// A secret: the variable itself, or the file that `<name>_FILE` names. Both at once is an error.
    pub(super) fn secret(&self, name: &'static str) -> Result<Option<Secret>> {
        let file_name = format!("{name}_FILE");
        match (self.text(name), self.text(&file_name)) {
            (Some(_), Some(_)) => Err(invalid(name, &format!("is set, and {file_name} too"))),
            (Some(text), None) => Ok(Some(Secret::new(text))),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path).map_err(|e| invalid(&file_name, &e))?;
                Ok(Some(Secret::new(text.trim().to_owned())))
            }
            (None, None) => Ok(None),
        }
    }

    pub(super) fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.text(name)
            .map(|path| std::fs::read(path).map_err(|e| invalid(name, &e)))
            .transpose()
    }
}

pub(super) fn invalid(name: &str, problem: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::Invalid {
        name: name.to_owned(),
        problem: problem.to_string(),
    }
}
