//! Connections that do not leave this machine.

#[cfg(target_os = "linux")]
use rustix::net::sockopt::{set_tcp_congestion, tcp_congestion};
use tokio::net::TcpStream;

/// Relieves a connection within this machine of pacing, where the system's congestion control paces. There is no path
/// whose rate could be found out, and the timers between the segments cost more than the segments themselves.
#[cfg(target_os = "linux")]
pub(crate) fn relieve(stream: &TcpStream) {
    if is_within(stream) && tcp_congestion(stream).is_ok_and(|name| name.starts_with("bbr")) {
        // Every process may choose this one. A socket that is in no state to be set is gone anyway.
        let _ = set_tcp_congestion(stream, "reno");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn relieve(_stream: &TcpStream) {}

/// Whoever reaches an address of this machine from this machine does so from the very same address, or from one
/// loopback address to another.
#[cfg(target_os = "linux")]
fn is_within(stream: &TcpStream) -> bool {
    let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return false };
    let (local, peer) = (local.ip().to_canonical(), peer.ip().to_canonical());
    local == peer || (local.is_loopback() && peer.is_loopback())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_within_the_machine_is_not_paced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let before = tcp_congestion(&stream).unwrap();
        relieve(&stream);
        let after = tcp_congestion(&stream).unwrap();
        assert!(is_within(&stream));
        assert!(!after.starts_with("bbr"), "{after}");
        // What does not pace stays as the system has it.
        assert!(before.starts_with("bbr") || before == after, "{before} became {after}");
    }
}
