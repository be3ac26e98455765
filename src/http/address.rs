//! The client's address, behind proxies too.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

use crate::app::App;

/// Who sent the request: the peer, or, where the peer is a trusted proxy, the last address in `X-Forwarded-For` that
/// is none. Anything else a client writes into that header is not believed.
#[must_use]
pub fn client_address(app: &App, request: &HttpRequest) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    last_untrusted(peer, &hops, &app.config.http.trusted_proxies)
}

fn last_untrusted(peer: IpAddr, hops: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = peer;
    for hop in hops.iter().rev() {
        if !is_trusted(client) {
            break;
        }
        match hop.trim().parse() {
            Ok(address) => client = address,
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let address = |text: &str| text.parse().unwrap_or(IpAddr::V4(Ipv4Addr::BROADCAST));
        let trusted: Vec<IpNet> = "10.0.0.0/8".parse().into_iter().collect();
        let client = |peer: &str, hops: &[&str]| last_untrusted(address(peer), hops, &trusted);
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), address("192.0.2.1"));
        assert_eq!(
            client("10.0.0.1", &["198.51.100.7"]),
            address("198.51.100.7")
        );
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9", " 198.51.100.7", "10.2.3.4"]),
            address("198.51.100.7")
        );
        assert_eq!(client("10.0.0.1", &["unknown"]), address("10.0.0.1"));
        assert_eq!(client("10.0.0.1", &[]), address("10.0.0.1"));
    }
}
