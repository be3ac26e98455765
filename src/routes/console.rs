//! The table of the console: every page, and every form.

use super::{Caller, Route, operation, routes};
use crate::console::{
    account, assets, credentials, home, lockbox, logs, set_up, sign_in, sites, tasks, tokens,
    users, vendors, webhooks,
};

routes! { PAGES:
    GET  "/console/assets/{name}"                                        Visitor  assets::http::show, query;
    GET  "/console/sign-in"                                              Visitor  sign_in::http::show, query;
    POST "/console/sign-in"                                              Visitor  sign_in::http::sign_in;
    POST "/console/sign-out"                                             Entrant  sign_in::http::sign_out;
    GET  "/console/account/password"                                     Entrant  account::http::password;
    POST "/console/account/password"                                     Entrant  account::http::change_password;
    GET  "/console/account/totp"                                         Entrant  account::factor::http::show;
    POST "/console/account/totp"                                         Entrant  account::factor::http::begin;
    POST "/console/account/totp/confirm"                                 Entrant  account::factor::http::confirm;
    GET  "/console/account"                                              Holder   account::http::show, query;
    POST "/console/account/recovery-codes"                               SignedIn account::factor::http::renew_codes;
    POST "/console/account/sessions/{session}/end"                       Holder   account::http::end_session;
    GET  "/console"                                                      SignedIn home::http::show, query;
    POST "/console/app-tokens/renew"                                     SignedIn home::http::renew;
    GET  "/console/vendors"                                              SignedIn vendors::http::list, query;
    GET  "/console/vendors/new"                                          SignedIn vendors::create::http::form;
    POST "/console/vendors/new"                                          SignedIn vendors::create::http::create;
    GET  "/console/vendors/{namespace}"                                  Member   vendors::http::show, query;
    GET  "/console/vendors/{namespace}/progress"                         SignedIn vendors::http::progress;
    POST "/console/vendors/{namespace}/suspend"                          SignedIn vendors::life::http::suspend;
    POST "/console/vendors/{namespace}/resume"                           SignedIn vendors::life::http::resume;
    GET  "/console/vendors/{namespace}/cancel"                           SignedIn vendors::life::http::ask;
    POST "/console/vendors/{namespace}/cancel"                           SignedIn vendors::life::http::cancel;
    POST "/console/vendors/{namespace}/key-pairs"                        Member   vendors::keys::http::rotate;
    POST "/console/vendors/{namespace}/key-pairs/{pair}/end"             Member   vendors::keys::http::end;
    GET  "/console/vendors/{namespace}/search"                           Agent    sites::http::ask;
    POST "/console/vendors/{namespace}/search"                           Agent    sites::http::search;
    GET  "/console/vendors/{namespace}/set-up"                           Member   set_up::http::show;
    GET  "/console/vendors/{namespace}/sites"                            Member   sites::http::list, query;
    POST "/console/vendors/{namespace}/sites/search"                     Member   sites::http::find;
    GET  "/console/vendors/{namespace}/sites/{secretId}"                 Member   sites::http::show;
    POST "/console/vendors/{namespace}/sites/{secretId}/remove"          Member   sites::http::remove;
    GET  "/console/tokens"                                               Member   tokens::http::list, query;
    GET  "/console/vendors/{namespace}/tokens/{issuance}"                Member   tokens::http::show;
    POST "/console/vendors/{namespace}/tokens/{issuance}/revoke"         Member   tokens::http::revoke;
    GET  "/console/logs"                                                 Member   logs::http::list, query;
    GET  "/console/logs/file"                                            Member   logs::http::file, query;
    GET  "/console/webhooks"                                             SignedIn webhooks::http::list, query;
    GET  "/console/webhooks/{webhook}"                                   SignedIn webhooks::http::of_platform, query;
    POST "/console/webhooks/{webhook}/deliveries/{delivery}/replay"      SignedIn webhooks::http::replay_of_platform;
    GET  "/console/vendors/{namespace}/webhooks/{webhook}"               Member   webhooks::http::of_vendor, query;
    POST "/console/vendors/{namespace}/webhooks/{webhook}/deliveries/{delivery}/replay" Member   webhooks::http::replay_of_vendor;
    GET  "/console/vendors/{namespace}/users"                            Member   users::http::list, query;
    GET  "/console/vendors/{namespace}/new-user"                         Member   users::http::ask;
    POST "/console/vendors/{namespace}/new-user"                         Member   users::http::create;
    POST "/console/vendors/{namespace}/user-rules"                       Member   users::http::set_rules;
    GET  "/console/vendors/{namespace}/users/{user}"                     Member   users::one::http::show, query;
    POST "/console/vendors/{namespace}/users/{user}/groups"              Member   users::one::http::set_groups;
    POST "/console/vendors/{namespace}/users/{user}/password"            Member   users::one::http::reset_password;
    POST "/console/vendors/{namespace}/users/{user}/access"              Member   users::one::http::set_access;
    POST "/console/vendors/{namespace}/users/{user}/remove"              Member   users::one::http::remove;
    GET  "/console/credentials"                                          Steward  credentials::http::list, query;
    GET  "/console/new-credential/{type}"                                Steward  credentials::http::ask;
    POST "/console/new-credential/{type}"                                Steward  credentials::http::create;
    GET  "/console/credentials/{key}"                                    Steward  credentials::http::show, query;
    POST "/console/credentials/{key}/value"                              Steward  credentials::http::reveal;
    POST "/console/credentials/{key}/test"                               Steward  credentials::http::test;
    GET  "/console/credentials/{key}/edit"                               Steward  credentials::edit::http::show;
    POST "/console/credentials/{key}/edit"                               Steward  credentials::edit::http::update;
    POST "/console/credentials/{key}/delete"                             Steward  credentials::http::delete;
    POST "/console/credentials/{key}/undelete"                           Steward  credentials::http::undelete;
    POST "/console/credentials/{key}/destroy"                            Steward  credentials::http::destroy;
    GET  "/console/lockbox"                                              Colleague lockbox::http::show, query;
    POST "/console/lockbox/init"                                         Steward  lockbox::http::init;
    POST "/console/lockbox/unlock"                                       Steward  lockbox::http::unlock;
    POST "/console/lockbox/lock"                                         Steward  lockbox::http::lock;
    GET  "/console/lockbox/new-entry"                                    Colleague lockbox::entries::http::ask;
    POST "/console/lockbox/new-entry"                                    Colleague lockbox::entries::http::create;
    GET  "/console/lockbox/entries/{entry}"                              Colleague lockbox::entries::http::show, query;
    POST "/console/lockbox/entries/{entry}/value"                        Colleague lockbox::entries::http::reveal;
    GET  "/console/lockbox/entries/{entry}/edit"                         Colleague lockbox::entries::http::edit;
    POST "/console/lockbox/entries/{entry}/edit"                         Colleague lockbox::entries::http::replace;
    POST "/console/lockbox/entries/{entry}/delete"                       Colleague lockbox::entries::http::delete;
    GET  "/console/tasks"                                                SignedIn tasks::http::list, query;
    POST "/console/tasks/{task}/run"                                     SignedIn tasks::http::run;
}
