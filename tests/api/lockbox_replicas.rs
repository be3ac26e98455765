//! One lockbox on several replicas.

use std::time::Duration;

use gatehouse::config::Config;
use gatehouse::types::VendorId;

use crate::support::{Place, TestApp, TestUser, TestVendor, wait};

const PASSWORD: &str = "1234";

/// Replicas on one database and one OpenBao.
struct Cluster {
    bao: gatehouse::vault::Server,
    bao_root: String,
    database_url: String,
    config: Config,
}

impl Cluster {
    async fn new() -> Self {
        let place = Place::shared().await;
        let config = place.config().await;
        Self {
            bao: place.bao,
            bao_root: place.bao_root,
            database_url: place.database_url,
            config,
        }
    }

    async fn replica(&self) -> TestApp {
        let place = Place {
            bao: self.bao.clone(),
            bao_root: self.bao_root.clone(),
            database_url: self.database_url.clone(),
        };
        TestApp::start_at(place, self.config.clone()).await
    }
}

/// A vendor with an administrator, known to both.
async fn vendor_on(a: &TestApp, b: &TestApp) -> (TestVendor, TestUser) {
    let vendor = a.vendor("vendor-a").await;
    let admin = a.administrator(&vendor).await;
    b.keep_secret(&admin.password);
    let id = VendorId(vendor.id);
    wait::until("the vendor is known", || {
        std::future::ready(b.app.directory.by_id(id).is_some())
    })
    .await;
    (vendor, admin)
}

fn holds(test: &TestApp, vendor: &TestVendor) -> bool {
    test.app.lockboxes.held(VendorId(vendor.id)).is_some()
}

async fn cut_notifications(test: &TestApp) {
    let sql = "DROP TRIGGER lockboxes_notify ON lockboxes; DROP TRIGGER lockbox_handovers_notify ON lockbox_handovers";
    test.sql().await.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn a_lock_holds_at_the_very_next_read_elsewhere_even_unheard_of() {
    let cluster = Cluster::new().await;
    let (a, b) = (cluster.replica().await, cluster.replica().await);
    let (vendor, admin) = vendor_on(&a, &b).await;
    cut_notifications(&a).await;
    a.init(&admin, PASSWORD).await;
    let id = a.stored(&admin, "one", "canary-value-1").await;
    assert_eq!(b.value(&admin, id).await, "canary-value-1");
    for _ in 0..3 {
        assert_eq!(b.lock(&admin).await.status, 204);
        assert_eq!(a.read_entry(&admin, id).await.status, 409);
        wait::until("the key is wiped", || {
            std::future::ready(!holds(&a, &vendor) && !holds(&b, &vendor))
        })
        .await;
        assert_eq!(a.lock(&admin).await.status, 409, "locked already");
        assert_eq!(a.unlock(&admin, PASSWORD).await.status, 201);
        assert_eq!(b.value(&admin, id).await, "canary-value-1");
        assert_eq!(
            b.unlock(&admin, PASSWORD).await.status,
            409,
            "unlocked already"
        );
    }
}

#[tokio::test]
async fn keys_are_wiped_within_a_second_of_a_lock() {
    let cluster = Cluster::new().await;
    let (a, b) = (cluster.replica().await, cluster.replica().await);
    let (vendor, admin) = vendor_on(&a, &b).await;
    a.init(&admin, PASSWORD).await;
    wait::until("the key has reached the other replica", || {
        std::future::ready(holds(&b, &vendor))
    })
    .await;
    assert_eq!(a.lock(&admin).await.status, 204);
    let begun = std::time::Instant::now();
    wait::until("the key is wiped", || {
        std::future::ready(!holds(&a, &vendor) && !holds(&b, &vendor))
    })
    .await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_late_replica_gets_the_key_only_where_the_vendor_wants_that() {
    let cluster = Cluster::new().await;
    let (a, early) = (cluster.replica().await, cluster.replica().await);
    let (vendor, admin) = vendor_on(&a, &early).await;
    a.init(&admin, PASSWORD).await;
    let id = a.stored(&admin, "one", "canary-value-1").await;
    let late = cluster.replica().await;
    assert_eq!(early.value(&admin, id).await, "canary-value-1");
    assert_eq!(late.lock_status(&admin).await, "locked");
    assert_eq!(late.read_entry(&admin, id).await.status, 409);
    let settings = serde_json::json!({ "joinUnlocked": true });
    let call = a.call(reqwest::Method::PATCH, "/api/lockbox/settings");
    let changed = call.user(&admin).json(&settings).send().await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(late.lock_status(&admin).await, "unlocked");
    assert_eq!(late.value(&admin, id).await, "canary-value-1");
    let later = cluster.replica().await;
    assert_eq!(later.value(&admin, id).await, "canary-value-1");
    assert!(holds(&later, &vendor));
}

#[tokio::test]
async fn a_late_replica_can_be_unlocked_by_the_password() {
    let cluster = Cluster::new().await;
    let (a, early) = (cluster.replica().await, cluster.replica().await);
    let (_, admin) = vendor_on(&a, &early).await;
    a.init(&admin, PASSWORD).await;
    let id = a.stored(&admin, "one", "canary-value-1").await;
    let late = cluster.replica().await;
    assert_eq!(late.unlock(&admin, "12345").await.status, 401);
    assert_eq!(late.unlock(&admin, PASSWORD).await.status, 201);
    for replica in [&a, &early, &late] {
        assert_eq!(replica.value(&admin, id).await, "canary-value-1");
    }
    assert_eq!(late.lock(&admin).await.status, 204);
    for replica in [&a, &early, &late] {
        assert_eq!(replica.read_entry(&admin, id).await.status, 409);
    }
}

#[tokio::test]
async fn all_stopped_and_started_again_it_is_locked() {
    let cluster = Cluster::new().await;
    let (mut a, mut b) = (cluster.replica().await, cluster.replica().await);
    let (_, admin) = vendor_on(&a, &b).await;
    a.init(&admin, PASSWORD).await;
    let id = a.stored(&admin, "one", "canary-value-1").await;
    let settings = "UPDATE lockboxes SET join_unlocked = true";
    a.sql().await.batch_execute(settings).await.unwrap();
    a.stop().await;
    assert_eq!(b.value(&admin, id).await, "canary-value-1");
    b.stop().await;
    let c = cluster.replica().await;
    assert_eq!(c.lock_status(&admin).await, "locked");
    assert_eq!(c.read_entry(&admin, id).await.status, 409);
    assert_eq!(c.lock(&admin).await.status, 409);
    assert_eq!(c.unlock(&admin, PASSWORD).await.status, 201);
    assert_eq!(c.value(&admin, id).await, "canary-value-1");
}

#[tokio::test]
async fn forged_rows_in_the_database_get_no_key() {
    let cluster = Cluster::new().await;
    let (a, b) = (cluster.replica().await, cluster.replica().await);
    let (_, admin) = vendor_on(&a, &b).await;
    a.init(&admin, PASSWORD).await;
    let sql = a.sql().await;
    sql.batch_execute("UPDATE lockboxes SET join_unlocked = true")
        .await
        .unwrap();
    let forge = "WITH forged AS (INSERT INTO replicas (id, started_at, seen_at) \
                 VALUES (gen_random_uuid(), now() - interval '1 day', now() + interval '1 day') RETURNING id, started_at) \
                 INSERT INTO lockbox_handovers (id, vendor_id, epoch, replica_id, started_at, public_key, tag, created_at) \
                 SELECT gen_random_uuid(), l.vendor_id, l.epoch, f.id, f.started_at, $1, $2, now() \
                 FROM lockboxes l, forged f RETURNING id";
    let key = vec![9u8; 32];
    let tags = [vec![0u8; 32], vec![], vec![7u8; 32]];
    for tag in &tags {
        let row = sql.query_one(forge, &[&key, tag]).await.unwrap();
        let id: uuid::Uuid = row.get(0);
        let count = "SELECT count(*) FROM lockbox_handovers WHERE id = $1";
        wait::until("the forged request is refused", || async {
            sql.query_one(count, &[&id]).await.unwrap().get::<_, i64>(0) == 0
        })
        .await;
    }
    let answered = "SELECT count(*) FROM lockbox_handovers WHERE answer IS NOT NULL";
    let answered: i64 = sql.query_one(answered, &[]).await.unwrap().get(0);
    assert_eq!(answered, 0);
}

#[tokio::test]
async fn a_database_out_of_sight_wipes_the_keys() {
    let cluster = Cluster::new().await;
    let url = url::Url::parse(&cluster.database_url).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let valve = crate::support::valve::Valve::to(&server).await;
    let through = url::Url::parse(&valve.url).unwrap();
    let mut piped = url.clone();
    piped.set_host(through.host_str()).unwrap();
    piped.set_port(through.port()).unwrap();
    let mut cluster = cluster;
    cluster.config.db = crate::support::app::db_settings(piped.as_str());
    let a = cluster.replica().await;
    let vendor = a.vendor("vendor-a").await;
    let admin = a.administrator(&vendor).await;
    a.init(&admin, PASSWORD).await;
    let id = a.stored(&admin, "one", "canary-value-1").await;
    assert!(holds(&a, &vendor));
    valve.shut();
    wait::until("the key is wiped", || {
        std::future::ready(!holds(&a, &vendor))
    })
    .await;
    valve.open();
    a.until_ready().await;
    assert_eq!(a.read_entry(&admin, id).await.status, 409);
    assert_eq!(a.unlock(&admin, PASSWORD).await.status, 201);
    assert_eq!(a.value(&admin, id).await, "canary-value-1");
}
