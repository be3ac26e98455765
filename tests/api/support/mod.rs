//! What tests stand on: real servers, the service itself, calls and answers.

pub mod app;
pub mod audit;
pub mod browser;
pub mod callers;
pub mod connector;
pub mod console;
mod description;
pub mod dump;
pub mod fill;
pub mod http;
pub mod issuer;
pub mod kills;
pub mod life;
pub mod lockbox;
pub mod logs;
pub mod names;
pub mod oauth;
pub mod operators;
pub mod php;
pub mod process;
pub mod receiver;
pub mod report;
pub mod servers;
pub mod signer;
pub mod trustedlogin;
pub mod users;
pub mod valve;
pub mod wait;
pub mod wire;
pub mod workers;

pub use app::{Place, TestApp, TestVendor};
pub use users::TestUser;
pub use wire::Wire;
pub use workers::TestWorker;
