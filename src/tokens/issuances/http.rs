//! Handlers on the ledger, for the vendor or an operator.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::revoke::{self, Asker, Counts};
use super::view::IssuanceView;
use super::{Addresses, CallerName, Filter, Issuance, Moment, REACH, State, Stretch, store};
use crate::app::App;
use crate::auth::{Operator, VendorAdmin};
use crate::error::{Error, Result};
use crate::http::{Answer, IssuancePath, Json, Page, PageRequest, in_background};
use crate::tokens::Kind;
use crate::types::{SecretId, VendorId};

fn read_query(request: &HttpRequest) -> Result<(Filter, PageRequest)> {
    let mut filter = Filter::default();
    let page = PageRequest::beside(request.query_string(), |name, value| {
        let bad = |what| Err(Error::InvalidParameter(what));
        let moment = || Moment::try_from(value.to_owned()).map(|at| at.0);
        let twice = match name {
            "state" => match State::named(value) {
                Some(state) => filter.state.replace(state).is_some(),
                None => return bad("state must be live, ending, revoked or expired"),
            },
            "kind" => match Kind::named(value) {
                Some(kind) => filter.kind.replace(kind).is_some(),
                None => return bad("kind must be a kind of token"),
            },
            "site" => match SecretId::parse(value) {
                Ok(site) => filter.site.replace(site).is_some(),
                Err(_) => return bad("site must be a secret id"),
            },
            "caller" => match CallerName::parse(value) {
                Ok(caller) => filter.caller.replace(caller).is_some(),
                Err(_) => return bad("caller must be a kind of caller, or kind:name"),
            },
            "clientAddress" => match Addresses::try_from(value.to_owned()) {
                Ok(addresses) => filter.address.replace(addresses).is_some(),
                Err(_) => {
                    return bad("clientAddress must be an IP address, or a network in CIDR form");
                }
            },
            "issuedBefore" => match moment() {
                Ok(at) => filter.issued_before.replace(at).is_some(),
                Err(_) => return bad("issuedBefore must be an RFC 3339 time with a zone"),
            },
            "issuedAfter" => match moment() {
                Ok(at) => filter.issued_after.replace(at).is_some(),
                Err(_) => return bad("issuedAfter must be an RFC 3339 time with a zone"),
            },
            _ => {
                return bad(
                    "unknown query parameter; known: limit, cursor, state, kind, site, caller, clientAddress, issuedBefore, issuedAfter",
                );
            }
        };
        if twice {
            return bad("a query parameter is given twice");
        }
        Ok(())
    })?;
    Ok((filter, page))
}

/// `GET /api/issuances`: a page of what was handed out, the newest first. A page that finds little among many rows ends
/// early, with a cursor that goes on.
pub async fn list(
    app: web::Data<App>,
    by: VendorAdmin,
    request: HttpRequest,
) -> Result<Answer<Page<IssuanceView>>> {
    page_of(&app, Some(by.vendor.id), by.is_operator(), &request).await
}

/// `GET /api/admin/issuances`: the same over all vendors.
pub async fn list_all(
    app: web::Data<App>,
    _operator: Operator,
    request: HttpRequest,
) -> Result<Answer<Page<IssuanceView>>> {
    page_of(&app, None, true, &request).await
}

async fn page_of(
    app: &App,
    whose: Option<VendorId>,
    for_operator: bool,
    request: &HttpRequest,
) -> Result<Answer<Page<IssuanceView>>> {
    let (filter, page) = read_query(request)?;
    let now = app.clock.now();
    let page = read(app, whose, &filter, page, now).await?;
    let Page { items, next_cursor } = page;
    let view = |row| IssuanceView::new(row, now, for_operator);
    let items = items.into_iter().map(view).collect();
    Ok(Answer::ok(Page { items, next_cursor }))
}

/// A page of the ledger.
pub async fn read(
    app: &App,
    whose: Option<VendorId>,
    filter: &Filter,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<Issuance>> {
    let cursor = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let mut stretch = filter.stretch(cursor, now);
    let client = app.db.of_or_all(whose).await?;
    let mut floor = None;
    if !filter.is_direct(whose.is_some()) {
        floor = store::floor(&client, whose, filter, &stretch, REACH).await?;
        stretch = Stretch {
            from: floor.unwrap_or(stretch.from),
            ..stretch
        };
    }
    let rows = store::page(&client, whose, filter, &stretch, now, page.limit).await?;
    let page = Page::from_rows(rows, page.limit, |row| row.id, |row| row);
    Ok(page.or_after(floor.as_ref()))
}

/// `GET /api/issuances/{issuance}`.
pub async fn show(
    app: web::Data<App>,
    by: VendorAdmin,
    path: IssuancePath,
) -> Result<Answer<IssuanceView>> {
    let client = app.db.of(by.vendor.id).await?;
    let found = store::find(&client, by.vendor.id, path.0).await?;
    let found = found.ok_or(Error::NotFound)?;
    Ok(Answer::ok(IssuanceView::new(
        found,
        app.clock.now(),
        by.is_operator(),
    )))
}

/// A token ended, or is to.
#[derive(Serialize, ToSchema)]
#[schema(as = Revoked)]
pub struct RevokedView {
    /// Whether it is dead.
    revoked: bool,
    /// `true` where OpenBao is still to follow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    queued: bool,
}

/// `DELETE /api/issuances/{issuance}`: 200 when the token is dead; 202 when OpenBao is still to follow.
pub async fn revoke(
    app: web::Data<App>,
    by: VendorAdmin,
    path: IssuancePath,
) -> Result<Answer<RevokedView>> {
    let dead = in_background(&app, move |app| async move {
        let asker = Asker { actor: by.actor };
        revoke::one(&app, by.vendor.id, path.0, &asker).await
    })
    .await?;
    Ok(if dead {
        Answer::ok(RevokedView {
            revoked: true,
            queued: false,
        })
    } else {
        Answer::accepted(RevokedView {
            revoked: false,
            queued: true,
        })
    })
}

/// The body of `POST /api/issuances/revoke`: which tokens are to end.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RevokeIssuancesRequest)]
pub struct RevokeRequest {
    site: Option<SecretId>,
    kind: Option<Kind>,
    caller: Option<CallerName>,
    /// By which key pair: its public key.
    public_key: Option<String>,
    client_address: Option<Addresses>,
    issued_before: Option<Moment>,
    issued_after: Option<Moment>,
    /// Only counts.
    #[serde(default)]
    dry_run: bool,
    /// Says that a filter this wide is meant. The other fields narrow it down all the same.
    #[serde(default)]
    all: bool,
}

impl RevokeRequest {
    fn filter(self, app: &App) -> Result<Filter> {
        let key = match &self.public_key {
            None => None,
            Some(text) => {
                let key = app.keys()?.verify_public_key(text);
                Some(key.ok_or_else(|| Error::field("publicKey", "must be a public key"))?)
            }
        };
        Ok(Filter {
            key,
            address: self.client_address,
            issued_after: self.issued_after.map(|at| at.0),
            site: self.site,
            kind: self.kind,
            caller: self.caller,
            issued_before: self.issued_before.map(|at| at.0),
            ..Filter::default()
        })
    }

    fn is_empty(&self) -> bool {
        self.site.is_none()
            && self.kind.is_none()
            && self.caller.is_none()
            && self.issued_before.is_none()
            && self.issued_after.is_none()
            && self.public_key.is_none()
            && self.client_address.is_none()
    }
}

/// How many tokens a filter finds, and what became of them.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RevokedCounts)]
pub struct CountsView {
    matched: usize,
    /// How many are dead now. Not of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<usize>,
    /// How many follow. Not of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<usize>,
    /// Of a dry run: how many are to end already.
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<usize>,
    /// `true` of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
}

/// `POST /api/issuances/revoke`: ends the live tokens that are meant. 202. A dry run counts them, and those of them that
/// are to end already. 200.
pub async fn revoke_many(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<RevokeRequest>,
) -> Result<Answer<CountsView>> {
    if body.0.is_empty() && !body.0.all {
        let detail = "must be true, or something given that tells which tokens are meant";
        return Err(Error::field("all", detail));
    }
    let asker = Asker { actor: by.actor };
    ended(&app, Some(by.vendor.id), body.0, asker).await
}

/// `POST /api/admin/issuances/revoke`: the same over all vendors.
pub async fn revoke_all(
    app: web::Data<App>,
    operator: Operator,
    body: Json<RevokeRequest>,
) -> Result<Answer<CountsView>> {
    if body.0.issued_before.is_none() && !body.0.all {
        let detail = "must be true, or issuedBefore given, as all vendors are meant";
        return Err(Error::field("all", detail));
    }
    let asker = Asker {
        actor: operator.actor(),
    };
    ended(&app, None, body.0, asker).await
}

async fn ended(
    app: &web::Data<App>,
    whose: Option<VendorId>,
    body: RevokeRequest,
    by: Asker,
) -> Result<Answer<CountsView>> {
    let dry_run = body.dry_run;
    let filter = body.filter(app)?;
    if dry_run {
        let (matched, ending) = revoke::meant(app, whose, &filter).await?;
        return Ok(Answer::ok(CountsView {
            matched,
            ending: Some(ending),
            dry_run: Some(true),
            ..CountsView::default()
        }));
    }
    let Counts { matched, revoked } = in_background(app, move |app| async move {
        revoke::many(&app, whose, &filter, &by).await
    })
    .await?;
    Ok(Answer::accepted(CountsView {
        matched,
        revoked: Some(revoked),
        queued: Some(matched - revoked),
        ..CountsView::default()
    }))
}
