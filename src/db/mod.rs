//! PostgreSQL: the pool, migrations, notifications and advisory locks. Statements live in each domain's `store.rs`.
//!
//! # Quirks
//! - A cancelled request rolls its transaction back only when the connection is used next: never hold a transaction
//!   across a call to OpenBao.
//! - Notifications do not pass the pool: [`listen`] has a connection of its own, and so has each held advisory lock.

mod error;
mod locks;
mod migrate;
mod notify;
mod pool;

pub use error::Error;
pub use locks::try_lock;
pub use migrate::migrate;
pub use notify::{Heard, listen};
pub use pool::{Pool, Settings};

pub use deadpool_postgres::GenericClient;

/// Result of a use of PostgreSQL.
pub type Result<T> = std::result::Result<T, Error>;
