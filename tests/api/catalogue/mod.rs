//! The whole catalogue of bad input: each of its ids has a row here, or is said to be covered by a test that exists.
//!
//! A row is sent over HTTP to the real service. It must be refused with a status and code that are named, in the dialect of
//! its path, without what was sent; nothing may be stored, and OpenBao is asked nothing.

mod elsewhere;
mod headers;
mod ids;
mod people;
mod queries;
mod signup;
mod urls;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::bad_input::{fault, report};
use crate::support::logs;
use crate::support::wire::Seen;
use crate::support::{Place, TestApp, TestVendor, Wire};

/// All ids: the chapter, and the numbers in it.
const IDS: [(&str, &str); 11] = [
    (
        "A",
        "01 02 04 05 06 07 09 10 11 12 14 15 16 17 19 20 21 22 24 25 26 27 29 30 31 32 34 35 36 37 39 40 41 42",
    ),
    (
        "B",
        "02 03 04 05 07 08 09 10 12 13 14 15 17 18 19 20 22 23 24 25 27 28 29 30 32 33",
    ),
    (
        "C",
        "01 02 04 05 06 07 09 10 11 12 14 15 16 17 19 20 21 22 24 25 26 27 29 30",
    ),
    (
        "D",
        "01 02 04 05 06 07 09 10 11 12 14 15 16 17 19 20 21 22 24 25 26",
    ),
    (
        "E",
        "01 03 04 05 06 08 09 10 11 13 14 15 16 18 19 20 21 23 24 25 26 28 29 30 31 33 34 35 36 38 39",
    ),
    (
        "JW",
        "01 02 04 05 06 07 09 10 11 12 14 15 16 17 19 20 21 22 24 25 26 27",
    ),
    (
        "G",
        "02 03 04 05 07 08 09 10 12 13 14 15 17 18 19 20 22 23 24",
    ),
    (
        "H",
        "01 03 04 05 06 08 09 10 11 13 14 15 16 18 19 20 21 23 24 25 26 28 29 30 31",
    ),
    ("I", "01 02 03 04 06 07 08 09 11 12"),
    (
        "J",
        "01 02 04 05 06 07 09 10 11 12 14 15 16 17 19 20 21 22 24 25 26 27 29 30 31 32",
    ),
    ("K", "02 03 04 05 07 08 09 10 12"),
];

/// Who sends it.
#[derive(Clone, Copy, Debug)]
enum Who {
    Public,
    Private,
    Operator,
    /// The billing system, with a signature that is right.
    Billing,
    /// A user in `Administrators`.
    Administrator,
}

/// What is sent, and the answers that are right.
struct Case {
    id: &'static str,
    who: Who,
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
    /// What is bad, which no answer repeats.
    input: String,
    wanted: &'static [(u16, &'static str)],
}

type Wanted = &'static [(u16, &'static str)];
const FIELD: Wanted = &[(422, "invalid_field")];
const NONE: Wanted = &[(404, "not_found")];
const PARAMETER: Wanted = &[(400, "invalid_parameter")];

/// A body with something bad in it.
fn post(id: &'static str, who: Who, path: &str, body: &Value, input: &str, wanted: Wanted) -> Case {
    Case {
        id,
        who,
        method: Method::POST,
        path: path.to_owned(),
        body: Some(serde_json::to_vec(body).unwrap()),
        input: input.to_owned(),
        wanted,
    }
}

/// A path that is bad itself.
fn get(id: &'static str, who: Who, path: String, wanted: Wanted) -> Case {
    Case {
        id,
        who,
        method: Method::GET,
        path,
        body: None,
        input: String::new(),
        wanted,
    }
}

/// The service that all rows of a chapter go to, where nothing inside may be reached.
struct Bench {
    test: TestApp,
    wire: Wire,
    vendor: TestVendor,
    session: String,
}

impl Bench {
    async fn start() -> Self {
        let place = Place::shared().await;
        let wire = Wire::to(&place.bao.addr).await;
        let mut config = place.config().await;
        config.bao.server.addr.clone_from(&wire.addr);
        config.egress.allow.clear();
        let test = TestApp::start_at(place, config).await;
        let vendor = test.vendor("vendor-a").await;
        let user = test.administrator(&vendor).await;
        let session = test.user_session(&user).await;
        Self {
            test,
            wire,
            vendor,
            session,
        }
    }

    /// What is stored, and the mounts of OpenBao.
    async fn state(&self) -> (Vec<i64>, String) {
        let tables = "vendors sites issuances webhook_receipts webhook_endpoints users user_sessions lockboxes \
                      lockbox_entries credentials workers api_keys jwt_keys trust_policies issuers";
        let counts: Vec<String> = tables
            .split_whitespace()
            .map(|table| format!("(SELECT count(*) FROM {table})"))
            .collect();
        let sql = format!("SELECT ARRAY[{}]", counts.join(","));
        let row = self.test.sql().await.query_one(&sql, &[]).await.unwrap();
        let mounts = self.test.bao_root(Method::GET, "sys/mounts").send().await;
        let mounts: Vec<&String> = mounts.json["data"].as_object().unwrap().keys().collect();
        (row.get(0), format!("{mounts:?}"))
    }

    async fn refuse(&self, cases: &[Case]) {
        let before = self.state().await;
        self.wire.forget();
        let logged = logs::len();
        let mut faults = Vec::new();
        for case in cases {
            if let Some(fault) = self.judge(case).await {
                let input: String = case.input.chars().take(60).collect();
                faults.push(format!(
                    "{} {} {:.90} {input:?}: {fault}",
                    case.id, case.method, case.path
                ));
            }
        }
        report(&faults);
        let asked: Vec<String> = self.wire.deliberate().iter().map(Seen::line).collect();
        assert!(asked.is_empty(), "{asked:?}");
        assert_eq!(self.state().await, before);
        let alive = self.test.get("/healthz").send().await;
        assert_eq!(alive.status, 200);
        expect_lines(logged);
    }

    /// Sends a row: what is wrong with its answer.
    async fn judge(&self, case: &Case) -> Option<String> {
        let mut call = self.test.call(case.method.clone(), &case.path);
        if let Some(body) = &case.body {
            call = call
                .header("content-type", "application/json")
                .body(body.clone());
        }
        let answer = match case.who {
            Who::Public => call.bearer(&self.vendor.public_key).send().await,
            Who::Private => call.bearer(&self.vendor.private_key).send().await,
            Who::Operator => call.bearer(&self.test.operator).send().await,
            Who::Administrator => call.bearer(&self.session).send().await,
            Who::Billing => {
                let body = case.body.as_deref().unwrap();
                self.test.webhook_bytes("msg_bad", body).await
            }
        };
        let statuses: Vec<u16> = case.wanted.iter().map(|(status, _)| *status).collect();
        if let Some(fault) = fault(&case.path, &answer, &statuses) {
            return Some(fault);
        }
        if !case.wanted.contains(&(answer.status, answer.code())) {
            return Some(format!("{}, wanted {:?}", answer.text, case.wanted));
        }
        // Plain words stand in explanations too.
        let plain = case
            .input
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-');
        let telling = case.input.chars().count() > 3 && (!plain || case.input.len() > 40);
        let written = serde_json::to_string(&case.input).unwrap();
        let repeated = [case.input.as_str(), written.trim_matches('"')]
            .iter()
            .any(|text| answer.text.contains(text));
        (telling && repeated).then(|| format!("repeated: {}", answer.text))
    }
}

/// Whatever came in, each line that was logged is one JSON object.
fn expect_lines(from: usize) {
    let lines = logs::lines_with(from, "");
    assert!(!lines.is_empty());
    for line in lines {
        let read = serde_json::from_str::<serde_json::Map<String, Value>>(&line);
        assert!(read.is_ok(), "{line:.300}");
    }
}

/// All rows that are sent.
fn sent() -> Vec<Case> {
    let mut all = signup::cases();
    all.extend(ids::cases());
    all.extend(queries::cases());
    all.extend(urls::cases());
    all.extend(people::cases());
    all
}

#[test]
fn every_id_of_the_catalogue_has_its_row() {
    let wanted: BTreeSet<String> = IDS
        .iter()
        .flat_map(|(chapter, numbers)| {
            numbers
                .split(' ')
                .map(move |number| format!("{chapter}-{number}"))
        })
        .collect();
    assert_eq!(wanted.len(), 247);
    let mut found: BTreeSet<String> = sent().iter().map(|case| case.id.to_owned()).collect();
    found.extend(headers::IDS.map(str::to_owned));
    for (ids, _) in elsewhere::COVERED.iter().chain(elsewhere::NOT_OURS) {
        found.extend(ids.split(' ').map(str::to_owned));
    }
    // Who settles one of these takes it out of its list.
    for (id, missing) in elsewhere::OPEN {
        assert!(found.insert((*id).to_owned()), "{id} is settled: {missing}");
    }
    let texts: BTreeSet<(String, Option<Vec<u8>>)> = sent()
        .into_iter()
        .map(|case| (case.path, case.body))
        .collect();
    // Fewer would mean that rows were lost.
    assert!(texts.len() >= 600, "{}", texts.len());
    let missing: Vec<_> = wanted.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&wanted).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "missing {missing:?}, unknown {unknown:?}"
    );
}

#[test]
fn tests_that_cover_a_row_exist() {
    for (ids, test) in elsewhere::COVERED {
        let (file, name) = test.split_once("::").unwrap();
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(text.contains(&format!("fn {name}(")), "{ids}: {test}");
    }
}

#[tokio::test]
async fn rows_of_sign_ups_are_refused() {
    Bench::start().await.refuse(&signup::cases()).await;
}

#[tokio::test]
async fn rows_of_ids_are_refused() {
    Bench::start().await.refuse(&ids::cases()).await;
}

#[tokio::test]
async fn rows_of_queries_are_refused() {
    Bench::start().await.refuse(&queries::cases()).await;
}

#[tokio::test]
async fn rows_of_urls_are_refused() {
    Bench::start().await.refuse(&urls::cases()).await;
}

#[tokio::test]
async fn rows_of_people_and_lives_are_refused() {
    Bench::start().await.refuse(&people::cases()).await;
}
