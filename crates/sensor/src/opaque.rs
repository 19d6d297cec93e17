use std::collections::BTreeMap;

use bellwether_base::{Counters, FlowKey};

/// Pairs told apart; further ones are counted together.
const MAX_PAIRS: usize = 256;

/// Encrypted connections whose keys nobody gave, by endpoints: what share of the signalling is dark. Ports that come
/// from the ephemeral range are left out, as a client takes another one each time.
#[derive(Default)]
pub(crate) struct Opaque {
    pairs: BTreeMap<String, u64>,
    others: u64,
}

impl Opaque {
    /// Counts one direction of a TLS connection.
    pub(crate) fn count(&mut self, flow: FlowKey) {
        let end = |end: bellwether_base::Endpoint| {
            if end.port() >= 32_768 { end.ip().to_string() } else { end.to_string() }
        };
        let name = format!("tls {} > {}", end(flow.src), end(flow.dst));
        if let Some(connections) = self.pairs.get_mut(&name) {
            *connections += 1;
        } else if self.pairs.len() < MAX_PAIRS {
            self.pairs.insert(name, 1);
        } else {
            self.others += 1;
        }
    }

    pub(crate) fn report(&self, counters: &mut Counters) {
        for (name, connections) in &self.pairs {
            counters.add("opaque", name.clone(), *connections);
        }
        counters.add("opaque", "other", self.others);
    }
}
