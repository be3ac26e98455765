//! The second wall between vendors: PostgreSQL's row-level security, tried with statements that name no vendor.

use tokio_postgres::Client;

use crate::support::{TestApp, servers};

/// Every table with a vendor's column, and that column; each month of a trail is one of its own.
async fn walled(sql: &Client) -> Vec<(String, String)> {
    let tables = "SELECT c.relname::text AS name, a.attname::text AS vendor FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') \
           AND a.attname = CASE WHEN c.relname = 'vendors' THEN 'id' ELSE 'vendor_id' END ORDER BY 1";
    let rows = sql.query(tables, &[]).await.unwrap();
    let walled: Vec<_> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(walled.len() > 45, "{walled:?}");
    walled
}

async fn count(sql: &Client, from: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM {from}");
    sql.query_one(&statement, &[]).await.unwrap().get(0)
}

/// Says which vendors' rows a connection may see.
async fn scope(sql: &Client, first: i64, last: i64) {
    let set = format!("SET gatehouse.first_vendor = {first}; SET gatehouse.last_vendor = {last}");
    sql.batch_execute(&set).await.unwrap();
}

/// How PostgreSQL refuses a statement; nothing of it stays.
async fn refusal(sql: &Client, statement: &str) -> String {
    sql.batch_execute("BEGIN").await.unwrap();
    let refused = sql.batch_execute(statement).await.expect_err(statement);
    sql.batch_execute("ROLLBACK").await.unwrap();
    let refused = refused.as_db_error().unwrap();
    format!("{}: {}", refused.code().code(), refused.message())
}

#[tokio::test]
async fn every_table_of_vendors_is_walled_off_from_its_owner_too() {
    let test = TestApp::start().await;
    let sql = test.sql().await;
    for (table, column) in walled(&sql).await {
        let wall = "SELECT relrowsecurity AND relforcerowsecurity AS stands, \
               (SELECT attnotnull FROM pg_attribute WHERE attrelid = c.oid AND attname = $2) AS always, \
               (SELECT string_agg(concat_ws(' ', polname, polcmd, polpermissive, polwithcheck IS NULL, \
                                            pg_get_expr(polqual, polrelid)), ',') \
                FROM pg_policy WHERE polrelid = c.oid) AS policies \
             FROM pg_class c WHERE c.oid = $1::text::regclass";
        let wall = sql.query_one(wall, &[&table, &column]).await.unwrap();
        assert!(wall.get::<_, bool>("stands"), "{table} has no wall");
        let within = format!("(({column} >= first_vendor()) AND ({column} <= last_vendor()))");
        let seen = if wall.get("always") {
            within
        } else {
            format!("({within} OR (({column} IS NULL) AND (first_vendor() < 0)))")
        };
        let policies: Option<String> = wall.get("policies");
        let wanted = format!("of_vendor * t t {seen}");
        assert_eq!(policies.as_deref(), Some(wanted.as_str()), "{table}");
    }
    let role = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS mighty, \
           (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned \
         FROM pg_roles r WHERE rolname = current_user";
    let service = servers::client(&servers::of_service(&test.database_url)).await;
    let role = service.query_one(role, &[]).await.unwrap();
    assert_eq!((role.get(0), role.get(1)), (false, 0_i64));
    let taken_down = "ALTER TABLE sites DISABLE ROW LEVEL SECURITY";
    assert!(refusal(&service, taken_down).await.starts_with("42501"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_names_no_vendor_reaches_no_other_vendor() {
    let test = TestApp::start().await;
    let (a, b) = (
        test.full("tenant-a", 1, 2).await,
        test.full("tenant-b", 1, 1).await,
    );
    let (a, b) = (a.vendor.id, b.vendor.id);
    let owner = test.sql().await;
    let service = servers::client(&servers::of_service(&test.database_url)).await;
    let mut tried = Vec::new();
    for (table, column) in walled(&owner).await {
        let of = |vendor: i64| format!("{table} WHERE {column} = {vendor}");
        // Whoever says nothing sees nothing.
        service.batch_execute("RESET ALL").await.unwrap();
        assert_eq!(count(&service, &table).await, 0, "{table}");
        let there = (count(&owner, &of(a)).await, count(&owner, &of(b)).await);
        if there.0 == 0 || there.1 == 0 {
            continue;
        }
        // Nothing of it is kept, so the tables stand still between the two counts.
        service
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await
            .unwrap();
        scope(&service, -1, i64::MAX).await;
        let own = count(&service, &of(a)).await;
        let copied = format!(
            "CREATE TEMP TABLE theirs ON COMMIT DROP AS SELECT * FROM {}",
            of(b)
        );
        service.batch_execute(&copied).await.unwrap();
        scope(&service, a, a).await;
        assert_eq!(count(&service, &table).await, own, "{table}: seen");
        assert_eq!(count(&service, &of(b)).await, 0, "{table}: named");
        let columns = "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute \
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";
        let columns: String = service.query_one(columns, &[&table]).await.unwrap().get(0);
        let slipped_in = format!(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM theirs LIMIT 1"
        );
        let refused = service.batch_execute(&slipped_in).await.expect_err(&table);
        let refused = refused.as_db_error().unwrap().message().to_owned();
        assert!(refused.contains("row-level security"), "{table}: {refused}");
        service.batch_execute("ROLLBACK").await.unwrap();
        tried.push(table);
    }
    assert!(tried.len() >= 22, "too few tables have rows: {tried:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_names_no_vendor_changes_no_other_vendor() {
    let test = TestApp::start().await;
    let (a, b) = (
        test.full("tenant-a", 1, 2).await,
        test.full("tenant-b", 1, 1).await,
    );
    let (a, b) = (a.vendor.id, b.vendor.id);
    let service = servers::client(&servers::of_service(&test.database_url)).await;
    for table in [
        "sites",
        "issuances",
        "users",
        "workers",
        "webhook_endpoints",
        "lockbox_entries",
    ] {
        scope(&service, a, a).await;
        service
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await
            .unwrap();
        let own = count(&service, table).await;
        let changed = format!("UPDATE {table} SET created_at = created_at");
        let changed = changed.replace(
            "issuances SET created_at = created_at",
            "issuances SET kind = kind",
        );
        let changed = service.execute(&changed, &[]).await.unwrap();
        assert_eq!(i64::try_from(changed).unwrap(), own, "{table}");
        assert!(own > 0, "{table}");
        service.batch_execute("ROLLBACK").await.unwrap();
        let given_away = format!("UPDATE {table} SET vendor_id = {b}");
        let refused = refusal(&service, &given_away).await;
        assert!(refused.contains("row-level security"), "{table}: {refused}");
    }
    scope(&service, a, a).await;
    assert_eq!(count(&service, "vendors").await, 1);
    let nobodys =
        "INSERT INTO events (at, actor, action, outcome) VALUES (now(), 'vendor', 'a.b', 'done')";
    assert!(
        refusal(&service, nobodys)
            .await
            .contains("row-level security")
    );
    scope(&service, -1, i64::MAX).await;
    assert_eq!(count(&service, "vendors").await, 2);
    service.batch_execute(nobodys).await.unwrap();
}
