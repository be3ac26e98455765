//! Which replicas live, which of them hold which keys, and what they ask of each other.

mod store;

pub use store::{
    Shut, answer, answers, gone, hold_only, join, remove_request, request, requests, seen, shut,
    tidy, unlocked_epochs, wanted,
};
