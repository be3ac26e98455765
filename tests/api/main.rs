//! The integration tests: HTTP to a real server, on a real OpenBao and a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod strangers;
mod support;

mod access;
mod access_alarms;
mod access_credentials;
mod access_logs;
mod access_users;
mod binding;
mod canonical_json;
mod claim;
mod cli;
mod cli_users;
mod connector;
mod connector_keys;
mod connector_nonces;
mod credential_file;
mod credential_models;
mod credential_races;
mod credential_readers;
mod credential_tokens;
mod credential_upkeep;
mod credentials;
mod dev;
mod envelope_key;
mod event_chain;
mod event_chain_attacks;
mod event_chain_upkeep;
mod explain;
mod faults;
mod fields;
mod framing;
mod health;
mod hvac;
mod input;
mod isolation;
mod issuances;
mod issuances_revoke;
mod keeper;
mod layers;
mod ledger;
mod ledger_events;
mod limits;
mod lockbox;
mod lockbox_backup;
mod lockbox_integrity;
mod lockbox_keys;
mod lockbox_kills;
mod lockbox_list;
mod lockbox_replicas;
mod lockbox_trouble;
mod login_attempts;
mod messages;
mod openapi;
mod paths;
mod plugins_of_2019;
mod probe;
mod races;
mod refusals;
mod removal;
mod reports;
mod rights;
mod rport;
mod rport_seed;
mod seed;
mod shipper;
mod shipper_kills;
mod signup;
mod sites;
mod story;
mod support_pause;
mod timeline;
mod timeline_export;
mod timeline_pages;
mod timeline_retention;
mod timeline_scale;
mod tokens;
mod trustedlogin_open;
mod trustedlogin_sites;
mod trustedlogin_walk;
mod urls;
mod users;
mod users_review;
mod users_sessions;
mod users_throttle;
mod users_totp;
mod vendors;
mod webhooks;
mod webhooks_out;
mod workers;
