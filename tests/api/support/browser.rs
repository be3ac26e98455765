//! A real Chromium, driven over the wire of `WebDriver`. One at a time in a run.

use std::io::{BufRead, BufReader};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// How long a page may take on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const ARGUMENTS: [&str; 13] = [
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1280,900",
];

static TURN: Mutex<()> = Mutex::const_new(());

/// chromedriver, killed when dropped, or when the run ends.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A browser with one window.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    profile: tempfile::TempDir,
}

fn start() -> (Driver, u16) {
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "chromedriver", "--port=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver must start: run `make tools`");
    let said = BufReader::new(child.stdout.take().unwrap());
    let driver = Driver(child);
    for line in said.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return (driver, port.trim_end_matches('.').parse().unwrap());
        }
    }
    panic!("chromedriver says no port");
}

/// Runs something in a browser, when it is its turn. The browser ends with it, however that ends.
pub async fn browse(work: impl AsyncFnOnce(&Browser)) {
    let _turn = TURN.lock().await;
    let (_driver, port) = start();
    let browser = Browser::new(port).await;
    let done = AssertUnwindSafe(work(&browser)).catch_unwind().await;
    browser.http.delete(&browser.session).send().await.ok();
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

impl Browser {
    async fn new(port: u16) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let http = reqwest::Client::builder().no_proxy();
        let http = http.timeout(Duration::from_mins(2)).build().unwrap();
        let mut args = ARGUMENTS.map(ToOwned::to_owned).to_vec();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": args },
        } } });
        let url = format!("http://127.0.0.1:{port}/session");
        let made = http.post(&url).json(&wanted).send().await.unwrap();
        let made: Value = made.json().await.unwrap();
        let id = made["value"]["sessionId"].as_str();
        let id = id.unwrap_or_else(|| panic!("no browser: {made}"));
        Self {
            session: format!("{url}/{id}"),
            http,
            profile,
        }
    }

    async fn tried(&self, path: &str, body: &Value) -> Result<Value, Value> {
        let url = format!("{}/{path}", self.session);
        let answer = if body.is_null() {
            self.http.get(&url).send().await
        } else {
            self.http.post(&url).json(body).send().await
        };
        let answer = answer.unwrap();
        let is_good = answer.status().is_success();
        let mut said: Value = answer.json().await.unwrap();
        let value = said["value"].take();
        if is_good { Ok(value) } else { Err(value) }
    }

    async fn call(&self, path: &str, body: Value) -> Value {
        let done = self.tried(path, &body).await;
        done.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub async fn open(&self, url: &str) {
        self.call("url", json!({ "url": url })).await;
    }

    pub async fn url(&self) -> String {
        let url = self.call("url", Value::Null).await;
        url.as_str().unwrap().to_owned()
    }

    /// The value of an expression in the page.
    pub async fn eval(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.call("execute/sync", json!({ "script": script, "args": [] }))
            .await
    }

    /// Waits until an expression holds in the page.
    pub async fn until(&self, expression: &str) {
        let start = Instant::now();
        let script = json!({ "script": format!("return !!({expression});"), "args": [] });
        while start.elapsed() < PATIENCE {
            // A page that goes away meanwhile has no answer.
            if self.tried("execute/sync", &script).await == Ok(json!(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let text = self.eval("document.body.innerText").await;
        panic!("never held: {expression} at {}: {text}", self.url().await);
    }

    /// Waits for the page of this heading.
    pub async fn heading(&self, text: &str) {
        let text = json!(text);
        self.until(&format!(
            "document.readyState === 'complete' && document.querySelector('h1')?.textContent === {text}"
        ))
        .await;
    }

    async fn find(&self, css: &str) -> String {
        self.until(&format!("document.querySelector({})", json!(css)))
            .await;
        let found = self
            .call("element", json!({ "using": "css selector", "value": css }))
            .await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        self.call(&format!("element/{element}/click"), json!({}))
            .await;
    }

    pub async fn text(&self, css: &str) -> String {
        let element = self.find(css).await;
        let text = self
            .call(&format!("element/{element}/text"), Value::Null)
            .await;
        text.as_str().unwrap().to_owned()
    }

    /// Types into a field, in the place of what it holds.
    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        self.call(&format!("element/{element}/clear"), json!({}))
            .await;
        let typed = json!({ "text": text });
        self.call(&format!("element/{element}/value"), typed).await;
    }

    /// Presses the tabulator key.
    pub async fn tab(&self) {
        let keys = json!([{ "type": "keyDown", "value": "\u{e004}" }, { "type": "keyUp", "value": "\u{e004}" }]);
        let actions = json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys }] });
        self.call("actions", actions).await;
    }

    /// The cookies of the page's host.
    pub async fn cookies(&self) -> Vec<Value> {
        let cookies = self.call("cookie", Value::Null).await;
        cookies.as_array().unwrap().clone()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.call("goog/cdp/execute", body).await
    }

    /// Shows pages as wide as this, in light or dark.
    pub async fn look(&self, width: u32, is_dark: bool) {
        let metrics =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Keeps a picture of the page below `target/screenshots/`: of the whole of it, or of its beginning where it is long.
    pub async fn picture(&self, name: &str) {
        let size = "[document.documentElement.scrollWidth, Math.min(document.documentElement.scrollHeight, 8000)]";
        let size = self.eval(size).await;
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", parameters).await;
        let bytes = BASE64_STANDARD.decode(shot["data"].as_str().unwrap());
        let folder = root().join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes.unwrap()).unwrap();
    }

    /// What axe finds wrong with the page, one line each.
    pub async fn faults(&self) -> Vec<String> {
        let axe = root().join(".tools/axe/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(axe).expect("axe-core must be there: run `make tools`");
        self.call("execute/sync", json!({ "script": axe, "args": [] }))
            .await;
        let script = "const done = arguments[0]; axe.run(document).then(found => done(found.violations.flatMap(
            rule => rule.nodes.map(node => `${rule.id}: ${node.html} ${node.failureSummary}`))), error => done([`${error}`]));";
        let found = self
            .call("execute/async", json!({ "script": script, "args": [] }))
            .await;
        let line = |line: &Value| line.as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(line).collect()
    }

    /// Looks at a page as a whole: nothing is wider than the window, axe finds nothing, and pictures are kept.
    pub async fn inspect(&self, name: &str) {
        for (width, is_dark) in [(1280, false), (390, false), (1280, true)] {
            self.look(width, is_dark).await;
            let beyond =
                "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let beyond = self.eval(beyond).await;
            let outside = "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth)\
                .map(one => one.outerHTML.slice(0, 200))";
            let outside = self.eval(outside).await;
            assert_eq!(beyond, 0, "{name} is too wide at {width}: {outside:#}");
            if !is_dark {
                self.picture(&format!("{name}-{width}")).await;
            }
            if width == 1280 {
                let faults = self.faults().await;
                assert!(faults.is_empty(), "{name}, dark {is_dark}: {faults:#?}");
            }
        }
        self.look(1280, false).await;
        assert!(self.profile.path().exists());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
