//! A lockbox as a file, and back.
//!
//! The file is JSON lines: a header with the wrapped key, then parts, each some entries sealed under a key of the file,
//! which takes the data key. Names of entries are sealed too. So the file is worth nothing without the password and the
//! secret in OpenBao. Each part is bound to its file, place and header; the last one says so: a file that was cut,
//! shuffled or changed is refused whole.

pub mod http;
mod read;
mod restore;
mod store;

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::store::Entry;
use super::crypto::{DataKey, EntryContext, Kdf, Wrap};
use super::{Keys, prove};
use crate::app::App;
use crate::auth::Administrator;
use crate::auth::seal::{Context, seal};
use crate::error::{Error, Result};
use crate::events::Outcome;
use crate::lockbox;
use crate::types::Namespace;
use crate::vendors::Vendor;

pub use restore::restore;

const FORMAT: &str = "gatehouse-lockbox";
const VERSION: u32 = 1;
/// Entries of a part.
const BATCH: usize = 100;
/// Bytes of a file: what is taken back.
pub const BACKUP_LIMIT: usize = 64 * 1024 * 1024;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    file: Uuid,
    namespace: Namespace,
    created_at: Timestamp,
    key: WrappedKey,
}

/// The wrapped data key, and what it takes to unwrap it besides the two secrets.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrappedKey {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    secret_version: i32,
    generation: i32,
    sealed: String,
}

impl WrappedKey {
    fn new(wrap: &Wrap) -> Self {
        Self {
            memory_kib: wrap.kdf.memory_kib,
            passes: wrap.kdf.passes,
            lanes: wrap.kdf.lanes,
            salt: BASE64_STANDARD.encode(&wrap.salt),
            secret_version: wrap.secret_version,
            generation: wrap.generation,
            sealed: BASE64_STANDARD.encode(&wrap.sealed),
        }
    }

    fn wrap(&self) -> Option<Wrap> {
        Some(Wrap {
            kdf: Kdf {
                memory_kib: self.memory_kib,
                passes: self.passes,
                lanes: self.lanes,
            },
            salt: BASE64_STANDARD.decode(&self.salt).ok()?,
            secret_version: self.secret_version,
            generation: self.generation,
            sealed: BASE64_STANDARD.decode(&self.sealed).ok()?,
        })
    }
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    number: i64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    last: bool,
    sealed: String,
}

/// An entry within a part.
#[derive(Serialize, Deserialize)]
struct Opened {
    id: i64,
    client_id: String,
    required_group: String,
    key: String,
    #[serde(rename = "type")]
    kind: String,
    value: Zeroizing<String>,
    version: i32,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
    updated_by: String,
}

/// The key of one file: of its data key and its header.
fn file_key(key: &DataKey, header: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let failed = |_| Error::Internal("the library for digests failed".to_owned());
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).map_err(failed)?;
    mac.update(
        Context::new("gatehouse lockbox backup")
            .with(header)
            .as_bytes(),
    );
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

fn part_context(number: i64, last: bool) -> Context {
    Context::new("gatehouse lockbox backup part")
        .and(number)
        .and(last.into())
}

/// A backup that is being written, line by line: of all entries as they were at one moment. It holds no key: where the
/// lockbox is locked meanwhile, it has no end.
pub struct Backup {
    vendor: Arc<Vendor>,
    epoch: i64,
    header: Vec<u8>,
    entries: VecDeque<Entry>,
    part: i64,
    stage: Stage,
    written: usize,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Header,
    Parts,
    Over,
}

/// Begins a backup of a lockbox that is unlocked.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxLocked`], [`Error::BackupTooLarge`], [`Error::Integrity`] where an
/// entry cannot be opened, or trouble with the database.
pub async fn begin(app: &Arc<App>, by: &Administrator) -> Result<Backup> {
    let vendor = &by.0.vendor;
    let (keys, wrap, entries) = lockbox::with_keys(app, vendor, |keys| async move {
        let client = app.db.of(vendor.id).await?;
        if store::size(&client, vendor.id).await? > BACKUP_LIMIT {
            return Err(Error::BackupTooLarge);
        }
        let entries = store::entries(&client, vendor.id).await?;
        // Last: the entries are then of no later epoch.
        let wrap = store::wrap_at(&client, vendor.id, keys.epoch).await?;
        Ok(match wrap {
            Some(wrap) => lockbox::Under::Epoch((keys, wrap, entries)),
            None => lockbox::Under::Moved,
        })
    })
    .await?;
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        file: Uuid::now_v7(),
        namespace: vendor.namespace.clone(),
        created_at: app.clock.now(),
        key: WrappedKey::new(&wrap),
    };
    let epoch = keys.epoch;
    let entries = whole(app, by, keys, entries).await?;
    let client = app.db.of(vendor.id).await?;
    prove::record(&client, app, by, "lockbox.backed_up").await?;
    Ok(Backup {
        vendor: Arc::clone(vendor),
        epoch,
        header: line(&header)?,
        entries: entries.into(),
        part: 0,
        stage: Stage::Header,
        written: 0,
    })
}

/// The entries, if each can be opened: a file that breaks off says nothing of the reason.
async fn whole(
    app: &App,
    by: &Administrator,
    keys: Arc<Keys>,
    entries: Vec<Entry>,
) -> Result<Vec<Entry>> {
    let opened = tokio::task::spawn_blocking(move || {
        let broken = entries.iter().find(|entry| open(&keys, entry).is_err());
        match broken.map(|entry| entry.id) {
            None => Ok(entries),
            Some(id) => Err(id),
        }
    });
    let opened = opened
        .await
        .map_err(|e| Error::Internal(format!("opening ended: {e}")))?;
    match opened {
        Ok(entries) => Ok(entries),
        Err(id) => {
            tracing::error!(vendor.id = %by.0.vendor.id, entry.id = id, "An entry cannot be opened: no backup");
            let (client, actor) = (app.db.of(by.0.vendor.id).await?, by.0.account.actor());
            let mut refused = prove::event(by, "lockbox.backed_up", &actor);
            refused.outcome = Outcome::Failed("integrity");
            refused.details = serde_json::json!({ "entry": id });
            refused.record(&client, app.clock.now()).await?;
            Err(Error::Integrity("an entry of a lockbox"))
        }
    }
}

fn line(value: &impl Serialize) -> Result<Vec<u8>> {
    let line = serde_json::to_vec(value);
    let mut line = line.map_err(|e| Error::Internal(format!("a line of a backup: {e}")))?;
    line.push(b'\n');
    Ok(line)
}

impl Backup {
    /// The name of the file.
    #[must_use]
    pub fn file_name(&self, now: Timestamp) -> String {
        let day = now.strftime("%Y-%m-%dT%H%M%SZ");
        format!("{}-{day}.lockbox", self.vendor.namespace)
    }

    /// The next line; `None` after the last.
    ///
    /// # Errors
    /// [`Error::LockboxLocked`] where it was locked or its key changed meanwhile: then the file has no end.
    pub fn next(&mut self, app: &App) -> Result<Option<Vec<u8>>> {
        let line = match self.stage {
            Stage::Over => return Ok(None),
            Stage::Header => {
                self.stage = Stage::Parts;
                self.header.clone()
            }
            Stage::Parts => self.next_part(app)?,
        };
        self.written += line.len();
        if self.written > BACKUP_LIMIT {
            return Err(Error::BackupTooLarge);
        }
        Ok(Some(line))
    }

    fn next_part(&mut self, app: &App) -> Result<Vec<u8>> {
        let keys = app.lockboxes.held(self.vendor.id);
        let keys = keys.filter(|keys| keys.epoch == self.epoch);
        let keys = keys.ok_or(Error::LockboxLocked)?;
        let most = self.entries.len().min(BATCH);
        let opened: Result<Vec<Opened>> = self
            .entries
            .drain(..most)
            .map(|entry| shown(&keys, entry))
            .collect();
        let last = self.entries.is_empty();
        let plain = serde_json::to_vec(&opened?).map(Zeroizing::new);
        let plain = plain.map_err(|e| Error::Internal(format!("a part of a backup: {e}")))?;
        let file_key = file_key(keys.current(), &self.header)?;
        let sealed = seal(&file_key, &part_context(self.part, last), &plain);
        let sealed = sealed
            .ok_or_else(|| Error::Internal("the library for cryptography failed".to_owned()))?;
        let part = Part {
            number: self.part,
            last,
            sealed: BASE64_STANDARD.encode(sealed),
        };
        self.part += 1;
        if last {
            self.stage = Stage::Over;
        }
        keys.note_use();
        line(&part)
    }
}

fn open(keys: &Keys, entry: &Entry) -> Result<Zeroizing<String>> {
    let context = EntryContext {
        id: entry.id,
        version: entry.version,
        required_group: &entry.required_group,
        client_id: &entry.client_id,
        key: &entry.key,
        kind: &entry.kind,
    };
    let value = keys.open(&context, entry.generation, &entry.sealed)?;
    let value = std::str::from_utf8(&value).map(|text| Zeroizing::new(text.to_owned()));
    value.map_err(|_| Error::Integrity("an entry of a lockbox"))
}

fn shown(keys: &Keys, entry: Entry) -> Result<Opened> {
    Ok(Opened {
        value: open(keys, &entry)?,
        id: entry.id,
        client_id: entry.client_id,
        required_group: entry.required_group,
        key: entry.key,
        kind: entry.kind,
        version: entry.version,
        created_at: entry.created_at,
        created_by: entry.created_by,
        updated_at: entry.updated_at,
        updated_by: entry.updated_by,
    })
}
