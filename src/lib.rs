//! Gatehouse: a multi-tenant token broker in front of OpenBao or HashiCorp Vault.
//!
//! Vendors sign up by webhook and get a key store with policies; their customers' plugins get short-lived write
//! tokens; their support teams get read tokens. Gatehouse holds app tokens of its own, which renew themselves;
//! everybody else gets a token that is scoped, short and on record.
//!
//! # How a request goes
//! [`server`] listens and wraps every request in what no request goes without; [`routes`] names the handler and who
//! may call it; the caller is a type ([`auth`]) in the handler's signature. The handler of a domain ([`vendors`],
//! [`sites`], [`tokens`]) parses, calls one verb, and answers. A verb calls the domain's `store.rs` for SQL, and
//! [`vault`] for OpenBao. Errors are one type with one table of codes ([`error`]).
//! What makes something makes it once for each key of its caller's ([`idempotency`]).
//!
//! # Where things live
//! PostgreSQL ([`db`]) holds who, what and when; OpenBao holds secrets. What requests and tasks share is built once
//! ([`app`]); whether all of it is fit is told by [`doctor`]. Who may call is held in memory and kept fresh by notifications ([`auth::Directory`]). What takes longer
//! than a request, or must survive one, is a task ([`tasks`]). What vendors are told waits in a queue ([`webhooks`]).
//! Connections to addresses that vendors name leave through one guard ([`egress`]). What a vendor's users share under a
//! password is a domain of its own ([`lockbox`]), and so are they ([`users`]). Workloads that prove themselves with tokens of
//! their own platforms come in by [`federation`]. What a client asks for twice is made once where it says so
//! ([`idempotency`]). People look at all of it, and act, in a [`console`]. Where tests let the process die is marked by [`kill_point`].

pub mod access_logs;
pub mod app;
pub mod auth;
pub mod bootstrap;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod credentials;
pub mod db;
pub mod dev;
pub mod doctor;
pub mod egress;
pub mod error;
pub mod events;
pub mod federation;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod kill_point;
pub mod lockbox;
pub mod oauth;
pub mod openapi;
pub mod routes;
pub mod server;
pub mod sites;
pub mod tasks;
pub mod telemetry;
pub mod tokens;
pub mod trustedlogin;
pub mod types;
pub mod users;
pub mod vault;
pub mod vendors;
pub mod webhooks;
