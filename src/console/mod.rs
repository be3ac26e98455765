//! The web console: pages for the people who run the platform, and for those of vendors, rendered here and usable without
//! scripts. A vendor's users see the same pages as operators, below their own vendor's address and nowhere else. Its
//! credentials and its lockbox are theirs alone.
//!
//! One folder for each area: `http.rs` holds its handlers and what its templates show. The templates lie in
//! `templates/console/`, and with them the words of pages; the words that code chooses stand in [`texts`]. Whoever signs
//! in ([`sign_in`]) gets a session as the API gives it, in a cookie that only these pages take
//! ([`session`]); each form carries a token bound to it ([`csrf`]). Handlers call what handlers of the API call.
//!
//! # Quirks
//! - `Referrer-Policy: no-referrer` makes browsers send `Origin: null` with our own forms: `Sec-Fetch-Site` tells then.

pub mod account;
pub mod assets;
pub mod credentials;
pub mod csrf;
pub mod home;
pub mod http;
pub mod input;
pub mod layout;
pub mod lockbox;
pub mod logs;
pub mod plot;
pub mod session;
pub mod set_up;
pub mod sign_in;
pub mod sites;
pub mod tasks;
pub mod texts;
pub mod tokens;
pub mod users;
pub mod vendors;
pub mod webhooks;
