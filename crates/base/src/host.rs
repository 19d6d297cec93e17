use std::net::IpAddr;

/// Parses a host that is an IP address, with or without the brackets of IPv6. The zone of a link-local
/// address is ignored (RFC 4007 section 11, RFC 6874).
#[must_use]
pub fn host_address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').map_or(host, |inner| inner.strip_suffix(']').unwrap_or(inner));
    let (address, is_zoned) = bare.split_once('%').map_or((bare, false), |(address, _)| (address, true));
    address.parse().ok().filter(|ip: &IpAddr| !is_zoned || ip.is_ipv6())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_zones_are_no_part_of_an_address() {
        let link = "fe80::1".parse().ok();
        for host in ["fe80::1", "[fe80::1]", "fe80::1%eth0", "[fe80::1%25eth0]", "[fe80::1%en0]"] {
            assert_eq!(host_address(host), link, "{host}");
        }
        assert_eq!(host_address("192.0.2.1"), "192.0.2.1".parse().ok());
        for host in ["192.0.2.1%eth0", "name.example", "", "[", "[]", "%", "fe80::1]"] {
            assert_eq!(host_address(host), None, "{host}");
        }
    }
}
