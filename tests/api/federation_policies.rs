//! Trust policies and issuers: who may make them, and what they may say.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::json_of;
use crate::support::issuer::{AUDIENCE, Federated};

#[tokio::test]
async fn policy_that_would_let_in_others_is_refused() {
    let set = Federated::up().await;
    let (test, a, url) = (&set.test, &set.a, set.issuer.url.as_str());
    let worker = test.worker(a, &["*"]).await.login;
    let b = test.vendor("vendor-b").await;
    let others = test.worker(&b, &["*"]).await.login;
    for (more, pointer) in [
        (json!({ "claims": { "sub": "**" } }), "/claims"),
        (json!({ "claims": { "sub": "*" } }), "/claims"),
        (json!({ "claims": { "sub": "repo:**" } }), "/claims"),
        (
            json!({ "claims": { "sub": ["repo:acme/app:**", "**"] } }),
            "/claims",
        ),
        (json!({ "claims": { "ref": "refs/heads/main" } }), "/claims"),
        (json!({ "claims": { "repository": "acme*" } }), "/claims"),
        (json!({ "claims": {} }), "/claims"),
        (json!({ "claims": { "sub": "a**b" } }), "/claims/sub"),
        (json!({ "claims": { "sub": 7 } }), "/claims/sub"),
        (json!({ "claims": { "sub": [] } }), "/claims/sub"),
        (json!({ "issuer": "https://unlisted.example" }), "/issuer"),
        (json!({ "issuer": format!("{url}/") }), "/issuer"),
        (json!({ "audience": "" }), "/audience"),
        (json!({ "audience": "a b" }), "/audience"),
        (json!({ "mode": "open" }), "/mode"),
        (json!({ "grant": { "kind": "delete" } }), "/grant"),
        (json!({ "grant": { "kind": "purge" } }), "/grant"),
        (json!({ "grant": { "kind": "credentials" } }), "/grant"),
        (
            json!({ "grant": { "kind": "credentials", "worker": others } }),
            "/grant",
        ),
        (
            json!({ "grant": { "kind": "write", "worker": worker } }),
            "/grant",
        ),
        (json!({ "grant": { "kind": "write_site" } }), "/grant"),
        (
            json!({ "grant": { "kind": "read", "secretId": "site-of-a-0123456789" } }),
            "/grant",
        ),
        (json!({ "ttl": 59 }), "/ttl"),
        (json!({ "ttl": 2_419_201 }), "/ttl"),
        (
            json!({ "ttl": 700_000, "grant": { "kind": "read" } }),
            "/ttl",
        ),
        (
            json!({ "ttl": 90_000, "grant": { "kind": "credentials", "worker": worker } }),
            "/ttl",
        ),
        (json!({ "ttl": -1 }), "/ttl"),
        (json!({ "ttl": 60.5 }), "/ttl"),
        (json!({ "name": "" }), "/name"),
    ] {
        let answer = test.try_policy(a, url, more.clone()).await;
        answer.expect_problem(422, "invalid_field");
        let found = answer.json["errors"][0]["pointer"].as_str().unwrap();
        assert!(found.starts_with(pointer), "{more}: {answer:?}");
    }
    let policy = set.policy(json!({ "name": "Deploy" })).await;
    let answer = test.try_policy(a, url, json!({ "name": "Deploy" })).await;
    answer.expect_problem(409, "trust_policy_exists");
    let wide = json!({ "claims": { "sub": "repo:**" } });
    let answer = test.change_policy(a, &policy, wide).await;
    answer.expect_problem(422, "invalid_field");
    test.try_policy(&b, url, json!({ "name": "Deploy" })).await;
}

#[tokio::test]
async fn policies_are_their_vendors_own() {
    let set = Federated::up().await;
    let (test, a) = (&set.test, &set.a);
    let b = test.vendor("vendor-b").await;
    let policy = set.policy(json!({})).await;
    let path = format!("/api/trust-policies/{policy}");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let call = test.call(method, &path).bearer(&b.private_key);
        call.json(&json!({}))
            .send()
            .await
            .expect_problem(404, "not_found");
    }
    let listed = test
        .get("/api/trust-policies")
        .bearer(&b.private_key)
        .send()
        .await;
    assert_eq!(listed.json["items"], json!([]), "{listed:?}");
    let resource = format!("urn:gatehouse:trust-policy:{policy}");
    let named = [("resource", resource.as_str())];
    for (namespace, named) in [
        ("vendor-b", &named[..]),
        ("vendor-b", &[]),
        ("no-such-vendor", &[]),
        ("Vendor-A", &[]),
    ] {
        let answer = test.exchange(namespace, &set.subject(), named).await;
        answer.expect_oauth(400, "trust_policy_unknown");
        assert_eq!(answer.text_of("error"), "invalid_target");
    }
    let admin = format!("/api/admin/vendors/vendor-a/trust-policies/{policy}");
    let shown = test.get(&admin).bearer(&test.operator).send().await;
    assert_eq!(shown.json["audience"], AUDIENCE);
    let elsewhere = format!("/api/admin/vendors/vendor-b/trust-policies/{policy}");
    let shown = test.get(&elsewhere).bearer(&test.operator).send().await;
    shown.expect_problem(404, "not_found");
    assert_eq!(
        test.exchange("vendor-a", &set.subject(), &named)
            .await
            .status,
        200
    );
    let removed = test.delete(&path).bearer(&a.private_key).send().await;
    assert_eq!(removed.status, 200);
    set.exchange()
        .await
        .expect_oauth(400, "trust_policy_unknown");
    let actions = ["trust_policy.created", "trust_policy.removed"];
    for action in actions {
        assert_eq!(test.told(a, action).await.len(), 1, "{action}");
    }
}

#[tokio::test]
async fn parameters_of_an_exchange_are_read_to_the_letter() {
    let set = Federated::up().await;
    set.policy(json!({})).await;
    let subject = set.subject();
    let kind = "urn:ietf:params:oauth:token-type:";
    let (jwt, saml) = (format!("{kind}jwt"), format!("{kind}saml2"));
    let (access, refresh) = (
        format!("{kind}access_token"),
        format!("{kind}refresh_token"),
    );
    let grant = (
        "grant_type",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    );
    let token = ("subject_token", subject.as_str());
    let of_jwt = ("subject_token_type", jwt.as_str());
    let audience = ("audience", "vendor-a");
    let good = vec![grant, token, of_jwt, audience];
    let with = |more: &[(&'static str, &'static str)]| [good.as_slice(), more].concat();
    let wrong = [
        (vec![grant, token, audience], "invalid_request"),
        (
            vec![grant, token, audience, ("subject_token_type", "jwt")],
            "invalid_request",
        ),
        (
            vec![grant, token, audience, ("subject_token_type", &saml)],
            "invalid_request",
        ),
        (vec![grant, of_jwt, audience], "invalid_request"),
        (vec![grant, token, of_jwt], "invalid_request"),
        (with(&[("audience", "vendor-b")]), "invalid_request"),
        (with(&[("actor_token", "x")]), "invalid_request"),
        (with(&[("ttl", "601")]), "invalid_request"),
        (with(&[("ttl", "59")]), "invalid_request"),
        (with(&[("ttl", "-1")]), "invalid_request"),
        (with(&[("ttl", "99999999999")]), "invalid_request"),
        (with(&[("scope", "admin")]), "invalid_scope"),
        (
            with(&[("resource", "https://vault.example")]),
            "invalid_target",
        ),
        (
            with(&[("resource", "urn:gatehouse:trust-policy:tp0000000000000001")]),
            "invalid_target",
        ),
    ];
    for (fields, error) in wrong {
        let answer = set.test.token_form(&fields).await;
        assert_eq!(
            (answer.status, answer.text_of("error").as_str()),
            (400, error),
            "{fields:?} {answer:?}"
        );
    }
    let refused = [
        good.as_slice(),
        &[("requested_token_type", refresh.as_str())],
    ]
    .concat();
    assert_eq!(set.test.token_form(&refused).await.status, 400);
    let asked = [
        good.as_slice(),
        &[("requested_token_type", access.as_str())],
    ]
    .concat();
    assert_eq!(set.test.token_form(&asked).await.status, 200);
    let id_token = format!("{kind}id_token");
    let asked = [
        grant,
        token,
        audience,
        ("subject_token_type", id_token.as_str()),
    ];
    assert_eq!(set.test.token_form(&asked).await.status, 200);
}

#[tokio::test]
async fn operators_list_issuers_to_the_byte() {
    let set = Federated::up().await;
    let test = &set.test;
    let create = async |body: Value| {
        let call = test.post("/api/admin/issuers").bearer(&test.operator);
        call.json(&body).send().await
    };
    for issuer in [
        "http://login.example",
        "https://LOGIN.example",
        "https://login.example:443",
        "https://login.example?x",
        "https://user@login.example",
        "https://b\u{fc}cher.example",
        "https://login.internal",
        "https://10.0.0.1",
        "https://login.example:8200",
    ] {
        let body = json!({ "issuer": issuer, "algorithms": ["RS256"] });
        create(body).await.expect_problem(422, "invalid_field");
    }
    for (algorithms, keys) in [
        (json!([]), Value::Null),
        (json!(["HS256"]), Value::Null),
        (json!(["none"]), Value::Null),
        (json!(["RS256"]), json!("http://login.example/keys")),
        (json!(["RS256"]), json!("https://169.254.169.254/keys")),
    ] {
        let mut body = json!({ "issuer": "https://login.example", "algorithms": algorithms });
        body["keySetUrl"] = keys;
        create(body).await.expect_problem(422, "invalid_field");
    }
    let body = json!({ "issuer": set.issuer.url, "algorithms": ["RS256"] });
    create(body).await.expect_problem(409, "issuer_listed");
    set.policy(json!({})).await;
    let path = format!("/api/admin/issuers/{}", set.listed);
    let removed = test.delete(&path).bearer(&test.operator).send().await;
    removed.expect_problem(409, "issuer_in_use");
    let keys = format!("{}/keys", set.issuer.url);
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    let changed = call.json(&json!({ "keySetUrl": keys })).send().await;
    assert_eq!(
        (changed.status, &changed.json["keySetUrl"]),
        (200, &json!(keys))
    );
    assert_eq!(set.exchange().await.status, 200);
    assert_eq!(set.issuer.paths(), ["/keys"]);
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    let changed = call.json(&json!({ "algorithms": ["RS256"] })).send().await;
    assert_eq!(changed.json["algorithms"], json!(["RS256"]));
    set.exchange()
        .await
        .expect_oauth(400, "subject_token_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_manages_issuers_and_policies_from_the_command_line() {
    let set = Federated::up().await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), set.test.url.clone()),
        (
            "GATEHOUSE_ADMIN_TOKEN".to_owned(),
            set.test.operator.clone(),
        ),
    ]);
    let run = |text: &str| json_of(&env, &text.split(' ').collect::<Vec<_>>());
    let url = "https://token.actions.githubusercontent.com";
    let listed = run(&format!(
        "issuer add {url} --algorithm RS256 --key-set-url https://1.1.1.1/keys"
    ));
    assert_eq!(listed["algorithms"], json!(["RS256"]));
    let id = listed["id"].as_str().unwrap();
    let changed = run(&format!(
        "issuer update {id} --discover --workload-claim sub"
    ));
    assert_eq!(
        (&changed["keySetUrl"], &changed["workloadClaims"]),
        (&Value::Null, &json!(["sub"]))
    );
    assert_eq!(run(&format!("issuer disable {id}"))["enabled"], false);
    assert_eq!(run(&format!("issuer show {id}"))["enabled"], false);
    assert_eq!(run(&format!("issuer remove {id}"))["deleted"], true);
    assert_eq!(run("issuer list")["items"].as_array().unwrap().len(), 1);
    let made = run(&format!(
        "trust-policy create vendor-a --name main --issuer {} --audience {AUDIENCE} --claim repository=acme/app \
         --claim ref=refs/heads/main --claim ref=refs/tags/v* --kind write --ttl 900",
        set.issuer.url
    ));
    let claims = json!({ "ref": ["refs/heads/main", "refs/tags/v*"], "repository": ["acme/app"] });
    assert_eq!((&made["claims"], &made["ttl"]), (&claims, &json!(900)));
    let id = made["id"].as_str().unwrap();
    assert_eq!(set.exchange().await.json["expires_in"], 900);
    let site = "site-of-a-0123456789";
    let changed = run(&format!(
        "trust-policy update vendor-a {id} --kind write_site --site {site} --mode audit --once true --ends-at never"
    ));
    assert_eq!(
        changed["grant"],
        json!({ "kind": "write_site", "secretId": site })
    );
    assert_eq!(
        (&changed["mode"], &changed["once"]),
        (&json!("audit"), &json!(true))
    );
    let shown = run(&format!("trust-policy show vendor-a {id}"));
    assert_eq!(run("trust-policy list vendor-a")["items"], json!([shown]));
    assert_eq!(
        run(&format!("trust-policy remove vendor-a {id}"))["deleted"],
        true
    );
}
