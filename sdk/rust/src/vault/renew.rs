//! The thread that keeps a token alive.

use std::sync::PoisonError;
use std::time::Instant;

use super::keeper::{Held, Keeper, Known, until};
use super::plan;
use crate::error::Error;
use crate::http::Effort;

/// What came of seeing to the token.
enum Outcome {
    Fine,
    /// The trouble may pass.
    Later(String),
    /// Nothing more can be had from this token.
    Ended(String),
}

impl Keeper {
    /// Renews until it is stopped.
    pub(super) fn run(&self) {
        while self.wait_for_work() {
            self.work();
        }
    }

    /// Waits until the token has to be seen to; false when it is time to stop.
    fn wait_for_work(&self) -> bool {
        let mut state = self.lock();
        let mut planned_for = state.generation;
        let mut due = state.next(Instant::now());
        while !state.stopped {
            if planned_for != state.generation {
                planned_for = state.generation;
                due = state.next(Instant::now());
            }
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            state = match left {
                Some(left) if left.is_zero() => return true,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.changed.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        false
    }

    fn work(&self) {
        let effort = Effort::once(self.bao.settings());
        let state = self.lock();
        let (held, generation) = (state.held.clone(), state.generation);
        drop(state);
        let outcome = match held.life {
            Known::Nothing => self.learn(&held, generation, &effort),
            _ if held.renewable => self.renew(&held, generation, &effort),
            _ => Outcome::Ended("the token cannot be renewed".to_owned()),
        };
        match outcome {
            Outcome::Fine => {}
            Outcome::Later(why) => self.try_later(why, generation),
            Outcome::Ended(why) => self.replace(why, generation),
        }
    }

    fn learn(&self, held: &Held, generation: u64, effort: &Effort) -> Outcome {
        match self.bao.look_up(&held.token, effort) {
            Ok(life) => {
                self.with_present(generation, |state| {
                    state.held.learn(&life);
                    state.failures = 0;
                    state.trouble = None;
                });
                Outcome::Fine
            }
            Err(error) => judged(&error),
        }
    }

    fn renew(&self, held: &Held, generation: u64, effort: &Effort) -> Outcome {
        let life = match self.bao.renew(&held.token, held.full, effort) {
            Ok(life) => life,
            Err(error) => return judged(&error),
        };
        let before = held.remaining(Instant::now()).unwrap_or_default();
        if !plan::extends(before, life) {
            return Outcome::Ended(
                "the token is at the end of its life, a renewal no longer extends it".to_owned(),
            );
        }
        self.with_present(generation, |state| {
            state.held.life = until(life);
            state.held.renewed += 1;
            state.failures = 0;
            state.trouble = None;
        });
        Outcome::Fine
    }

    fn try_later(&self, why: String, generation: u64) {
        self.with_present(generation, |state| {
            state.failures = state.failures.saturating_add(1);
            state.trouble = Some(why);
        });
    }

    /// Another token through Gatehouse, unless it is time to stop. Without a way there the token is left alone until it
    /// ends.
    fn replace(&self, why: String, generation: u64) {
        if self.source.is_none() {
            return self.with_present(generation, |state| {
                state.left_alone = true;
                state.trouble = Some(why);
            });
        }
        if self.lock().stopped {
            return;
        }
        let effort = Effort::once(self.bao.settings());
        if let Err(error) = self.another(generation, &effort) {
            self.try_later(format!("{why}; and no other came: {error}"), generation);
        }
    }
}

/// Refusals stay, but for those that say to come back.
fn judged(error: &Error) -> Outcome {
    let text = error.to_string();
    match error.status() {
        Some(429 | 500..) | None => Outcome::Later(text),
        Some(_) => Outcome::Ended(text),
    }
}
