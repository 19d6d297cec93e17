use std::collections::BTreeMap;

use bellwether_base::Counters;
use bellwether_wire::Tunnel;

/// Mirror sources told apart; frames of further ones are counted together. Tunnels can be forged.
const MAX_SOURCES: usize = 256;

/// Frames by the outermost tunnel that brought them: which switch, cloud or session a mirror comes from.
#[derive(Default)]
pub(crate) struct Mirrors {
    sources: BTreeMap<Tunnel, u64>,
    others: u64,
}

impl Mirrors {
    pub(crate) fn count(&mut self, tunnel: Tunnel) {
        if let Some(frames) = self.sources.get_mut(&tunnel) {
            *frames += 1;
        } else if self.sources.len() < MAX_SOURCES {
            self.sources.insert(tunnel, 1);
        } else {
            self.others += 1;
        }
    }

    pub(crate) fn report(&self, counters: &mut Counters) {
        for (tunnel, frames) in &self.sources {
            let name = format!("{} {} {}", tunnel.kind.name(), tunnel.source.ip(), tunnel.session);
            counters.add("mirror", name, *frames);
        }
        counters.add("mirror", "other", self.others);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_base::Endpoint;
    use bellwether_wire::TunnelKind;

    #[test]
    fn a_flood_of_forged_sources_is_counted_together() {
        let mut mirrors = Mirrors::default();
        for session in 0..1000 {
            let source = Endpoint::v4([192, 0, 2, 1], 0);
            mirrors.count(Tunnel { kind: TunnelKind::Vxlan, source, session });
        }
        let mut counters = Counters::default();
        mirrors.report(&mut counters);
        assert_eq!(counters.get("mirror", "vxlan 192.0.2.1 7"), 1);
        assert_eq!(counters.get("mirror", "other"), 1000 - MAX_SOURCES as u64);
    }
}
