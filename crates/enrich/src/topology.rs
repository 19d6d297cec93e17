use std::net::IpAddr;

use bellwether_base::FlowKey;
use ipnet::IpNet;

use crate::TrunkPolicy;

/// The direction of a call through the site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessSide {
    /// From a trunk.
    Inbound,
    /// From an access network to a trunk.
    Outbound,
    /// Between access networks.
    Internal,
    /// Unknown: the topology has no matching network.
    Unknown,
}

impl AccessSide {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }

    /// The side with a name; unknown for any other name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let all = [Self::Inbound, Self::Outbound, Self::Internal];
        all.into_iter().find(|side| side.name() == name).unwrap_or(Self::Unknown)
    }
}

/// A trunk: its name, and the networks of its calls.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trunk {
    /// The name in `trunk_id`.
    pub name: String,
    /// Its networks.
    pub networks: Vec<IpNet>,
    /// Via hosts of its border elements, for calls that arrive through another operator's network.
    pub via_hosts: Vec<String>,
    /// Emergency numbers reached through the trunk, beside those of the site's country.
    pub emergency: Vec<String>,
    /// The operator's policy for the trunk.
    pub policy: TrunkPolicy,
}

/// The operator's network topology.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Topology {
    /// The site's own proxies and registrars.
    pub proxies: Vec<IpNet>,
    /// The site's session border controllers and B2BUAs.
    pub sbcs: Vec<IpNet>,
    /// Networks of the subscribers.
    pub access: Vec<IpNet>,
    /// Trunks to other operators.
    pub trunks: Vec<Trunk>,
}

impl Topology {
    /// Direction and trunk of a call, from the source of its INVITE and the destination of its last hop.
    #[must_use]
    pub fn place(&self, first: FlowKey, last: FlowKey) -> (AccessSide, Option<&str>) {
        let (from, to) = (first.src.ip(), last.dst.ip());
        if let Some(trunk) = self.trunk(from) {
            return (AccessSide::Inbound, Some(trunk));
        }
        if let Some(trunk) = self.trunk(to) {
            return (AccessSide::Outbound, Some(trunk));
        }
        // A leg from the site's own B2BUA is the second half of another call.
        let is_subscriber = |address| holds(&self.access, address) && !self.is_own(address);
        if is_subscriber(from) && is_subscriber(to) {
            return (AccessSide::Internal, None);
        }
        (AccessSide::Unknown, None)
    }

    /// The trunk of a call, by its source network or by the host of the INVITE's first Via.
    #[must_use]
    pub fn carrier(&self, source: IpAddr, via_host: &str) -> Option<&Trunk> {
        let by_via = |t: &&Trunk| t.via_hosts.iter().any(|host| host.eq_ignore_ascii_case(via_host));
        // Anybody can write a Via. It is trusted only on messages from the site's own servers.
        let by_via = || self.trunks.iter().find(by_via).filter(|_| self.is_own(source));
        self.trunk_at(source).or_else(by_via)
    }

    /// Returns true for an address of the site's own servers.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        holds(&self.proxies, address) || holds(&self.sbcs, address)
    }

    /// Returns true for an address of the site or of its subscribers.
    #[must_use]
    pub fn is_inside(&self, address: IpAddr) -> bool {
        self.is_own(address) || holds(&self.access, address)
    }

    /// The name of the trunk with the narrowest network that contains the address.
    fn trunk(&self, address: IpAddr) -> Option<&str> {
        self.trunk_at(address).map(|t| t.name.as_str())
    }

    pub(crate) fn trunk_at(&self, address: IpAddr) -> Option<&Trunk> {
        self.trunks
            .iter()
            .flat_map(|t| t.networks.iter().map(move |n| (n, t)))
            .filter(|(n, _)| n.contains(&address))
            .max_by_key(|(n, _)| n.prefix_len())
            .map(|(_, t)| t)
    }
}

fn holds(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|n| n.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_base::Endpoint;

    fn flow(src: &str, dst: &str) -> FlowKey {
        let end = |ip: &str| Endpoint::new(ip.parse().unwrap(), 5060);
        FlowKey { src: end(src), dst: end(dst) }
    }

    fn nets(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|n| n.parse().unwrap()).collect()
    }

    #[test]
    fn sides_follow_from_the_first_source_and_the_last_destination() {
        let site = Topology {
            proxies: nets(&["10.0.0.2/32"]),
            sbcs: vec![],
            access: nets(&["10.0.0.0/16"]),
            trunks: vec![
                Trunk { name: "carrier".into(), networks: nets(&["192.0.2.0/24"]), ..Trunk::default() },
                Trunk { name: "narrow".into(), networks: nets(&["192.0.2.8/32"]), ..Trunk::default() },
            ],
        };
        let place = |a: FlowKey, b: FlowKey| site.place(a, b);
        let first = flow("10.0.0.9", "10.0.0.2");
        assert_eq!(place(first, flow("10.0.0.2", "192.0.2.1")), (AccessSide::Outbound, Some("carrier")));
        assert_eq!(place(first, flow("10.0.0.2", "192.0.2.8")), (AccessSide::Outbound, Some("narrow")));
        assert_eq!(place(first, flow("10.0.0.2", "10.0.3.3")), (AccessSide::Internal, None));
        assert_eq!(place(first, first), (AccessSide::Unknown, None));
        let own = flow("10.0.0.2", "10.0.3.3");
        assert_eq!(place(own, own), (AccessSide::Unknown, None));
        let inbound = flow("192.0.2.1", "10.0.0.2");
        assert_eq!(place(inbound, flow("10.0.0.2", "10.0.0.9")), (AccessSide::Inbound, Some("carrier")));
    }
}
