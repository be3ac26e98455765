//! Who calls: credentials as they come, and the caller types that handlers name in their signatures.

pub mod bearer;
pub mod caller;
mod directory;
mod keys;
pub mod seal;
mod user;
mod verify;

pub use caller::{
    ClientPlugin, ConnectorVendor, CredentialReader, Operator, PluginOrVendor, Remover,
    StorerOrBody, VendorAdmin, VendorCaller,
};
pub use directory::Directory;
pub use keys::{Claim, KeyRing, KeyedDigest, new_id, new_ring_key, sha256_hex};
pub use user::{Administrator, EnrollingUser, Proof, User, UserAdmin};
pub use verify::{origin, refused};
