//! Users of vendors at the pages of what no operator sees: credentials, and the lockbox.

pub mod http;
