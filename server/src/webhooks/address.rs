//! Which addresses a message may go to: those of the public internet, and what the operator adds.
//!
//! Tenants name the endpoints, but the node connects to them, from inside a network where much answers that no tenant
//! may reach. So an address is judged, never a name, and it is the judged address that is connected to. IPv6 has
//! several ways to write an IPv4 address, which gateways turn back into one; what is written within is judged then. Not
//! here: which addresses are special ([`super::special`]), URLs ([`super::target`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Network;
use super::special::{Special, special};

/// Where messages may go.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Whether to this machine and to private networks, as when somebody tries things out. What clouds tell about a
    /// machine stays out of reach.
    pub private: bool,
    /// Networks that they may go to whatever they are.
    pub allowed: Vec<Network>,
    /// Whether without TLS.
    pub http: bool,
}

impl Rules {
    /// Whether a message may go to `address`; what is special about it if not.
    ///
    /// # Errors
    /// If it may not.
    pub fn judge(&self, address: IpAddr) -> Result<(), Special> {
        if self.allowed.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        if let IpAddr::V6(v6) = address {
            let (within, only_that) = within(v6);
            within.into_iter().flatten().try_for_each(|v4| self.judge(v4.into()))?;
            if only_that {
                return Ok(());
            }
        }
        match special(address) {
            None => Ok(()),
            Some(Special::Loopback | Special::Private | Special::Carrier) if self.private => Ok(()),
            Some(special) => Err(special),
        }
    }
}

/// The IPv4 addresses within an IPv6 one, and whether it is nothing but them.
fn within(address: Ipv6Addr) -> ([Option<Ipv4Addr>; 2], bool) {
    let segments = address.segments();
    let v4 =
        |high: usize| Ipv4Addr::from_bits((u32::from(segments[high]) << u16::BITS) | u32::from(segments[high + 1]));
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ([None, None], false),
        // Compatible, mapped, translated (SIIT) and NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            ([Some(v4(6)), None], true)
        }
        // 6to4.
        [0x2002, ..] => ([Some(v4(1)), None], true),
        // Teredo: the server, and the client turned around.
        [0x2001, 0, ..] => ([Some(v4(2)), Some(Ipv4Addr::from_bits(!v4(6).to_bits()))], true),
        // ISATAP, in any network.
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => ([Some(v4(6)), None], false),
        _ => ([None, None], false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: [&str; 16] = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "2600:1f18::7f00:1",
    ];

    const REFUSED: [(&str, Special); 70] = [
        ("0.0.0.0", Special::Unspecified),
        ("0.1.2.3", Special::Unspecified),
        ("10.0.0.0", Special::Private),
        ("10.255.255.255", Special::Private),
        ("100.64.0.0", Special::Carrier),
        ("100.127.255.255", Special::Carrier),
        ("100.100.100.200", Special::Metadata),
        ("127.0.0.1", Special::Loopback),
        ("127.255.255.255", Special::Loopback),
        ("168.63.129.16", Special::Metadata),
        ("169.254.169.254", Special::Metadata),
        ("169.254.170.2", Special::Metadata),
        ("169.254.0.1", Special::LinkLocal),
        ("172.16.0.0", Special::Private),
        ("172.31.255.255", Special::Private),
        ("192.0.0.0", Special::Reserved),
        ("192.0.0.192", Special::Metadata),
        ("192.0.0.255", Special::Reserved),
        ("192.0.2.1", Special::Documentation),
        ("192.88.99.1", Special::Reserved),
        ("192.168.1.1", Special::Private),
        ("198.18.0.0", Special::Benchmarking),
        ("198.19.255.255", Special::Benchmarking),
        ("198.51.100.1", Special::Documentation),
        ("203.0.113.1", Special::Documentation),
        ("224.0.0.1", Special::Multicast),
        ("239.255.255.255", Special::Multicast),
        ("240.0.0.0", Special::Reserved),
        ("255.255.255.254", Special::Reserved),
        ("255.255.255.255", Special::Broadcast),
        ("::", Special::Unspecified),
        ("::1", Special::Loopback),
        ("::2", Special::Unspecified),
        ("fc00::1", Special::Private),
        ("fdff::1", Special::Private),
        ("fd00:ec2::254", Special::Metadata),
        ("fd20:ce::254", Special::Metadata),
        ("fe80::1", Special::LinkLocal),
        ("febf::1", Special::LinkLocal),
        ("fec0::1", Special::Private),
        ("ff02::1", Special::Multicast),
        ("100::1", Special::Reserved),
        ("2001:db8::1", Special::Documentation),
        ("3fff::1", Special::Documentation),
        ("3fff:fff::1", Special::Documentation),
        ("2001:2::1", Special::Benchmarking),
        ("2001:10::1", Special::Reserved),
        ("2001:20::1", Special::Reserved),
        ("2001:1ff::1", Special::Reserved),
        ("4000::1", Special::Reserved),
        ("5f00::1", Special::Reserved),
        // Mapped, compatible, translated.
        ("::ffff:127.0.0.1", Special::Loopback),
        ("::ffff:169.254.169.254", Special::Metadata),
        ("::ffff:10.0.0.1", Special::Private),
        ("::127.0.0.1", Special::Loopback),
        ("::ffff:0:192.168.0.1", Special::Private),
        // NAT64, and that of one's own network.
        ("64:ff9b::169.254.169.254", Special::Metadata),
        ("64:ff9b::10.0.0.1", Special::Private),
        ("64:ff9b:1::1.1.1.1", Special::Reserved),
        ("64:ff9b:0:0:0:1:101:101", Special::Reserved),
        // 6to4 of 127.0.0.1 and 10.0.0.1.
        ("2002:7f00:1::", Special::Loopback),
        ("2002:a00:1::1", Special::Private),
        // Teredo: the client 127.0.0.1, the server 10.0.0.1.
        ("2001:0:101:101::80ff:fffe", Special::Loopback),
        ("2001:0:a00:1::fefe:fefe", Special::Private),
        // ISATAP of 10.0.0.1 in networks that are public, and of 1.1.1.1 in one that is not.
        ("2606:4700::5efe:10.0.0.1", Special::Private),
        ("2606:4700::200:5efe:10.0.0.1", Special::Private),
        ("2606:4700::5efe:127.0.0.1", Special::Loopback),
        ("fe80::5efe:1.1.1.1", Special::LinkLocal),
        ("fd00::5efe:1.1.1.1", Special::Private),
        ("2001:db8::5efe:1.1.1.1", Special::Documentation),
    ];

    fn judge(rules: &Rules, address: &str) -> Result<(), Special> {
        rules.judge(address.parse().unwrap())
    }

    fn allow(networks: &[&str]) -> Rules {
        Rules { allowed: networks.iter().map(|text| text.parse().unwrap()).collect(), ..Rules::default() }
    }

    #[test]
    fn only_the_public_internet_is_for_everyone() {
        let within = ["::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1", "2001:0:101:101::fefe:fefe"];
        for address in PUBLIC.into_iter().chain(within) {
            assert_eq!(judge(&Rules::default(), address), Ok(()), "{address}");
        }
        for (address, special) in REFUSED {
            assert_eq!(judge(&Rules::default(), address), Err(special), "{address}");
            assert_eq!(judge(&allow(&["0.0.0.0/0", "::/0"]), address), Ok(()), "{address}");
        }
    }

    #[test]
    fn whoever_tries_things_out_reaches_private_networks_but_no_metadata() {
        let rules = Rules { private: true, ..Rules::default() };
        for (address, special) in REFUSED {
            let expected = match special {
                Special::Loopback | Special::Private | Special::Carrier => Ok(()),
                other => Err(other),
            };
            assert_eq!(judge(&rules, address), expected, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_so_in_other_clothes_too_and_nothing_beside_it() {
        let rules = allow(&["10.1.0.0/16", "169.254.169.254"]);
        for address in ["10.1.0.1", "::ffff:10.1.0.1", "64:ff9b::10.1.0.1", "2002:a01:1::", "169.254.169.254"] {
            assert_eq!(judge(&rules, address), Ok(()), "{address}");
        }
        for address in ["10.2.0.1", "::ffff:10.2.0.1", "127.0.0.1", "169.254.169.253", "::1"] {
            assert!(judge(&rules, address).is_err(), "{address}");
        }
    }
}
