//! The lockbox of the vendor whose user is signed in. No operator sees it.

pub mod entries;
pub mod http;
