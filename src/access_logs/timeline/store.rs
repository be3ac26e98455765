//! Statements on timelines. What a lane walks along is in an inner query, in the order of an index and limited; the
//! filter is tried on what comes out of it, so that no filter makes PostgreSQL walk further or another way.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row as SqlRow, Statement};
use uuid::Uuid;

use super::filter::{Action, Who};
use super::{Order, Place, Reading, Row, SCAN, SCAN_JOINED, Scope, Source, Viewer};
use crate::db::{GenericClient, Result};
use crate::types::{SecretId, VendorId};

const EVENTS: &str = "at, id, vendor_id, action, outcome, code, actor, caller_kind, secret_id, \
                      CASE WHEN starts_with(action, 'credential.') THEN details ->> 'key' END AS credential, issuance_id, \
                      client_address AS address, user_agent, request_id, openbao_request_id, details";

const LINES: &str = "at, id, vendor_id, area || '.' || operation AS action, outcome, \
                     CASE outcome WHEN 'refused' THEN 'openbao_refused' WHEN 'failed' THEN 'openbao_failed' END AS code, \
                     NULL::text AS actor, CASE WHEN area = 'store' THEN nullif(name, '') END AS secret_id, \
                     CASE WHEN area = 'credentials' THEN nullif(name, '') END AS credential, issuance_id, \
                     remote_address AS address, NULL::text AS user_agent, NULL::text AS request_id, openbao_request_id, \
                     '{}'::jsonb AS details";

/// Whoever a line's call was made for: whoever asked for the token, or, where that was Gatehouse, whom it served.
const CALLER_OF_LINE: &str = "(SELECT CASE WHEN i.caller = 'gatehouse' THEN coalesce(( \
                                  SELECT e.actor FROM events e WHERE e.vendor_id = s.vendor_id \
                                  AND e.openbao_request_id = s.openbao_request_id AND e.caller_kind <> 'openbao' LIMIT 1 \
                              ), i.caller) ELSE i.caller END \
                              FROM issuances i WHERE i.vendor_id = s.vendor_id AND i.id = s.issuance_id)";

/// Part of a timeline, each row of which is in no other lane.
#[derive(Clone, Debug)]
pub enum Lane {
    /// Events: of the site, of the vendor, or all.
    Events,
    /// Lines of OpenBao's, likewise.
    Lines,
    /// Events of these tokens that name no site.
    StoreWide(Vec<Uuid>),
    /// The same where the tokens are too many to be looked at one by one.
    ManyStoreWide,
}

impl Lane {
    fn source(&self) -> Source {
        match self {
            Self::Lines => Source::OpenBao,
            _ => Source::Gatehouse,
        }
    }
}

/// A statement that is being put together.
#[derive(Default)]
struct Sql {
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Sql {
    /// The place of a value in the text.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    async fn run(&self, client: &impl GenericClient, text: &str) -> Result<Vec<SqlRow>> {
        // Not kept: the plan is made for these values, so that months outside them are left out of it.
        let statement: Statement = client.prepare(text).await?;
        let values: Vec<&(dyn ToSql + Sync)> = self
            .values
            .iter()
            .map(|value| value.as_ref() as &(dyn ToSql + Sync))
            .collect();
        Ok(client.query(&statement, &values).await?)
    }

    /// The time a lane covers, and where it goes on.
    fn range(&mut self, reading: &Reading, source: Source, after: Option<&Place>) -> String {
        let from = reading
            .filter
            .from
            .map_or(reading.floor, |from| from.max(reading.floor));
        let mut text = format!("at >= {}", self.value(from));
        if let Some(to) = reading.filter.to {
            text = format!("{text} AND at < {}", self.value(to));
        }
        if let Some(after) = after {
            // All of that time, or none of it, where the place is in the other half.
            let id = match after.source.cmp(&source) {
                std::cmp::Ordering::Equal => after.id,
                std::cmp::Ordering::Greater => i64::MAX,
                std::cmp::Ordering::Less => i64::MIN,
            };
            let sign = match reading.order {
                Order::Asc => '>',
                Order::Desc => '<',
            };
            let (at, id) = (self.value(after.at), self.value(id));
            text = format!("{text} AND (at, id) {sign} ({at}, {id}) AND at {sign}= {at}");
        }
        text
    }

    /// What a lane walks along.
    fn walked(&mut self, lane: &Lane, reading: &Reading) -> String {
        match &reading.scope {
            Scope::All => "TRUE AND ".to_owned(),
            Scope::Vendor(vendor) => {
                let vendor = self.value(vendor.0);
                match reading.filter.issuance {
                    Some(id) => format!(
                        "vendor_id = {vendor} AND issuance_id = {} AND ",
                        self.value(id)
                    ),
                    None => format!("vendor_id = {vendor} AND "),
                }
            }
            Scope::Site(vendor, site) => {
                let (vendor, site) = (self.value(vendor.0), site.to_string());
                match lane {
                    Lane::Events => format!(
                        "vendor_id = {vendor} AND secret_id = {} AND ",
                        self.value(site)
                    ),
                    Lane::Lines => {
                        format!(
                            "vendor_id = {vendor} AND area = 'store' AND name = {} AND ",
                            self.value(site)
                        )
                    }
                    Lane::StoreWide(_) | Lane::ManyStoreWide => {
                        format!("vendor_id = {vendor} AND ")
                    }
                }
            }
        }
    }

    /// What is tried on each row.
    fn tried(&mut self, lane: &Lane, reading: &Reading) -> Vec<String> {
        let filter = &reading.filter;
        let mut all = Vec::new();
        match &filter.action {
            Some(Action::Is(action)) => {
                all.push(format!("action = {}", self.value(action.clone())));
            }
            Some(Action::Begins(stem)) => {
                all.push(format!("starts_with(action, {})", self.value(stem.clone())));
            }
            None => {}
        }
        if let Some(outcome) = filter.outcome {
            all.push(format!("outcome = {}", self.value(outcome)));
        }
        if let (Some(id), false) = (filter.issuance, matches!(reading.scope, Scope::Vendor(_))) {
            all.push(format!("issuance_id = {}", self.value(id)));
        }
        if let Some(who) = &filter.caller {
            let of_line = lane.source() == Source::OpenBao;
            let caller = if of_line { CALLER_OF_LINE } else { "actor" };
            all.push(match who {
                // A vendor is not told which operator it was, not by trying names either.
                Who::Named(name)
                    if reading.viewer == Viewer::Vendor && name.starts_with("operator:") =>
                {
                    "FALSE".to_owned()
                }
                Who::Named(name) => format!("{caller} = {}", self.value(name.clone())),
                Who::Kind(kind) if of_line => format!(
                    "split_part({caller}, ':', 1) = {}",
                    self.value(kind.clone())
                ),
                Who::Kind(kind) => format!("caller_kind = {}", self.value(kind.clone())),
            });
        }
        if let Some((now, days)) = reading.floors {
            let (now, days) = (self.value(now), self.value(days));
            all.push(format!(
                "at >= {now}::timestamptz - make_interval(days => coalesce( \
                 (SELECT v.log_retention_days FROM vendors v WHERE v.id = s.vendor_id), {days}::int))"
            ));
        }
        if let (Lane::ManyStoreWide, Scope::Site(vendor, site)) = (lane, &reading.scope) {
            let (vendor, site) = (self.value(vendor.0), self.value(site.to_string()));
            all.push(format!(
                "secret_id IS NULL AND EXISTS (SELECT FROM issuance_uses u WHERE u.vendor_id = {vendor} \
                 AND u.issuance_id = s.issuance_id AND u.area = 'store' AND u.name = {site})"
            ));
        }
        all
    }
}

/// How many rows a lane passes by for one page.
fn most_scanned(lane: &Lane, reading: &Reading) -> i64 {
    match lane {
        Lane::Lines if reading.filter.caller.is_some() => SCAN_JOINED,
        _ => SCAN,
    }
}

fn table(lane: &Lane) -> (&'static str, &'static str) {
    match lane {
        Lane::Lines => ("access_logs", LINES),
        _ => ("events", EVENTS),
    }
}

fn sorted(order: Order) -> &'static str {
    match order {
        Order::Asc => "ORDER BY at ASC, id ASC",
        Order::Desc => "ORDER BY at DESC, id DESC",
    }
}

/// Begins a page, in a transaction that only reads: all its statements see the same, and each lane is walked along its
/// index. PostgreSQL would rather sort where it thinks that there is little, and thinks so of a busy site too.
///
/// # Errors
/// Where the database does not answer.
pub async fn walk_along_indexes(client: &impl GenericClient) -> Result<()> {
    let sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off; \
               SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off";
    Ok(client.batch_execute(sql).await?)
}

/// The next rows of a lane, at most `most`.
///
/// # Errors
/// Where the database does not answer.
pub async fn rows(
    client: &impl GenericClient,
    lane: &Lane,
    reading: &Reading,
    after: Option<&Place>,
    most: i64,
) -> Result<Vec<Row>> {
    let mut sql = Sql::default();
    let (from, columns) = table(lane);
    let (sorted, scanned) = (sorted(reading.order), most_scanned(lane, reading));
    let walked = sql.walked(lane, reading);
    let range = sql.range(reading, lane.source(), after);
    let tried = sql.tried(lane, reading).join(" AND ");
    let tried = if tried.is_empty() { "TRUE" } else { &tried };
    let inner = match lane {
        Lane::StoreWide(tokens) => format!(
            "unnest({}::uuid[]) AS w (token) CROSS JOIN LATERAL (SELECT {columns} FROM {from} \
             WHERE {walked}issuance_id = w.token AND secret_id IS NULL AND {range} {sorted} LIMIT {scanned}) AS s",
            sql.value(tokens.clone())
        ),
        _ => format!(
            "(SELECT {columns} FROM {from} WHERE {walked}{range} {sorted} LIMIT {scanned}) AS s"
        ),
    };
    let text = format!("SELECT s.* FROM {inner} WHERE {tried} {sorted} LIMIT {most}");
    let found = sql.run(client, &text).await?;
    found.iter().map(|row| read(row, lane.source())).collect()
}

/// Where a lane stops because it has passed by as many rows as it may for a page; `None` where it reaches its end.
///
/// # Errors
/// Where the database does not answer.
pub async fn edge(
    client: &impl GenericClient,
    lane: &Lane,
    reading: &Reading,
    after: Option<&Place>,
) -> Result<Option<Place>> {
    let mut sql = Sql::default();
    if matches!(lane, Lane::StoreWide(_)) || sql.tried(lane, reading).is_empty() {
        return Ok(None);
    }
    let mut sql = Sql::default();
    let (from, _) = table(lane);
    let walked = sql.walked(lane, reading);
    let range = sql.range(reading, lane.source(), after);
    let text = format!(
        "SELECT at, id FROM {from} WHERE {walked}{range} {} OFFSET {} LIMIT 1",
        sorted(reading.order),
        most_scanned(lane, reading) - 1
    );
    let found = sql.run(client, &text).await?;
    found
        .first()
        .map(|row| place(row, lane.source()))
        .transpose()
}

fn place(row: &SqlRow, source: Source) -> Result<Place> {
    Ok(Place {
        at: row.try_get("at")?,
        source,
        id: row.try_get("id")?,
    })
}

fn read(row: &SqlRow, source: Source) -> Result<Row> {
    Ok(Row {
        place: place(row, source)?,
        vendor: row.try_get::<_, Option<i64>>("vendor_id")?.map(VendorId),
        action: row.try_get("action")?,
        outcome: row.try_get("outcome")?,
        code: row.try_get("code")?,
        actor: row.try_get("actor")?,
        secret_id: row.try_get("secret_id")?,
        credential: row.try_get("credential")?,
        issuance: row.try_get("issuance_id")?,
        address: row.try_get("address")?,
        user_agent: row.try_get("user_agent")?,
        request_id: row.try_get("request_id")?,
        openbao_request_id: row.try_get("openbao_request_id")?,
        details: row.try_get("details")?,
    })
}

/// Tokens for the whole store that touched a site, at most `most`.
///
/// # Errors
/// Where the database does not answer.
pub async fn store_wide(
    client: &impl GenericClient,
    vendor: VendorId,
    site: &SecretId,
    most: i64,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT u.issuance_id FROM issuance_uses u \
               JOIN issuances i ON i.vendor_id = u.vendor_id AND i.id = u.issuance_id AND i.secret_id IS NULL \
               WHERE u.vendor_id = $1 AND u.area = 'store' AND u.name = $2 LIMIT $3";
    let rows = client
        .query(sql, &[&vendor.0, &site.as_str(), &most])
        .await?;
    rows.iter()
        .map(|row| Ok(row.try_get("issuance_id")?))
        .collect()
}

/// Whose token an issuance is.
///
/// # Errors
/// Where the database does not answer.
pub async fn vendor_of(client: &impl GenericClient, issuance: Uuid) -> Result<Option<VendorId>> {
    let sql = "SELECT vendor_id FROM issuances WHERE id = $1";
    let row = client.query_opt(sql, &[&issuance]).await?;
    row.map(|row| Ok(VendorId(row.try_get("vendor_id")?)))
        .transpose()
}

/// The longest time that any vendor's log is kept, where one has a time of its own.
///
/// # Errors
/// Where the database does not answer.
pub async fn longest_days(client: &impl GenericClient) -> Result<Option<i32>> {
    let sql = "SELECT max(log_retention_days) AS days FROM vendors";
    Ok(client.query_one(sql, &[]).await?.try_get("days")?)
}
