//! The C library of Gatehouse. What C callers need to know stands in `include/gatehouse.h`, which is made from here.
//!
//! Every pointer that comes in may be NULL. Every function catches panics. An object belongs to the caller until it
//! hands it to its `_free` function; a text that a getter gives belongs to the object.

mod client;
mod credential;
mod error;
mod guard;
mod models;
mod settings;
mod site;
mod text;
mod token;
