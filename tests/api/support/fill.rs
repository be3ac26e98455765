//! Rows in such numbers that no call makes them in time.

use tokio_postgres::Client;

/// So many registered sites of a vendor, each with an access key of its own.
pub async fn sites(sql: &Client, vendor: i64, sites: i64) {
    let rows = "INSERT INTO sites (vendor_id, secret_id, generation, state, site_url, access_key_digest, created_at, \
                    registered_at, touched_at) \
                SELECT $1, 'site-' || lpad(n::text, 15, '0'), n, 'registered', 'https://customer.example/' || n, \
                    sha256(n::text::bytea), now(), now() - n * interval '1 second', now() \
                FROM generate_series($2::bigint, $3::bigint) AS n";
    for first in (1..=sites).step_by(100_000) {
        let last = (first + 99_999).min(sites);
        sql.execute(rows, &[&vendor, &first, &last]).await.unwrap();
    }
    sql.batch_execute("ANALYZE sites").await.unwrap();
}
