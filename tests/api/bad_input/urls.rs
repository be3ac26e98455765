//! Parts B and G: identifiers in paths, and query parameters, at the places that OpenBao stands behind. What holds for all
//! paths and lists is tried on each route in `every_route.rs`.

use super::{Bench, Row, call};
use crate::support::callers::Shown;

/// B-02 to B-20. The design has secret ids of 16 to 128 characters of `a-z0-9_-`: 31, 33 or 64 of them, and other letters
/// than those of hex, are right.
const NO_IDS: [(&str, &str); 24] = [
    ("B-02", "..%2fbeta-store%2fs1"),
    ("B-03", "%2e%2e%2fbeta-store%2fs1"),
    ("B-04", "..%2f..%2fsys%2fmounts"),
    ("B-05", "%09..%2fbeta-store%2fs1"),
    ("B-08", "%252e%252e%252f"),
    ("B-09", "%c0%ae%c0%ae"),
    ("B-10", "%00"),
    ("B-10", "0123456789abcdef%00"),
    ("B-10", "0123456789abcdef.json"),
    ("B-12", "0123456789abcdef;v=1"),
    ("B-12", "0123456789abcdef%3flist=true"),
    ("B-12", "0123456789abcdef%23x"),
    ("B-13", "*"),
    ("B-13", "+"),
    ("B-13", "~"),
    ("B-14", "0123456789abcdef%2fmetadata"),
    ("B-14", "data%2f0123456789abcdef"),
    ("B-14", "0123456789abcdef/metadata"),
    ("B-15", "short"),
    ("B-17", "0123456789ABCDEF"),
    ("B-20", "%d9%a1%d9%a2%d9%a3"),
    ("B-17", "0123456789abcdef%20"),
    ("B-09", "%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff"),
    ("B-14", "0123456789abcdef/"),
];

#[tokio::test]
async fn path_that_breaks_its_grammar_names_nothing() {
    let bench = Bench::start().await;
    let vendor = Shown::Bearer(bench.vendor.private_key.clone());
    let operator = Shown::Bearer(bench.test.operator.clone());
    let mut bad: Vec<(&'static str, String)> =
        NO_IDS.map(|(id, text)| (id, text.to_owned())).into();
    bad.extend([15, 129, 255, 6000].map(|length| ("B-18", "a".repeat(length))));
    let mut rows: Vec<Row> = Vec::new();
    for (id, text) in &bad {
        let own = format!("/sites/{text}");
        rows.push(call(id, "GET", &own, &vendor, &[404], "not_found"));
        rows.push(call(id, "DELETE", &own, &vendor, &[404], "not_found"));
        let theirs = format!("/api/admin/vendors/vendor-a{own}");
        rows.push(call(id, "DELETE", &theirs, &operator, &[404], "not_found"));
    }
    // What is unknown and well-formed answers the same.
    let unknown = "/sites/unknown-secret-id-1";
    rows.push(call("B-22", "GET", unknown, &vendor, &[404], "not_found"));
    let huge = format!("/sites/{}", "a".repeat(40_000));
    rows.push(call(
        "B-19",
        "GET",
        &huge,
        &vendor,
        &[414],
        "target_too_long",
    ));
    for name in ["Vendor-A", "..%2fsys", "a", "%2e%2e", "vendor-a%00", "*"] {
        let path = format!("/api/admin/vendors/{name}");
        rows.push(call("A-09", "GET", &path, &operator, &[404], "not_found"));
    }
    bench.refuse(&rows).await;
}

/// G-04 to G-08 and G-15 to G-23, for lists that are neither sorted nor filtered.
const NO_QUERIES: [(&str, &str); 14] = [
    ("G-02", "sort=(select%20pg_sleep(5))"),
    ("G-02", "sort=canary"),
    ("G-03", "order=asc%20nulls%20first--"),
    ("G-04", "filter[url]='%20OR%20'1'='1"),
    ("G-05", "filter[url]=%25"),
    ("G-07", "filter[a][b][c]=canary"),
    ("G-13", "page=1"),
    ("G-15", "offset=1000000000"),
    ("G-18", "since=now()"),
    ("G-23", "limit=1;cursor=x"),
    ("G-23", "limit=5&cursor=%00"),
    ("E-03", "api_key=canary"),
    ("E-03", "access_token=canary"),
    ("G-22", "canary=1"),
];

#[tokio::test]
async fn query_parameters_are_a_closed_list() {
    let bench = Bench::start().await;
    let vendor = Shown::Bearer(bench.vendor.private_key.clone());
    let operator = Shown::Bearer(bench.test.operator.clone());
    let mut rows = Vec::new();
    for (id, query) in NO_QUERIES {
        for (path, by) in [
            ("/sites", &vendor),
            ("/api/sites", &vendor),
            ("/api/admin/vendors", &operator),
            ("/api/admin/vendors/vendor-a/sites", &operator),
        ] {
            let path = format!("{path}?{query}");
            rows.push(call(id, "GET", &path, by, &[400], "invalid_parameter"));
        }
    }
    // A key in the query is none, and a stranger is told that first.
    let path = format!("/sites?access_token={}", bench.vendor.private_key);
    rows.push(call(
        "E-03",
        "GET",
        &path,
        &Shown::Nothing,
        &[401],
        "credentials_missing",
    ));
    let path = format!("/api/site?api_key={}", bench.vendor.public_key);
    rows.push(call(
        "E-03",
        "POST",
        &path,
        &Shown::Nothing,
        &[401],
        "credentials_missing",
    ));
    bench.refuse(&rows).await;
}
