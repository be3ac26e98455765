//! What tests stand on: real servers, the service itself, calls and answers.

pub mod app;
pub mod http;
pub mod logs;
pub mod servers;
pub mod wire;

pub use app::{Place, TestApp, TestVendor};
pub use wire::Wire;
