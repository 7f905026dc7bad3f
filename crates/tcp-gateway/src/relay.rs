//! Both directions of a connection, and how it ends.

use std::io;

use tokio::net::TcpStream;

use crate::pump::Pump;
use crate::station::Means;

/// Carries both ways until both sides have said all.
///
/// # Errors
/// When either side has broken off; then both are broken off, so that neither takes what it has for the whole.
pub(crate) async fn relay(mut client: TcpStream, mut remote: TcpStream, means: &Means) -> io::Result<()> {
    let carried = {
        let (client_says, client_hears) = client.split();
        let (remote_says, remote_hears) = remote.split();
        let there = Pump::new(client_says, remote_hears, means, &means.traffic.sent);
        let back = Pump::new(remote_says, client_hears, means, &means.traffic.received);
        tokio::try_join!(there.run(), back.run())
    };
    if carried.is_err() {
        // A reset instead of an end. A socket that is in no state to be set is gone anyway.
        let _ = client.set_zero_linger();
        let _ = remote.set_zero_linger();
    }
    carried.map(|_| ())
}
