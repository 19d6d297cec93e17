//! From a name to a connected socket, before a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::HostPort;
use crate::deadline::Deadline;

/// Connects to the first address that answers. Each call looks the name up again, because servers move.
///
/// Returns the time of the connection too: the round trip takes no longer.
pub(crate) fn connect(to: &HostPort, deadline: Deadline) -> io::Result<(TcpStream, Duration)> {
    let addresses = resolve(to, deadline)?;
    let mut error = io::ErrorKind::NotFound.into();
    for (tried, address) in addresses.iter().enumerate() {
        // An address that never answers leaves the later ones their share of the time.
        let share = deadline.left()? / u32::try_from(addresses.len() - tried).unwrap_or(1);
        let attempt = Deadline::within(share);
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => {
                let took = attempt.spent();
                // An alert is written in one piece, and must not wait for more octets.
                stream.set_nodelay(true)?;
                return Ok((stream, took));
            }
            Err(e) => error = e,
        }
    }
    Err(error)
}

/// The most lookups at once. A resolver that never answers holds so many threads and no more.
const MAX_LOOK_UPS: usize = 16;

/// The present lookups.
static LOOK_UPS: AtomicUsize = AtomicUsize::new(0);

/// The right to one lookup.
struct LookUp(&'static AtomicUsize);

impl LookUp {
    /// None if there are too many lookups.
    fn begin(under_way: &'static AtomicUsize) -> Option<Self> {
        let more = |n| (n < MAX_LOOK_UPS).then_some(n + 1);
        under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(under_way))
    }
}

impl Drop for LookUp {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The addresses of a host. The system's resolver has no time limit, so a thread of its own waits for it.
pub(crate) fn resolve(to: &HostPort, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = to.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, to.port)]);
    }
    let (answer, answers) = mpsc::sync_channel(1);
    let name = (to.host.clone(), to.port);
    let under_way = LookUp::begin(&LOOK_UPS)
        .ok_or_else(|| io::Error::other("the resolver has not answered earlier look-ups"))?;
    let look_up = move || {
        // The lookup ends with the answer, even if its caller has given up.
        let _under_way = under_way;
        let _ = answer.send(name.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    };
    std::thread::Builder::new()
        .name("alert-resolve".into())
        .spawn(look_up)
        .map_err(|e| io::Error::other(format!("no thread can be started to look up the name: {e}")))?;
    let found =
        answers.recv_timeout(deadline.left()?).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if found.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_that_never_answers_holds_so_many_threads_and_no_more() {
        static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
        let mut held: Vec<LookUp> = (0..MAX_LOOK_UPS).filter_map(|_| LookUp::begin(&UNDER_WAY)).collect();
        assert_eq!(held.len(), MAX_LOOK_UPS);
        assert!(LookUp::begin(&UNDER_WAY).is_none());
        held.pop();
        assert!(LookUp::begin(&UNDER_WAY).is_some());
    }
}
