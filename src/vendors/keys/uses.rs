//! When each key was last shown: noted in memory on the way of each request, and kept once a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::store::{self, Shown};
use crate::app::App;
use crate::db;
use crate::types::{KeyId, VendorId};

/// Kept in one statement.
const CHUNK: usize = 5000;

/// Keys that were shown to this replica since they were last kept.
#[derive(Default)]
pub struct KeyUses(Mutex<HashMap<(VendorId, KeyId), Shown>>);

impl KeyUses {
    fn lock(&self) -> MutexGuard<'_, HashMap<(VendorId, KeyId), Shown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the public key of a pair was shown.
    pub fn public(&self, vendor: VendorId, key: KeyId, now: Timestamp) {
        self.lock().entry((vendor, key)).or_default().public = Some(now);
    }

    /// Notes that the private key of a pair was shown.
    pub fn private(&self, vendor: VendorId, key: KeyId, now: Timestamp) {
        self.lock().entry((vendor, key)).or_default().private = Some(now);
    }

    /// Takes back what could not be kept; what was shown since is later.
    fn put_back(&self, shown: &[(VendorId, KeyId, Shown)]) {
        let mut uses = self.lock();
        for (vendor, key, former) in shown {
            let shown = uses.entry((*vendor, *key)).or_default();
            shown.public = shown.public.or(former.public);
            shown.private = shown.private.or(former.private);
        }
    }
}

/// Keeps what was noted, and gives of how many pairs.
///
/// # Errors
/// Where the database does not answer: it is kept the next time.
pub async fn keep(app: &App) -> db::Result<usize> {
    let uses = std::mem::take(&mut *app.key_uses.lock());
    let uses: Vec<_> = uses
        .into_iter()
        .map(|((vendor, key), shown)| (vendor, key, shown))
        .collect();
    let mut kept = 0;
    while kept < uses.len() {
        let some = &uses[kept..uses.len().min(kept + CHUNK)];
        let done = async { store::note(&app.db.all().await?, some).await };
        if let Err(error) = done.await {
            app.key_uses.put_back(&uses[kept..]);
            return Err(error);
        }
        kept += some.len();
    }
    Ok(kept)
}
