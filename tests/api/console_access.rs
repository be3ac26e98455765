//! Every page of the console as everybody who may not see it.

use std::collections::BTreeSet;

use gatehouse::routes::{Caller, PAGES};
use reqwest::Method;

use crate::support::TestApp;
use crate::support::console::{Page, Plain, filled, form};

/// Redirects, files and errors are no less guarded than pages.
#[track_caller]
fn expect_guarded(page: &Page) {
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{page:?}");
    assert_eq!(page.header("x-frame-options"), "DENY", "{page:?}");
}

#[tokio::test]
async fn pages_are_served_to_who_signed_in_and_to_nobody_else() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let vendor = test.vendor("console-access").await;
    let (mut signed_in, mut stranger) = (Plain::of(&test, &ann).await, Plain::new(&test));
    let bearers = [
        &*test.operator,
        &ann.session,
        &vendor.private_key,
        &vendor.public_key,
    ];
    let bearers = bearers.map(|bearer| format!("Bearer {bearer}"));
    let ours = ("sec-fetch-site", "same-origin");
    let mut seen = BTreeSet::new();
    for route in PAGES {
        let path = filled(route.path, &vendor.namespace);
        assert!(
            path.starts_with("/console") && !path.contains('{'),
            "{path}"
        );
        let method: Method = route.method.parse().unwrap();
        let body = (method == Method::POST).then(|| form(&[("csrf", "AAAA")]));
        let is_open = route.caller == Caller::Visitor;
        assert!(matches!(
            route.caller,
            Caller::Visitor
                | Caller::Entrant
                | Caller::Holder
                | Caller::SignedIn
                | Caller::Member
                | Caller::Agent
                | Caller::Colleague
                | Caller::Steward
        ));
        seen.insert(format!("{:?}", route.caller));
        for bearer in [None].into_iter().chain(bearers.iter().map(Some)) {
            let mut headers = vec![ours];
            headers.extend(bearer.map(|bearer| ("authorization", bearer.as_str())));
            let page = stranger
                .send(method.clone(), &path, body.clone(), &headers)
                .await;
            stranger.cookies.clear();
            expect_guarded(&page);
            if is_open && method == Method::POST {
                page.expect(403, "form_refused");
            } else if !is_open {
                let to = page.location();
                assert_eq!(page.status, 303, "{method} {path}: {page:?}");
                assert!(to.starts_with("/console/sign-in"), "{path}: {to}");
                assert!(to.contains("back=") == (method == Method::GET && path != "/console"));
            }
        }
        let page = signed_in.send(method.clone(), &path, body, &[ours]).await;
        expect_guarded(&page);
        if matches!(route.caller, Caller::Colleague | Caller::Steward) {
            page.expect(403, "caller_not_allowed");
        } else if method == Method::POST {
            page.expect(403, "form_refused");
        } else {
            assert!(matches!(page.status, 200 | 400 | 404), "{path}: {page:?}");
            assert!(!page.text.starts_with('{'), "{path}: {page:?}");
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
    let shown = test.operate(Method::GET, &vendor.namespace, "").await;
    assert_eq!(shown.json["status"], "active");
}

#[test]
fn reads_are_gets_and_changes_are_posts() {
    for route in PAGES {
        assert!(matches!(route.method, "GET" | "POST"), "{}", route.path);
        assert!(route.replay.is_none() || route.method == "POST");
    }
}
