//! What clients report of log-ins to their sites.
//!
//! # Quirks
//! - Clients send an empty text or `null` where they do not know an address or a user agent, and the address of a private
//!   network as an empty text. What is no address is left out.
//! - A lockdown carries no secret id: the site is told by its URL, byte for byte as it was registered.
//! - A site whose secret id the client does not know is asked for at `sites//verify-identifier`: 404.

pub mod http;
mod read;
