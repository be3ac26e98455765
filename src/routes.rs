//! Every route on one line: method, path, who may call, handler.
//!
//! What begins with `/sites` answers below `/api/sites` too. A query is refused with 400, but where the line says `query`.
//! What stands behind `=>` makes something once for each `Idempotency-Key`: `Plain` or `Secret`, as [`Replay`] says.

mod caller;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

use crate::access_logs::{nodes, timeline};
use crate::error::Error;
use crate::federation::{issuers, policies};
use crate::http::{Taken, taken_by, without_query};
use crate::idempotency::{Replay, http::once};
use crate::lockbox::rport;
use crate::trustedlogin::{connector, signing};
use crate::users::accounts::{manage as user_accounts, own as account, sessions as user_sessions};
use crate::users::{self, operators, workers};
use crate::{
    credentials, health, lockbox, oauth, openapi, sites, tasks, tokens, trustedlogin, vendors,
    webhooks,
};

pub use caller::Caller;

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
    /// What the handler takes.
    pub takes: fn() -> Taken,
    /// Names the operation in the API description: `credentials.create`.
    pub operation: fn() -> String,
    add: fn(Resource) -> Resource,
}
/// A handler whose call takes no query, or one that looks at its query itself, or leaves it unread: probes and clients of
/// borrowed dialects send what they like. What makes something does so once for each key.
macro_rules! behind_rules {
    ($handler:path) => {
        without_query($handler)
    };
    ($handler:path, query) => {
        $handler
    };
    ($handler:path $(, $query:ident)? => $replay:ident) => {
        once(Replay::$replay, behind_rules!($handler $(, $query)?))
    };
}

macro_rules! replay_of {
    () => {
        None
    };
    ($replay:ident) => {
        Some(Replay::$replay)
    };
}

macro_rules! routes {
    ($($method:ident $path:literal $caller:ident $handler:path $(, $query:ident)? $(=> $replay:ident)?;)*) => {
        /// The table.
        pub static ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            caller: Caller::$caller,
            replay: replay_of!($($replay)?),
            takes: || taken_by($handler),
            operation: || operation(stringify!($handler)),
            add: |resource| {
                let method = web::method(actix_web::http::Method::$method);
                resource.route(method.to(behind_rules!($handler $(, $query)? $(=> $replay)?)))
            },
        }),*];
    };
}

routes! {
    GET    "/healthz"                                          Anyone          health::alive, query;
    GET    "/readyz"                                           Anyone          health::ready, query;
    GET    "/metrics"                                          Anyone          health::metrics, query;
    GET    "/openapi.json"                                     Anyone          openapi::http::document, query;
    POST   "/webhooks/vendor-signup"                           Billing         vendors::http::vendor_signup;
    POST   "/api/vendors/claim"                                ClaimHolder     vendors::http::claim;
    POST   "/api/site"                                         PluginOrVendor  tokens::http::issue_write => Secret;
    POST   "/sites"                                            StorerOrBody    sites::http::register => Secret;
    GET    "/sites"                                            Vendor          sites::http::list, query;
    POST   "/sites/token"                                      Vendor          tokens::http::issue_read => Secret;
    POST   "/sites/search"                                     Vendor          sites::http::search;
    GET    "/sites/{secretId}"                                 Vendor          sites::http::show;
    DELETE "/sites/{secretId}"                                 Remover         sites::http::delete;
    GET    "/sites/{secretId}/access-logs"                     Vendor          timeline::http::of_site, query;
    GET    "/api/access-logs"                                  Vendor          timeline::http::of_vendor, query;
    GET    "/sites/{secretId}/login-attempts"                  Vendor          sites::attempts::http::of_site, query;
    GET    "/api/login-attempts"                               Vendor          sites::attempts::http::of_vendor, query;
    GET    "/api/support-pause"                                Vendor          vendors::pause::http::show;
    PUT    "/api/support-pause"                                Vendor          vendors::pause::http::set;
    PATCH  "/api/support-pause"                                Vendor          vendors::pause::http::change;
    DELETE "/api/support-pause"                                Vendor          vendors::pause::http::end;
    GET    "/api/key-pairs"                                    Vendor          vendors::keys::http::list, query;
    POST   "/api/key-pairs"                                    Vendor          vendors::keys::http::create => Secret;
    PATCH  "/api/key-pairs/{pair}"                             Vendor          vendors::keys::http::update;
    DELETE "/api/key-pairs/{pair}"                             Vendor          vendors::keys::http::remove;
    GET    "/api/connector"                                    Vendor          connector::http::show;
    GET    "/api/token-settings"                               Vendor          vendors::settings::http::show;
    PATCH  "/api/token-settings"                               Vendor          vendors::settings::http::change;
    PATCH  "/api/connector"                                    Vendor          connector::http::update;
    POST   "/oauth/token"                                      LogIn           oauth::http::token;
    POST   "/oauth/revoke"                                     LogIn           oauth::revoke::http::revoke;
    GET    "/.well-known/jwks.json"                            Anyone          oauth::keys::http::published, query;
    GET    "/.well-known/oauth-authorization-server"           Anyone          oauth::http::metadata, query;
    POST   "/api/access-tokens/revoke"                         Vendor          oauth::revoke::http::end_all;
    GET    "/api/jwt-keys"                                     Vendor          oauth::signed::http::list;
    POST   "/api/jwt-keys"                                     Vendor          oauth::signed::http::create => Plain;
    GET    "/api/jwt-keys/{jwtKey}"                            Vendor          oauth::signed::http::show;
    PATCH  "/api/jwt-keys/{jwtKey}"                            Vendor          oauth::signed::http::change;
    DELETE "/api/jwt-keys/{jwtKey}"                            Vendor          oauth::signed::http::remove;
    GET    "/api/client-rules"                                 Vendor          oauth::signed::http::show_rules;
    PATCH  "/api/client-rules"                                 Vendor          oauth::signed::http::update_rules;
    POST   "/api/sessions"                                     LogIn           users::http::log_in;
    GET    "/api/credential-types"                             Reader          credentials::http::types;
    GET    "/api/credential-file"                              Vendor          credentials::file::http::export;
    POST   "/api/credential-file"                              Vendor          credentials::file::http::import, query => Plain;
    GET    "/api/credentials"                                  Vendor          credentials::http::list, query;
    POST   "/api/credentials"                                  Vendor          credentials::http::create => Plain;
    POST   "/api/credentials/token"                            Reader          credentials::token::http::issue => Secret;
    GET    "/api/credentials/{key}"                            Reader          credentials::http::show;
    PUT    "/api/credentials/{key}"                            Vendor          credentials::http::update => Plain;
    DELETE "/api/credentials/{key}"                            Vendor          credentials::http::delete;
    POST   "/api/credentials/{key}/test"                       Vendor          credentials::http::test;
    POST   "/api/credentials/{key}/undelete"                   Vendor          credentials::versions::http::undelete;
    POST   "/api/credentials/{key}/destroy"                    Vendor          credentials::versions::http::destroy;
    POST   "/api/credentials/{key}/rollback"                   Vendor          credentials::versions::http::roll_back => Plain;
    GET    "/api/credentials/{key}/versions"                   Vendor          credentials::versions::http::list;
    GET    "/api/credentials/{key}/versions/{version}"         Reader          credentials::versions::http::show;
    GET    "/api/workers"                                      Vendor          workers::http::list, query;
    POST   "/api/workers"                                      Vendor          workers::http::create => Secret;
    GET    "/api/workers/{login}"                              Vendor          workers::http::show;
    PATCH  "/api/workers/{login}"                              Vendor          workers::http::update;
    DELETE "/api/workers/{login}"                              Vendor          workers::http::remove;
    POST   "/api/workers/{login}/keys"                         Vendor          workers::http::rotate_key => Secret;
    GET    "/api/user"                                         EnrollingUser   account::http::show;
    PUT    "/api/user/password"                                User            account::http::change_password;
    POST   "/api/user/totp"                                    EnrollingUser   account::http::begin_totp;
    PUT    "/api/user/totp"                                    EnrollingUser   account::http::confirm_totp;
    DELETE "/api/user/totp"                                    User            account::http::remove_totp;
    GET    "/api/user/sessions"                                User            user_sessions::http::list, query;
    POST   "/api/user/sessions"                                User            user_sessions::http::create => Secret;
    DELETE "/api/user/sessions"                                User            user_sessions::http::remove_all;
    DELETE "/api/user/sessions/{session}"                      EnrollingUser   user_sessions::http::remove;
    GET    "/api/users"                                        UserAdmin       user_accounts::http::list, query;
    POST   "/api/users"                                        UserAdmin       user_accounts::http::create => Secret;
    GET    "/api/users/{user}"                                 UserAdmin       user_accounts::http::show;
    PATCH  "/api/users/{user}"                                 UserAdmin       user_accounts::http::update;
    DELETE "/api/users/{user}"                                 UserAdmin       user_accounts::http::remove;
    GET    "/api/users/{user}/sessions"                        UserAdmin       user_sessions::http::list_of_user, query;
    DELETE "/api/users/{user}/sessions"                        UserAdmin       user_sessions::http::remove_all_of_user;
    DELETE "/api/users/{user}/sessions/{session}"              UserAdmin       user_sessions::http::remove_of_user;
    GET    "/api/groups"                                       UserAdmin       user_accounts::http::groups, query;
    GET    "/api/user-rules"                                   UserAdmin       user_accounts::http::show_rules;
    PATCH  "/api/user-rules"                                   UserAdmin       user_accounts::http::update_rules;
    GET    "/api/issuances"                                    Vendor          tokens::issuances::http::list, query;
    POST   "/api/issuances/revoke"                             Vendor          tokens::issuances::http::revoke_many;
    GET    "/api/issuances/{issuance}"                         Vendor          tokens::issuances::http::show;
    DELETE "/api/issuances/{issuance}"                         Vendor          tokens::issuances::http::revoke;
    GET    "/api/trust-policies"                               Vendor          policies::http::list, query;
    POST   "/api/trust-policies"                               Vendor          policies::http::create => Plain;
    GET    "/api/trust-policies/{policy}"                      Vendor          policies::http::show;
    PATCH  "/api/trust-policies/{policy}"                      Vendor          policies::http::update;
    DELETE "/api/trust-policies/{policy}"                      Vendor          policies::http::remove;
    GET    "/api/webhooks"                                    Vendor          webhooks::http::list, query;
    POST   "/api/webhooks"                                    Vendor          webhooks::http::create => Secret;
    GET    "/api/webhooks/{webhook}"                          Vendor          webhooks::http::show;
    PATCH  "/api/webhooks/{webhook}"                          Vendor          webhooks::http::update;
    DELETE "/api/webhooks/{webhook}"                          Vendor          webhooks::http::remove;
    POST   "/api/webhooks/{webhook}/secret"                   Vendor          webhooks::http::rotate_secret => Secret;
    POST   "/api/webhooks/{webhook}/test"                     Vendor          webhooks::deliveries::http::test => Plain;
    GET    "/api/webhooks/{webhook}/deliveries"               Vendor          webhooks::deliveries::http::list, query;
    POST   "/api/webhooks/{webhook}/deliveries/{delivery}/replay" Vendor          webhooks::deliveries::http::replay => Plain;
    GET    "/api/lockbox/settings"                             LockboxAdmin    lockbox::settings::http::show;
    PATCH  "/api/lockbox/settings"                             LockboxAdmin    lockbox::settings::http::update;
    PUT    "/api/lockbox/password"                             LockboxAdmin    lockbox::rekey::http::change_password;
    POST   "/api/lockbox/rotate"                               LockboxAdmin    lockbox::rekey::http::rotate => Plain;
    GET    "/api/lockbox/backup"                               LockboxAdmin    lockbox::backup::http::write;
    POST   "/api/lockbox/restore"                              LockboxAdmin    lockbox::backup::http::read, query;
    GET    "/api/admin/issuers"                                Operator        issuers::http::list, query;
    POST   "/api/admin/issuers"                                Operator        issuers::http::create => Plain;
    GET    "/api/admin/issuers/{issuer}"                       Operator        issuers::http::show;
    PATCH  "/api/admin/issuers/{issuer}"                       Operator        issuers::http::update;
    DELETE "/api/admin/issuers/{issuer}"                       Operator        issuers::http::remove;
    POST   "/api/admin/sessions"                               LogIn           operators::http::log_in;
    GET    "/api/admin/sessions"                               Person          operators::http::list;
    DELETE "/api/admin/sessions"                               Person          operators::http::remove_all;
    DELETE "/api/admin/sessions/{session}"                     EnrollingPerson operators::http::remove;
    GET    "/api/admin/account"                                EnrollingPerson operators::http::show;
    PUT    "/api/admin/account/password"                       EnrollingPerson operators::http::change_password;
    POST   "/api/admin/account/totp"                           EnrollingPerson operators::http::begin_totp;
    PUT    "/api/admin/account/totp"                           EnrollingPerson operators::http::confirm_totp;
    DELETE "/api/admin/account/totp"                           Person          operators::http::remove_totp;
    POST   "/api/admin/account/recovery-codes"                 Person          operators::http::renew_recovery_codes;
    GET    "/api/admin/vendors"                                Operator        vendors::http::list, query;
    POST   "/api/admin/vendors"                                Operator        vendors::http::create => Secret;
    GET    "/api/admin/vendors/{namespace}"                    Operator        vendors::http::show;
    PATCH  "/api/admin/vendors/{namespace}"                    Operator        vendors::http::update;
    DELETE "/api/admin/vendors/{namespace}"                    Operator        vendors::life::http::cancel, query;
    POST   "/api/admin/vendors/{namespace}/suspend"            Operator        vendors::life::http::suspend;
    POST   "/api/admin/vendors/{namespace}/resume"             Operator        vendors::life::http::resume;
    GET    "/api/admin/vendors/{namespace}/key-pairs"          Operator        vendors::keys::http::list, query;
    POST   "/api/admin/vendors/{namespace}/key-pairs"          Operator        vendors::keys::http::create => Secret;
    PATCH  "/api/admin/vendors/{namespace}/key-pairs/{pair}"   Operator        vendors::keys::http::update;
    DELETE "/api/admin/vendors/{namespace}/key-pairs/{pair}"   Operator        vendors::keys::http::remove;
    POST   "/api/admin/vendors/{namespace}/key-pairs/{pair}/private-key" Operator vendors::keys::http::replace_private_key => Secret;
    GET    "/api/admin/vendors/{namespace}/repair"             Operator        vendors::repair::http::show;
    POST   "/api/admin/vendors/{namespace}/repair"             Operator        vendors::repair::http::run;
    GET    "/api/admin/vendors/{namespace}/sites"              Operator        sites::http::list_for_operator, query;
    DELETE "/api/admin/vendors/{namespace}/sites/{secretId}"   Operator        sites::http::delete_for_operator;
    GET    "/api/admin/vendors/{namespace}/trust-policies"     Operator        policies::http::list, query;
    POST   "/api/admin/vendors/{namespace}/trust-policies"     Operator        policies::http::create => Plain;
    GET    "/api/admin/vendors/{namespace}/trust-policies/{policy}" Operator   policies::http::show;
    PATCH  "/api/admin/vendors/{namespace}/trust-policies/{policy}" Operator   policies::http::update;
    DELETE "/api/admin/vendors/{namespace}/trust-policies/{policy}" Operator   policies::http::remove;
    GET    "/api/admin/vendors/{namespace}/workers"            Operator        workers::http::list, query;
    POST   "/api/admin/vendors/{namespace}/workers"            Operator        workers::http::create => Secret;
    GET    "/api/admin/vendors/{namespace}/workers/{login}"    Operator        workers::http::show;
    PATCH  "/api/admin/vendors/{namespace}/workers/{login}"    Operator        workers::http::update;
    DELETE "/api/admin/vendors/{namespace}/workers/{login}"    Operator        workers::http::remove;
    POST   "/api/admin/vendors/{namespace}/workers/{login}/keys" Operator      workers::http::rotate_key => Secret;
    GET    "/api/admin/vendors/{namespace}/users"              Operator        user_accounts::http::list, query;
    POST   "/api/admin/vendors/{namespace}/users"              Operator        user_accounts::http::create => Secret;
    GET    "/api/admin/vendors/{namespace}/users/{user}"       Operator        user_accounts::http::show;
    PATCH  "/api/admin/vendors/{namespace}/users/{user}"       Operator        user_accounts::http::update;
    DELETE "/api/admin/vendors/{namespace}/users/{user}"       Operator        user_accounts::http::remove;
    GET    "/api/admin/vendors/{namespace}/users/{user}/sessions" Operator     user_sessions::http::list_of_user, query;
    DELETE "/api/admin/vendors/{namespace}/users/{user}/sessions" Operator     user_sessions::http::remove_all_of_user;
    DELETE "/api/admin/vendors/{namespace}/users/{user}/sessions/{session}" Operator user_sessions::http::remove_of_user;
    GET    "/api/admin/vendors/{namespace}/groups"             Operator        user_accounts::http::groups, query;
    GET    "/api/admin/vendors/{namespace}/user-rules"         Operator        user_accounts::http::show_rules;
    PATCH  "/api/admin/vendors/{namespace}/user-rules"         Operator        user_accounts::http::update_rules;
    GET    "/api/admin/vendors/{namespace}/webhooks"          Operator        webhooks::http::list, query;
    POST   "/api/admin/vendors/{namespace}/webhooks"          Operator        webhooks::http::create => Secret;
    GET    "/api/admin/vendors/{namespace}/webhooks/{webhook}" Operator        webhooks::http::show;
    PATCH  "/api/admin/vendors/{namespace}/webhooks/{webhook}" Operator        webhooks::http::update;
    DELETE "/api/admin/vendors/{namespace}/webhooks/{webhook}" Operator        webhooks::http::remove;
    POST   "/api/admin/vendors/{namespace}/webhooks/{webhook}/secret" Operator        webhooks::http::rotate_secret => Secret;
    POST   "/api/admin/vendors/{namespace}/webhooks/{webhook}/test" Operator        webhooks::deliveries::http::test => Plain;
    GET    "/api/admin/vendors/{namespace}/webhooks/{webhook}/deliveries" Operator        webhooks::deliveries::http::list, query;
    POST   "/api/admin/vendors/{namespace}/webhooks/{webhook}/deliveries/{delivery}/replay" Operator        webhooks::deliveries::http::replay => Plain;
    GET    "/api/admin/webhooks"                              Operator        webhooks::http::list, query;
    POST   "/api/admin/webhooks"                              Operator        webhooks::http::create => Secret;
    GET    "/api/admin/webhooks/{webhook}"                    Operator        webhooks::http::show;
    PATCH  "/api/admin/webhooks/{webhook}"                    Operator        webhooks::http::update;
    DELETE "/api/admin/webhooks/{webhook}"                    Operator        webhooks::http::remove;
    POST   "/api/admin/webhooks/{webhook}/secret"             Operator        webhooks::http::rotate_secret => Secret;
    POST   "/api/admin/webhooks/{webhook}/test"               Operator        webhooks::deliveries::http::test => Plain;
    GET    "/api/admin/webhooks/{webhook}/deliveries"         Operator        webhooks::deliveries::http::list, query;
    POST   "/api/admin/webhooks/{webhook}/deliveries/{delivery}/replay" Operator        webhooks::deliveries::http::replay => Plain;
    GET    "/api/admin/vendors/{namespace}/issuances"          Operator        tokens::issuances::http::list, query;
    POST   "/api/admin/vendors/{namespace}/issuances/revoke"   Operator        tokens::issuances::http::revoke_many;
    GET    "/api/admin/vendors/{namespace}/issuances/{issuance}" Operator      tokens::issuances::http::show;
    DELETE "/api/admin/vendors/{namespace}/issuances/{issuance}" Operator      tokens::issuances::http::revoke;
    GET    "/api/admin/issuances"                              Operator        tokens::issuances::http::list_all, query;
    POST   "/api/admin/issuances/revoke"                       Operator        tokens::issuances::http::revoke_all;
    GET    "/api/admin/vendors/{namespace}/sites/{secretId}/access-logs" Operator timeline::http::of_site_for_operator, query;
    GET    "/api/admin/vendors/{namespace}/access-logs"        Operator        timeline::http::of_vendor_for_operator, query;
    GET    "/api/admin/access-logs"                            Operator        timeline::http::of_all, query;
    GET    "/api/admin/vendors/{namespace}/sites/{secretId}/login-attempts" Operator sites::attempts::http::of_site, query;
    GET    "/api/admin/vendors/{namespace}/login-attempts"     Operator        sites::attempts::http::of_vendor, query;
    GET    "/api/admin/vendors/{namespace}/support-pause"      Operator        vendors::pause::http::show;
    PUT    "/api/admin/vendors/{namespace}/support-pause"      Operator        vendors::pause::http::set;
    PATCH  "/api/admin/vendors/{namespace}/support-pause"      Operator        vendors::pause::http::change;
    DELETE "/api/admin/vendors/{namespace}/support-pause"      Operator        vendors::pause::http::end;
    GET    "/api/admin/vendors/{namespace}/connector"          Operator        connector::http::show;
    PATCH  "/api/admin/vendors/{namespace}/connector"          Operator        connector::http::update;
    GET    "/api/admin/vendors/{namespace}/token-settings"     Operator        vendors::settings::http::show;
    PATCH  "/api/admin/vendors/{namespace}/token-settings"     Operator        vendors::settings::http::change;
    GET    "/api/admin/vendors/{namespace}/lease-budget"       Operator        tokens::budget::http::show_vendor;
    PATCH  "/api/admin/vendors/{namespace}/lease-budget"       Operator        tokens::budget::http::change_vendor;
    GET    "/api/admin/lease-budget"                           Operator        tokens::budget::http::show;
    POST   "/api/admin/vendors/{namespace}/access-tokens/revoke" Operator      oauth::revoke::http::end_all;
    GET    "/api/admin/vendors/{namespace}/jwt-keys"           Operator        oauth::signed::http::list;
    POST   "/api/admin/vendors/{namespace}/jwt-keys"           Operator        oauth::signed::http::create => Plain;
    GET    "/api/admin/vendors/{namespace}/jwt-keys/{jwtKey}"  Operator        oauth::signed::http::show;
    PATCH  "/api/admin/vendors/{namespace}/jwt-keys/{jwtKey}"  Operator        oauth::signed::http::change;
    DELETE "/api/admin/vendors/{namespace}/jwt-keys/{jwtKey}"  Operator        oauth::signed::http::remove;
    GET    "/api/admin/vendors/{namespace}/client-rules"       Operator        oauth::signed::http::show_rules;
    PATCH  "/api/admin/vendors/{namespace}/client-rules"       Operator        oauth::signed::http::update_rules;
    GET    "/api/admin/token-keys"                             Operator        oauth::keys::http::list;
    POST   "/api/admin/token-keys"                             Operator        oauth::keys::http::rotate => Plain;
    GET    "/api/admin/app-token"                              Operator        tasks::http::app_tokens;
    POST   "/api/admin/app-token/renew"                        Operator        tasks::http::renew_app_tokens;
    GET    "/api/admin/audit-nodes"                            Operator        nodes::http::list;
    POST   "/api/admin/audit-nodes/remove"                     Operator        nodes::http::remove;
    POST   "/api/admin/explain"                                Operator        tokens::explain::http::explain;
    GET    "/api/admin/findings"                               Operator        vendors::repair::http::findings, query;
    GET    "/api/admin/tasks"                                  Operator        tasks::http::list;
    GET    "/api/lockbox"                                      User            lockbox::http::status;
    POST   "/api/lockbox/init"                                 LockboxAdmin    lockbox::http::init => Plain;
    POST   "/api/lockbox/unlock"                               LockboxAdmin    lockbox::http::unlock;
    POST   "/api/lockbox/lock"                                 LockboxAdmin    lockbox::http::lock;
    GET    "/api/lockbox/entries"                              User            lockbox::http::list, query;
    POST   "/api/lockbox/entries"                              User            lockbox::http::create => Plain;
    GET    "/api/lockbox/entries/{entry}"                      User            lockbox::http::show;
    PUT    "/api/lockbox/entries/{entry}"                      User            lockbox::http::replace;
    DELETE "/api/lockbox/entries/{entry}"                      User            lockbox::http::delete;
    GET    "/api/lockbox/entries/{entry}/history"              User            lockbox::http::history, query;
    GET    "/api/v1/accounts/{id}"                             Connector       trustedlogin::http::account, query;
    GET    "/api/v1/envelope-signing-pubkey"                   Anyone          signing::http::pubkey, query;
    GET    "/api/v1/envelope-signing-public-key"               Anyone          signing::http::public_key, query;
    POST   "/api/v1/accounts/{id}"                             Connector       trustedlogin::http::register, query;
    POST   "/api/v1/sites"                                     PluginOrVendor  trustedlogin::sites::http::register, query;
    DELETE "/api/v1/sites/{secretId}"                          Remover         trustedlogin::sites::http::delete, query;
    POST   "/api/v1/accounts/{id}/sites"                       Connector       trustedlogin::sites::http::find, query;
    POST   "/api/v1/sites/{account}/{secretId}/get-envelope"   Connector       trustedlogin::sites::http::open, query;
    POST   "/api/v1/report-brute-force"                        PluginOrVendor  trustedlogin::reports::http::lockdown, query;
    POST   "/api/v1/sites/{secretId}/login-attempts"           PluginOrVendor  trustedlogin::reports::http::failed, query;
    POST   "/api/v1/sites/{secretId}/verify-identifier"        PluginOrVendor  trustedlogin::reports::http::verify, query;
    POST   "/api/v1/accounts/{id}/messages"                    PluginOrVendor  trustedlogin::messages::http::post, query;
    GET    "/api/v1/accounts/{id}/messages"                    Connector       trustedlogin::messages::http::list, query;
    DELETE "/api/v1/accounts/{id}/messages/{message}"          Connector       trustedlogin::messages::http::delete, query;
    GET    "/api/v1/vault-admin"                               User            rport::http::status, query;
    POST   "/api/v1/vault-admin/init"                          LockboxAdmin    rport::http::init, query;
    POST   "/api/v1/vault-admin/sesame"                        LockboxAdmin    rport::http::open, query;
    DELETE "/api/v1/vault-admin/sesame"                        LockboxAdmin    rport::http::close, query;
    GET    "/api/v1/vault"                                     User            rport::http::list, query;
    POST   "/api/v1/vault"                                     User            rport::http::store, query;
    GET    "/api/v1/vault/{id}"                                User            rport::http::show, query;
    PUT    "/api/v1/vault/{id}"                                User            rport::http::replace, query;
    DELETE "/api/v1/vault/{id}"                                User            rport::http::delete, query;
}

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
    for route in ROUTES {
        for path in paths(route) {
            if done.contains(&path) {
                continue;
            }
            let same: Vec<&Route> = ROUTES
                .iter()
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
