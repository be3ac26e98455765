//! Which addresses are public unicast, and which IPv4 address hides in an IPv6 one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// IPv4 that is not public unicast (the special-purpose registry of RFC 6890 and its updates), with why.
const REFUSED_V4: [Ipv4Net; 18] = [
    v4([0, 0, 0, 0], 8),        // this network
    v4([10, 0, 0, 0], 8),       // private
    v4([100, 64, 0, 0], 10),    // shared by carriers
    v4([127, 0, 0, 0], 8),      // loopback
    v4([168, 63, 129, 16], 32), // public by its number, and the inside of a cloud all the same
    v4([169, 254, 0, 0], 16),   // link-local, the metadata of clouds
    v4([172, 16, 0, 0], 12),    // private
    v4([192, 0, 0, 0], 24),     // protocol assignments
    v4([192, 0, 2, 0], 24),     // documentation
    v4([192, 31, 196, 0], 24),  // AS112
    v4([192, 52, 193, 0], 24),  // AMT relays
    v4([192, 88, 99, 0], 24),   // 6to4 relays
    v4([192, 168, 0, 0], 16),   // private
    v4([192, 175, 48, 0], 24),  // AS112
    v4([198, 18, 0, 0], 15),    // benchmarks
    v4([198, 51, 100, 0], 24),  // documentation
    v4([203, 0, 113, 0], 24),   // documentation
    v4([224, 0, 0, 0], 3),      // multicast, reserved, broadcast
];

/// All of IPv6 that is given out as public unicast. Loopback, unique-local, link-local, multicast, discard-only and
/// IPv4-compatible addresses lie outside.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0], 3);

/// What is not public unicast in there, with why.
const REFUSED_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0], 23), // Teredo, benchmarks, ORCHID, other protocol assignments
    v6([0x2001, 0xdb8, 0], 32), // documentation
    v6([0x2620, 0x4f, 0x8000], 48), // AS112
    v6([0x3fff, 0, 0], 20), // documentation
];

const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0], 16);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

/// Whether the address is public unicast. One with an IPv4 address inside is what that one is.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !REFUSED_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => GLOBAL_V6.contains(&v6) && !REFUSED_V6.iter().any(|net| net.contains(&v6)),
        },
    }
}

/// The IPv4 address that packets to this one end at: IPv4-mapped, NAT64 and 6to4.
pub(super) fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at = |start: usize| {
        Ipv4Addr::new(
            octets[start],
            octets[start + 1],
            octets[start + 2],
            octets[start + 3],
        )
    };
    if NAT64.contains(&address) {
        Some(at(12))
    } else if SIX_TO_FOUR.contains(&address) {
        Some(at(2))
    } else {
        address.to_ipv4_mapped()
    }
}

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(start: [u16; 3], prefix: u8) -> Ipv6Net {
    let [a, b, c] = start;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_unicast_is_public() {
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:200::1",
            "3ffe::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ];
        for text in public {
            assert_eq!(text.parse().map(is_public), Ok(true), "{text}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        let refused = [
            ("this network", "0.0.0.0 0.1.2.3 0.255.255.255"),
            (
                "private",
                "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255",
            ),
            ("shared", "100.64.0.0 100.127.255.255"),
            ("loopback", "127.0.0.1 127.255.255.255 ::1"),
            (
                "link-local",
                "169.254.0.0 169.254.169.254 169.254.255.255 fe80::1 febf::1",
            ),
            (
                "assignments",
                "192.0.0.0 192.0.0.170 192.88.99.1 192.31.196.1 192.52.193.1 192.175.48.1 2620:4f:8000::1",
            ),
            (
                "documentation",
                "192.0.2.1 198.51.100.1 203.0.113.255 2001:db8::1 3fff::1 3fff:fff::1",
            ),
            (
                "benchmarks",
                "198.18.0.0 198.19.255.255 2001:2::1 2001:2:0:ffff::1",
            ),
            ("multicast", "224.0.0.1 239.255.255.255 ff02::1 ff0e::1"),
            ("reserved and broadcast", "240.0.0.1 255.255.255.255"),
            (
                "unique-local and site-local",
                "fc00::1 fd00:ec2::254 fdff::1 fec0::1",
            ),
            ("unspecified", "::"),
            ("compatible", "::127.0.0.1 ::10.0.0.1 ::1.1.1.1"),
            (
                "mapped",
                "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0",
            ),
            ("translated", "::ffff:0:127.0.0.1 ::ffff:0:1.1.1.1"),
            (
                "NAT64",
                "64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1.1.1.1",
            ),
            (
                "6to4",
                "2002:7f00:1::1 2002:a00:1:: 2002:a9fe:a9fe::1 2002:c0a8:101::1",
            ),
            ("Teredo and ORCHID", "2001::1 2001:10::1 2001:20::1"),
            ("discard-only and segments", "100::1 5f00::1 4000::1"),
        ];
        for (why, addresses) in refused {
            for text in addresses.split(' ') {
                assert_eq!(text.parse().map(is_public), Ok(false), "{why}: {text}");
            }
        }
    }
}
