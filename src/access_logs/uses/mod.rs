//! When tokens and credentials were used last, and which token touched what. Any call that OpenBao answered is a use of
//! the token, a refused one too.

pub mod store;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Known;
use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};

/// So long it is tried to note a last use: then its row is gone.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most of those that wait.
const WAITING: usize = 10_000;

/// When tokens were used last, as far as that is not in the ledger yet. A row of the ledger that another transaction
/// holds is not waited for: whoever revokes many tokens at once would in turn wait for us.
#[derive(Clone, Default)]
pub struct LastUses(pub(super) BTreeMap<IssuanceId, LastUse>);

/// When a token was used last.
#[derive(Clone)]
pub struct LastUse {
    /// Whose.
    pub vendor: VendorId,
    /// When.
    pub at: Timestamp,
    since: Instant,
}

impl LastUses {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the calls of a batch.
    pub fn add(&mut self, calls: &[Known<'_>]) {
        for call in calls {
            let Some(token) = &call.token else { continue };
            let at = call.entry.at;
            let new = LastUse {
                vendor: call.vendor,
                at,
                since: Instant::now(),
            };
            let known = self.0.entry(token.id).or_insert(new);
            known.at = known.at.max(at);
        }
    }

    /// Writes what waits. The last statement of a transaction: it holds rows of the ledger.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn write(&mut self, client: &impl GenericClient) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        for written in store::mark_tokens(client, self).await? {
            self.0.remove(&written);
        }
        self.0.retain(|_, one| one.since.elapsed() < PATIENCE);
        while self.0.len() > WAITING {
            self.0.pop_first();
        }
        Ok(())
    }
}
