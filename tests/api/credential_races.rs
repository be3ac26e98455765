//! Several who change one credential at the same moment: the database and OpenBao must agree in the end.

use reqwest::Method;
use serde_json::json;

use crate::credentials::{ftp, one, put, read};
use crate::support::{TestApp, TestVendor};

const ROUNDS: usize = 12;

/// What a worker reads straight from OpenBao, and what the service says.
async fn both(test: &TestApp, vendor: &TestVendor, key: &str) -> (u16, u16) {
    let path = format!("{}-credentials/secret/data/{key}", vendor.namespace);
    let straight = test.bao_root(Method::GET, &path).send().await.status;
    (straight, read(test, vendor, key).await.status)
}

#[tokio::test]
async fn deleted_is_deleted_whatever_was_written_meanwhile() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        test.credential(&vendor, &key, ftp("h")).await;
        let delete = || one(&test, &vendor, Method::DELETE, &key).send();
        let undelete = one(&test, &vendor, Method::POST, &format!("{key}/undelete")).send();
        let (write, first, second, back) = tokio::join!(
            put(&test, &vendor, &key, ftp("new")),
            delete(),
            delete(),
            undelete
        );
        for answer in [&write, &first, &second, &back] {
            assert!(matches!(answer.status, 200 | 404), "{answer:?}");
        }
        let (straight, through) = both(&test, &vendor, &key).await;
        assert_eq!(straight, through, "{write:?} {first:?} {second:?} {back:?}");
    }
}

#[tokio::test]
async fn destroyed_once_and_what_is_made_after_it_stays() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        test.credential(&vendor, &key, ftp("h")).await;
        let path = format!("{key}/destroy");
        let all = json!({ "all": true });
        let destroy = || one(&test, &vendor, Method::POST, &path).json(&all).send();
        let attempt = async {
            let body = json!({ "key": key, "value": ftp("anew") });
            for _ in 0..200 {
                let call = test.post("/api/credentials").bearer(&vendor.private_key);
                if call.json(&body).send().await.status == 201 {
                    return true;
                }
            }
            false
        };
        let (first, second, stored) = tokio::join!(destroy(), destroy(), attempt);
        assert!(stored, "{first:?} {second:?}");
        let (straight, through) = both(&test, &vendor, &key).await;
        assert_eq!(straight, through, "{first:?} {second:?}");
    }
    let sql = "SELECT count(*), count(DISTINCT details->>'key') FROM events WHERE action = 'credential.destroyed'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    let destroyed = "SELECT count(*) FROM credentials WHERE destroyed_at IS NOT NULL";
    let gone = test.sql().await.query_one(destroyed, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), gone.get::<_, i64>(0));
    assert_eq!(row.get::<_, i64>(1), i64::try_from(ROUNDS).unwrap());
}
