//! Requests as traces, sent over OTLP: down to the calls to OpenBao, and without secrets.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::process::{Process, serve, settings};
use crate::support::receiver::Receiver;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// All spans that arrived.
fn spans(collector: &Receiver) -> Vec<Span> {
    let batches = collector.got().into_iter().map(|got| {
        assert_eq!(got.target(), "/hook/v1/traces");
        assert_eq!(got.header("content-type"), "application/x-protobuf");
        ExportTraceServiceRequest::decode(got.body.as_slice()).unwrap()
    });
    let resources = batches.flat_map(|batch| batch.resource_spans);
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// Asks the process to stop, and waits until it has.
async fn stopped(mut process: Process) -> String {
    let id = rustix::process::Pid::from_child(&process.child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let started = Instant::now();
    while process.child.try_wait().unwrap().is_none() {
        let log = process.log();
        assert!(started.elapsed() < Duration::from_mins(1), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.log()
}

async fn started(test: &TestApp, more: &[(&str, &str)]) -> Process {
    let mut settings = settings(&test.place()).await;
    let more = more.iter().copied().chain([("GATEHOUSE_STOP_DELAY", "0")]);
    settings.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    serve(&settings, &client()).await
}

#[tokio::test]
async fn a_request_is_a_trace_down_to_its_calls_to_openbao() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let collector = Receiver::start().await;
    let endpoint = collector.url.clone();
    let process = started(
        &test,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ours"),
            ("GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1/32"),
        ],
    )
    .await;
    let call = client().post(format!("{}/api/site", process.url));
    let call = call
        .bearer_auth(&vendor.public_key)
        .header("x-forwarded-for", "192.0.2.7")
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .json(&json!({ "secretId": "site-of-a-trace-0001" }));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let token: Value = answer.json().await.unwrap();
    test.keep_secret(token["token"].as_str().unwrap());
    let log = stopped(process).await;

    let spans = spans(&collector);
    let trace = hex::decode(TRACE).unwrap();
    let ours: Vec<Span> = spans.into_iter().filter(|s| s.trace_id == trace).collect();
    let [request] = named(&ours, "POST /api/site")[..] else {
        panic!("{ours:?}");
    };
    assert_eq!(hex::encode(&request.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(request.kind, 2, "a server's");
    let [create] = named(&ours, "POST auth/token/create/{}")[..] else {
        panic!("{ours:?}");
    };
    assert_eq!(create.parent_span_id, request.span_id);
    assert_eq!(create.kind, 3, "a client's");
    let lasted = |span: &Span| span.end_time_unix_nano - span.start_time_unix_nano;
    assert!(lasted(create) <= lasted(request));
    // The log leads to the trace.
    let mut lines = log.lines();
    let line = lines.find(|line| line.contains("Answered") && line.contains(&id));
    assert!(line.unwrap().contains(TRACE), "{line:?}");
    // Nothing that opens anything, and no path parameter.
    for got in collector.got() {
        assert_eq!(got.header("x-tenant"), "ours");
        let body = String::from_utf8_lossy(&got.body).into_owned();
        for hidden in [
            token["token"].as_str().unwrap(),
            &vendor.public_key,
            "site-of-a-trace-0001",
        ] {
            assert!(!body.contains(hidden), "{hidden}");
        }
    }
}

#[tokio::test]
async fn strangers_join_no_trace_and_only_the_part_asked_for_is_kept() {
    let test = TestApp::start().await;
    let collector = Receiver::start().await;
    let endpoint = collector.url.clone();
    for (ratio, wanted) in [("1", 3), ("0", 0)] {
        let process = started(
            &test,
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                ("OTEL_TRACES_SAMPLER_ARG", ratio),
            ],
        )
        .await;
        let before = named(&spans(&collector), "GET /sites").len();
        for _ in 0..3 {
            let call = client().get(format!("{}/sites", process.url));
            let call = call.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
            assert_eq!(call.send().await.unwrap().status(), 401);
        }
        stopped(process).await;
        let spans = spans(&collector);
        assert_eq!(named(&spans, "GET /sites").len() - before, wanted);
        let trace = hex::decode(TRACE).unwrap();
        assert!(spans.iter().all(|span| span.trace_id != trace));
    }
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nothing_up() {
    let test = TestApp::start().await;
    let endpoint = "http://127.0.0.1:9";
    let process = started(&test, &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).await;
    for _ in 0..20 {
        let answer = client().get(format!("{}/healthz", process.url)).send();
        assert_eq!(answer.await.unwrap().status(), 200);
    }
    let log = stopped(process).await;
    assert!(log.contains("\"Stopped\""), "{log}");
    assert!(
        log.contains("opentelemetry"),
        "nothing is said of it: {log}"
    );
}
