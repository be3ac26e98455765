//! Handlers of tokens.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jiff::Timestamp;

use crate::app::App;
use crate::console::http::{see_other, shown};
use crate::console::layout::{Area, Badge, Choice, Frame, moment, moment_or, next_query};
use crate::console::session::Session;
use crate::console::session::http::{Member, MemberAct};
use crate::error::{Error, Result};
use crate::http::{IssuancePath, NamespacePath, PageRequest, in_background};
use crate::tokens::Kind;
use crate::tokens::issuances::http::read;
use crate::tokens::issuances::revoke::{Asker, one};
use crate::tokens::issuances::view::named;
use crate::tokens::issuances::{CallerName, Filter, Issuance, State, store};
use crate::types::{Namespace, SecretId};
use crate::vendors::create;

struct Row {
    id: String,
    namespace: String,
    kind: String,
    state: Badge,
    caller: String,
    site: String,
    issued: String,
    expires: String,
}

#[derive(Template)]
#[template(path = "console/tokens/list.html")]
struct ListPage {
    frame: Frame,
    vendor: String,
    site: String,
    caller: String,
    states: Vec<Choice>,
    kinds: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

/// What was asked for, as it stands in the query.
#[derive(Default)]
struct Asked {
    vendor: String,
    state: Option<String>,
    kind: String,
    site: String,
    caller: String,
}

impl Asked {
    /// Fields that a browser sends empty count as left out; only the state says `any` then.
    fn parse(query: &str) -> Result<(Self, PageRequest)> {
        let mut asked = Self::default();
        let page = PageRequest::beside(query, |name, value| {
            let value = value.trim().to_owned();
            match name {
                "vendor" => asked.vendor = value,
                "state" => asked.state = Some(value),
                "kind" => asked.kind = value,
                "site" => asked.site = value,
                "caller" => asked.caller = value,
                "done" => {}
                _ => {
                    return Err(Error::InvalidParameter(
                        "known: vendor, state, kind, site, caller",
                    ));
                }
            }
            Ok(())
        })?;
        Ok((asked, page))
    }

    fn state(&self) -> &str {
        self.state.as_deref().unwrap_or("live")
    }

    fn filter(&self) -> Result<Filter> {
        let bad = Error::InvalidParameter;
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let state = match self.state() {
            "" => None,
            name => Some(State::named(name).ok_or(bad("there is no such state"))?),
        };
        let kind =
            given(&self.kind).map(|name| Kind::named(&name).ok_or(bad("there is no such kind")));
        let site = given(&self.site)
            .map(|text| SecretId::parse(&text).map_err(|_| bad("the site must be a secret id")));
        let caller = given(&self.caller).map(|text| {
            CallerName::parse(&text).map_err(|_| bad("the caller must be a kind, or kind:name"))
        });
        Ok(Filter {
            state,
            kind: kind.transpose()?,
            site: site.transpose()?,
            caller: caller.transpose()?,
            ..Filter::default()
        })
    }
}

const STATES: [&str; 4] = ["live", "ending", "revoked", "expired"];

/// `GET /console/tokens`: those that live, unless something else is asked for.
pub async fn list(app: web::Data<App>, by: Member, request: HttpRequest) -> Result<HttpResponse> {
    let (mut asked, page) = Asked::parse(request.query_string())?;
    asked.vendor = by.0.scope(&asked.vendor)?;
    let filter = asked.filter()?;
    let vendor = match asked.vendor.as_str() {
        "" => None,
        text => {
            let namespace = Namespace::parse(text).map_err(|_| Error::NotFound)?;
            Some(create::named(&app, &namespace).await?.id)
        }
    };
    let (now, is_first) = (app.clock.now(), page.cursor.is_none());
    let page = read(&app, vendor, &filter, page, now).await?;
    let kept = [
        ("vendor", asked.vendor.as_str()),
        ("kind", asked.kind.as_str()),
        ("site", asked.site.as_str()),
        ("caller", asked.caller.as_str()),
    ];
    let next = page.next_cursor.map(|cursor| {
        let query = next_query(&kept, &cursor);
        format!("state={}&{query}", asked.state())
    });
    let kinds: Vec<&'static str> = Kind::ALL.iter().map(|kind| kind.rules().name).collect();
    let frame = Frame::new(&by.0.who(), Area::Tokens, "Tokens");
    shown(&ListPage {
        frame: frame.after(request.query_string()),
        states: Choice::among(&STATES, asked.state()),
        kinds: Choice::among(&kinds, &asked.kind),
        vendor: asked.vendor,
        site: asked.site,
        caller: asked.caller,
        rows: page
            .items
            .into_iter()
            .map(|issuance| row(issuance, now, &by.0))
            .collect(),
        next,
        is_first,
    })
}

fn row(issuance: Issuance, now: Timestamp, by: &Session) -> Row {
    Row {
        id: issuance.id.to_string(),
        state: Badge::of(issuance.state(now).as_str()),
        kind: issuance.kind,
        caller: named(issuance.caller, by.vendor().is_none()),
        site: issuance
            .secret_id
            .unwrap_or_else(|| "whole store".to_owned()),
        issued: moment(&issuance.issued_at),
        expires: moment(&issuance.expires_at),
        namespace: issuance.namespace,
    }
}

#[derive(Template)]
#[template(path = "console/tokens/show.html")]
struct TokenPage {
    frame: Frame,
    can_revoke: bool,
    /// For operators.
    accessor: Option<String>,
    max_expires: String,
    last_used: String,
    address: String,
    request_id: String,
    revoke: Option<(String, String, String)>,
    row: Row,
}

/// `GET /console/vendors/{namespace}/tokens/{issuance}`.
pub async fn show(
    app: web::Data<App>,
    by: Member,
    namespace: NamespacePath,
    path: IssuancePath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &namespace.0).await?;
    let client = app.db.of(vendor.id).await?;
    let found = store::find(&client, vendor.id, path.0).await?;
    drop(client);
    let (found, now) = (found.ok_or(Error::NotFound)?, app.clock.now());
    let is_operator = by.0.vendor().is_none();
    let revoke = found.revoke.as_ref().map(|revoke| {
        let said = |text: Option<String>| text.unwrap_or_else(|| "not said".to_owned());
        let who = revoke.by.clone().map(|who| named(who, is_operator));
        let asked = moment_or(revoke.asked_at.as_ref(), "unknown");
        (said(who), said(revoke.reason.clone()), asked)
    });
    shown(&TokenPage {
        frame: Frame::new(&by.0.who(), Area::Tokens, "Token"),
        can_revoke: found.state(now) == State::Live,
        accessor: is_operator.then(|| found.accessor.clone()),
        max_expires: moment(&found.max_expires_at),
        last_used: moment_or(found.last_used_at.as_ref(), "not seen"),
        address: found
            .client_address
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
        request_id: found.request_id.clone(),
        revoke,
        row: row(found, now, &by.0),
    })
}

/// `POST /console/vendors/{namespace}/tokens/{issuance}/revoke`.
pub async fn revoke(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: IssuancePath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &namespace.0).await?.id;
    let asker = Asker {
        actor: sent.by.actor(),
    };
    let dead = in_background(&app, move |app| async move {
        one(&app, vendor, path.0, &asker).await
    });
    let done = if dead.await? {
        "revoked"
    } else {
        "revoke-queued"
    };
    Ok(see_other(&format!(
        "/console/tokens?vendor={}&done={done}",
        namespace.0
    )))
}
