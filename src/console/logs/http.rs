//! Handlers of access logs.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use url::form_urlencoded::Serializer;

use crate::access_logs::timeline::export::Format;
use crate::access_logs::timeline::filter::Asked;
use crate::access_logs::timeline::http::{
    file as file_of, file_name, of_vendor_or_site, over_all, page_of,
};
use crate::access_logs::timeline::{Item, Reading, Viewer};
use crate::app::App;
use crate::console::http::shown;
use crate::console::layout::{Area, Badge, Choice, Frame, moment, moment_or};
use crate::console::session::http::Member;
use crate::console::session::{Identity, Session};
use crate::error::{Error, Result};
use crate::types::{Namespace, SecretId};
use crate::vendors::{Vendor, create};

struct Row {
    at: String,
    source: &'static str,
    vendor: String,
    action: String,
    outcome: Badge,
    caller: String,
    site: String,
    address: String,
}

#[derive(Template)]
#[template(path = "console/logs/list.html")]
struct ListPage {
    frame: Frame,
    sent: Sent,
    outcomes: Vec<Choice>,
    sources: Vec<Choice>,
    rows: Vec<Row>,
    /// What is wrong with OpenBao's half, and until when it was read.
    problem: Option<&'static str>,
    read_until: String,
    query: String,
    next: Option<String>,
    is_first: bool,
}

/// The form of filters as it was sent.
#[derive(Clone, Default)]
struct Sent {
    vendor: String,
    site: String,
    from: String,
    to: String,
    action: String,
    outcome: String,
    caller: String,
    source: String,
    cursor: String,
    format: String,
}

impl Sent {
    fn parse(query: &str) -> Result<Self> {
        let mut sent = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let field = match name.as_ref() {
                "vendor" => &mut sent.vendor,
                "site" => &mut sent.site,
                "from" => &mut sent.from,
                "to" => &mut sent.to,
                "action" => &mut sent.action,
                "outcome" => &mut sent.outcome,
                "caller" => &mut sent.caller,
                "source" => &mut sent.source,
                "cursor" => &mut sent.cursor,
                "format" => &mut sent.format,
                _ => return Err(Error::InvalidParameter("unknown query parameter")),
            };
            if !field.is_empty() {
                return Err(Error::InvalidParameter("a query parameter is given twice"));
            }
            value.trim().clone_into(field);
        }
        Ok(sent)
    }

    /// What a page of these filters is asked for with; without the vendor where a site is named, as both stand apart then.
    fn query(&self, with_place: bool) -> String {
        let (from, to) = (in_utc(&self.from), in_utc(&self.to));
        let mut pairs = vec![
            ("from", from.as_str()),
            ("to", to.as_str()),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("caller", &self.caller),
            ("source", &self.source),
        ];
        if with_place || self.site.is_empty() {
            pairs.push(("vendor", &self.vendor));
        }
        if with_place {
            pairs.push(("site", &self.site));
        } else {
            pairs.extend([("cursor", self.cursor.as_str()), ("format", &self.format)]);
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// A time as the form's field shows it.
    fn shown_from(&self) -> &str {
        self.from.trim_end_matches('Z')
    }

    /// The same of the end.
    fn shown_to(&self) -> &str {
        self.to.trim_end_matches('Z')
    }

    /// What is asked for, and what a file of it is called.
    async fn reading(&self, app: &App, by: &Session) -> Result<(Asked, Reading, String)> {
        let bad = Error::InvalidParameter;
        if let Identity::User(user) = &by.identity {
            return self.reading_of(app, &user.vendor);
        }
        if self.site.is_empty() {
            let asked = Asked::parse(&self.query(false), true)?;
            let reading = over_all(app, &asked).await?;
            let name = if self.vendor.is_empty() {
                "all"
            } else {
                &self.vendor
            };
            return Ok((asked, reading, name.to_owned()));
        }
        let asked = Asked::parse(&self.query(false), false)?;
        let namespace = Namespace::parse(&self.vendor)
            .map_err(|_| bad("a site is looked for with its vendor's namespace"))?;
        let site = SecretId::parse(&self.site).map_err(|_| bad("the site must be a secret id"))?;
        let vendor = create::named(app, &namespace).await?;
        let name = file_name(&vendor, Some(&site));
        let reading = of_vendor_or_site(app, &vendor, Some(site), Viewer::Operator, &asked)?;
        Ok((asked, reading, name))
    }

    /// The same as a vendor sees it.
    fn reading_of(&self, app: &App, vendor: &Vendor) -> Result<(Asked, Reading, String)> {
        let own = Self {
            vendor: String::new(),
            ..self.clone()
        };
        let asked = Asked::parse(&own.query(false), false)?;
        let site = match self.site.as_str() {
            "" => None,
            text => Some(
                SecretId::parse(text)
                    .map_err(|_| Error::InvalidParameter("the site must be a secret id"))?,
            ),
        };
        let name = file_name(vendor, site.as_ref());
        let reading = of_vendor_or_site(app, vendor, site, Viewer::Vendor, &asked)?;
        Ok((asked, reading, name))
    }
}

/// A time as a form sends it, without a zone, is one of UTC.
fn in_utc(text: &str) -> String {
    match text.len() {
        16 if text.is_ascii() => format!("{text}:00Z"),
        19 if text.is_ascii() => format!("{text}Z"),
        _ => text.to_owned(),
    }
}

/// `GET /console/logs`: a page, the newest first.
pub async fn list(app: web::Data<App>, by: Member, request: HttpRequest) -> Result<HttpResponse> {
    let mut sent = Sent::parse(request.query_string())?;
    sent.format.clear();
    sent.vendor = by.0.scope(&sent.vendor)?;
    let (asked, reading, _) = sent.reading(&app, &by.0).await?;
    let (found, next) = page_of(&app, &reading, asked.page).await?;
    let query = sent.query(true);
    let next = next.map(|cursor| {
        let cursor = Serializer::new(String::new())
            .append_pair("cursor", &cursor)
            .finish();
        if query.is_empty() {
            cursor
        } else {
            format!("{query}&{cursor}")
        }
    });
    let vendor = sent.vendor.clone();
    shown(&ListPage {
        frame: Frame::new(&by.0.who(), Area::Logs, "Access logs"),
        outcomes: Choice::among(&["done", "refused", "failed"], &sent.outcome),
        sources: Choice::among(&["gatehouse", "openbao"], &sent.source),
        rows: found
            .items
            .into_iter()
            .map(|item| row(item, &vendor))
            .collect(),
        problem: found.openbao.problem,
        read_until: moment_or(found.openbao.read_until.as_ref(), "never"),
        is_first: sent.cursor.is_empty(),
        query,
        next,
        sent,
    })
}

fn row(item: Item, of: &str) -> Row {
    let caller = item.caller.map(|caller| match caller.name {
        Some(name) => format!("{}:{name}", caller.kind),
        None => caller.kind,
    });
    let none = || "–".to_owned();
    Row {
        at: moment(&item.at),
        source: match item.source.as_str() {
            "openbao" => "OpenBao",
            _ => "Gatehouse",
        },
        vendor: match item.vendor {
            Some(Some(namespace)) => namespace,
            Some(None) => "platform".to_owned(),
            None => of.to_owned(),
        },
        action: item.action,
        outcome: Badge::of(match item.code {
            Some(code) => format!("{}: {code}", item.outcome),
            None => item.outcome.clone(),
        })
        .with_tone_of(&item.outcome),
        caller: caller.unwrap_or_else(none),
        site: item.secret_id.unwrap_or_else(none),
        address: item.address.unwrap_or_else(none),
    }
}

/// `GET /console/logs/file`: all of it as a file.
pub async fn file(app: web::Data<App>, by: Member, request: HttpRequest) -> Result<HttpResponse> {
    let mut sent = Sent::parse(request.query_string())?;
    sent.vendor = by.0.scope(&sent.vendor)?;
    let format = Format::parse(&sent.format)?;
    sent.cursor.clear();
    sent.format.clear();
    let (_, reading, name) = sent.reading(&app, &by.0).await?;
    file_of(&app.into_inner(), reading, format, &name).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_sends_empty_is_left_out() {
        let query = "vendor=&site=&from=2026-01-02T03:04&to=&action=token.*&outcome=&caller=";
        let sent = Sent::parse(query).unwrap_or_default();
        assert_eq!(
            sent.query(false),
            "from=2026-01-02T03%3A04%3A00Z&action=token.*"
        );
        for bad in ["x=1", "action=a&action=b"] {
            assert!(Sent::parse(bad).is_err(), "{bad}");
        }
    }
}
