//! What each answer of the console has: its headers, redirects, and errors as pages.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use askama::Template;

use super::layout::Frame;
use super::texts;
use crate::error::{Entry, Error, Result};

/// Where strangers are sent.
pub const SIGN_IN: &str = "/console/sign-in";
/// What ends a session, whoever's it is.
pub const SIGN_OUT: &str = "/console/sign-out";

/// What pages may load, and who may show them: nothing but our own files, and nobody.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page.
///
/// # Errors
/// [`Error::Internal`] where its template cannot be filled.
pub fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse> {
    let html = template.render();
    let html = html.map_err(|e| Error::Internal(format!("a page: {e}")))?;
    Ok(dressed(status).body(html))
}

/// The same with 200.
///
/// # Errors
/// As for [`page`].
pub fn shown(template: &impl Template) -> Result<HttpResponse> {
    page(StatusCode::OK, template)
}

/// What every answer below `/console` has, files and redirects too, and every page elsewhere.
const GUARDS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// Gives an answer those headers.
pub fn guard(headers: &mut HeaderMap) {
    for (name, value) in GUARDS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

fn dressed(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponseBuilder::new(status);
    answer
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"));
    for guard in GUARDS {
        answer.insert_header(guard);
    }
    answer
}

/// Sends the browser on, as after each form that was taken: a reload does nothing twice.
#[must_use]
pub fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, to))
        .finish()
}

/// Sends whoever asked for a page to another one. A script is told to load that as a whole.
#[must_use]
pub fn send_to(request: &HttpRequest, to: &str) -> HttpResponse {
    if request.headers().contains_key("hx-request") {
        return HttpResponse::Unauthorized()
            .insert_header(("HX-Redirect", to))
            .finish();
    }
    see_other(to)
}

#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    advice: &'static str,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    retry_after: Option<u64>,
}

/// An error as a page.
#[must_use]
pub fn error_page(entry: &Entry, request_id: &str, retry_after: Option<u64>) -> HttpResponse {
    let (heading, advice) = texts::error(entry.status.as_u16());
    let template = ErrorPage {
        frame: Frame::outside(heading),
        advice,
        detail: &entry.detail,
        code: entry.code,
        request_id,
        retry_after,
    };
    let html = template.render().unwrap_or_else(|_| heading.to_owned());
    dressed(entry.status).body(html)
}

/// What is wrong with the fields of a form.
#[derive(Default)]
pub struct Faults(Vec<(String, String)>);

impl Faults {
    /// None of them.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One.
    #[must_use]
    pub fn one(field: &str, rule: &str) -> Self {
        Self(vec![(field.to_owned(), rule.to_owned())])
    }

    /// Those of an error that is about fields; any other error is given back.
    ///
    /// # Errors
    /// The error, where it is about no field.
    pub fn of(error: Error) -> Result<Self> {
        let fields = error.field_errors();
        if fields.is_empty() {
            return Err(error);
        }
        let fault = |field: &crate::error::FieldError| {
            let name = field.pointer.trim_start_matches('/').to_owned();
            (name, field.detail.clone())
        };
        Ok(Self(fields.iter().map(fault).collect()))
    }

    /// Adds what is wrong with a field.
    pub fn add(&mut self, field: &str, rule: impl Into<String>) {
        self.0.push((field.to_owned(), rule.into()));
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == field);
        found.map(|(_, rule)| rule.as_str())
    }
}

/// A field of a form as a page shows it.
pub struct Field {
    /// As sent.
    pub name: &'static str,
    /// Its label.
    pub label: &'static str,
    /// What it holds.
    pub value: String,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// What may stand in it.
    pub hint: &'static str,
    /// `text`, `email`, `password`, …
    pub kind: &'static str,
    /// What browsers may fill in.
    pub autocomplete: &'static str,
    /// Whether it must be filled in.
    pub required: bool,
}

impl Field {
    /// One for a line of text that may be left out.
    #[must_use]
    pub fn text(name: &'static str, label: &'static str) -> Self {
        Self {
            name,
            label,
            value: String::new(),
            fault: None,
            hint: "",
            kind: "text",
            autocomplete: "off",
            required: false,
        }
    }

    /// One for a password.
    #[must_use]
    pub fn password(name: &'static str, label: &'static str, autocomplete: &'static str) -> Self {
        Self {
            kind: "password",
            autocomplete,
            required: true,
            ..Self::text(name, label)
        }
    }

    /// One for a code of an authenticator app.
    #[must_use]
    pub fn code(name: &'static str, label: &'static str) -> Self {
        Self {
            autocomplete: "one-time-code",
            hint: "Six digits, from your authenticator app.",
            ..Self::text(name, label)
        }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    /// That must be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// With what was sent, and what is wrong with it.
    #[must_use]
    pub fn filled(mut self, value: Option<&str>, faults: &Faults) -> Self {
        if self.kind != "password" {
            value.unwrap_or_default().clone_into(&mut self.value);
        }
        self.fault = faults.get(self.name).map(ToOwned::to_owned);
        self
    }
}
