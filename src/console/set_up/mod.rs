//! What a vendor's developers put where.

pub mod http;
