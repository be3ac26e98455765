//! An audit log that a test writes itself, and shippers of it.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use gatehouse::access_logs::{self, Settings};
use gatehouse::db::Pool;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::app::db_settings;
use super::{TestApp, TestVendor};

/// A log, in a folder of its own.
pub struct AuditLog {
    folder: tempfile::TempDir,
}

/// The settings of a shipper.
pub fn settings(namespace: Option<String>, file: PathBuf) -> Settings {
    Settings {
        file,
        node: "test".to_owned(),
        namespace,
        proxies: vec!["10.0.0.0/8".parse().unwrap()],
    }
}

/// A line of a read that was done, of now.
pub fn line(vendor: &TestVendor, id: &str, accessor: &str, name: &str) -> Value {
    json!({
        "time": Timestamp::now(), "type": "response",
        "request": {
            "id": id, "operation": "read", "path": format!("{}-store/{name}", vendor.namespace),
            "client_token_accessor": accessor, "remote_address": "127.0.0.1",
        },
    })
}

impl AuditLog {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn named(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn path(&self) -> PathBuf {
        self.named("audit.log")
    }

    pub fn raw(&self, bytes: &[u8]) {
        let mut options = File::options();
        let mut file = options.append(true).create(true).open(self.path()).unwrap();
        file.write_all(bytes).unwrap();
    }

    pub fn write(&self, lines: &[Value]) {
        let mut text = String::new();
        for line in lines {
            text += &line.to_string();
            text.push('\n');
        }
        self.raw(text.as_bytes());
    }

    /// Ships into a test's database until it is dropped.
    pub fn ship(&self, test: &TestApp) -> DropGuard {
        let pool = Pool::new(&db_settings(&test.database_url)).unwrap();
        let stop = CancellationToken::new();
        let shipping = access_logs::ship(pool, settings(None, self.path()), stop.clone());
        tokio::spawn(shipping);
        stop.drop_guard()
    }
}

/// A number from the test's database.
pub async fn number(test: &TestApp, sql: &str) -> i64 {
    test.sql()
        .await
        .query_one(sql, &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
}

/// The accessor of the newest token that was handed out, and its id.
pub async fn newest_token(test: &TestApp) -> (String, String) {
    let sql = "SELECT accessor, id::text FROM issuances ORDER BY seq DESC LIMIT 1";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}
