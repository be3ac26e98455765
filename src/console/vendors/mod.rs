//! Pages on vendors: the list, one of them, a new one, its key pairs, its life.

pub mod create;
pub mod http;
pub mod keys;
pub mod life;
