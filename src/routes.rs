//! Every route on one line: method, path, who may call, handler.
//!
//! `tests/api/access.rs` tries each as every caller. What begins with `/sites` answers below `/api/sites` too.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

use crate::error::Error;
use crate::{health, sites, tasks, tokens, trustedlogin, vendors};

/// Who may call a route. The handler's signature holds the same, as a type; this is what people and tests read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anyone.
    Anyone,
    /// The billing system, by signature.
    Billing,
    /// Whoever holds a claim token.
    ClaimHolder,
    /// A client plugin (public key), or the vendor.
    PluginOrVendor,
    /// The same, with the public key in the body too.
    StorerOrBody,
    /// The same, or the holder of the site's delete key, in every status of the vendor.
    Remover,
    /// The vendor.
    Vendor,
    /// The vendor, in TrustedLogin's dialect.
    Connector,
    /// An operator.
    Operator,
}

/// A line of the table.
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path pattern.
    pub path: &'static str,
    /// Who may call.
    pub caller: Caller,
    add: fn(Resource) -> Resource,
}

macro_rules! routes {
    ($($method:ident $path:literal $caller:ident $handler:path;)*) => {
        /// The table.
        pub static ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            caller: Caller::$caller,
            add: |resource| resource.route(web::method(actix_web::http::Method::$method).to($handler)),
        }),*];
    };
}

routes! {
    GET    "/healthz"                                          Anyone          health::alive;
    GET    "/readyz"                                           Anyone          health::ready;
    GET    "/metrics"                                          Anyone          health::metrics;

    POST   "/webhooks/vendor-signup"                           Billing         vendors::http::vendor_signup;
    POST   "/api/vendors/claim"                                ClaimHolder     vendors::http::claim;

    POST   "/api/site"                                         PluginOrVendor  tokens::http::issue_write;
    POST   "/sites"                                            StorerOrBody    sites::http::register;
    GET    "/sites"                                            Vendor          sites::http::list;
    POST   "/sites/token"                                      Vendor          tokens::http::issue_read;
    POST   "/sites/search"                                     Vendor          sites::http::search;
    GET    "/sites/{secretId}"                                 Vendor          sites::http::show;
    DELETE "/sites/{secretId}"                                 Remover         sites::http::delete;

    GET    "/api/v1/accounts/{id}"                             Connector       trustedlogin::http::account;

    GET    "/api/admin/vendors"                                Operator        vendors::http::list;
    POST   "/api/admin/vendors"                                Operator        vendors::http::create;
    GET    "/api/admin/vendors/{namespace}"                    Operator        vendors::http::show;
    PATCH  "/api/admin/vendors/{namespace}"                    Operator        vendors::http::update;
    POST   "/api/admin/vendors/{namespace}/keys"               Operator        vendors::http::replace_keys;
    POST   "/api/admin/vendors/{namespace}/provision"          Operator        vendors::http::provision;
    GET    "/api/admin/vendors/{namespace}/sites"              Operator        sites::http::list_for_operator;
    DELETE "/api/admin/vendors/{namespace}/sites/{secretId}"   Operator        sites::http::delete_for_operator;
    GET    "/api/admin/app-token"                              Operator        tasks::http::app_tokens;
    POST   "/api/admin/app-token/renew"                        Operator        tasks::http::renew_app_tokens;
    GET    "/api/admin/tasks"                                  Operator        tasks::http::list;
}

/// The paths a route answers at.
pub fn paths(route: &Route) -> impl Iterator<Item = String> {
    let alias = route
        .path
        .starts_with("/sites")
        .then(|| format!("/api{}", route.path));
    std::iter::once(route.path.to_owned()).chain(alias)
}

/// Registers all routes: one resource per path, 405 with `Allow` for its other methods, 404 for everything else.
pub fn configure(config: &mut ServiceConfig) {
    let mut done: Vec<String> = Vec::new();
    for route in ROUTES {
        for path in paths(route) {
            if done.contains(&path) {
                continue;
            }
            let same: Vec<&Route> = ROUTES
                .iter()
                .filter(|other| paths(other).any(|p| p == path))
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
