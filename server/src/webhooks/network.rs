//! A network, as operators write it: `10.0.0.0/8`, `fd12::/48`, or one address.
//!
//! Not here: what is special about which ([`super::address`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is written otherwise.
    #[error("{0} is no network: expected one such as 10.0.0.0/8, fd12::/48 or 192.0.2.7")]
    Form(String),
    /// The address is not where a network of that size begins.
    #[error("{0} is no network: its addresses begin at {1}")]
    Begin(String, IpAddr),
}

impl Network {
    pub(super) const fn v4(first: Ipv4Addr, prefix: u8) -> Self {
        Self { first: IpAddr::V4(first), prefix }
    }

    pub(super) const fn v6(first: Ipv6Addr, prefix: u8) -> Self {
        Self { first: IpAddr::V6(first), prefix }
    }

    /// Whether `address` is one of it. An IPv4 address in the clothes of an IPv6 one is not.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && begin(address, self.prefix) == self.first
    }
}

/// Where the network of so many bits begins that `address` is in.
fn begin(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(u32::BITS - prefix).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(u128::BITS - prefix).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let form = || NetworkError::Form(text.chars().take(64).collect());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let first = address.parse::<IpAddr>().map_err(|_| form())?;
        let whole = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => whole,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| form())?,
            Some(_) => return Err(form()),
        };
        if prefix > whole {
            return Err(form());
        }
        match begin(first, prefix) {
            begin if begin == first => Ok(Self { first, prefix }),
            begin => Err(NetworkError::Begin(text.to_owned(), begin)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_alike() {
        let cases = [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "127.0.0.1", false),
            ("fd12::/48", "fd12:0:0:ffff::1", true),
            ("fd12::/48", "fd12:0:1::", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", false),
        ];
        for (network, address, expected) in cases {
            let has = network.parse::<Network>().unwrap().contains(address.parse().unwrap());
            assert_eq!(has, expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_told() {
        for text in ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/-1", "10/8", "::/129", "acme/8"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Form(text.into())));
        }
        let error = "10.1.0.0/8".parse::<Network>().unwrap_err();
        assert_eq!(error.to_string(), "10.1.0.0/8 is no network: its addresses begin at 10.0.0.0");
    }
}
