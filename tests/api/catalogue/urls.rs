//! Chapter H: where a vendor would have the service go.

use serde_json::json;

use super::{Case, FIELD, Who, post};

const URLS: [(&str, &[&str]); 15] = [
    ("H-01", &["http://1.1.1.1/", "http://example.com/"]),
    (
        "H-03",
        &["https://127.0.0.1", "https://127.1", "https://127.0.0.1."],
    ),
    (
        "H-04",
        &[
            "https://2130706433",
            "https://0x7f000001",
            "https://0177.0.0.1",
            "https://0x7f.1",
        ],
    ),
    ("H-05", &["https://0", "https://0.0.0.0", "https://0.1.2.3"]),
    (
        "H-06",
        &[
            "https://[::1]",
            "https://[::]",
            "https://[::ffff:127.0.0.1]",
            "https://[::ffff:7f00:1]",
            "https://[::127.0.0.1]",
        ],
    ),
    (
        "H-08",
        &[
            "https://169.254.169.254/latest",
            "https://[fd00:ec2::254]/",
            "https://metadata.google.internal/",
        ],
    ),
    (
        "H-09",
        &[
            "https://100.64.0.1/",
            "https://198.18.0.1/",
            "https://192.0.0.1/",
            "https://192.0.2.1/",
            "https://198.51.100.1/",
            "https://203.0.113.1/",
            "https://192.88.99.1/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://224.0.0.1/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.0.1/",
        ],
    ),
    (
        "H-10",
        &[
            "https://[fc00::1]/",
            "https://[fe80::1]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
            "https://[3fff::1]/",
            "https://[100::1]/",
            "https://[5f00::1]/",
        ],
    ),
    (
        "H-11",
        &[
            "https://[2002:7f00:1::]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::1]/",
        ],
    ),
    (
        "H-13",
        &[
            "https://localhost/",
            "https://vault.internal/",
            "https://postgres.local/",
            "https://vault.default.svc.cluster.local/",
        ],
    ),
    (
        "H-14",
        &[
            "https://user:pass@1.1.1.1/",
            "https://good.com@127.0.0.1/",
            "https://127.0.0.1#@good.com/",
            "https://good.com\\@127.0.0.1",
        ],
    ),
    (
        "H-15",
        &[
            "https://1.1.1.1:22/",
            "https://1.1.1.1:25/",
            "https://1.1.1.1:5432/",
            "https://1.1.1.1:6379/",
            "https://1.1.1.1:8200/",
            "https://1.1.1.1:0/",
            "https://1.1.1.1:65536/",
        ],
    ),
    (
        "H-16",
        &[
            "https://1.1.1.1/a\tb",
            "https://1.1.1.1/a\rb",
            "https://1.1.1.1/a\nb",
            "https://1.1.1.1/a b",
            " https://1.1.1.1/",
        ],
    ),
    (
        "H-18",
        &["https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/"],
    ),
    (
        "H-20",
        &[
            "https://1.1.1.1/#part",
            "https://",
            "https:///x",
            "//1.1.1.1/",
            "https:1.1.1.1",
        ],
    ),
];

pub fn cases() -> Vec<Case> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for (id, urls) in URLS {
        all.extend(urls.iter().map(|url| (id, (*url).to_owned())));
    }
    all.push(("H-19", format!("https://1.1.1.1/{}", "x".repeat(2049 - 16))));
    all.push(("H-19", format!("https://{}.example/", "x".repeat(64))));
    all.push(("H-19", format!("https://{}example/", "xxxxxxx.".repeat(31))));
    let mut cases = Vec::new();
    for (id, url) in all {
        let body = json!({ "url": url });
        cases.push(post(id, Who::Private, "/api/webhooks", &body, &url, FIELD));
        cases.push(post(
            id,
            Who::Operator,
            "/api/admin/webhooks",
            &body,
            &url,
            FIELD,
        ));
    }
    for url in ["javascript:alert(1)", "https://x\"><script>"] {
        let body = json!({ "secretId": "0123456789abcdef", "siteUrl": url });
        cases.push(post("H-30", Who::Public, "/sites", &body, url, FIELD));
    }
    cases
}
