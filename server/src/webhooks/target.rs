//! A URL that messages are sent to: read once, the way browsers do, so that what is judged is what is connected to.
//!
//! `0x7f.1`, `2130706433` and `127.0.0.1.` are all read as the address they mean. Names are not judged, because what
//! they mean is known once they are resolved. Not here: which addresses pass ([`super::address`]).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use hyper::header::HeaderValue;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

use super::address::Rules;
use super::special::Special;

/// Most bytes of a URL.
pub const URL_MAX: usize = 2048;

/// Where messages are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) origin: Origin,
    /// Set if the host is an address.
    pub(super) address: Option<IpAddr>,
    /// The path and the query.
    pub(super) path: Uri,
    /// What the `Host` header says.
    pub(super) authority: HeaderValue,
}

/// What connections are shared by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

/// Why nothing is sent to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The text is not a URL.
    #[error("expected a URL such as https://example.com/hook, of at most {URL_MAX} bytes and without spaces")]
    Form,
    /// It is of another kind.
    #[error("the URL has to begin with https://")]
    Scheme,
    /// It is not encrypted.
    #[error("the URL has to begin with https://, because this node does not send unencrypted")]
    Unencrypted,
    /// It contains a user or a password.
    #[error("the URL may not contain a user or a password")]
    User,
    /// There is no such host.
    #[error("the host of the URL can't be one")]
    Host,
    /// There is no such port.
    #[error("the port of the URL can't be one")]
    Port,
    /// Messages may not go there.
    #[error("the address of the URL is {0}, which this node does not send to")]
    Address(Special),
}

impl Target {
    /// What `text` means, if messages may go there by `rules`. What a name resolves to is judged when it is.
    ///
    /// # Errors
    /// If it is no URL of that kind.
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, TargetError> {
        // Those the parser would leave out without a word.
        if text.len() > URL_MAX || text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(TargetError::Form);
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::InvalidPort => TargetError::Port,
            url::ParseError::EmptyHost
            | url::ParseError::IdnaError
            | url::ParseError::InvalidIpv4Address
            | url::ParseError::InvalidIpv6Address
            | url::ParseError::InvalidDomainCharacter => TargetError::Host,
            _ => TargetError::Form,
        })?;
        let tls = match url.scheme() {
            "https" => true,
            "http" if rules.http => false,
            "http" => return Err(TargetError::Unencrypted),
            _ => return Err(TargetError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::User);
        }
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(TargetError::Port)?;
        let (host, address, shown) = match url.host().ok_or(TargetError::Host)? {
            Host::Domain(name) => (name.to_owned(), None, name.strip_suffix('.').unwrap_or(name).to_owned()),
            Host::Ipv4(address) => (address.to_string(), Some(IpAddr::V4(address)), address.to_string()),
            Host::Ipv6(address) => (address.to_string(), Some(IpAddr::V6(address)), format!("[{address}]")),
        };
        if let Some(address) = address {
            rules.judge(address).map_err(TargetError::Address)?;
        }
        let origin = Origin { tls, host, port };
        origin.server_name().ok_or(TargetError::Host)?;
        let authority = url.port().map_or_else(|| shown.clone(), |port| format!("{shown}:{port}"));
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        Ok(Self {
            origin,
            address,
            path: Uri::from_str(path).map_err(|_| TargetError::Form)?,
            authority: HeaderValue::from_str(&authority).map_err(|_| TargetError::Host)?,
        })
    }
}

impl Origin {
    /// What its certificate has to be for.
    pub(super) fn server_name(&self) -> Option<ServerName<'static>> {
        let name = self.host.strip_suffix('.').unwrap_or(&self.host);
        ServerName::try_from(name.to_owned()).ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.origin.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority.to_str().unwrap_or_default(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Rules {
        Rules { http: true, ..Rules::default() }
    }

    #[test]
    fn a_url_is_read_as_browsers_do() {
        let cases = [
            ("https://example.com", "https://example.com/", "example.com", 443),
            ("https://example.com:443/", "https://example.com/", "example.com", 443),
            ("http://example.com:8080/a?b=c#d", "http://example.com:8080/a?b=c", "example.com", 8080),
            ("HTTPS://EXAMPLE.com/A/../b", "https://example.com/b", "example.com", 443),
            ("https://example.com./", "https://example.com/", "example.com.", 443),
            ("https://bücher.example/ü?ü", "https://xn--bcher-kva.example/%C3%BC?%C3%BC", "xn--bcher-kva.example", 443),
            ("https://a_b.example.com/x|y^[z]", "https://a_b.example.com/x|y^[z]", "a_b.example.com", 443),
            ("https:\\\\example.com\\a", "https://example.com/a", "example.com", 443),
            ("https://1.1.1.1/", "https://1.1.1.1/", "1.1.1.1", 443),
            (
                "https://[2606:4700:4700::1111]:8443/",
                "https://[2606:4700:4700::1111]:8443/",
                "2606:4700:4700::1111",
                8443,
            ),
            ("https://localhost/", "https://localhost/", "localhost", 443),
        ];
        for (text, shown, host, port) in cases {
            let target = Target::parse(text, &open()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((target.to_string().as_str(), target.origin.host.as_str()), (shown, host), "{text}");
            assert_eq!((target.origin.port, target.origin.tls), (port, shown.starts_with("https")), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_told() {
        let cases = [
            ("", TargetError::Form),
            ("example.com/hook", TargetError::Form),
            ("https://exa mple.com/", TargetError::Form),
            ("https://exam\tple.com/", TargetError::Form),
            ("https://example.com/\r\nX: y", TargetError::Form),
            ("ftp://example.com/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("gopher://127.0.0.1:25/", TargetError::Scheme),
            ("https://user@example.com/", TargetError::User),
            ("https://:password@example.com/", TargetError::User),
            ("https://1.1.1.1@example.com/", TargetError::User),
            ("https://", TargetError::Host),
            ("https://exa%00mple.com/", TargetError::Host),
            ("https://example..com/", TargetError::Host),
            ("https://./", TargetError::Host),
            ("https://1.2.3.256/", TargetError::Host),
            ("https://[::1%25eth0]/", TargetError::Host),
            ("https://example.com:0/", TargetError::Port),
            ("https://example.com:65536/", TargetError::Port),
            ("https://example.com:http/", TargetError::Port),
        ];
        for (text, expected) in cases {
            assert_eq!(Target::parse(text, &open()), Err(expected), "{text}");
        }
        assert_eq!(
            Target::parse(&format!("https://example.com/{}", "a".repeat(URL_MAX)), &open()),
            Err(TargetError::Form)
        );
        assert_eq!(Target::parse("http://example.com/", &Rules::default()), Err(TargetError::Unencrypted));
    }

    #[test]
    fn an_address_is_judged_however_it_is_written() {
        let loopback = [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "127.0.1",
            "0x7F.0x0.0x0.0x1",
            "127。0。0。1",
            "①②⑦.0.0.1",
            "127%2e0%2e0%2e1",
            "[::1]",
            "[0:0::0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ];
        for host in loopback {
            for text in [format!("https://{host}/"), format!("http://{host}:8080/a")] {
                assert_eq!(Target::parse(&text, &open()), Err(TargetError::Address(Special::Loopback)), "{text}");
            }
        }
        for host in ["169.254.169.254", "0xa9fea9fe", "2852039166", "[fd00:ec2::254]", "[::ffff:a9fe:a9fe]"] {
            let judged = Target::parse(&format!("https://{host}/latest"), &open());
            assert_eq!(judged, Err(TargetError::Address(Special::Metadata)), "{host}");
        }
        assert_eq!(Target::parse("https://0/", &open()), Err(TargetError::Address(Special::Unspecified)));
        let private = Rules { private: true, ..Rules::default() };
        assert!(Target::parse("https://127.1/", &private).is_ok());
    }
}
