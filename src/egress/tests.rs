use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn egress(allow: &[&str]) -> Egress {
    let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
    let authorities = RootCertStore::empty();
    Egress::new(&Settings::new(allow, authorities)).unwrap()
}

#[test]
fn the_operator_allows_networks() {
    let cases = [
        ("127.0.0.1", vec!["127.0.0.0/8"], true),
        ("::ffff:127.0.0.1", vec!["127.0.0.0/8"], true),
        ("64:ff9b::a01:203", vec!["10.0.0.0/8"], true),
        ("64:ff9b::a01:203", vec!["64:ff9b::/96"], true),
        ("::1", vec!["127.0.0.0/8"], false),
        ("::1", vec!["::1/128"], true),
        ("::127.0.0.1", vec!["127.0.0.0/8", "::1/128"], false),
        ("10.1.2.3", vec!["10.1.2.3/32"], true),
        ("10.1.2.4", vec!["10.1.2.3/32"], false),
        ("169.254.169.254", vec!["127.0.0.0/8", "::1/128"], false),
        ("1.1.1.1", vec![], true),
    ];
    for (address, allow, may) in cases {
        let may_dial = egress(&allow).may_dial(address.parse().unwrap());
        assert_eq!(may_dial, may, "{address} with {allow:?}");
    }
}

#[tokio::test]
async fn names_and_spellings_of_refused_addresses_are_refused() {
    let hosts = [
        "localhost",
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0",
        "[::1]",
        "::ffff:127.0.0.1",
        "169.254.169.254",
    ];
    for host in hosts {
        let resolved = egress(&[]).resolve(host, 80).await;
        assert_eq!(resolved, Err(EgressError::AddressRefused), "{host}");
    }
    for host in ["nothing.invalid", "", "no host", "[", "1.1.1.1.1"] {
        // Later where the machine's own resolver does not answer.
        let unknown = [EgressError::NameUnknown, EgressError::NameTimedOut];
        let resolved = egress(&[]).resolve(host, 80).await;
        assert!(resolved.is_err_and(|e| unknown.contains(&e)), "{host}");
    }
}

#[tokio::test]
async fn one_refused_address_refuses_all() {
    let mixed = ["1.1.1.1:80", "127.0.0.1:80"].map(|a| a.parse().unwrap());
    let dialled = egress(&[]).dial(&mixed).await.map(|_| ());
    assert_eq!(dialled, Err(EgressError::AddressRefused));
}

#[tokio::test]
async fn the_http_client_goes_to_the_judged_address_and_follows_no_redirect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 1024];
        let read = stream.read(&mut asked).await.unwrap();
        let answer = "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&asked[..read]).into_owned()
    });
    let egress = egress(&["127.0.0.0/8", "::1/128"]);
    let url = Url::parse("http://localhost/").unwrap();
    let client = egress.http_client(&url).await.unwrap();
    // Nobody could resolve this name: the client answers by itself.
    let other = format!("http://pinned.invalid:{port}/");
    let answer = client.get(other).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let asked = served.await.unwrap().to_lowercase();
    assert!(asked.contains("host: pinned.invalid"), "{asked}");

    let refused = [
        ("ftp://localhost/", EgressError::NotWeb),
        ("http://169.254.169.254/", EgressError::AddressRefused),
    ];
    for (url, error) in refused {
        let made = egress.http_client(&Url::parse(url).unwrap()).await;
        assert_eq!(made.err(), Some(error), "{url}");
    }
}

/// A name with very many addresses.
struct Many;

impl Resolve for Many {
    fn resolve(&self, _name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let address =
            |n: u16| SocketAddr::from(([127, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]], 0));
        Box::pin(async move { Ok(Box::new((0..1000).map(address)) as reqwest::dns::Addrs) })
    }
}

#[tokio::test]
async fn of_a_thousand_addresses_eight_are_tried_and_one_that_is_refused_refuses_all() {
    let settings = |allow: &str| Settings {
        names: Arc::new(Many),
        ..Settings::new(vec![allow.parse().unwrap()], RootCertStore::empty())
    };
    let all = Egress::new(&settings("127.1.0.0/16")).unwrap();
    let found = all.resolve("many.example", 443).await.unwrap();
    assert_eq!(found.len(), 8);
    let most = Egress::new(&settings("127.1.0.0/23")).unwrap();
    let refused = most.resolve("many.example", 443).await;
    assert_eq!(refused, Err(EgressError::AddressRefused));
}
