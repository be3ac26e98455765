//! The console as a browser without scripts sees it: pages, forms, cookies.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use reqwest::Method;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;

use super::TestApp;
use super::operators::{STRONG, TestPerson};
use super::users::TestUser;

/// The cookie of whoever is signed in.
pub const COOKIE: &str = "__Host-gatehouse-operator";

/// The site of [`filled`].
pub const SITE: &str = "site-of-the-console-0001";

/// A path with what is there of the vendor, or at least could be, in the place of each parameter.
pub fn filled(path: &str, namespace: &str) -> String {
    path.replace("{namespace}", namespace)
        .replace("{secretId}", SITE)
        .replace("{pair}", "0000000000000001")
        .replace("{issuance}", "01890000-0000-7000-8000-000000000000")
        .replace("{session}", "0000000000000001")
        .replace("{webhook}", "wh0000000000000001")
        .replace("{delivery}", "01890000-0000-7000-8000-000000000000")
        .replace("{task}", "purge")
        .replace("{user}", "ada")
        .replace("{type}", "ftp")
        .replace("{key}", "media-server")
        .replace("{entry}", "1")
        .replace("{name}", "console.css")
}

/// An answer of the console.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.get(name).map(|value| value.to_str().unwrap());
        found.unwrap_or_default()
    }

    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The token of its forms.
    pub fn csrf(&self) -> Option<String> {
        static TOKEN: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r#"name="csrf" value="([^"]+)""#).unwrap());
        let found = TOKEN.captures(&self.text)?;
        Some(found[1].to_owned())
    }

    /// Panics unless it is a page of this status that shows the text.
    #[track_caller]
    pub fn expect(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let kind = self.header("content-type");
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(self.text.contains(text), "{text}: {self:?}");
    }

    /// Panics unless it sends the browser there.
    #[track_caller]
    pub fn expect_sent(&self, to: &str) {
        assert_eq!((self.status, self.location()), (303, to), "{self:?}");
    }
}

/// A browser without scripts.
pub struct Plain<'a> {
    test: &'a TestApp,
    http: reqwest::Client,
    pub cookies: BTreeMap<String, String>,
    /// Of the page it saw last that has forms.
    pub csrf: String,
}

impl<'a> Plain<'a> {
    pub fn new(test: &'a TestApp) -> Self {
        let http = reqwest::Client::builder().no_proxy();
        let http = http.redirect(Policy::none()).build().unwrap();
        Self {
            test,
            http,
            cookies: BTreeMap::new(),
            csrf: String::new(),
        }
    }

    /// One that holds the session of an operator.
    pub async fn of(test: &'a TestApp, person: &TestPerson) -> Self {
        let mut plain = Self::new(test);
        plain.get("/console/sign-in").await;
        let code = test.code(&person.secret, 0);
        let fields = [
            ("name", &*person.name),
            ("password", STRONG),
            ("code", &code),
        ];
        plain
            .post("/console/sign-in", &fields)
            .await
            .expect_sent("/console");
        test.app.clock.advance(30);
        plain.get("/console").await.expect(200, "What matters now");
        plain
    }

    /// One that holds the session of a vendor's user.
    pub async fn of_user(test: &'a TestApp, user: &TestUser) -> Self {
        let mut plain = Self::new(test);
        plain.get("/console/sign-in").await;
        let fields = [("name", &*user.login), ("password", &*user.password)];
        let page = plain.post("/console/sign-in", &fields).await;
        page.expect_sent("/console");
        plain
    }

    /// Sends what a browser sends with a page's own links and forms, and these headers.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.test.url));
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<String> = cookies.collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            let kind = "application/x-www-form-urlencoded";
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        for set in headers.get_all("set-cookie") {
            let (pair, rest) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(
                rest.starts_with(" Path=/; Secure; HttpOnly; SameSite=Strict"),
                "{rest}"
            );
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.test.keep_secret(value);
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let page = Page {
            status,
            headers,
            text: answer.text().await.unwrap(),
        };
        if let Some(csrf) = page.csrf() {
            self.csrf = csrf;
        }
        page
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, None, &[]).await
    }

    /// A form of the page it saw last.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.csrf.clone();
        let mut fields = fields.to_vec();
        fields.push(("csrf", &csrf));
        let ours = [("sec-fetch-site", "same-origin"), ("origin", "null")];
        self.send(Method::POST, path, Some(form(&fields)), &ours)
            .await
    }
}

impl Page {
    /// The address of the form that makes something once, as the page has it.
    pub fn form_of(&self, path: &str) -> String {
        let begin = format!(r#"action="{path}?once="#);
        let rest = self
            .text
            .split(&begin)
            .nth(1)
            .unwrap_or_else(|| panic!("{path}: {self:?}"));
        format!("{path}?once={}", rest.split('"').next().unwrap())
    }
}

/// A form's body.
pub fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}
