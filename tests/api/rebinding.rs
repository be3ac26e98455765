//! Names that lead elsewhere than they did when they were looked at (`reliability.md` F59, H-21 to H-24).
//!
//! 127.0.0.1 plays the world that may be connected to, 127.0.0.2 what is inside of it. The resolver is the test's own.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;

use crate::connector::key;
use crate::probe::peers::{Counter, counting_at};
use crate::support::app::Place;
use crate::support::connector::TestConnector;
use crate::support::names::{Names, Says};
use crate::support::receiver::Receiver;
use crate::support::{TestApp, TestVendor};

const NAME: &str = "world.example";
const WORLD: &str = "127.0.0.1";
const INSIDE: &str = "127.0.0.2";

async fn start() -> (TestApp, TestVendor, Names) {
    let place = Place::shared().await;
    let mut config = place.config().await;
    let names = Names::default();
    config.egress.allow = vec!["127.0.0.1/32".parse().unwrap()];
    config.egress.names = Arc::new(names.clone());
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("media-vendor").await;
    (test, vendor, names)
}

/// A URL with the name for its address, and what listens at the same port inside.
async fn named(url: &str) -> (String, Counter) {
    let host: SocketAddr = url.split('/').nth(2).unwrap().parse().unwrap();
    let sentry = counting_at(SocketAddr::new(INSIDE.parse().unwrap(), host.port())).await;
    (url.replace(WORLD, NAME), sentry)
}

/// What a name's servers answer when it is looked up again, and whether that is because of the address.
fn cases() -> Vec<(&'static str, Says, bool)> {
    vec![
        ("another address", Says::these(&[INSIDE]), true),
        ("both", Says::these(&[WORLD, INSIDE]), true),
        ("both, the other way", Says::these(&[INSIDE, WORLD]), true),
        ("both families", Says::these(&[WORLD, "::1"]), true),
        (
            "an alias of what is inside",
            Says::these(&["10.0.0.7"]),
            true,
        ),
        ("metadata", Says::these(&["169.254.169.254"]), true),
        ("metadata of IPv6", Says::these(&["fd00:ec2::254"]), true),
        ("this host", Says::these(&["0.0.0.0"]), true),
        ("this host of IPv6", Says::these(&["::"]), true),
        ("mapped", Says::these(&["::ffff:127.0.0.2"]), true),
        ("translated", Says::these(&["64:ff9b::7f00:2"]), true),
        ("no address", Says::these(&[]), false),
        ("SERVFAIL", Says::Failure, false),
        ("nothing", Says::Silence, false),
    ]
}

#[tokio::test]
async fn webhook_goes_to_the_address_that_was_judged_or_nowhere() {
    let (test, vendor, names) = start().await;
    let receiver = Receiver::start().await;
    let (url, sentry) = named(&receiver.url).await;
    names.say(NAME, vec![Says::these(&[WORLD])]);
    let hook = test.hook(&vendor, &url).await;
    let _held = test.hold_deliveries().await;
    for (number, (what, says, by_address)) in cases().into_iter().enumerate() {
        names.say(NAME, vec![says]);
        let id = test.knock(&vendor, &hook).await;
        assert_eq!(test.deliver().await.put_off, 1, "{what}");
        let problem = if by_address {
            "address_refused"
        } else {
            "name_unknown"
        };
        let noted = &test.deliveries(&vendor, &hook).await[0];
        assert_eq!(
            (&noted["id"], &noted["lastProblem"]),
            (&json!(id), &json!(problem)),
            "{what}"
        );
        assert_eq!(names.asked(NAME), 1, "{what}: one look for one try");
        // It is tried again, and the name is looked up again.
        names.say(NAME, vec![Says::these(&[WORLD])]);
        test.app.clock.advance(6);
        assert_eq!(test.deliver().await.delivered, 1, "{what}");
        assert_eq!(receiver.ids().len(), number + 1, "{what}");
    }
    // Another address at each look: what is dialled is what was seen at the one look of this try.
    names.say(NAME, vec![Says::these(&[WORLD]), Says::these(&[INSIDE])]);
    test.knock(&vendor, &hook).await;
    assert_eq!(test.deliver().await.delivered, 1);
    test.knock(&vendor, &hook).await;
    assert_eq!(test.deliver().await.put_off, 1);
    assert_eq!((names.asked(NAME), sentry.get()), (2, 0));
}

#[tokio::test]
async fn connectors_key_comes_from_the_address_that_was_judged_or_from_nowhere() {
    let (test, vendor, names) = start().await;
    let connector = TestConnector::start().await;
    let (url, sentry) = named(&connector.endpoint).await;
    names.say(NAME, vec![Says::these(&[WORLD])]);
    assert_eq!(test.connect(&vendor, &url).await, 200);
    for (what, says, by_address) in cases() {
        test.app.clock.advance(301);
        names.say(NAME, vec![says]);
        let why = key(&test, &vendor).await.unwrap_err();
        let expected = if by_address {
            "may not connect to"
        } else {
            "cannot be resolved"
        };
        assert!(why.contains(expected), "{what}: {why}");
        assert_eq!(names.asked(NAME), 1, "{what}");
    }
    assert_eq!(connector.asked().len(), 0);
    names.say(NAME, vec![Says::these(&[WORLD]), Says::these(&[INSIDE])]);
    test.app.clock.advance(301);
    assert_eq!(key(&test, &vendor).await, Ok(connector.key()));
    test.app.clock.advance(301);
    assert!(key(&test, &vendor).await.is_err());
    assert_eq!((connector.asked().len(), sentry.get()), (1, 0));
}

#[tokio::test]
async fn name_that_leads_inside_cannot_be_registered() {
    let (test, vendor, names) = start().await;
    for (what, says, _) in cases() {
        names.say(NAME, vec![says]);
        // One that is not found may be found later; without TLS it may not be kept for that.
        let url = format!("http://{NAME}:8080/");
        assert_eq!(test.connect(&vendor, &url).await, 422, "{what}");
        let call = test.post("/api/webhooks").bearer(&vendor.private_key);
        let refused = call.json(&json!({ "url": url })).send().await;
        refused.expect_problem(422, "invalid_field");
    }
}
