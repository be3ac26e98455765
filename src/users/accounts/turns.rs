//! Turns: what is about one thing is done one after the other in this process, and nothing of the service is held by
//! those who wait.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{Error, Result};

const WAIT: Duration = Duration::from_secs(10);

/// Things that fall on the same one of these wait for each other too.
const MANY: u64 = 1024;

/// Held by whose turn it is.
pub type Turn = OwnedMutexGuard<()>;

/// Whose turn it is, for things of one kind.
pub struct Turns {
    all: Vec<Arc<Mutex<()>>>,
    /// Random, so that nobody can choose on whom to wait.
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            all: (0..MANY).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Turns {
    /// Waits for the turn of a thing, in the order of asking.
    ///
    /// # Errors
    /// [`Error::PasswordsBusy`] where it does not come within seconds.
    pub async fn take(&self, thing: &impl Hash) -> Result<Turn> {
        let at = usize::try_from(self.hasher.hash_one(thing) % MANY).unwrap_or(0);
        let turn = Arc::clone(&self.all[at]).lock_owned();
        let turn = tokio::time::timeout(WAIT, turn).await;
        turn.map_err(|_| Error::PasswordsBusy)
    }
}
