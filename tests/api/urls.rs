//! Bad identifiers in paths, and bad query parameters.

use reqwest::Method;

use crate::input::{Bench, expect};

#[tokio::test]
async fn path_that_breaks_its_grammar_names_nothing() {
    let bench = Bench::start().await;
    let mut bad: Vec<String> = [
        "..%2fbeta-store%2fs1",
        "%2e%2e%2fbeta-store%2fs1",
        "..%2f..%2fsys%2fmounts",
        "%09..%2fbeta-store%2fs1",
        "%252e%252e%252f",
        "%c0%ae%c0%ae",
        "%00",
        "0123456789abcdef%00",
        "0123456789abcdef.json",
        "0123456789abcdef;v=1",
        "0123456789abcdef%3flist=true",
        "0123456789abcdef%23x",
        "*",
        "+",
        "~",
        "0123456789abcdef%2fmetadata",
        "data%2f0123456789abcdef",
        "short",
        "0123456789ABCDEF",
        "%d9%a1%d9%a2%d9%a3",
        "0123456789abcdef%20",
        "%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff",
        "0123456789abcdef/metadata",
        "0123456789abcdef/",
    ]
    .map(str::to_owned)
    .into();
    bad.extend([15, 129, 255, 6000].map(|length| "a".repeat(length)));
    // What is unknown and well-formed answers the same.
    bad.push("unknown-secret-id-1".to_owned());
    let private = &bench.vendor.private_key;
    for id in &bad {
        let path = format!("/sites/{id}");
        let answer = bench.test.get(&path).bearer(private).send().await;
        expect(&answer, 404, "not_found", id);
    }
    bad.pop();
    for id in &bad {
        let paths = [
            (format!("/sites/{id}"), private),
            (
                format!("/api/admin/vendors/vendor-a/sites/{id}"),
                &bench.test.operator,
            ),
        ];
        for (path, key) in paths {
            let answer = bench.test.delete(&path).bearer(key).send().await;
            expect(&answer, 404, "not_found", id);
        }
    }
    for name in ["Vendor-A", "..%2fsys", "a", "%2e%2e", "vendor-a%00", "*"] {
        let path = format!("/api/admin/vendors/{name}");
        let answer = bench
            .test
            .get(&path)
            .bearer(&bench.test.operator)
            .send()
            .await;
        expect(&answer, 404, "not_found", name);
    }
    bench.expect_nothing_stored().await;
}

#[tokio::test]
async fn query_parameters_are_a_closed_list() {
    let bench = Bench::start().await;
    for query in [
        "limit=0",
        "limit=-1",
        "limit=1.5",
        "limit=1e1",
        "limit=101",
        "limit=1000000000",
        "limit=18446744073709551616",
        "limit=%D9%A3",
        "limit=%201",
        "limit=%2B1",
        "limit=",
        "limit=5&limit=1000",
        "limit=canary",
        "limit",
        "page=1",
        "offset=1000000000",
        "sort=(select%20pg_sleep(5))",
        "sort=canary",
        "order=asc%20nulls%20first--",
        "filter[url]='%20OR%20'1'='1",
        "canary=1",
        "a[]=1",
        "limit=1;cursor=x",
        "%00=1",
        "cursor=canary",
        "cursor=",
        "cursor=bnVsbA",
        "cursor=W10",
        "cursor=eyJhIjoxfQ",
        "cursor=WyIyMDI2LTExLTAxVDAwOjAwOjAwWiIsIi4uL3giXQ",
        "limit=5&cursor=%00",
        "api_key=canary",
        "access_token=canary",
    ] {
        for (path, key) in [
            ("/sites", &bench.vendor.private_key),
            ("/api/sites", &bench.vendor.private_key),
            ("/api/admin/vendors", &bench.test.operator),
            ("/api/admin/vendors/vendor-a/sites", &bench.test.operator),
        ] {
            let path = format!("{path}?{query}");
            let call = bench.test.call(Method::GET, &path).bearer(key);
            expect(&call.send().await, 400, "invalid_parameter", &path);
        }
    }
    // A key in the query is none.
    let path = format!("/sites?access_token={}", bench.vendor.private_key);
    let answer = bench.test.get(&path).send().await;
    assert!(matches!(answer.status, 400 | 401), "{answer:?}");
}
