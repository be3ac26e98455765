//! Keys and sessions of workers. Both are known by keyed digests only.

pub mod store;
