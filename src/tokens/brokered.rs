//! Tokens that the service uses itself where it reads or writes for somebody: brokered like everybody else's, on
//! record, kept for minutes. The service's own tokens open no store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Grant, Kind, Scope, issue};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::{Secret, VendorId};
use crate::vault::{self, Handle};

/// How long one is used: half of its life.
const USE: Duration = Duration::from_mins(5);

type Place = (VendorId, Kind, Scope);
type Slot = Arc<tokio::sync::Mutex<State>>;

/// Those who waited while a token could not be had are told the same, instead of trying one after the other.
const SHARED: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    held: Option<Held>,
    failed: Option<Instant>,
}

struct Held {
    token: Secret,
    until: Instant,
}

/// The tokens held, by what they are for.
#[derive(Default)]
pub struct Brokered(Mutex<HashMap<Place, Slot>>);

impl Brokered {
    /// Runs `call` with a token as `grant` says; where OpenBao refuses it, once more with a fresh one.
    ///
    /// # Errors
    /// [`Error::Busy`], those of [`issue`], and those of the call.
    pub async fn call<T, F>(
        &self,
        app: &Arc<App>,
        grant: &Grant,
        call: impl Fn(Handle) -> F,
    ) -> Result<T>
    where
        F: Future<Output = vault::Result<T>>,
    {
        let _admitted = app.admission.enter().await?;
        let used = self.token(app, grant, None).await?;
        match call(app.vault.with_token(&used)).await {
            Err(vault::Error::Denied(_)) => {
                let fresh = self.token(app, grant, Some(&used)).await?;
                Ok(call(app.vault.with_token(&fresh)).await?)
            }
            result => Ok(result?),
        }
    }

    /// The token held, unless it is `refused`; a fresh one otherwise. Those who wait for the same one share it.
    async fn token(
        &self,
        app: &Arc<App>,
        grant: &Grant,
        refused: Option<&Secret>,
    ) -> Result<Secret> {
        let slot = self.slot((grant.vendor.id, grant.kind, grant.credentials.scope));
        let mut state = slot.lock().await;
        if let Some(held) = &state.held {
            let is_refused = refused.is_some_and(|token| token.expose() == held.token.expose());
            if !is_refused && Instant::now() < held.until {
                return Ok(held.token.clone());
            }
        }
        if state.failed.is_some_and(|at| at.elapsed() < SHARED) {
            let what = "a token for this could not be had a moment ago".to_owned();
            return Err(vault::Error::Unavailable(what).into());
        }
        let issued = match issue(app, grant.clone()).await {
            Ok(issued) => issued,
            Err(error) => {
                if matches!(&error, Error::Vault(error) if error.is_outcome_unknown()) {
                    state.failed = Some(Instant::now());
                }
                return Err(error);
            }
        };
        let token = issued
            .token()
            .ok_or_else(|| Error::Internal("a brokered token came wrapped".to_owned()))?
            .clone();
        *state = State {
            held: Some(Held {
                token: token.clone(),
                until: Instant::now() + USE,
            }),
            failed: None,
        };
        Ok(token)
    }

    fn slot(&self, place: Place) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(place).or_default())
    }

    /// Forgets tokens that are used no more.
    pub fn tidy(&self) {
        let now = Instant::now();
        let is_live = |slot: &Slot| match slot.try_lock() {
            Ok(state) => state.held.as_ref().is_some_and(|held| now < held.until),
            Err(_) => true,
        };
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || is_live(slot));
    }
}
