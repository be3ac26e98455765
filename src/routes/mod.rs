//! Every route on one line: method, path, who may call, handler. Those of the API stand in `api.rs`, the pages of the
//! console in `console.rs`.
//!
//! `tests/api/access.rs` tries each as every caller, `tests/api/console_access.rs` the pages. What begins with `/sites`
//! answers below `/api/sites` too. A query is refused with 400, but where the line says `query`. What stands behind `=>`
//! makes something once for each `Idempotency-Key`: `Plain` or `Secret`, as [`Replay`] says.

mod api;
mod caller;
mod console;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

use crate::error::Error;
use crate::http::{Answered, Taken};
use crate::idempotency::Replay;

pub use api::ROUTES;
pub use caller::Caller;
pub use console::PAGES;

/// A line of the table.
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path pattern.
    pub path: &'static str,
    /// Who may call.
    pub caller: Caller,
    /// Whether it takes an `Idempotency-Key`, and for how long the answer is given again.
    pub replay: Option<Replay>,
    /// Names the operation in the API description: `credentials.create`.
    pub operation: fn() -> String,
    /// What the handler takes.
    pub takes: fn() -> Taken,
    /// What it answers.
    pub answers: fn() -> Answered,
    add: fn(Resource) -> Resource,
}
/// A handler whose call takes no query, or one that looks at its query itself, or leaves it unread: probes and clients of
/// borrowed dialects send what they like. What makes something does so once for each key.
macro_rules! behind_rules {
    ($handler:path) => {
        $crate::http::without_query($handler)
    };
    ($handler:path, query) => {
        $handler
    };
    ($handler:path $(, $query:ident)? => $replay:ident) => {
        $crate::idempotency::http::once($crate::idempotency::Replay::$replay, $crate::routes::behind_rules!($handler $(, $query)?))
    };
}

macro_rules! replay_of {
    () => {
        None
    };
    ($replay:ident) => {
        Some($crate::idempotency::Replay::$replay)
    };
}

macro_rules! routes {
    ($table:ident: $($method:ident $path:literal $caller:ident $handler:path $(, $query:ident)? $(=> $replay:ident)?;)*) => {
        /// The table.
        pub static $table: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            caller: Caller::$caller,
            replay: $crate::routes::replay_of!($($replay)?),
            operation: || operation(stringify!($handler)),
            takes: || $crate::http::taken_by($handler),
            answers: || $crate::http::answered_by($handler),
            add: |resource| {
                let method = actix_web::web::method(actix_web::http::Method::$method);
                resource.route(method.to($crate::routes::behind_rules!($handler $(, $query)? $(=> $replay)?)))
            },
        }),*];
    };
}

use {behind_rules, replay_of, routes};

/// A handler's path without what every handler's has.
fn operation(handler: &str) -> String {
    let parts = handler.split("::").map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| *part != "http").collect();
    parts.join(".")
}

/// The paths a route answers at.
pub fn paths(route: &Route) -> impl Iterator<Item = String> {
    let path = route.path;
    let alias = if path.starts_with("/sites") {
        Some(format!("/api{path}"))
    } else if path.starts_with("/api/v1/") && path.ends_with("/sites") {
        // TrustedLogin's plugins write it both ways.
        Some(format!("{path}/"))
    } else {
        None
    };
    std::iter::once(path.to_owned()).chain(alias)
}

/// Whether `pattern` has the requests to `path`: a `{parameter}` may be any word, as a credential may be called `token`.
fn covers(pattern: &str, path: &str) -> bool {
    let is_parameter = |part: &str| part.starts_with('{');
    let (mut ours, mut theirs) = (pattern.split('/'), path.split('/'));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(our), Some(their)) if our == their => {}
            (Some(our), Some(their)) if is_parameter(our) && !is_parameter(their) => {}
            _ => return false,
        }
    }
}

/// Registers all routes: one resource per path, 405 with `Allow` for its other methods, 404 for everything else.
pub fn configure(config: &mut ServiceConfig) {
    let mut done: Vec<String> = Vec::new();
    let all = || ROUTES.iter().chain(PAGES);
    for route in all() {
        for path in paths(route) {
            if done.contains(&path) {
                continue;
            }
            let same: Vec<&Route> = all()
                .filter(|other| paths(other).any(|p| covers(&p, &path)))
                .collect();
            let allow = same.iter().map(|r| r.method).collect::<Vec<_>>().join(", ");
            let resource = same
                .iter()
                .fold(web::resource(path.as_str()), |resource, route| {
                    (route.add)(resource)
                });
            config.service(resource.default_service(web::to(move || {
                let allow = allow.clone();
                async move { Err::<HttpResponse, _>(Error::MethodNotAllowed { allow }) }
            })));
            done.push(path);
        }
    }
    config.default_service(web::to(|| async {
        Err::<HttpResponse, _>(Error::NotFound)
    }));
}
