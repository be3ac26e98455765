//! One's own account: the password, the second factor, sessions.

pub mod factor;
pub mod http;
pub mod sessions;
