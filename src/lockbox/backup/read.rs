//! Reads a backup: all of it, or nothing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{FORMAT, Header, Opened, Part, VERSION, file_key, part_context};
use crate::auth::seal::open;
use crate::error::{Error, Result};
use crate::lockbox::crypto::{DataKey, Kdf, Wrap};
use crate::types::Namespace;

/// A file whose header was read.
pub(super) struct File {
    bytes: Vec<u8>,
    /// Where the header ends.
    header: usize,
    /// The data key that the file takes.
    pub wrap: Wrap,
}

fn broken(detail: &'static str) -> Error {
    Error::field("backup", detail)
}

impl File {
    /// Reads the header.
    pub fn read(bytes: Vec<u8>, namespace: &Namespace, most: Kdf) -> Result<Self> {
        let end = bytes.iter().position(|b| *b == b'\n');
        let end = end.map_or(bytes.len(), |at| at + 1);
        let header: Header = serde_json::from_slice(&bytes[..end])
            .map_err(|_| broken("is no backup of a lockbox"))?;
        if header.format != FORMAT || header.version != VERSION {
            return Err(broken("is a backup of another format"));
        }
        if header.namespace != *namespace {
            return Err(broken("is a backup of another vendor's lockbox"));
        }
        let wrap = header.key.wrap();
        let wrap = wrap.filter(|wrap| wrap.is_sound() && !wrap.kdf.is_far_above(most));
        Ok(Self {
            bytes,
            header: end,
            wrap: wrap.ok_or_else(|| broken("holds a key of parameters that are not taken"))?,
        })
    }

    /// Opens every part. Takes its time: not to be called on a request's thread.
    pub fn entries(&self, key: &DataKey) -> Result<Vec<Opened>> {
        let (header, parts) = self.bytes.split_at(self.header);
        let over = file_key(key, header)?;
        let changed = || broken("was changed, or is not complete");
        let mut entries = Vec::new();
        let mut is_whole = false;
        let lines = parts.split_inclusive(|b| *b == b'\n');
        for (line, number) in lines.zip(0i64..) {
            let part: Part = serde_json::from_slice(line).map_err(|_| changed())?;
            if is_whole || part.number != number {
                return Err(changed());
            }
            is_whole = part.last;
            let sealed = BASE64_STANDARD
                .decode(&part.sealed)
                .map_err(|_| changed())?;
            let context = part_context(number, part.last);
            let plain = open(&over, &context, &sealed).ok_or_else(changed)?;
            let page: Vec<Opened> = serde_json::from_slice(&plain).map_err(|_| changed())?;
            entries.extend(page);
        }
        if is_whole {
            Ok(entries)
        } else {
            Err(changed())
        }
    }
}
