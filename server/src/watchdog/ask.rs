//! One question to a door, as its clients begin: a connection of its own, the first bytes, and whether anything comes back.
//!
//! Plain sockets and no runtime, since that is what may be stuck. What is answered does not matter here: a node that says it is
//! not ready answers.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What a door speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1: asks for `/healthz`.
    Http,
    /// Asks whether there is TLS, which every server answers with a letter.
    Postgres,
    /// HTTP/2: sends settings, which are answered with settings; within TLS, with an alert.
    Http2,
}

/// Asks once; an error says why there was no answer within `patience`.
pub(super) fn ask(wire: Wire, address: SocketAddr, patience: Duration) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let question: &[u8] = match wire {
        Wire::Http => b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        Wire::Postgres => &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f],
        Wire::Http2 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    };
    let answered = stream.write_all(question).and_then(|()| stream.read(&mut [0; 256]));
    match answered {
        Ok(_) => Ok(()),
        // Somebody was there who hung up.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            let told = format!("took a connection and said nothing for {} ms", patience.as_millis());
            Err(io::Error::new(ErrorKind::TimedOut, told))
        }
        Err(error) => Err(error),
    }
}

/// Where a door that listens on `address` is reached from this machine.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_on_all_addresses_is_asked_on_loopback() {
        let check = |address: &str, expect: &str| assert_eq!(reachable(address.parse().unwrap()).to_string(), expect);
        check("0.0.0.0:80", "127.0.0.1:80");
        check("[::]:80", "[::1]:80");
        check("192.0.2.1:80", "192.0.2.1:80");
    }
}
