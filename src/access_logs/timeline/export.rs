//! A timeline as a file: read page by page and written as it is read, so that memory stays the same however long it is.
//!
//! Each page is a statement of its own and takes a connection for that long. What happens while the file is written is
//! not in it: its end is fixed when it begins. A client that takes nothing for a while, or is gone, ends it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::page::{self, Found};
use super::view::CallerView;
use super::{Item, Place, Reading};
use crate::app::App;
use crate::db;
use crate::error::{Error, Result, cause_chain};
use crate::types::VendorId;

/// Items of one look into the database.
const CHUNK: usize = 1_000;
/// Without anything being taken.
const STALLED: Duration = Duration::from_mins(1);
/// For one look into the database: one that hangs answers nothing, not even its own time limits.
const LIMIT: Duration = Duration::from_secs(5);
/// Of one vendor, and of all operators.
const AT_ONCE: usize = 2;

const COLUMNS: [&str; 25] = [
    "id",
    "at",
    "source",
    "vendor",
    "action",
    "outcome",
    "code",
    "callerKind",
    "callerName",
    "secretId",
    "credential",
    "issuanceId",
    "tokenKind",
    "tokenCallerKind",
    "tokenCallerName",
    "tokenIssuedAt",
    "tokenExpiresAt",
    "purposeAction",
    "purposeCallerKind",
    "purposeCallerName",
    "address",
    "userAgent",
    "requestId",
    "openbaoRequestId",
    "details",
];

/// Of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One item a line, as pages have them.
    Ndjson,
    /// RFC 4180, with the columns' names in the first line.
    Csv,
}

impl Format {
    /// By name.
    ///
    /// # Errors
    /// 400 where there is no such format.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            _ => Err(Error::InvalidParameter("format must be ndjson or csv")),
        }
    }

    /// As a media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// As the end of a file's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

type Taken = HashMap<Option<VendorId>, usize>;

/// The exports under way, of each vendor and of operators.
#[derive(Clone, Default)]
pub struct Exports(Arc<Mutex<Taken>>);

/// An export under way.
pub struct Slot {
    exports: Exports,
    of: Option<VendorId>,
}

impl Exports {
    /// A place for an export of a vendor's, or of an operator's.
    ///
    /// # Errors
    /// [`Error::ExportsBusy`] where too many are under way.
    pub fn take(&self, of: Option<VendorId>) -> Result<Slot> {
        let mut taken = self.lock();
        let count = taken.entry(of).or_default();
        if *count >= AT_ONCE {
            return Err(Error::ExportsBusy);
        }
        *count += 1;
        drop(taken);
        Ok(Slot {
            exports: self.clone(),
            of,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.exports.lock();
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

/// A piece of a file; `None` is its end. Where neither comes, it was cut off.
pub type Piece = Result<Option<Vec<u8>>>;

/// Begins a file: reads its first page, so that trouble can still be told, and leaves the rest to work of its own.
///
/// # Errors
/// Trouble with the database.
pub async fn begin(
    app: &Arc<App>,
    reading: Reading,
    format: Format,
    slot: Slot,
) -> Result<mpsc::Receiver<Piece>> {
    let first = look(app, &reading, None).await?;
    let (pieces, taken) = mpsc::channel(1);
    let file = File {
        app: Arc::clone(app),
        reading,
        format,
        pieces,
    };
    app.aside(async move {
        let _slot = slot;
        if let Err(error) = file.write(first).await {
            tracing::warn!(error.cause = %cause_chain(&error), "An export of access logs was cut off");
            file.give(Err(error)).await.ok();
        }
    });
    Ok(taken)
}

async fn look(app: &App, reading: &Reading, after: Option<Place>) -> Result<Found> {
    let found = page::read(app, reading, after, CHUNK);
    tokio::time::timeout(LIMIT, found)
        .await
        .unwrap_or(Err(db::Error::TimedOut.into()))
}

struct File {
    app: Arc<App>,
    reading: Reading,
    format: Format,
    pieces: mpsc::Sender<Piece>,
}

/// Nobody takes the file any more.
struct Gone;

impl File {
    async fn write(&self, first: Found) -> Result<()> {
        let mut bytes = match self.format {
            Format::Csv => csv_lines(std::iter::once(COLUMNS.map(str::to_owned)))?,
            Format::Ndjson => Vec::new(),
        };
        let mut page = first;
        loop {
            let next: Option<Place> = page.next;
            bytes.extend(self.lines(&page.items)?);
            // A piece without anything would end the body.
            if !bytes.is_empty()
                && self
                    .give(Ok(Some(std::mem::take(&mut bytes))))
                    .await
                    .is_err()
            {
                return Ok(());
            }
            if next.is_none() {
                self.give(Ok(None)).await.ok();
                return Ok(());
            }
            if self.pieces.is_closed() {
                return Ok(());
            }
            page = look(&self.app, &self.reading, next).await?;
        }
    }

    async fn give(&self, piece: Piece) -> std::result::Result<(), Gone> {
        match tokio::time::timeout(STALLED, self.pieces.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    fn lines(&self, items: &[Item]) -> Result<Vec<u8>> {
        match self.format {
            Format::Csv => csv_lines(items.iter().map(cells)),
            Format::Ndjson => {
                let mut out = Vec::new();
                for item in items {
                    serde_json::to_writer(&mut out, item)
                        .map_err(|e| Error::Internal(format!("an item: {e}")))?;
                    out.push(b'\n');
                }
                Ok(out)
            }
        }
    }
}

fn csv_lines(rows: impl Iterator<Item = [String; COLUMNS.len()]>) -> Result<Vec<u8>> {
    let bad = |e: &dyn std::fmt::Display| Error::Internal(format!("a line of CSV: {e}"));
    let mut lines = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        lines.write_record(row.map(harmless)).map_err(|e| bad(&e))?;
    }
    lines.into_inner().map_err(|e| bad(&e))
}

/// A cell that no spreadsheet takes for a formula, also not where `;` stands between columns.
fn harmless(text: String) -> String {
    let begins = |rest: &str| rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let mut parts = text.split(';');
    if !parts.any(begins) {
        return text;
    }
    let parts = text.split(';').map(|part| {
        let mark = if begins(part) { "'" } else { "" };
        format!("{mark}{part}")
    });
    parts.collect::<Vec<_>>().join(";")
}

fn cells(item: &Item) -> [String; COLUMNS.len()] {
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let kind = |caller: Option<&CallerView>| text(caller.map(|c| &c.kind));
    let name = |caller: Option<&CallerView>| text(caller.and_then(|c| c.name.as_ref()));
    let (token, purpose) = (item.token.as_ref(), item.purpose.as_ref());
    let details = match &item.details {
        Value::Object(fields) if fields.is_empty() => String::new(),
        other => other.to_string(),
    };
    [
        item.id.clone(),
        item.at.to_string(),
        item.source.as_str().to_owned(),
        text(item.vendor.as_ref().and_then(Option::as_ref)),
        item.action.clone(),
        item.outcome.clone(),
        text(item.code.as_ref()),
        kind(item.caller.as_ref()),
        name(item.caller.as_ref()),
        text(item.secret_id.as_ref()),
        text(item.credential.as_ref()),
        token.map(|t| t.issuance_id.to_string()).unwrap_or_default(),
        text(token.map(|t| &t.kind)),
        kind(token.map(|t| &t.caller)),
        name(token.map(|t| &t.caller)),
        token.map(|t| t.issued_at.to_string()).unwrap_or_default(),
        token.map(|t| t.expires_at.to_string()).unwrap_or_default(),
        text(purpose.map(|p| &p.action)),
        kind(purpose.map(|p| &p.caller)),
        name(purpose.map(|p| &p.caller)),
        text(item.address.as_ref()),
        text(item.user_agent.as_ref()),
        text(item.request_id.as_ref()),
        text(item.openbao_request_id.as_ref()),
        details,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_no_formulas_any_more() {
        for bad in ["=1+1", "+1", "-1", "@x", "\tx", "\rx"] {
            assert_eq!(harmless(bad.to_owned()), format!("'{bad}"));
        }
        for (bad, good) in [
            ("Mozilla;=cmd|'/c x'!A1;x", "Mozilla;'=cmd|'/c x'!A1;x"),
            ("=a;-1;b", "'=a;'-1;b"),
            ("a=1; b=2", "a=1; b=2"),
        ] {
            assert_eq!(harmless(bad.to_owned()), good);
        }
        assert_eq!(harmless("a=1".to_owned()), "a=1");
        assert_eq!(harmless(String::new()), "");
    }

    #[test]
    fn so_many_at_once() {
        let exports = Exports::default();
        let held: Vec<_> = (0..2).map(|_| exports.take(Some(VendorId(1)))).collect();
        assert!(held.iter().all(Result::is_ok) && exports.take(Some(VendorId(1))).is_err());
        assert!(exports.take(Some(VendorId(2))).is_ok() && exports.take(None).is_ok());
        drop(held);
        assert!(exports.lock().is_empty() && exports.take(Some(VendorId(1))).is_ok());
    }
}
