//! Each line of "Who may do what, in OpenBao", asked of OpenBao itself with the real tokens: what is granted works,
//! and everything else is refused by OpenBao, not by us.

use std::fmt::Write;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Place, TestApp, TestVendor};

const SITE: &str = "0123456789abcdef0123456789abcdef";
const OTHER_SITE: &str = "fedcba9876543210fedcba9876543210";

const ISSUER: &str = "issuer";
const REVOKER: &str = "revoker";
const PROVISIONER: &str = "provisioner";
const SAAS: &str = "saas";

/// A method, a path below `/v1/`, and a body where there is one.
type Try = (&'static str, String, Value);

fn tries(lines: &[(&'static str, &str)]) -> Vec<Try> {
    lines
        .iter()
        .map(|(method, path)| (*method, (*path).to_owned(), Value::Null))
        .collect()
}

fn with_body(method: &'static str, path: &str, body: Value) -> Try {
    (method, path.to_owned(), body)
}

/// The app token that AppRole gives to one of the service's four roles, by fresh credentials.
async fn log_in(test: &TestApp, role: &str) -> String {
    let path = format!("auth/approle/role/gatehouse-{role}");
    let role_id = test
        .bao_root(Method::GET, &format!("{path}/role-id"))
        .send()
        .await;
    let secret_id = test
        .bao_root(Method::POST, &format!("{path}/secret-id"))
        .send()
        .await;
    let body = json!({
        "role_id": role_id.json["data"]["role_id"],
        "secret_id": secret_id.json["data"]["secret_id"]
    });
    let answer = test
        .bao(Method::POST, "auth/approle/login", "")
        .json(&body)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.json["auth"]["policies"],
        json!([format!("{role}-policy")])
    );
    answer.json["auth"]["client_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn status_of(test: &TestApp, token: &str, (method, path, body): &Try) -> u16 {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut call = test.bao(method, path, token);
    if !body.is_null() {
        call = call.json(body);
    }
    call.send().await.status
}

/// Fails with every try whose status is not among `wanted`.
#[track_caller]
fn report(who: &str, wanted: &[u16], found: &[(Try, u16)]) {
    let mut wrong = String::new();
    for ((method, path, _), status) in found {
        if !wanted.contains(status) {
            writeln!(wrong, "{who}: {method} {path}: {status}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "wanted {wanted:?}\n{wrong}");
}

async fn all_of(test: &TestApp, who: &str, token: &str, tries: Vec<Try>, wanted: &[u16]) {
    let mut found = Vec::new();
    for one in tries {
        let status = status_of(test, token, &one).await;
        found.push((one, status));
    }
    report(who, wanted, &found);
}

async fn refused(test: &TestApp, who: &str, token: &str, tries: Vec<Try>) {
    all_of(test, who, token, tries, &[403]).await;
}

async fn granted(test: &TestApp, who: &str, token: &str, tries: Vec<Try>) {
    all_of(test, who, token, tries, &[200, 204]).await;
}

/// A service with two vendors, each with a site.
async fn two_vendors() -> (TestApp, TestVendor, TestVendor) {
    let test = TestApp::start().await;
    let acme = test.vendor("acme-one").await;
    let other = test.vendor("other-two").await;
    for vendor in [&acme, &other] {
        test.site(vendor, SITE, "0123456789ABCDEF").await;
    }
    (test, acme, other)
}

/// What none of the service's own tokens may do.
fn nobodys() -> Vec<Try> {
    let mut all = tries(&[
        ("GET", "acme-one-store/0123456789abcdef0123456789abcdef"),
        ("LIST", "acme-one-store"),
        ("LIST", "acme-one-store/"),
        ("DELETE", "acme-one-store/0123456789abcdef0123456789abcdef"),
        ("GET", "sys/mounts"),
        ("GET", "sys/auth"),
        ("LIST", "sys/namespaces"),
        ("LIST", "sys/leases/lookup"),
        ("LIST", "sys/leases/lookup/auth/token/create"),
        ("PUT", "sys/leases/revoke-prefix/auth/token"),
        ("LIST", "sys/policy"),
        ("GET", "sys/policy/saas-policy"),
        ("DELETE", "sys/policy/saas-policy"),
        ("LIST", "identity/entity/id"),
        ("LIST", "identity/entity/name"),
        ("LIST", "identity/group/id"),
        ("GET", "cubbyhole/any"),
        ("LIST", "auth/approle/role"),
        ("GET", "auth/approle/role/gatehouse-provisioner/role-id"),
        ("LIST", "auth/approle/role/gatehouse-provisioner/secret-id"),
        ("POST", "auth/approle/role/gatehouse-issuer/secret-id"),
        ("GET", "auth/token/roles/another"),
        ("DELETE", "auth/token/roles/gatehouse-bound.any"),
        ("DELETE", "auth/token/roles/gatehouse-write"),
        ("LIST", "gatehouse-keys/metadata"),
        ("DELETE", "gatehouse-keys/data/digest"),
        ("DELETE", "gatehouse-keys/metadata/digest"),
    ]);
    all.extend(ends_of_the_trail());
    all.extend(further());
    all.extend([
        with_body(
            "POST",
            "acme-one-store/0123456789abcdef0123456789abcdef",
            json!({ "a": "b" }),
        ),
        with_body(
            "PUT",
            "acme-one-store/fedcba9876543210fedcba9876543210",
            json!({ "a": "b" }),
        ),
        with_body("POST", "sys/namespaces/inner", json!({})),
        with_body("POST", "sys/auth/userpass", json!({ "type": "userpass" })),
        with_body(
            "POST",
            "sys/remount",
            json!({ "from": "acme-one-store", "to": "taken" }),
        ),
        with_body(
            "PUT",
            "sys/policy/saas-policy",
            json!({ "policy": "path \"*\" { capabilities = [\"sudo\"] }" }),
        ),
        with_body("PUT", "sys/leases/lookup", json!({ "lease_id": "x" })),
        with_body("PUT", "sys/leases/revoke", json!({ "lease_id": "x" })),
        with_body("POST", "sys/wrapping/wrap", json!({ "a": "b" })),
        with_body("POST", "cubbyhole/any", json!({ "a": "b" })),
        with_body("POST", "identity/entity", json!({ "name": "x" })),
        with_body("POST", "identity/entity-alias", json!({ "name": "x" })),
        with_body("POST", "identity/group", json!({ "name": "x" })),
        with_body(
            "POST",
            "auth/approle/role/gatehouse-issuer",
            json!({ "token_policies": "root" }),
        ),
        with_body(
            "POST",
            "auth/token/roles/gatehouse-write",
            json!({ "allowed_policies_glob": "*" }),
        ),
        with_body(
            "POST",
            "auth/token/create",
            json!({ "policies": ["acme-one-read-policy"] }),
        ),
        with_body("POST", "auth/token/create", json!({})),
        with_body(
            "POST",
            "auth/token/create-orphan",
            json!({ "policies": ["acme-one-read-policy"] }),
        ),
        with_body("POST", "auth/token/create/other", json!({})),
        with_body("POST", "auth/token/create/gatehouse-bound.any", json!({})),
        with_body("POST", "auth/token/lookup", json!({ "token": "x" })),
        with_body("POST", "auth/token/revoke", json!({ "token": "x" })),
        with_body("POST", "auth/token/revoke-orphan", json!({ "token": "x" })),
        with_body("POST", "auth/token/renew", json!({ "token": "x" })),
        with_body(
            "POST",
            "gatehouse-keys/data/digest",
            json!({ "data": { "key": "x" } }),
        ),
        with_body(
            "POST",
            "gatehouse-keys/config",
            json!({ "max_versions": 1 }),
        ),
    ]);
    all
}

/// What else OpenBao has in a namespace. `sys/generate-root`, `sys/rekey` and unwrapping are for whoever has a share of
/// the key, or the wrapping token itself: no right of a token is asked for, so none could be refused.
fn further() -> Vec<Try> {
    let mut all = tries(&[
        ("LIST", "sys/policies/password"),
        ("GET", "sys/policies/password/any"),
        ("DELETE", "sys/policies/password/any"),
        ("GET", "sys/auth/token/tune"),
        ("GET", "sys/mounts/acme-one-store/tune"),
        ("LIST", "sys/plugins/catalog/auth"),
        ("GET", "sys/plugins/catalog"),
        ("LIST", "sys/locked-users"),
        ("GET", "sys/locked-users"),
        ("GET", "identity/oidc/config"),
        ("LIST", "identity/oidc/key"),
        ("LIST", "identity/entity-alias/id"),
        ("LIST", "identity/group-alias/id"),
        ("LIST", "identity/mfa/method"),
        ("GET", "auth/approle/role/gatehouse-issuer"),
        ("DELETE", "auth/approle/role/gatehouse-issuer"),
        ("GET", "auth/approle/tidy/secret-id"),
        ("LIST", "auth/approle/role/gatehouse-issuer/secret-id"),
        ("DELETE", "auth/token/roles/another"),
        ("LIST", "acme-one-credentials/secret/metadata"),
        ("GET", "acme-one-credentials/secret/data/any"),
        ("DELETE", "acme-one-credentials/secret/metadata/any"),
        ("GET", "acme-one-credentials/secret/config"),
    ]);
    let glob = json!({ "allowed_policies_glob": "*" });
    let secret = json!({ "data": { "a": "b" } });
    all.extend([
        with_body("POST", "auth/token/tidy", json!({})),
        with_body("POST", "auth/token/create/root", json!({})),
        with_body("POST", "auth/token/roles/another", glob),
        with_body("POST", "sys/policies/password/any", json!({ "policy": "" })),
        with_body("PUT", "sys/policies/egp/any", json!({ "policy": "" })),
        with_body("PUT", "sys/policies/rgp/any", json!({ "policy": "" })),
        with_body("POST", "sys/tools/random", json!({})),
        with_body("POST", "sys/tools/hash", json!({ "input": "YQ==" })),
        with_body(
            "POST",
            "sys/auth/token/tune",
            json!({ "max_lease_ttl": "9999h" }),
        ),
        with_body(
            "POST",
            "sys/mounts/acme-one-store/tune",
            json!({ "description": "x" }),
        ),
        with_body("POST", "identity/lookup/entity", json!({ "name": "x" })),
        with_body("POST", "identity/lookup/group", json!({ "name": "x" })),
        with_body(
            "POST",
            "identity/entity/merge",
            json!({ "to_entity_id": "x" }),
        ),
        with_body(
            "POST",
            "identity/entity/batch-delete",
            json!({ "entity_ids": ["x"] }),
        ),
        with_body("POST", "identity/oidc/key/any", json!({})),
        with_body("POST", "auth/approle/role/another", json!({})),
        with_body("POST", "acme-one-credentials/secret/data/any", secret),
    ]);
    all
}

/// What OpenBao has only outside its namespaces. Within one it is 400 to everybody.
fn servers_own() -> Vec<Try> {
    let mut all = tries(&[
        ("GET", "sys/audit"),
        ("DELETE", "sys/audit/file"),
        ("GET", "sys/raw/core/mounts"),
        ("LIST", "sys/raw/core"),
        ("DELETE", "sys/raw/core/mounts"),
        ("GET", "sys/storage/raft/snapshot"),
        ("GET", "sys/storage/raft/configuration"),
        ("GET", "sys/config/state/sanitized"),
        ("GET", "sys/config/cors"),
        ("PUT", "sys/seal"),
        ("PUT", "sys/step-down"),
        ("PUT", "sys/rotate"),
        ("GET", "sys/rotate/config"),
        ("GET", "sys/config/auditing/request-headers"),
        ("GET", "sys/config/ui/headers"),
        ("GET", "sys/internal/counters/activity"),
        ("LIST", "sys/quotas/rate-limit"),
        ("GET", "sys/storage/raft/autopilot/state"),
        ("GET", "sys/pprof/heap"),
        ("GET", "sys/in-flight-req"),
        ("GET", "sys/metrics"),
        ("GET", "sys/host-info"),
        ("GET", "sys/monitor"),
        ("GET", "sys/loggers"),
        ("DELETE", "sys/plugins/catalog/auth/any"),
    ]);
    all.extend([
        with_body("PUT", "sys/audit/second", json!({ "type": "file" })),
        with_body("POST", "sys/storage/raft/snapshot", json!({})),
        with_body(
            "POST",
            "sys/storage/raft/remove-peer",
            json!({ "server_id": "dev" }),
        ),
        with_body("PUT", "sys/config/cors", json!({ "enabled": true })),
        with_body("POST", "sys/audit-hash/file", json!({ "input": "x" })),
        with_body(
            "PUT",
            "sys/config/auditing/request-headers/x-any",
            json!({ "hmac": false }),
        ),
        with_body(
            "PUT",
            "sys/config/ui/headers/x-any",
            json!({ "values": [] }),
        ),
        with_body(
            "POST",
            "sys/plugins/reload/backend",
            json!({ "plugin": "kv" }),
        ),
        with_body("POST", "sys/loggers", json!({ "level": "trace" })),
        with_body("POST", "sys/quotas/rate-limit/any", json!({ "rate": 1 })),
        with_body("POST", "sys/quotas/config", json!({})),
    ]);
    all
}

/// What the provisioner's right alone is about.
fn provisioners() -> Vec<Try> {
    let mut all = tries(&[
        ("GET", "sys/mounts/acme-one-store"),
        ("DELETE", "sys/mounts/acme-one-store"),
        ("GET", "sys/policies/acl/acme-one-write-policy"),
        ("DELETE", "sys/policies/acl/acme-one-write-policy"),
        ("LIST", "sys/policies/acl"),
        ("GET", "auth/token/roles/gatehouse-write"),
        ("LIST", "auth/token/roles"),
        ("GET", "auth/token/roles/gatehouse-bound.write.acme-one.1"),
        (
            "DELETE",
            "auth/token/roles/gatehouse-bound.write.acme-one.1",
        ),
    ]);
    all.extend(bound_roles().into_iter().map(|role| role.set));
    all.extend([
        with_body("POST", "sys/mounts/new-store", json!({ "type": "kv" })),
        with_body(
            "PUT",
            "sys/policies/acl/new-write-policy",
            json!({ "policy": "" }),
        ),
    ]);
    all
}

/// A role of tokens that work from some networks only.
struct BoundRole {
    set: Try,
    kind: &'static str,
    policies: Vec<&'static str>,
}

/// One of each kind, as the service makes it.
fn bound_roles() -> Vec<BoundRole> {
    let of = |kind: &'static str, policy: &'static str, glob: &str, days: u32| {
        let bare = policy.contains('.');
        let mut body = json!({
            "allowed_policies_glob": [glob], "token_explicit_max_ttl": format!("{}s", days * 86400), "renewable": true,
            "token_no_default_policy": bare, "orphan": true, "token_type": "service",
            "token_bound_cidrs": ["203.0.113.0/24"],
        });
        let mut policies = vec![policy];
        if bare {
            body["allowed_policies"] = json!(["gatehouse.self"]);
            policies.push("gatehouse.self");
        }
        if kind.ends_with("-site") {
            body["allowed_entity_aliases"] = json!(["*"]);
        }
        let path = format!("auth/token/roles/gatehouse-bound.{kind}.acme-one.1");
        BoundRole {
            set: with_body("POST", &path, body),
            kind,
            policies,
        }
    };
    vec![
        of("write", "acme-one-write-policy", "*-write-policy", 28),
        of("write-site", "acme-one.site-write", "*.site-write", 28),
        of("read", "acme-one-read-policy", "*-read-policy", 7),
        of("read-site", "acme-one.site-read", "*.site-read", 7),
        of(
            "credentials",
            "acme-one.credentials-read",
            "*.credentials-read",
            28,
        ),
    ]
}

/// The same with one thing each that would give more, or something else.
fn wider_roles() -> Vec<Try> {
    let changes = [
        ("allowed_policies", json!(["root"])),
        ("allowed_policies", json!(["gatehouse.self", "root"])),
        ("allowed_policies", json!("gatehouse.self,root")),
        ("allowed_policies", json!([])),
        ("allowed_policies_glob", json!(["*"])),
        ("allowed_policies_glob", json!("*")),
        ("allowed_policies_glob", json!([])),
        ("allowed_policies_glob", json!(["*-delete-policy"])),
        ("allowed_entity_aliases", json!(["other"])),
        ("disallowed_policies", json!([])),
        ("token_explicit_max_ttl", json!("9999h")),
        ("token_explicit_max_ttl", json!(0)),
        ("token_period", json!("1h")),
        ("period", json!("1h")),
        ("explicit_max_ttl", json!("9999h")),
        ("token_num_uses", json!(1)),
        ("path_suffix", json!("x")),
        ("renewable", json!(false)),
        ("orphan", json!(false)),
        ("token_type", json!("batch")),
    ];
    let mut all = Vec::new();
    for BoundRole { set, .. } in bound_roles() {
        for (field, value) in &changes {
            let (method, path, mut body) = set.clone();
            body[*field] = value.clone();
            all.push((method, path, body));
        }
        // The kinds' own roles are `bootstrap`'s, and other names nobody's.
        let (method, path, body) = set;
        let path = path.replace("bound.", "");
        all.push((method, path.replace(".acme-one.1", ""), body.clone()));
        all.push((method, path.replace("gatehouse-", "gatehouse-bound-"), body));
    }
    all
}

#[tokio::test]
async fn roles_of_networks_give_no_more_than_those_of_their_kinds() {
    let (test, ..) = two_vendors().await;
    let issuer = log_in(&test, ISSUER).await;
    for role in [PROVISIONER, SAAS] {
        let token = log_in(&test, role).await;
        refused(&test, role, &token, wider_roles()).await;
        let roles = bound_roles();
        let sets = roles.iter().map(|role| role.set.clone()).collect();
        granted(&test, role, &token, sets).await;
        for BoundRole {
            set,
            kind,
            policies,
        } in roles
        {
            let path = set.1.replace("/roles/", "/create/");
            let mut body = json!({ "policies": policies, "ttl": "60s" });
            if kind.ends_with("-site") {
                body["entity_alias"] = json!(OTHER_SITE);
            }
            let may = vec![with_body("POST", &path, body)];
            granted(&test, ISSUER, &issuer, may).await;
            let foreign = json!({ "policies": ["acme-one-delete-policy"], "ttl": "60s" });
            let may_not = vec![with_body("POST", &path, foreign)];
            all_of(&test, ISSUER, &issuer, may_not, &[400]).await;
            // One that says of no policies that it gives them, gives none that the asker lacks.
            let bare = (set.0, format!("{}-bare", set.1), json!({ "orphan": true }));
            let (made, create) = (bare.1.clone(), format!("{path}-bare"));
            granted(&test, role, &token, vec![bare]).await;
            for policies in [&["root"], &policies[..1], &["provisioner-policy"]] {
                let body = json!({ "policies": policies, "ttl": "60s" });
                let may_not = vec![with_body("POST", &create, body)];
                all_of(&test, ISSUER, &issuer, may_not, &[400]).await;
            }
            granted(&test, role, &token, tries(&[("DELETE", &made)])).await;
            let path = set.1.as_str();
            granted(
                &test,
                role,
                &token,
                tries(&[("GET", path), ("DELETE", path)]),
            )
            .await;
        }
    }
}

fn accessors(of: &str) -> Vec<Try> {
    let body = json!({ "accessor": of });
    let mut all = vec![
        with_body("POST", "auth/token/lookup-accessor", body.clone()),
        with_body("POST", "auth/token/renew-accessor", body.clone()),
        with_body("POST", "auth/token/revoke-accessor", body),
    ];
    all.extend(tries(&[
        ("LIST", "auth/token/accessors"),
        ("LIST", "auth/token/accessors/"),
    ]));
    all
}

/// What would take the key of the trail, or of envelopes, or the note about the trail's end, away.
fn ends_of_the_trail() -> Vec<Try> {
    let mut all = tries(&[
        ("DELETE", "gatehouse-keys/data/event-head"),
        ("DELETE", "gatehouse-keys/metadata/event-head"),
        ("DELETE", "gatehouse-keys/metadata/event-chain"),
        ("DELETE", "gatehouse-keys/data/envelope-signing"),
        ("GET", "gatehouse-keys/metadata/envelope-signing"),
        ("DELETE", "gatehouse-keys/metadata/envelope-signing"),
    ]);
    let (key, versions) = (
        json!({ "data": { "key": "x" } }),
        json!({ "versions": [1] }),
    );
    all.extend([
        with_body("POST", "gatehouse-keys/data/event-chain", key.clone()),
        with_body("POST", "gatehouse-keys/data/envelope-signing", key),
        with_body("POST", "gatehouse-keys/destroy/event-head", versions),
    ]);
    all
}

/// The note that keeps the end of the trail from being cut, and the keys that sign it and envelopes.
fn head_of_the_trail() -> Vec<Try> {
    vec![
        with_body(
            "POST",
            "gatehouse-keys/data/event-head",
            json!({ "data": { "number": 1, "hash": "" } }),
        ),
        with_body("GET", "gatehouse-keys/data/event-head", Value::Null),
        with_body("GET", "gatehouse-keys/data/event-chain", Value::Null),
        with_body("GET", "gatehouse-keys/data/envelope-signing", Value::Null),
    ]
}

fn itself() -> Vec<Try> {
    vec![
        with_body("GET", "auth/token/lookup-self", Value::Null),
        with_body(
            "POST",
            "auth/token/renew-self",
            json!({ "increment": "42h" }),
        ),
        with_body(
            "POST",
            "sys/capabilities-self",
            json!({ "paths": ["sys/mounts"] }),
        ),
    ]
}

/// Each role with a policy that it may give.
const ROLES: [(&str, &[&str], bool); 5] = [
    ("gatehouse-write", &["acme-one-write-policy"], false),
    (
        "gatehouse-write-site",
        &["gatehouse.self", "acme-one.site-write"],
        true,
    ),
    ("gatehouse-read", &["acme-one-read-policy"], false),
    (
        "gatehouse-read-site",
        &["gatehouse.self", "acme-one.site-read"],
        true,
    ),
    ("gatehouse-delete", &["acme-one-delete-policy"], false),
];

fn create(role: &str, policies: &[&str], bound: bool) -> Try {
    let mut body = json!({ "policies": policies, "ttl": "60s" });
    if bound {
        body["entity_alias"] = json!(OTHER_SITE);
    }
    with_body("POST", &format!("auth/token/create/{role}"), body)
}

fn creations() -> Vec<Try> {
    ROLES
        .iter()
        .map(|(role, policies, bound)| create(role, policies, *bound))
        .collect()
}

#[tokio::test]
async fn server_itself_is_out_of_reach_where_no_namespace_fences_us_in() {
    let mut place = Place::shared().await;
    place.bao.namespace = None;
    let config = place.config().await;
    let test = TestApp::start_at(place, config).await;
    for role in [ISSUER, REVOKER, PROVISIONER, SAAS] {
        let token = log_in(&test, role).await;
        let mut may_not = servers_own();
        may_not.extend(nobodys());
        refused(&test, role, &token, may_not).await;
    }
    let sealed = test.bao(Method::GET, "sys/seal-status", "").send().await;
    assert_eq!(sealed.json["sealed"], false);
}

#[tokio::test]
async fn namespace_fences_our_tokens_in() {
    let (mut test, acme, _) = two_vendors().await;
    let plugin = test.write_token(&acme, OTHER_SITE).await;
    let mut tokens = vec![("site-write", plugin)];
    for role in [ISSUER, REVOKER, PROVISIONER, SAAS] {
        tokens.push((role, log_in(&test, role).await));
    }
    let home = test.namespace.take();
    for namespace in [None, Some("root"), Some("../"), Some("/")] {
        test.namespace = namespace.map(str::to_owned);
        for (name, token) in &tokens {
            let mut may_not = creations();
            may_not.extend(provisioners());
            may_not.extend(servers_own());
            may_not.extend(accessors("any"));
            may_not.extend(on_secret("acme-one", SITE));
            all_of(&test, name, token, may_not, &[400, 403, 404]).await;
        }
    }
    test.namespace = home;
}

#[tokio::test]
async fn issuer_makes_tokens_of_our_roles_and_nothing_else() {
    let (test, acme, _) = two_vendors().await;
    let token = log_in(&test, ISSUER).await;
    let plugin = test.write_token(&acme, OTHER_SITE).await;
    let accessor = accessor_of(&test, &plugin).await;
    let mut may = itself();
    may.extend(creations());
    may.extend(tries(&[("GET", "gatehouse-keys/data/digest")]));
    may.extend(head_of_the_trail());
    granted(&test, ISSUER, &token, may).await;
    let mut may_not = nobodys();
    may_not.extend(provisioners());
    may_not.extend(accessors(&accessor));
    may_not.extend(tries(&[
        ("DELETE", "identity/entity/id/any"),
        ("GET", "identity/entity/id/any"),
        ("GET", "sys/mounts/gatehouse-keys"),
        ("DELETE", "sys/mounts/gatehouse-keys"),
    ]));
    refused(&test, ISSUER, &token, may_not).await;
    assert!(test.is_alive(&plugin).await);
}

async fn accessor_of(test: &TestApp, token: &str) -> String {
    let answer = test
        .bao(Method::GET, "auth/token/lookup-self", token)
        .send()
        .await;
    answer.json["data"]["accessor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn revoker_ends_tokens_and_entities_and_makes_none() {
    let (test, acme, _) = two_vendors().await;
    let token = log_in(&test, REVOKER).await;
    let plugin = test.write_token(&acme, OTHER_SITE).await;
    let entity = test
        .bao(Method::GET, "auth/token/lookup-self", &plugin)
        .send()
        .await
        .json["data"]["entity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let entity = format!("identity/entity/id/{entity}");
    let mut may = itself();
    may.extend(accessors(&accessor_of(&test, &plugin).await));
    may.extend([
        with_body("GET", &entity, Value::Null),
        with_body("DELETE", &entity, Value::Null),
    ]);
    granted(&test, REVOKER, &token, may).await;
    assert!(!test.is_alive(&plugin).await);
    let mut may_not = nobodys();
    may_not.extend(provisioners());
    may_not.extend(creations());
    may_not.extend(tries(&[("GET", "gatehouse-keys/data/digest")]));
    may_not.extend(head_of_the_trail());
    may_not.push(with_body("POST", &entity, json!({ "policies": ["root"] })));
    refused(&test, REVOKER, &token, may_not).await;
}

/// A vendor's store and policies, from their making to their end.
fn provisioning() -> Vec<Try> {
    let mut all = tries(&[
        ("GET", "sys/internal/ui/mounts/auth/token"),
        ("LIST", "sys/policies/acl"),
        ("GET", "auth/token/roles/gatehouse-write"),
        ("LIST", "auth/token/roles"),
    ]);
    for (path, version) in [("new-one-store", "1"), ("new-one-credentials/secret", "2")] {
        let path = format!("sys/mounts/{path}");
        let body = json!({
            "type": "kv",
            "description": "Key Store for client new-one",
            "options": { "version": version }
        });
        all.push(with_body("POST", &path, body));
        all.push(with_body("GET", &path, Value::Null));
        all.push(with_body("DELETE", &path, Value::Null));
    }
    for name in [
        "new-one-write-policy",
        "new-one-delete-policy",
        "new-one-read-policy",
        "new-one.site-write",
        "new-one.site-read",
        // Near to the protected ones, and no business of theirs.
        "saas-policy-write-policy",
        "saas-write-policy",
        "issuer-policy2-read-policy",
        "gatehouse2.site-write",
        "default2-read-policy",
        "root2-write-policy",
    ] {
        let path = format!("sys/policies/acl/{name}");
        let body = json!({ "policy": "path \"new-one-store/*\" { capabilities = [\"read\"]}" });
        all.push(with_body("PUT", &path, body.clone()));
        all.push(with_body("POST", &path, body));
        all.push(with_body("GET", &path, Value::Null));
        all.push(with_body("DELETE", &path, Value::Null));
    }
    all
}

/// Engines that are none of a vendor's.
fn foreign_mounts() -> Vec<Try> {
    let mut all = tries(&[
        ("GET", "sys/mounts/gatehouse-keys"),
        ("DELETE", "sys/mounts/gatehouse-keys"),
        ("GET", "sys/mounts/gatehouse-keys/tune"),
    ]);
    for kind in [
        "pki",
        "transit",
        "ssh",
        "totp",
        "kv-v2",
        "cubbyhole",
        "identity",
        "ns_system",
    ] {
        all.push(with_body(
            "POST",
            "sys/mounts/evil-store",
            json!({ "type": kind }),
        ));
        all.push(with_body(
            "POST",
            "sys/mounts/evil/secret",
            json!({ "type": kind }),
        ));
    }
    all.extend([
        with_body("POST", "sys/mounts/gatehouse-keys", json!({ "type": "kv" })),
        with_body(
            "POST",
            "sys/mounts/gatehouse-keys/tune",
            json!({ "description": "x" }),
        ),
        with_body(
            "POST",
            "sys/mounts/evil-store",
            json!({ "type": "kv", "local": true }),
        ),
        with_body(
            "POST",
            "sys/mounts/evil-store",
            json!({ "type": "kv", "config": { "max_lease_ttl": "1h" } }),
        ),
        with_body(
            "POST",
            "sys/mounts/evil/deep/secret",
            json!({ "type": "kv" }),
        ),
    ]);
    all
}

/// The policies that would make the provisioner root.
const PROTECTED: [&str; 7] = [
    "saas-policy",
    "issuer-policy",
    "revoker-policy",
    "provisioner-policy",
    "gatehouse.self",
    "default",
    "root",
];

fn policy_calls(name: &str) -> Vec<Try> {
    let path = format!("sys/policies/acl/{name}");
    let body =
        json!({ "policy": "path \"*\" { capabilities = [\"create\", \"read\", \"sudo\"] }" });
    vec![
        with_body("PUT", &path, body.clone()),
        with_body("POST", &path, body),
        with_body("DELETE", &path, Value::Null),
    ]
}

#[tokio::test]
async fn provisioner_makes_stores_and_policies_of_vendors_only() {
    let (test, acme, _) = two_vendors().await;
    let token = log_in(&test, PROVISIONER).await;
    let plugin = test.write_token(&acme, OTHER_SITE).await;
    let mut may = itself();
    may.extend(provisioning());
    granted(&test, PROVISIONER, &token, may).await;
    let mut may_not = nobodys();
    may_not.extend(creations());
    may_not.extend(accessors(&accessor_of(&test, &plugin).await));
    may_not.extend(foreign_mounts());
    may_not.extend(PROTECTED.iter().flat_map(|name| policy_calls(name)));
    may_not.extend(tries(&[
        ("GET", "gatehouse-keys/data/digest"),
        ("DELETE", "identity/entity/id/any"),
    ]));
    may_not.extend(head_of_the_trail());
    refused(&test, PROVISIONER, &token, may_not).await;
}

#[tokio::test]
async fn provisioner_cannot_touch_what_openbao_itself_or_the_keys_stand_on() {
    let (test, ..) = two_vendors().await;
    let token = log_in(&test, PROVISIONER).await;
    let unmounting = [
        "sys",
        "identity",
        "cubbyhole",
        "token",
        "auth",
        "gatehouse-keys/",
        "gatehouse-keys/secret",
        "gatehouse-keys%2F",
        "gatehouse-keys%2Fsecret",
        "%20gatehouse-keys",
        "gatehouse-keys%20",
        "Gatehouse-Keys",
        "./gatehouse-keys",
        "x/../gatehouse-keys",
        "auth%2Ftoken",
        "auth%2Fapprole",
    ];
    for path in unmounting {
        let path = format!("sys/mounts/{path}");
        for one in [
            with_body("DELETE", &path, Value::Null),
            with_body(
                "POST",
                &path,
                json!({ "type": "kv", "description": "evil" }),
            ),
        ] {
            status_of(&test, &token, &one).await;
        }
    }
    let key = test
        .bao_root(Method::GET, "gatehouse-keys/data/digest")
        .send()
        .await;
    assert_eq!(key.status, 200, "{key:?}");
    let mount = test
        .bao_root(Method::GET, "sys/mounts/gatehouse-keys")
        .send()
        .await;
    assert_eq!(mount.json["data"]["description"], "Keys of Gatehouse");
    assert!(test.is_alive(&token).await);
    log_in(&test, ISSUER).await;
}

/// Other spellings of a policy's name that OpenBao may fold into it.
fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_uppercase(), capitalised(name)];
    // One letter at a time is the strongest: whatever guards by its beginning must know each place.
    for (at, letter) in name.char_indices() {
        let (before, after) = (&name[..at], &name[at + 1..]);
        if letter.is_ascii_lowercase() {
            all.push(format!("{before}{}{after}", letter.to_ascii_uppercase()));
            all.push(format!("{before}{}", name[at..].to_uppercase()));
        }
        // Letters beyond ASCII whose lower case is within: I with a dot, the Kelvin sign.
        match letter {
            'i' => all.push(format!("{before}%C4%B0{after}")),
            'k' => all.push(format!("{before}%E2%84%AA{after}")),
            _ => {}
        }
    }
    for space in ["%20", "%09", "%0A", "%0D", "%C2%A0", "%C2%85", "%E2%80%83"] {
        all.push(format!("{space}{name}"));
        all.push(format!("{name}{space}"));
        all.push(format!("{space}{space}{}{space}", name.to_uppercase()));
    }
    all.push(format!("{name}/"));
    all.push(format!("./{name}"));
    all.push(format!("x/../{name}"));
    all.push(format!("x%2F..%2F{name}"));
    all.push(format!("%2F{name}"));
    all.push(name.replace('-', "%2D").replace('.', "%2E"));
    all.sort();
    all.dedup();
    all
}

fn capitalised(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

#[tokio::test]
async fn no_spelling_of_a_protected_policy_gets_around_its_guard() {
    let (test, ..) = two_vendors().await;
    let token = log_in(&test, PROVISIONER).await;
    let mut around = String::new();
    for name in PROTECTED {
        let before = policy_text(&test, name).await;
        for spelling in spellings(name) {
            for one in policy_calls(&spelling) {
                let status = status_of(&test, &token, &one).await;
                let after = policy_text(&test, name).await;
                if after != before {
                    writeln!(around, "{} {}: {status}", one.0, one.1).unwrap();
                    put_back(&test, name, &before).await;
                }
            }
        }
    }
    // What guards here is that OpenBao folds and trims a name before it asks the policies, not that it refuses
    // other spellings.
    let body = json!({ "policy": "path \"new-one-store/*\" { capabilities = [\"read\"]}" });
    let spelled = with_body(
        "PUT",
        "sys/policies/acl/%20New-One-WRITE-policy",
        body.clone(),
    );
    granted(&test, PROVISIONER, &token, vec![spelled]).await;
    let folded = policy_text(&test, "new-one-write-policy").await;
    assert_eq!(folded, body["policy"]);
    assert!(
        around.is_empty(),
        "these changed a protected policy:\n{around}"
    );
}

async fn policy_text(test: &TestApp, name: &str) -> Value {
    let path = format!("sys/policies/acl/{name}");
    let answer = test.bao_root(Method::GET, &path).send().await;
    answer.json["data"]["policy"].clone()
}

async fn put_back(test: &TestApp, name: &str, former: &Value) {
    let answer = test
        .bao_root(Method::PUT, &format!("sys/policies/acl/{name}"))
        .json(&json!({ "policy": former }))
        .send()
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn saas_token_has_the_three_rights_and_no_more() {
    let (test, acme, _) = two_vendors().await;
    let token = log_in(&test, SAAS).await;
    let plugin = test.write_token(&acme, OTHER_SITE).await;
    let mut may = itself();
    may.extend(creations());
    may.extend(tries(&[("GET", "gatehouse-keys/data/digest")]));
    may.extend(provisioning());
    may.extend(accessors(&accessor_of(&test, &plugin).await));
    granted(&test, SAAS, &token, may).await;
    let mut may_not = nobodys();
    may_not.extend(foreign_mounts());
    may_not.extend(PROTECTED.iter().flat_map(|name| policy_calls(name)));
    refused(&test, SAAS, &token, may_not).await;
}

#[tokio::test]
async fn role_gives_no_policy_but_its_own() {
    let (test, ..) = two_vendors().await;
    let token = log_in(&test, ISSUER).await;
    let foreign = [
        "root",
        "default",
        "saas-policy",
        "issuer-policy",
        "revoker-policy",
        "provisioner-policy",
        "acme-one.purge",
        "acme-one.credentials-read",
    ];
    let mut may_not = Vec::new();
    for (role, own, bound) in ROLES {
        for (other, policies, _) in ROLES {
            if other == role {
                continue;
            }
            for policy in policies.iter().filter(|policy| !own.contains(policy)) {
                // What stands on the site roles besides the pattern is harmless by itself.
                may_not.push(create(role, &[policy], bound));
                may_not.push(create(role, &[own[own.len() - 1], policy], bound));
            }
        }
        for policy in foreign {
            // OpenBao's own rule: a role without `token_no_default_policy` adds `default` anyway.
            if policy == "default" && !bound {
                continue;
            }
            may_not.push(create(role, &[policy], bound));
            may_not.push(create(role, &[own[own.len() - 1], policy], bound));
        }
    }
    all_of(&test, ISSUER, &token, may_not, &[400]).await;
}

#[tokio::test]
async fn role_gives_no_batch_token_and_no_alias_where_it_binds_none() {
    let (test, ..) = two_vendors().await;
    let token = log_in(&test, ISSUER).await;
    for (role, policies, bound) in ROLES {
        let (method, path, mut body) = create(role, policies, bound);
        body["type"] = json!("batch");
        let answer = test
            .bao(Method::POST, &path, &token)
            .json(&body)
            .send()
            .await;
        assert!(
            answer.status == 400 || answer.json["auth"]["token_type"] == "service",
            "{method} {path}: {answer:?}"
        );
        let mut body = create(role, policies, true).2;
        let answer = test
            .bao(Method::POST, &path, &token)
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.status, if bound { 200 } else { 400 }, "{role}");
        // Neither longer, nor without an end, than the role says.
        body = create(role, policies, bound).2;
        body["ttl"] = json!("9999h");
        body["explicit_max_ttl"] = json!("9999h");
        let answer = test
            .bao(Method::POST, &path, &token)
            .json(&body)
            .send()
            .await;
        let life = answer.json["auth"]["lease_duration"].as_u64().unwrap();
        assert!((1..=2_419_200).contains(&life), "{role}: {life}");
        body = create(role, policies, bound).2;
        body["period"] = json!("42h");
        let status = status_of(&test, &token, &with_body("POST", &path, body)).await;
        assert_eq!(status, 400, "{role} gives no token that renews for ever");
    }
}

/// The calls on a secret of a store.
fn on_secret(vendor: &str, secret_id: &str) -> [Try; 4] {
    let path = format!("{vendor}-store/{secret_id}");
    [
        with_body("POST", &path, json!({ "a": "b" })),
        with_body("PUT", &path, json!({ "a": "c" })),
        with_body("GET", &path, Value::Null),
        with_body("DELETE", &path, Value::Null),
    ]
}

/// What no token for plugins may do.
fn no_plugins(other: &str) -> Vec<Try> {
    let mut all = nobodys();
    let own = format!("{other}-store");
    // A store's own calls are asked apart, and `default` gives a cubbyhole and wrapping.
    all.retain(|(_, path, _)| {
        !path.starts_with("acme-one-store/0")
            && !path.starts_with("acme-one-store/f")
            && !path.starts_with("cubbyhole")
            && path != "sys/wrapping/wrap"
            && path != "sys/tools/hash"
            && path != "sys/leases/lookup"
    });
    all.extend(on_secret(other, SITE));
    all.push(with_body("LIST", &own, Value::Null));
    all.extend(provisioners());
    all.extend(creations());
    all.extend(accessors("any"));
    all.extend(tries(&[("GET", "gatehouse-keys/data/digest")]));
    all
}

#[tokio::test]
async fn store_wide_write_token_creates_updates_and_deletes_in_its_store_only() {
    let (test, acme, _) = two_vendors().await;
    let answer = test.post("/api/site").bearer(&acme.public_key).send().await;
    let token = answer.text_of("token");
    let [create, update, read, delete] = on_secret("acme-one", OTHER_SITE);
    granted(&test, "write", &token, vec![create, update, delete]).await;
    refused(&test, "write", &token, vec![read]).await;
    refused(&test, "write", &token, no_plugins("other-two")).await;
}

#[tokio::test]
async fn store_wide_read_token_reads_its_store_only() {
    let (test, acme, _) = two_vendors().await;
    let token = test.read_token(&acme).await;
    let [create, update, read, delete] = on_secret("acme-one", SITE);
    granted(&test, "read", &token, vec![read]).await;
    refused(&test, "read", &token, vec![create, update, delete]).await;
    refused(&test, "read", &token, no_plugins("other-two")).await;
}

#[tokio::test]
async fn delete_token_deletes_once() {
    let (test, ..) = two_vendors().await;
    let issuer = log_in(&test, ISSUER).await;
    let mint = async |uses: u32| {
        let body = json!({ "policies": ["acme-one-delete-policy"], "ttl": "1d", "num_uses": uses });
        let answer = test
            .bao(Method::POST, "auth/token/create/gatehouse-delete", &issuer)
            .json(&body)
            .send()
            .await;
        answer.json["auth"]["client_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let [create, update, read, delete] = on_secret("acme-one", SITE);
    let lasting = mint(0).await;
    refused(&test, "delete", &lasting, vec![create, update, read]).await;
    refused(&test, "delete", &lasting, no_plugins("other-two")).await;
    let once = mint(1).await;
    granted(&test, "delete", &once, vec![delete.clone()]).await;
    refused(&test, "delete", &once, vec![delete]).await;
    let renewal = with_body("POST", "auth/token/renew-self", json!({}));
    all_of(&test, "delete", &lasting, vec![renewal], &[400]).await;
}

/// What `default` would give a holder and `gatehouse.self` does not.
fn side_doors() -> Vec<Try> {
    let mut all = tries(&[
        ("GET", "cubbyhole/any"),
        ("GET", "sys/internal/ui/resultant-acl"),
    ]);
    all.extend([
        with_body("POST", "cubbyhole/any", json!({ "a": "b" })),
        with_body("POST", "sys/wrapping/wrap", json!({ "a": "b" })),
        with_body("POST", "sys/tools/hash", json!({ "input": "YQ==" })),
        with_body("PUT", "sys/leases/renew", json!({ "lease_id": "x" })),
    ]);
    all
}

/// `gatehouse.self`, to the letter.
fn only_itself() -> Vec<Try> {
    vec![
        with_body("GET", "auth/token/lookup-self", Value::Null),
        with_body("POST", "auth/token/renew-self", json!({})),
        with_body("POST", "auth/token/revoke-self", json!({})),
    ]
}

#[tokio::test]
async fn site_write_token_writes_exactly_one_secret() {
    let (test, acme, _) = two_vendors().await;
    let token = test.write_token(&acme, OTHER_SITE).await;
    let [create, update, read, delete] = on_secret("acme-one", OTHER_SITE);
    granted(&test, "site-write", &token, vec![create, update, delete]).await;
    refused(&test, "site-write", &token, vec![read]).await;
    refused(
        &test,
        "site-write",
        &token,
        on_secret("acme-one", SITE).into(),
    )
    .await;
    let longer = format!("{OTHER_SITE}0");
    refused(
        &test,
        "site-write",
        &token,
        on_secret("acme-one", &longer).into(),
    )
    .await;
    let below = format!("{OTHER_SITE}/below");
    refused(
        &test,
        "site-write",
        &token,
        on_secret("acme-one", &below).into(),
    )
    .await;
    // Its namesake in another vendor's store is one entity with it, and still out of reach.
    refused(
        &test,
        "site-write",
        &token,
        on_secret("other-two", OTHER_SITE).into(),
    )
    .await;
    refused(&test, "site-write", &token, no_plugins("other-two")).await;
    refused(&test, "site-write", &token, side_doors()).await;
    granted(&test, "site-write", &token, only_itself()).await;
    assert!(!test.is_alive(&token).await);
}

#[tokio::test]
async fn site_read_token_reads_exactly_one_secret() {
    let (test, acme, _) = two_vendors().await;
    test.site(&acme, OTHER_SITE, "fedcba9876543210").await;
    let answer = test
        .post("/sites/token")
        .bearer(&acme.private_key)
        .json(&json!({ "secretId": SITE }))
        .send()
        .await;
    let token = answer.text_of("token");
    let [create, update, read, delete] = on_secret("acme-one", SITE);
    granted(&test, "site-read", &token, vec![read]).await;
    refused(&test, "site-read", &token, vec![create, update, delete]).await;
    refused(
        &test,
        "site-read",
        &token,
        on_secret("acme-one", OTHER_SITE).into(),
    )
    .await;
    refused(&test, "site-read", &token, no_plugins("other-two")).await;
    refused(&test, "site-read", &token, side_doors()).await;
    granted(&test, "site-read", &token, only_itself()).await;
    assert!(!test.is_alive(&token).await);
}

#[tokio::test]
async fn purge_token_lists_and_deletes_what_one_vendor_has_and_reads_nothing() {
    let (test, acme, other) = two_vendors().await;
    for vendor in [&acme, &other] {
        let value = json!({ "type": "generic", "a": "b" });
        test.credential(vendor, "cred", value).await;
    }
    let issuer = log_in(&test, ISSUER).await;
    let mint = async |policies: Value| {
        let body = json!({ "policies": policies, "ttl": "60s" });
        let path = "auth/token/create/gatehouse-purge";
        let call = test.bao(Method::POST, path, &issuer).json(&body);
        call.send().await
    };
    let namespace = gatehouse::types::Namespace::parse("acme-one").unwrap();
    let policy = gatehouse::vault::policies::of_purge(&namespace);
    put_back(&test, &policy.name, &json!(policy.text)).await;
    let token = mint(json!(["gatehouse.self", "acme-one.purge"])).await;
    let lease = token.json["auth"]["lease_duration"].as_u64().unwrap();
    assert!(lease <= 600, "{token:?}");
    let token = token.json["auth"]["client_token"].as_str().unwrap();
    let [create, update, read, delete] = on_secret("acme-one", SITE);
    let may_not = tries(&[
        ("GET", "acme-one-credentials/secret/data/cred"),
        ("DELETE", "acme-one-credentials/secret/data/cred"),
        ("GET", "acme-one-credentials/secret/metadata/cred"),
        ("GET", "acme-one-credentials/secret/config"),
        ("LIST", "other-two-credentials/secret/metadata"),
        ("DELETE", "other-two-credentials/secret/metadata/cred"),
        ("DELETE", "sys/mounts/acme-one-store"),
        ("DELETE", "sys/policies/acl/acme-one.purge"),
    ]);
    refused(&test, "purge", token, may_not).await;
    refused(&test, "purge", token, vec![create, update, read]).await;
    let mut may_not = no_plugins("other-two");
    // Its own store's calls are asked here.
    may_not.retain(|(_, path, _)| {
        !path.starts_with("acme-one-store") && !path.starts_with("acme-one-credentials")
    });
    refused(&test, "purge", token, may_not).await;
    refused(&test, "purge", token, side_doors()).await;
    let may = tries(&[
        ("LIST", "acme-one-store"),
        ("LIST", "acme-one-credentials/secret/metadata"),
        ("DELETE", "acme-one-credentials/secret/metadata/cred"),
    ]);
    granted(&test, "purge", token, may).await;
    granted(&test, "purge", token, vec![delete]).await;
    for policies in [
        json!(["root"]),
        json!(["acme-one-read-policy"]),
        json!(["acme-one.credentials-read"]),
        json!(["acme-one.purge", "acme-one-delete-policy"]),
        json!(["saas-policy"]),
    ] {
        assert_eq!(mint(policies.clone()).await.status, 400, "{policies}");
    }
}
