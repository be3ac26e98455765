//! Who calls: credentials as they come, and the caller types that handlers name in their signatures.

pub mod bearer;
pub mod caller;
mod directory;
mod keys;

pub use caller::{ConnectorVendor, Operator, PluginOrVendor, Remover, StorerOrBody, VendorCaller};
pub use directory::Directory;
pub use keys::{
    Claim, KeyRing, KeyedDigest, new_delete_key, new_id, new_operator_token, new_ring_key,
    sha256_hex,
};
