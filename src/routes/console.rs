//! The table of the console: every page, and every form.

use super::{Caller, Route, operation, routes};
use crate::console::{
    account, assets, home, logs, sign_in, sites, tasks, tokens, vendors, webhooks,
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
    GET  "/console/account"                                              SignedIn account::http::show, query;
    POST "/console/account/recovery-codes"                               SignedIn account::factor::http::renew_codes;
    POST "/console/account/sessions/{session}/end"                       SignedIn account::http::end_session;
    GET  "/console"                                                      SignedIn home::http::show, query;
    POST "/console/app-tokens/renew"                                     SignedIn home::http::renew;
    GET  "/console/vendors"                                              SignedIn vendors::http::list, query;
    GET  "/console/vendors/new"                                          SignedIn vendors::create::http::form;
    POST "/console/vendors/new"                                          SignedIn vendors::create::http::create;
    GET  "/console/vendors/{namespace}"                                  SignedIn vendors::http::show, query;
    GET  "/console/vendors/{namespace}/progress"                         SignedIn vendors::http::progress;
    POST "/console/vendors/{namespace}/suspend"                          SignedIn vendors::life::http::suspend;
    POST "/console/vendors/{namespace}/resume"                           SignedIn vendors::life::http::resume;
    GET  "/console/vendors/{namespace}/cancel"                           SignedIn vendors::life::http::ask;
    POST "/console/vendors/{namespace}/cancel"                           SignedIn vendors::life::http::cancel;
    POST "/console/vendors/{namespace}/key-pairs"                        SignedIn vendors::keys::http::rotate;
    POST "/console/vendors/{namespace}/key-pairs/{pair}/end"             SignedIn vendors::keys::http::end;
    GET  "/console/vendors/{namespace}/sites"                            SignedIn sites::http::list, query;
    POST "/console/vendors/{namespace}/sites/search"                     SignedIn sites::http::find;
    GET  "/console/vendors/{namespace}/sites/{secretId}"                 SignedIn sites::http::show;
    POST "/console/vendors/{namespace}/sites/{secretId}/remove"          SignedIn sites::http::remove;
    GET  "/console/tokens"                                               SignedIn tokens::http::list, query;
    GET  "/console/vendors/{namespace}/tokens/{issuance}"                SignedIn tokens::http::show;
    POST "/console/vendors/{namespace}/tokens/{issuance}/revoke"         SignedIn tokens::http::revoke;
    GET  "/console/logs"                                                 SignedIn logs::http::list, query;
    GET  "/console/logs/file"                                            SignedIn logs::http::file, query;
    GET  "/console/webhooks"                                             SignedIn webhooks::http::list, query;
    GET  "/console/webhooks/{webhook}"                                   SignedIn webhooks::http::of_platform, query;
    POST "/console/webhooks/{webhook}/deliveries/{delivery}/replay"      SignedIn webhooks::http::replay_of_platform;
    GET  "/console/vendors/{namespace}/webhooks/{webhook}"               SignedIn webhooks::http::of_vendor, query;
    POST "/console/vendors/{namespace}/webhooks/{webhook}/deliveries/{delivery}/replay" SignedIn webhooks::http::replay_of_vendor;
    GET  "/console/tasks"                                                SignedIn tasks::http::list, query;
    POST "/console/tasks/{task}/run"                                     SignedIn tasks::http::run;
}
