//! The lockbox of a vendor: entries under a password that its administrators share, as RPort's vault.
//!
//! What is locked how, [`crypto`] tells. An unlocked data key lies in the memory of replicas only ([`keys`]) and is
//! good for one **epoch**: the number in the lockbox's row that moves with every lock, unlock and change of the data
//! key. Each statement on entries reads that number too, so that a lock holds at the very next read, even where a
//! replica did not hear of it. A key reaches other replicas by a [`handover`]: sealed, once, for seconds.
//!
//! # Quirks
//! - RPort's dialect answers 409 where the lockbox is locked, and takes passwords of 4 to 32 bytes.
//! - In RPort's world `"0"` and `""` both mean any client.

pub mod backup;
pub mod crypto;
pub mod entries;
pub mod follow;
pub mod handover;
pub mod http;
pub mod keys;
pub mod password;
mod prove;
pub mod rekey;
pub mod replicas;
pub mod reseal;
pub mod rport;
pub mod settings;
pub mod store;
pub mod throttle;
pub mod unlock;

pub use keys::{Keys, Lockboxes};

use std::sync::Arc;

use crate::app::App;
use crate::error::{Error, Result};
use crate::vendors::Vendor;

/// The name of the secret of all lockboxes below `gatehouse-keys/`.
pub const SECRET_NAME: &str = "lockbox";

/// What a statement on entries gave.
pub enum Under<T> {
    /// The epoch was still that of the key: it counts.
    Epoch(T),
    /// The epoch moved: nothing was read, and nothing written.
    Moved,
}

/// Does something with the keys of a lockbox, and again with others where its epoch moved meanwhile.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxLocked`], or those of the work.
pub async fn with_keys<T, F>(
    app: &Arc<App>,
    vendor: &Vendor,
    work: impl Fn(Arc<Keys>) -> F,
) -> Result<T>
where
    F: Future<Output = Result<Under<T>>>,
{
    for _ in 0..3 {
        let keys = app.lockboxes.keys(app, vendor).await?;
        if let Under::Epoch(done) = work(Arc::clone(&keys)).await? {
            keys.note_use();
            return Ok(done);
        }
        app.lockboxes.forget(vendor.id, keys.epoch);
    }
    Err(Error::LockboxLocked)
}
