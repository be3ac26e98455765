//! The token in use, shared by the readers and the thread that renews it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bao::{Bao, Life};
use super::{TokenState, held, plan};
use crate::error::{Error, Result};
use crate::gatehouse::{Gatehouse, TokenRequest};
use crate::http::Effort;
use crate::secret::Secret;

/// The token and what is known of its life.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) token: Secret,
    pub(super) accessor: Option<String>,
    pub(super) life: Known,
    /// What to ask for when renewing.
    pub(super) full: Option<Duration>,
    pub(super) renewable: bool,
    pub(super) renewed: u64,
}

/// What is known of a token's life.
#[derive(Clone, Copy)]
pub(super) enum Known {
    Nothing,
    Until(Instant),
    ForEver,
}

impl Held {
    /// A token fresh from Gatehouse.
    pub(super) fn new(token: Secret, accessor: String, seconds: u64, renewable: bool) -> Self {
        let life = Duration::from_secs(seconds);
        Self {
            token,
            accessor: Some(accessor),
            life: if seconds > 0 {
                until(life)
            } else {
                Known::ForEver
            },
            full: (seconds > 0).then_some(life),
            renewable,
            renewed: 0,
        }
    }

    /// A token of which nothing else is known.
    pub(super) fn unknown(token: Secret) -> Self {
        Self {
            token,
            accessor: None,
            life: Known::Nothing,
            full: None,
            renewable: false,
            renewed: 0,
        }
    }

    pub(super) fn remaining(&self, now: Instant) -> Option<Duration> {
        match self.life {
            Known::Until(end) => Some(end.saturating_duration_since(now)),
            Known::Nothing | Known::ForEver => None,
        }
    }

    /// Takes over what OpenBao says of it.
    pub(super) fn learn(&mut self, life: &Life) {
        self.life = life.remaining.map_or(Known::ForEver, until);
        self.accessor.clone_from(&life.accessor);
        self.full = life.full;
        self.renewable = life.renewable;
    }
}

/// A life that begins now.
pub(super) fn until(life: Duration) -> Known {
    Instant::now()
        .checked_add(life)
        .map_or(Known::ForEver, Known::Until)
}

/// Where other tokens come from.
pub(super) struct Source {
    pub(super) gatehouse: Gatehouse,
    pub(super) request: TokenRequest,
}

/// What readers and the thread share.
pub(super) struct State {
    pub(super) held: Held,
    pub(super) generation: u64,
    /// Attempts in a row that came to nothing.
    pub(super) failures: u32,
    pub(super) trouble: Option<String>,
    /// Nothing more can be done for this token.
    pub(super) left_alone: bool,
    pub(super) stopped: bool,
}

/// The token, shared by the readers and the thread that renews it.
pub(super) struct Keeper {
    pub(super) bao: Bao,
    pub(super) source: Option<Source>,
    state: Mutex<State>,
    pub(super) changed: Condvar,
    /// Held by whoever replaces the token, so that one does.
    replacing: Mutex<()>,
}

impl Keeper {
    pub(super) fn new(bao: Bao, held: Held, source: Option<Source>) -> Self {
        Self {
            bao,
            source,
            state: Mutex::new(State {
                held,
                generation: 0,
                failures: 0,
                trouble: None,
                left_alone: false,
                stopped: false,
            }),
            changed: Condvar::new(),
            replacing: Mutex::new(()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token in use, and which one it is.
    pub(super) fn token(&self) -> (Secret, u64) {
        let state = self.lock();
        (state.held.token.clone(), state.generation)
    }

    pub(super) fn state(&self, now: Instant) -> TokenState {
        let state = self.lock();
        TokenState {
            accessor: state.held.accessor.clone(),
            remaining: state.held.remaining(now),
            replaced: state.generation,
            renewed: state.held.renewed,
            trouble: state.trouble.clone(),
        }
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Revokes the token, if it came through Gatehouse.
    pub(super) fn give_back(&self) -> Result<()> {
        if self.source.is_none() {
            return Ok(());
        }
        let effort = Effort::once(self.bao.settings());
        self.bao.revoke(&self.token().0, &effort)
    }

    /// Whether OpenBao no longer takes this token at all.
    pub(super) fn is_lost(&self, token: &Secret, effort: &Effort) -> Result<bool> {
        match self.bao.look_up(token, effort) {
            Ok(_) => Ok(false),
            Err(error) if error.status() == Some(403) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// A token in place of number `generation`: the one that another thread fetched meanwhile, or a new one.
    pub(super) fn another(&self, generation: u64, effort: &Effort) -> Result<Secret> {
        let Some(source) = &self.source else {
            return Err(self.expired());
        };
        let _one_at_a_time = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (token, present) = self.token();
        if present != generation {
            return Ok(token);
        }
        let issued = source
            .gatehouse
            .credential_token_within(&source.request, effort)?;
        let fresh = held(issued)?;
        let token = fresh.token.clone();
        let mut state = self.lock();
        state.held = fresh;
        state.generation += 1;
        state.failures = 0;
        state.trouble = None;
        state.left_alone = false;
        drop(state);
        self.changed.notify_all();
        Ok(token)
    }

    fn expired(&self) -> Error {
        let trouble = self.lock().trouble.clone();
        let why = trouble.map(|why| format!(" ({why})")).unwrap_or_default();
        Error::Expired(format!(
            "OpenBao no longer takes the token, and this client has no log-in at Gatehouse to get another{why}"
        ))
    }

    /// Changes the state, unless another token has taken the place of number `generation`.
    pub(super) fn with_present(&self, generation: u64, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.generation == generation {
            change(&mut state);
        }
    }
}

impl State {
    /// When the token has to be seen to; `None` never.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        if self.left_alone {
            return None;
        }
        if self.failures > 0 {
            return Some(now + plan::wait_after_failures(self.failures, fastrand::f64()));
        }
        match self.held.life {
            Known::Nothing => Some(now),
            Known::ForEver => None,
            Known::Until(end) => {
                let remaining = end.saturating_duration_since(now);
                Some(now + plan::wait(remaining, fastrand::f64()))
            }
        }
    }
}
