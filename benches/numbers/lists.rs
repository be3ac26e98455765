//! A page of sites, and a search: over a million of them as over ten thousand.

use reqwest::RequestBuilder;
use serde_json::json;

use crate::load::load;
use crate::place::{Bench, ROUND, ROUNDS, vendor};
use crate::report::{Bar, Report};
use crate::support::app::TestVendor;
use crate::support::trustedlogin::ACCESS_KEY;
use crate::support::{fill, servers};

const FEW: i64 = 10_000;
const MANY: i64 = 1_000_000;

/// The rows of lists.
pub async fn run(bench: &Bench, report: &mut Report) {
    let (small, large) = (
        filled(bench, "few-sites", FEW).await,
        filled(bench, "many-sites", MANY).await,
    );
    let page = |vendor: &TestVendor| {
        let (http, key) = (bench.http.clone(), vendor.private_key.clone());
        let url = format!("{}/sites?limit=50", bench.service.url);
        move || http.get(&url).bearer_auth(&key)
    };
    let search = |vendor: &TestVendor| {
        let (http, key) = (bench.http.clone(), vendor.private_key.clone());
        let url = format!("{}/sites/search", bench.service.url);
        let body = json!({ "searchKeys": [ACCESS_KEY, "f".repeat(64)] });
        move || http.post(&url).bearer_auth(&key).json(&body)
    };
    let work = "a page of 1,000,000 sites, against one of 10,000, median latency";
    compare(report, work, page(&large), page(&small)).await;
    let work = "a search among 1,000,000 sites, against 10,000, median latency";
    compare(report, work, search(&large), search(&small)).await;
}

async fn compare<F>(report: &mut Report, work: &str, large: F, small: F)
where
    F: Fn() -> RequestBuilder + Clone + Send + 'static,
{
    let (mut many, mut few) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        few.push(load(1, ROUND / 2, 200, small.clone()).await.median * 1000.0);
        many.push(load(1, ROUND / 2, 200, large.clone()).await.median * 1000.0);
    }
    report.row(work, "ms", &many, &few, Bar::Most(3.0));
}

/// A vendor with so many sites.
async fn filled(bench: &Bench, namespace: &str, sites: i64) -> TestVendor {
    let vendor = vendor(&bench.http, &bench.service.url, &bench.operator, namespace).await;
    let sql = servers::client(&bench.place.database_url).await;
    fill::sites(&sql, vendor.id, sites).await;
    let body = json!({ "secretId": "site-to-be-found-001", "accessKey": ACCESS_KEY });
    let call = bench.post("/sites", &vendor.public_key).json(&body);
    let made = call.send().await.unwrap();
    assert_eq!(made.status(), 201, "{:?}", made.text().await);
    vendor
}
