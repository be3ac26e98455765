//! Chapter G: what follows the question mark, and numbers in paths.

use super::{Case, NONE, PARAMETER, Who, get};

/// For lists that are neither sorted nor filtered.
const QUERIES: [(&str, &[&str]); 13] = [
    (
        "G-02",
        &[
            "sort=(select%20pg_sleep(5))",
            "sort=1,2",
            "sort=password_hash",
        ],
    ),
    ("G-03", &["order=asc%20nulls%20first--"]),
    (
        "G-07",
        &["filter[a][b][c]=x", "filter[url]=a&filter[url]=b"],
    ),
    (
        "G-08",
        &[
            "q=$$",
            "q=E'%5Cx'",
            "q=U%26'x'",
            "q=/**/",
            "q=%5Cu0027",
            "q=%00",
            "q=%ff",
        ],
    ),
    (
        "G-09",
        &["filter[url]=~%28a%2B%29%2B%24", "filter[url]=(a%2B)%2B"],
    ),
    ("G-10", &["filter[metadata]=$.**%20?%20(@.a==1)"]),
    (
        "G-13",
        &[
            "page=0",
            "page=-1",
            "page=1.5",
            "page=1e9",
            "page=2147483648",
            "page=9223372036854775808",
            "page=18446744073709551616",
            "page=12345678901234567890",
            "page=%D9%A3",
            "page=%201",
            "page=%2B1",
            "page=",
        ],
    ),
    (
        "G-14",
        &[
            "limit=0",
            "limit=101",
            "limit=1000000000",
            "per_page=0",
            "per_page=101",
        ],
    ),
    ("G-15", &["offset=1000000000"]),
    ("G-19", &["limit=5&limit=1000"]),
    ("G-22", &["nothing=1"]),
    (
        "G-23",
        &["limit=1;cursor=x", "limit=%00", "limit[]=1", "a[]=1"],
    ),
    (
        "G-13",
        &[
            "limit=-1",
            "limit=1.5",
            "limit=1e9",
            "limit=%D9%A3",
            "limit=%201",
            "limit=%2B1",
            "limit=",
            "limit=18446744073709551616",
        ],
    ),
];

/// For what happened.
const TIMES: [&str; 8] = [
    "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
    "from=-1",
    "from=now()",
    "from=infinity",
    "from=2026-01-01T00:00:00",
    "to=-infinity",
    "to=2026-13-01T00:00:00Z",
    "since=2026-01-01T00:00:00Z",
];

const NUMBERS: [&str; 7] = [
    "9223372036854775808",
    "-1",
    "00",
    "1.0",
    "1%2f",
    "0x10",
    "%EF%BC%91",
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (id, queries) in QUERIES {
        for query in queries {
            for (who, path) in [
                (Who::Private, "/sites"),
                (Who::Private, "/api/webhooks"),
                (Who::Private, "/api/workers"),
                (Who::Operator, "/api/admin/vendors"),
                (Who::Administrator, "/api/users"),
            ] {
                cases.push(get(id, who, format!("{path}?{query}"), PARAMETER));
            }
        }
    }
    let many: String = (0..1000).fold(String::new(), |all, n| all + &format!("filter[f{n}]=x&"));
    cases.push(get(
        "G-07",
        Who::Private,
        format!("/sites?{many}"),
        &[(414, "target_too_long"), (400, "invalid_parameter")],
    ));
    for query in TIMES {
        cases.push(get(
            "G-18",
            Who::Private,
            format!("/api/access-logs?{query}"),
            PARAMETER,
        ));
    }
    for number in NUMBERS {
        for path in ["/api/webhooks/", "/api/issuances/", "/api/trust-policies/"] {
            cases.push(get("G-17", Who::Private, format!("{path}{number}"), NONE));
        }
    }
    cases
}
