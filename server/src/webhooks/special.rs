//! Addresses that are not of the public internet, and what they are.
//!
//! From IANA's registries of special-purpose addresses, and from what clouds say about their metadata services. Not
//! here: which of them messages may go to, IPv4 addresses within IPv6 ones ([`super::address`]).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Network;

/// What is special about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// A private network of a carrier (RFC 6598).
    Carrier,
    /// The cable that a machine is at.
    LinkLocal,
    /// What a cloud tells about a machine, credentials included.
    Metadata,
    /// No address, or this network.
    Unspecified,
    /// Many at once.
    Multicast,
    /// All at once.
    Broadcast,
    /// For examples in documents.
    Documentation,
    /// For benchmarks of network devices.
    Benchmarking,
    /// For protocols, or for nothing yet.
    Reserved,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "this machine",
            Self::Private => "a private network",
            Self::Carrier => "a carrier's private network",
            Self::LinkLocal => "a link-local one",
            Self::Metadata => "a cloud's metadata service",
            Self::Unspecified => "an unspecified one",
            Self::Multicast => "a multicast one",
            Self::Broadcast => "a broadcast one",
            Self::Documentation => "one for documentation",
            Self::Benchmarking => "one for benchmarks",
            Self::Reserved => "a reserved one",
        })
    }
}

const fn v4(octets: [u8; 4], prefix: u8) -> Network {
    Network::v4(Ipv4Addr::from_octets(octets), prefix)
}

const fn v6(first: [u16; 2], prefix: u8) -> Network {
    Network::v6(Ipv6Addr::new(first[0], first[1], 0, 0, 0, 0, 0, 0), prefix)
}

const fn v6_metadata(second: u16, last: u16) -> Network {
    Network::v6(Ipv6Addr::new(0xfd00, second, 0, 0, 0, 0, 0, last), 128)
}

/// IANA's special-purpose addresses and the clouds' metadata services; the first that matches counts.
const SPECIAL: [(Network, Special); 35] = [
    (v4([169, 254, 169, 254], 32), Special::Metadata),
    // Of ECS and EKS.
    (v4([169, 254, 170, 0], 24), Special::Metadata),
    // Of Azure, Alibaba and Oracle.
    (v4([168, 63, 129, 16], 32), Special::Metadata),
    (v4([100, 100, 100, 200], 32), Special::Metadata),
    (v4([192, 0, 0, 192], 32), Special::Metadata),
    (v4([0, 0, 0, 0], 8), Special::Unspecified),
    (v4([10, 0, 0, 0], 8), Special::Private),
    (v4([100, 64, 0, 0], 10), Special::Carrier),
    (v4([127, 0, 0, 0], 8), Special::Loopback),
    (v4([169, 254, 0, 0], 16), Special::LinkLocal),
    (v4([172, 16, 0, 0], 12), Special::Private),
    (v4([192, 0, 0, 0], 24), Special::Reserved),
    (v4([192, 0, 2, 0], 24), Special::Documentation),
    // Relays of 6to4, which are gone.
    (v4([192, 88, 99, 0], 24), Special::Reserved),
    (v4([192, 168, 0, 0], 16), Special::Private),
    (v4([198, 18, 0, 0], 15), Special::Benchmarking),
    (v4([198, 51, 100, 0], 24), Special::Documentation),
    (v4([203, 0, 113, 0], 24), Special::Documentation),
    (v4([224, 0, 0, 0], 4), Special::Multicast),
    (v4([255, 255, 255, 255], 32), Special::Broadcast),
    (v4([240, 0, 0, 0], 4), Special::Reserved),
    // Of AWS: the metadata, the clock, the resolver; and of GCP.
    (v6_metadata(0xec2, 0x254), Special::Metadata),
    (v6_metadata(0xec2, 0x123), Special::Metadata),
    (v6_metadata(0xec2, 0x253), Special::Metadata),
    (Network::v6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128), Special::Metadata),
    (Network::v6(Ipv6Addr::LOCALHOST, 128), Special::Loopback),
    (Network::v6(Ipv6Addr::UNSPECIFIED, 128), Special::Unspecified),
    (v6([0xfc00, 0], 7), Special::Private),
    (v6([0xfe80, 0], 10), Special::LinkLocal),
    // Site-local ones, which unique-local ones replaced.
    (v6([0xfec0, 0], 10), Special::Private),
    (v6([0xff00, 0], 8), Special::Multicast),
    (v6([0x2001, 0xdb8], 32), Special::Documentation),
    (v6([0x3fff, 0], 20), Special::Documentation),
    (v6([0x2001, 2], 48), Special::Benchmarking),
    // Of protocols; Teredo's, which is the first of them, is judged by what is within.
    (v6([0x2001, 0], 23), Special::Reserved),
];

/// Where all of IPv6 is that is routed.
const ROUTED: Network = v6([0x2000, 0], 3);

/// What is special about `address`, if anything is.
pub(super) fn special(address: IpAddr) -> Option<Special> {
    let listed = SPECIAL.iter().find(|(network, _)| network.contains(address)).map(|(_, special)| *special);
    listed.or_else(|| (address.is_ipv6() && !ROUTED.contains(address)).then_some(Special::Reserved))
}
