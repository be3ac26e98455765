//! The networks of a client, that a token is bound to.

use core::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use sha2::{Digest, Sha256};

/// Of one token.
pub const MOST_NETWORKS: usize = 8;

/// Why a text is no network of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither family has it.
    #[error("must be a network in CIDR form, such as 203.0.113.0/24 or 2001:db8::/32")]
    NoNetwork,
    /// Which network is meant cannot be told.
    #[error("must have no bits set behind its prefix")]
    HostBits,
    /// The same address has two forms, of which OpenBao is asked for one.
    #[error("must be written as IPv4, without ::ffff:")]
    Mapped,
    /// Nothing would be bound.
    #[error("must not be all addresses")]
    All,
}

/// One to eight networks: in one order, each once, however they were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Networks(Arc<[IpNet]>);

impl Networks {
    /// The set of these texts.
    ///
    /// # Errors
    /// Each text that is no network, by its place. Nothing is said of how many those are.
    pub fn parse(texts: &[String]) -> Result<Self, Vec<(usize, NetworkError)>> {
        let (mut all, mut errors) = (Vec::new(), Vec::new());
        for (place, text) in texts.iter().enumerate() {
            match network(text) {
                Ok(network) => all.push(network),
                Err(error) => errors.push((place, error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        all.sort();
        all.dedup();
        Ok(Self(all.into()))
    }

    /// Each as it is written.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether `texts` are these, in any order. A single address counts with or without its prefix, as OpenBao shows it
    /// without.
    #[must_use]
    pub fn are(&self, texts: &[String]) -> bool {
        let mut all = Vec::new();
        for text in texts {
            let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
            match text.parse().ok().or_else(address) {
                Some(network) => all.push(network),
                None => return false,
            }
        }
        all.sort();
        all.dedup();
        all[..] == self.0[..]
    }

    /// Names the set.
    #[must_use]
    pub fn digest(&self) -> String {
        let whole = Sha256::digest(self.written().join(","));
        hex::encode(&whole[..16])
    }
}

fn network(text: &str) -> Result<IpNet, NetworkError> {
    let network: IpNet = text.parse().map_err(|_| NetworkError::NoNetwork)?;
    let is_mapped = matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some());
    if network.prefix_len() == 0 {
        Err(NetworkError::All)
    } else if is_mapped {
        Err(NetworkError::Mapped)
    } else if network.trunc() != network {
        Err(NetworkError::HostBits)
    } else {
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Result<Networks, Vec<(usize, NetworkError)>> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        Networks::parse(&texts)
    }

    #[test]
    fn set_is_the_same_however_it_is_written() {
        let one = of(&["2001:0DB8::/32", "203.0.113.0/24", "203.0.113.0/24"]).unwrap();
        let other = of(&["203.0.113.0/24", "2001:db8:0::/32"]).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.written(), ["203.0.113.0/24", "2001:db8::/32"]);
        assert_eq!(one.digest(), other.digest());
        assert_ne!(one.digest(), of(&["203.0.113.0/24"]).unwrap().digest());
    }

    #[test]
    fn what_openbao_shows_is_compared_as_addresses() {
        let set = of(&["198.51.100.7/32", "2001:db8::/32", "2001:db9::1/128"]).unwrap();
        let list = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(set.are(&list(&["2001:db8::/32", "2001:db9::1", "198.51.100.7"])));
        assert!(!set.are(&list(&["2001:db8::/32", "198.51.100.7"])));
        assert!(!set.are(&list(&[
            "2001:db8::/32",
            "2001:db9::1",
            "198.51.100.7",
            "10.0.0.0/8"
        ])));
        assert!(!set.are(&list(&["2001:db8::/32", "2001:db9::1", "localhost"])));
    }

    #[test]
    fn what_is_no_network_is_refused_by_its_place() {
        for (text, why) in [
            ("", NetworkError::NoNetwork),
            ("203.0.113.7", NetworkError::NoNetwork),
            ("203.0.113.0/33", NetworkError::NoNetwork),
            ("203.0.113.0/-1", NetworkError::NoNetwork),
            ("203.0.113.0/24 ", NetworkError::NoNetwork),
            ("203.0.113/24", NetworkError::NoNetwork),
            ("0203.0.113.0/24", NetworkError::NoNetwork),
            ("2001:db8::/129", NetworkError::NoNetwork),
            ("fe80::1%1/128", NetworkError::NoNetwork),
            ("localhost/8", NetworkError::NoNetwork),
            ("203.0.113.7/24", NetworkError::HostBits),
            ("2001:db8::1/32", NetworkError::HostBits),
            ("::ffff:203.0.113.0/120", NetworkError::Mapped),
            ("0.0.0.0/0", NetworkError::All),
            ("::/0", NetworkError::All),
        ] {
            assert_eq!(of(&["10.0.0.0/8", text]), Err(vec![(1, why)]), "{text}");
        }
    }
}
