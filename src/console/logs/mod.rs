//! Who did what: the timeline of a site, of a vendor, of all.

pub mod http;
