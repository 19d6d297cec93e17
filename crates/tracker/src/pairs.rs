use bellwether_base::{FlowKey, HashKey, LruTable, Timestamp};
use bellwether_rtp::DtlsStep;

use crate::control::EndpointKey;

/// Maximum number of endpoint pairs with a handshake or an ICE check, per shard.
const PAIRS: usize = 4096;

/// Eviction classes of the table. Pairs with messages of one end only are evicted first, because an attacker
/// can create them at no cost.
const ONE_SIDED: usize = 0;
const ANSWERED: usize = 1;

/// DTLS handshakes and ICE checks between two endpoints.
pub(crate) struct Pairs {
    table: LruTable<u64, Pair, 2>,
    hash_key: HashKey,
}

#[derive(Default)]
struct Pair {
    /// The handshake step of each end, the lower endpoint first.
    dtls: [Option<DtlsStep>; 2],
    /// The ICE user name fragments of both ends, by which their descriptions name them.
    fragments: Option<[EndpointKey; 2]>,
    /// True for each end that sent a check.
    has_checked: [bool; 2],
}

/// The user name fragments of a flow's two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Checked {
    pub(crate) src: EndpointKey,
    pub(crate) dst: EndpointKey,
}

fn place(flow: FlowKey) -> usize {
    usize::from(flow.src > flow.dst)
}

impl Pairs {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { table: LruTable::new(PAIRS), hash_key }
    }

    /// Processes a DTLS record.
    pub(crate) fn handshake(&mut self, flow: FlowKey, step: DtlsStep, at: Timestamp) {
        self.change(flow, at, |known| {
            let own = &mut known.dtls[place(flow)];
            *own = (*own).max(Some(step));
            if step == DtlsStep::Failed {
                known.dtls = [None; 2];
            }
        });
    }

    /// Processes an ICE check.
    pub(crate) fn check(&mut self, flow: FlowKey, checked: Checked, at: Timestamp) {
        self.change(flow, at, |known| {
            let at_lower = place(flow) == 0;
            known.fragments =
                Some(if at_lower { [checked.src, checked.dst] } else { [checked.dst, checked.src] });
            known.has_checked[place(flow)] = true;
        });
    }

    /// Returns true if both ends took part in a handshake. An unanswered handshake does not count.
    pub(crate) fn is_encrypted(&self, flow: FlowKey) -> bool {
        self.get(flow).is_some_and(Pair::is_encrypted)
    }

    /// The user name fragments of a flow's ends, if an ICE check passed between them.
    pub(crate) fn checked(&self, flow: FlowKey) -> Option<Checked> {
        let [lower, higher] = self.get(flow)?.fragments?;
        Some(if place(flow) == 0 {
            Checked { src: lower, dst: higher }
        } else {
            Checked { src: higher, dst: lower }
        })
    }

    fn get(&self, flow: FlowKey) -> Option<&Pair> {
        if self.table.is_empty() {
            return None;
        }
        let pair = self.hash_key.media_pair(flow);
        self.table.find(pair, &pair).and_then(|slot| self.table.get(slot)).map(|(_, known)| known)
    }

    fn change(&mut self, flow: FlowKey, at: Timestamp, change: impl FnOnce(&mut Pair)) {
        let pair = self.hash_key.media_pair(flow);
        let (slot, _) = self.table.find_or_insert(pair, pair, at);
        let Some((_, known)) = self.table.get_mut(slot) else { return };
        change(known);
        let is_answered = known.is_encrypted() || known.has_checked == [true; 2];
        self.table.touch(slot, if is_answered { ANSWERED } else { ONE_SIDED }, at);
    }
}

impl Pair {
    fn is_encrypted(&self) -> bool {
        matches!(self.dtls, [Some(a), Some(b)] if a.max(b) == DtlsStep::Further)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_base::Endpoint;

    fn flow() -> FlowKey {
        let end = |last: u8| Endpoint::new(std::net::Ipv4Addr::new(192, 0, 2, last).into(), 4000);
        FlowKey { src: end(1), dst: end(2) }
    }

    fn other(port: u16) -> FlowKey {
        let FlowKey { src, dst } = flow();
        FlowKey { src, dst: dst.with_port(port) }
    }

    fn after(steps: &[(bool, DtlsStep)]) -> bool {
        let mut pairs = Pairs::new(HashKey::new([1; 16]));
        for (is_forth, step) in steps {
            let flow = if *is_forth { flow() } else { flow().reversed() };
            pairs.handshake(flow, *step, Timestamp::default());
        }
        pairs.is_encrypted(flow())
    }

    #[test]
    fn a_handshake_that_nobody_answers_is_nothing() {
        use DtlsStep::{Failed, Further, Hello};
        assert!(!after(&[]) && !after(&[(true, Hello); 5]));
        assert!(!after(&[(true, Hello), (true, Further)]));
        assert!(!after(&[(true, Hello), (false, Hello)]));
        assert!(after(&[(true, Hello), (false, Further)]));
        // A failed handshake does not count either. A later one may succeed.
        let failed = [(true, Hello), (false, Further), (true, Failed)];
        assert!(!after(&failed) && after(&[&failed[..], &failed[..2]].concat()));
        assert!(after(&[(false, Hello), (true, Further)]));
    }

    #[test]
    fn the_ends_are_told_apart_whoever_checked() {
        let key = HashKey::new([7; 16]);
        let [a, b] = [&b"aaaa"[..], b"bbbb"].map(|name| EndpointKey::of_fragment(&key, name));
        for (flow_of_check, checked) in
            [(flow(), Checked { src: a, dst: b }), (flow().reversed(), Checked { src: b, dst: a })]
        {
            let mut pairs = Pairs::new(HashKey::new([1; 16]));
            pairs.check(flow_of_check, checked, Timestamp::default());
            assert_eq!(pairs.checked(flow()), Some(Checked { src: a, dst: b }));
            assert_eq!(pairs.checked(flow().reversed()), Some(Checked { src: b, dst: a }));
            assert_eq!(pairs.checked(other(4002)), None);
        }
    }

    #[test]
    fn a_flood_of_hellos_pushes_out_no_handshake() {
        let mut pairs = Pairs::new(HashKey::new([1; 16]));
        pairs.handshake(flow(), DtlsStep::Hello, Timestamp::default());
        pairs.handshake(flow().reversed(), DtlsStep::Further, Timestamp::default());
        for port in 5000..25_000 {
            pairs.handshake(other(port), DtlsStep::Hello, Timestamp::default());
        }
        assert!(pairs.is_encrypted(flow()) && !pairs.is_encrypted(other(5000)));
    }
}
