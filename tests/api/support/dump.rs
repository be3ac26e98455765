//! The database as a thief of it sees it.

use super::TestApp;

impl TestApp {
    /// Every row of every table as dumped; bytes both as PostgreSQL prints them and as characters.
    pub async fn dump(&self) -> String {
        let client = self.sql().await;
        let sql = "SELECT table_schema || '.' || quote_ident(table_name) AS name, table_name AS short, \
               quote_ident(column_name) AS col, data_type FROM information_schema.columns \
               WHERE table_schema NOT IN ('pg_catalog', 'information_schema')";
        let mut dumped = String::new();
        let columns = client.query(sql, &[]).await.unwrap();
        assert!(columns.len() > 50, "all tables must be seen");
        for column in columns {
            let get = |name| column.get::<_, String>(name);
            let (table, column_name) = (get("name"), get("col"));
            let shown = if get("data_type") == "bytea" {
                format!("{column_name}::text || ' ' || encode({column_name}, 'escape')")
            } else {
                format!("{column_name}::text")
            };
            let sql = format!("SELECT string_agg({shown}, E'\\n') FROM {table}");
            let row = client.query_one(&sql, &[]).await.unwrap();
            dumped.push_str(&row.get::<_, Option<String>>(0).unwrap_or_default());
            dumped.push('\n');
        }
        dumped
    }
}
