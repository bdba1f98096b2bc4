//! Sockets that doors listen on. Not here: who is let in.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be accepted. Whoever comes beyond that tries again after a second, so a burst of clients, for
/// instance after a restart, must fit; the kernel's `somaxconn` bounds it too.
const WAITING_MAX: u32 = 4096;

/// Listens on `address`; port 0 takes a free one.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Else a restart would wait for connections of the process before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}
