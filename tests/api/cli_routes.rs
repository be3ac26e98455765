//! The commands against the routes: what each sends, by which token, and which routes no command calls.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use gatehouse::routes::{ROUTES, Route, paths};
use serde_json::Value;

use crate::cli::{PROGRAM, with_input};
use crate::support::TestApp;

mod lines;

use lines::{ISSUANCE, OF_VENDOR, OTHERS, SITE, WITH_INPUT, WITHOUT, WORKER};

/// A call as a command sent it.
struct Sent {
    method: String,
    target: String,
    token: String,
    body: String,
}

/// Takes every call, and answers so that a command goes on.
struct Listener {
    url: String,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::<Mutex<Vec<Sent>>>::default();
        let seen = Arc::clone(&sent);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                take(&stream.unwrap(), &seen);
            }
        });
        Self { url, sent }
    }

    /// What a command sent; it must succeed, and send one call.
    fn call(&self, line: &str, input: &str) -> Sent {
        let env = [
            ("GATEHOUSE_URL", self.url.as_str()),
            ("GATEHOUSE_ADMIN_TOKEN", "operators-token"),
            ("GATEHOUSE_TOKEN", "callers-token"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let args: Vec<_> = line.split(' ').collect();
        let output = with_input(&HashMap::from(env), &args, input);
        assert!(output.status.success(), "{line}: {output:?}");
        let mut sent = self.sent.lock().unwrap();
        assert_eq!(sent.len(), 1, "{line}");
        sent.remove(0)
    }
}

/// Writes a call down, then answers it.
fn take(stream: &TcpStream, seen: &Mutex<Vec<Sent>>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line);
    }
    let header = |name: &str| {
        let lines = head.iter().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = r#"{"whole":true,"items":[]}"#;
    let length = answer.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
    );
    let words: Vec<&str> = head[0].split(' ').collect();
    let sent = Sent {
        method: words[0].to_owned(),
        target: words[1].to_owned(),
        token: header("authorization").unwrap_or_default(),
        body: String::from_utf8(body).unwrap(),
    };
    seen.lock().unwrap().push(sent);
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).unwrap();
}

fn is_exception(route: &Route) -> bool {
    let stores = route.method == "POST" && route.path == "/sites";
    let named = |(path, _): &(&str, &str)| {
        route.path == *path || path.ends_with('/') && route.path.starts_with(path)
    };
    // Plugins store sites.
    stores || WITHOUT.iter().any(named)
}

/// The route of a path; one that is written out comes before one with parameters.
fn route_of(method: &str, path: &str) -> Option<&'static Route> {
    let fits = |pattern: &str| {
        let parts: Vec<_> = pattern.split('/').zip(path.split('/')).collect();
        pattern.split('/').count() == path.split('/').count()
            && parts
                .iter()
                .all(|(ours, theirs)| ours.starts_with('{') || ours == theirs)
    };
    let found = ROUTES
        .iter()
        .filter(|route| route.method == method && paths(route).any(|pattern| fits(&pattern)));
    found.min_by_key(|route| route.path.matches('{').count())
}

/// The fields a body may have and must have, as the description says them; `None` where it leaves them open.
fn fields(document: &Value, route: &Route) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let method = route.method.to_lowercase();
    let body = &document["paths"][route.path][&method]["requestBody"];
    let mut schema = &body["content"]["application/json"]["schema"];
    if let Some(name) = schema["$ref"].as_str() {
        schema = document.pointer(name.strip_prefix('#').unwrap()).unwrap();
    }
    let known = schema["properties"].as_object()?.keys().cloned().collect();
    let needed = schema["required"].as_array().into_iter().flatten();
    let needed = needed.map(|name| name.as_str().unwrap().to_owned());
    Some((known, needed.collect()))
}

fn written(line: &str) -> String {
    line.replace("SITE", SITE)
        .replace("WORKER", WORKER)
        .replace("ISSUANCE", ISSUANCE)
}

fn run_all(lines: &[(String, &str)]) -> Vec<Sent> {
    let listener = Listener::start();
    let calls = lines.iter().map(|(line, input)| listener.call(line, input));
    calls.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_the_api_does_has_a_command() {
    let test = TestApp::start().await;
    let document = test.get("/openapi.json").send().await.json;
    let mut lines: Vec<(String, &str)> = Vec::new();
    for line in OF_VENDOR {
        for vendor in ["own", "media-vendor"] {
            // `ann@@`: the first stays.
            let line = line.replace("@@", "\0").replace('@', vendor);
            lines.push((written(&line.replace('\0', &format!("@{vendor}"))), ""));
        }
    }
    lines.extend(OTHERS.iter().map(|line| (written(line), "")));
    lines.extend(
        WITH_INPUT
            .iter()
            .map(|(line, input)| (written(line), *input)),
    );
    let (mut called, mut faults) = (BTreeSet::new(), Vec::new());
    // The program's start takes most of the time.
    let halves: Vec<_> = lines.chunks(lines.len().div_ceil(2)).collect();
    let sent: Vec<Sent> = std::thread::scope(|scope| {
        let started = halves.iter().map(|half| scope.spawn(|| run_all(half)));
        let running: Vec<_> = started.collect();
        let done = running.into_iter().flat_map(|half| half.join().unwrap());
        done.collect()
    });
    for ((line, _), sent) in lines.iter().zip(sent) {
        let path = sent.target.split('?').next().unwrap();
        let route = route_of(&sent.method, path);
        let route = route.unwrap_or_else(|| panic!("{line}: {} {path}", sent.method));
        let token = if path.starts_with("/api/admin/") {
            "Bearer operators-token"
        } else {
            "Bearer callers-token"
        };
        assert_eq!(sent.token, token, "{line}");
        assert!(!sent.target.contains("wolkenbruch"), "{line}");
        if let Some((known, needed)) = fields(&document, route) {
            let body = serde_json::from_str(&sent.body).unwrap_or(Value::Null);
            let body = body.as_object().cloned().unwrap_or_default();
            let given: BTreeSet<String> = body.keys().cloned().collect();
            if !given.is_subset(&known) || !needed.is_subset(&given) {
                faults.push(format!(
                    "{line}: {given:?}, may: {known:?}, must: {needed:?}"
                ));
            }
        }
        called.insert(format!("{} {}", route.method, route.path));
    }
    assert!(faults.is_empty(), "{faults:#?}");
    let name = |route: &Route| format!("{} {}", route.method, route.path);
    let is_called = |route: &&Route| called.contains(&name(route));
    let missing = ROUTES.iter().filter(|route| !is_exception(route));
    let missing: Vec<_> = missing
        .filter(|route| !is_called(route))
        .map(name)
        .collect();
    assert!(missing.is_empty(), "no command calls {missing:#?}");
    let needless = ROUTES.iter().filter(|route| is_exception(route));
    let needless: Vec<_> = needless.filter(is_called).map(name).collect();
    assert!(needless.is_empty(), "a command calls {needless:#?}");
}

/// `script` gives the program a terminal, and writes down what that shows.
#[test]
fn a_terminal_does_not_show_passwords() {
    let listener = Listener::start();
    let mut child = Command::new("script")
        .args(["-qec", &format!("{PROGRAM} lockbox unlock"), "/dev/null"])
        .env_clear()
        .envs([
            ("PATH", "/usr/bin:/bin"),
            ("SHELL", "/bin/sh"),
            ("GATEHOUSE_URL", listener.url.as_str()),
            ("GATEHOUSE_TOKEN", "callers-token"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let mut output = child.stdout.take().unwrap();
    let mut piece = [0; 256];
    // The question comes when the terminal is silent.
    while !String::from_utf8_lossy(&shown).contains("Password:") {
        let length = output.read(&mut piece).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&piece[..length]);
    }
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"wolkenbruch\n").unwrap();
    output.read_to_end(&mut shown).unwrap();
    drop(input);
    let shown = String::from_utf8_lossy(&shown);
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(!shown.contains("wolkenbruch"), "{shown}");
    let sent = listener.sent.lock().unwrap();
    assert_eq!(sent[0].body, r#"{"password":"wolkenbruch"}"#);
}
