//! Versions of a credential: what there is, reading an old one, and going back to it.

pub mod http;
