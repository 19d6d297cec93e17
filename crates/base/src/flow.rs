use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address and port. IPv4 is stored in its IPv4-mapped form, so that one key type serves both families.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Endpoint {
    ip: [u8; 16],
    port: u16,
}

impl Endpoint {
    /// From an address of either family.
    #[must_use]
    pub fn new(ip: IpAddr, port: u16) -> Self {
        let ip = match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        Self { ip, port }
    }

    /// From the four octets of an IPv4 header field.
    #[must_use]
    pub const fn v4(octets: [u8; 4], port: u16) -> Self {
        let [a, b, c, d] = octets;
        Self { ip: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d], port }
    }

    /// From the sixteen octets of an IPv6 header field.
    #[must_use]
    pub const fn v6(octets: [u8; 16], port: u16) -> Self {
        Self { ip: octets, port }
    }

    /// The address; IPv4 in its own form.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from(self.ip).to_canonical()
    }

    /// True for an IPv4 address.
    #[must_use]
    pub const fn is_v4(self) -> bool {
        matches!(self.ip, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ..])
    }

    /// The four octets of an IPv4 address.
    fn as_v4(self) -> Option<[u8; 4]> {
        match self.ip {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Some([a, b, c, d]),
            _ => None,
        }
    }

    /// The sixteen octets of the address (IPv4-mapped for IPv4).
    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        self.ip
    }

    /// The port.
    #[must_use]
    pub const fn port(self) -> u16 {
        self.port
    }

    /// The same address with another port.
    #[must_use]
    pub const fn with_port(self, port: u16) -> Self {
        Self { ip: self.ip, port }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip() {
            IpAddr::V4(ip) => write!(f, "{ip}:{}", self.port),
            IpAddr::V6(ip) => write!(f, "[{ip}]:{}", self.port),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Source and destination of a packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FlowKey {
    /// The source.
    pub src: Endpoint,
    /// The destination.
    pub dst: Endpoint,
}

impl FlowKey {
    /// The flow of the opposite direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { src: self.dst, dst: self.src }
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.src, self.dst)
    }
}

/// A compact [`FlowKey`] for tables with very many entries: 16 octets for two IPv4 endpoints, a box
/// otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct PackedFlow(Packed);

#[derive(Clone, PartialEq, Eq)]
enum Packed {
    V4 { src: [u8; 4], dst: [u8; 4], src_port: u16, dst_port: u16 },
    Wide(Box<FlowKey>),
}

impl From<FlowKey> for PackedFlow {
    fn from(flow: FlowKey) -> Self {
        Self(match (flow.src.as_v4(), flow.dst.as_v4()) {
            (Some(src), Some(dst)) => {
                Packed::V4 { src, dst, src_port: flow.src.port, dst_port: flow.dst.port }
            }
            _ => Packed::Wide(Box::new(flow)),
        })
    }
}

impl PackedFlow {
    /// True if this is the given flow. Called for every packet, so nothing is unpacked.
    #[must_use]
    #[inline]
    pub fn is(&self, flow: &FlowKey) -> bool {
        match &self.0 {
            Packed::V4 { src, dst, src_port, dst_port } => {
                *src_port == flow.src.port
                    && *dst_port == flow.dst.port
                    && flow.src.as_v4() == Some(*src)
                    && flow.dst.as_v4() == Some(*dst)
            }
            Packed::Wide(packed) => **packed == *flow,
        }
    }

    /// The flow.
    #[must_use]
    pub fn unpack(&self) -> FlowKey {
        match &self.0 {
            Packed::V4 { src, dst, src_port, dst_port } => {
                FlowKey { src: Endpoint::v4(*src, *src_port), dst: Endpoint::v4(*dst, *dst_port) }
            }
            Packed::Wide(flow) => **flow,
        }
    }
}

impl fmt::Debug for PackedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unpack().fmt(f)
    }
}

/// The transport of a SIP message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// One message per datagram.
    Udp,
    /// Messages framed from a reassembled stream.
    Tcp,
    /// WebSocket messages (RFC 7118).
    WebSocket,
}

impl Transport {
    /// Lower-case name as printed in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::WebSocket => "ws",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_prints_as_ipv4_and_ipv6_in_brackets() {
        assert_eq!(Endpoint::v4([10, 0, 0, 1], 5060).to_string(), "10.0.0.1:5060");
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(Endpoint::new(v6, 5060).to_string(), "[2001:db8::1]:5060");
        assert_eq!(Endpoint::new("10.0.0.1".parse().unwrap(), 5060), Endpoint::v4([10, 0, 0, 1], 5060));
    }

    #[test]
    fn packing_a_flow_keeps_it_whatever_the_families() {
        let v4 = Endpoint::v4([10, 0, 0, 1], 5060);
        let v6 = Endpoint::new("2001:db8::1".parse().unwrap(), 4000);
        for flow in
            [(v4, v4.with_port(1)), (v4, v6), (v6, v4), (v6, v6)].map(|(src, dst)| FlowKey { src, dst })
        {
            let packed = PackedFlow::from(flow);
            assert_eq!(packed.unpack(), flow);
            assert!(packed.is(&flow));
            assert_eq!(packed.is(&flow.reversed()), flow == flow.reversed());
        }
        assert_eq!(size_of::<PackedFlow>(), 16);
    }
}
