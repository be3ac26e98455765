//! How many callers OpenBao works for at once. More of them only make each other wait: those who come on top are sent away
//! at once, and the others are served as on a quiet day.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};

/// Twice as many as it takes to keep OpenBao busy.
const AT_ONCE: usize = 64;
/// As many again wait for a place.
const WAITING: usize = 64;
/// No longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// The door to OpenBao, for what callers ask for; what the service began itself goes past it.
pub struct Admission {
    places: Semaphore,
    queue: Semaphore,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            queue: Semaphore::new(WAITING),
        }
    }
}

impl Admission {
    /// A place, held until it is dropped. Whoever has one does not ask for another.
    ///
    /// # Errors
    /// [`Error::Busy`] where too many wait already, or no place was free in time.
    pub async fn enter(&self) -> Result<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let place = async {
            let _waiting = self.queue.try_acquire().ok()?;
            let place = tokio::time::timeout(PATIENCE, self.places.acquire()).await;
            place.ok()?.ok()
        };
        place.await.ok_or_else(|| {
            metrics::counter!("gatehouse_sent_away_total").increment(1);
            Error::Busy
        })
    }
}
