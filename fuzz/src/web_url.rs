//! Addresses that people give: who reads them sees the host that is called.

use gatehouse::types::{
    Email, HookUrl, IssuerUrl, KeySetUrl, Name, SignatureKey, SiteUrl, is_private,
};
use url::{Host, Url};

/// An address of one kind or another, a name, a key.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let owned = || text.to_owned();
    if HookUrl::try_from(owned()).is_ok() {
        let url = called(text);
        assert!(url.as_str().len() <= 2048 && url.fragment().is_none() && url.port() != Some(0));
        if url.scheme() == "http" && is_private(&url) {
            assert!(matches!(
                url.host_str(),
                Some("127.0.0.1" | "localhost" | "[::1]")
            ));
        }
    }
    for url in [
        IssuerUrl::parse(text)
            .ok()
            .and_then(|issuer| issuer.discovery()),
        KeySetUrl::parse(text).ok().and_then(|set| set.url()),
    ]
    .into_iter()
    .flatten()
    {
        assert!(is_private(&url), "{url}");
        assert_eq!(url.host(), called(text).host());
    }
    if SiteUrl::try_from(owned()).is_ok() {
        called(text);
    }
    if Email::try_from(owned()).is_ok() {
        assert_eq!(text.matches('@').count(), 1);
        assert!(
            text.len() <= 254 && text.bytes().all(|b| (0x21..0x7f).contains(&b)),
            "{text:?}"
        );
    }
    if let Ok(name) = Name::try_from(owned()) {
        assert!(
            name.as_str() == text && !text.trim().is_empty() && !text.contains(['\0', '\r', '\n'])
        );
    }
    if let Some(key) = SignatureKey::parse(text) {
        assert!(key.as_bytes().iter().any(|byte| *byte != 0));
    }
}

/// The URL, which is of the web, and says its host where anybody looks for it: between `://` and what follows.
fn called(text: &str) -> Url {
    let url = Url::parse(text).expect("a URL");
    assert!(matches!(url.scheme(), "http" | "https"), "{text}");
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{text}"
    );
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    assert!(text.chars().all(plain), "{text:?}");
    let (_, rest) = text
        .split_once("://")
        .unwrap_or_else(|| panic!("no host is to be seen: {text}"));
    let seen = rest
        .split(['/', '?', '#', '\\', '@'])
        .next()
        .unwrap_or_default();
    let host = seen
        .rsplit_once(':')
        .filter(|(_, port)| !port.contains(']'))
        .map_or(seen, |(host, _)| host);
    let seen = Host::parse(host).unwrap_or_else(|_| panic!("no host is to be seen: {text}"));
    assert_eq!(url.host().map(|host| host.to_owned()), Some(seen), "{text}");
    url
}
