//! Name lookup for the HTTP client, the same as for every other receiver.

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::HostPort;
use crate::deadline::Deadline;
use crate::dial::resolve;

/// The most addresses of one host; the client takes no more.
const MAX_ADDRESSES: usize = 16;

/// An HTTP client whose request fails if the system gives no thread.
///
/// The client's own resolver starts a thread for each request, even to an address in digits, and panics without one. A limit on a service's
/// threads would then end the whole sensor.
#[must_use]
pub fn agent(config: ureq::config::Config) -> ureq::Agent {
    ureq::Agent::with_parts(config, DefaultConnector::default(), Names)
}

#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let to = host_port(uri).ok_or(ureq::Error::HostNotFound)?;
        let found = resolve(&to, Deadline::within(*timeout.after)).map_err(|e| match e.kind() {
            std::io::ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
            _ => ureq::Error::Io(e),
        })?;
        let mut addresses = self.empty();
        let family = config.ip_family();
        family.keep_wanted(found.into_iter()).take(MAX_ADDRESSES).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

fn host_port(uri: &Uri) -> Option<HostPort> {
    let authority = uri.authority()?;
    let otherwise = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = authority.host();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some(HostPort { host: host.to_owned(), port: authority.port_u16().unwrap_or(otherwise) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_taken_from_the_address() {
        for (uri, host, port) in [
            ("http://hooks.example.net/a", "hooks.example.net", 80),
            ("https://hooks.example.net", "hooks.example.net", 443),
            ("https://[2001:db8::1]:8443/a?b", "2001:db8::1", 8443),
            ("http://192.0.2.1:81/", "192.0.2.1", 81),
        ] {
            let found = host_port(&uri.parse().unwrap()).unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port), "{uri}");
        }
    }
}
