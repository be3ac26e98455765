//! PostgreSQL: the pool, migrations, notifications and advisory locks. Statements live in each domain's `store.rs`.
//!
//! # Quirks
//! - A connection sees the rows of one vendor ([`Pool::of`]) or of all ([`Pool::all`]), by row-level security; the statement
//!   names its vendor none the less.
//! - A cancelled request rolls its transaction back only when the connection is used next: never hold a transaction
//!   across a call to OpenBao.
//! - Notifications do not pass the pool: [`listen`] has a connection of its own. A held advisory lock takes one of
//!   the pool's.
//! - A backend that hangs does not end its statement by the server's time limits. Connections are tried when they are
//!   taken from the pool, and what must not hang has a time limit of our own.

mod error;
mod grants;
mod inspect;
mod locks;
mod migrate;
mod notify;
mod pool;

pub use error::Error;
pub use grants::{grant, make_role};
pub use inspect::{Facts, Role, inspect};
pub use locks::try_lock;
pub use migrate::{Schema, migrate};
pub use notify::{Heard, listen, tell};
pub use pool::{Pool, Settings};

pub use deadpool_postgres::{Client, GenericClient};

/// Result of a use of PostgreSQL.
pub type Result<T> = std::result::Result<T, Error>;
