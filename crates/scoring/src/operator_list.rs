//! The operator's own lists: numbers, peers, networks, platforms and recordings to let through or to stop.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bellwether_base::{RecordingId, Timestamp};
use bellwether_fingerprint::PrintHash;
use ipnet::IpNet;

/// A list of the operator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OperatorList {
    /// Its subjects are vouched for.
    Allow,
    /// Calls of its subjects are quarantined.
    Block,
}

impl OperatorList {
    /// Name in commands and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }

    /// Finds a list by its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Allow, Self::Block].into_iter().find(|list| list.name() == name)
    }
}

/// A subject of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperatorSubject {
    /// A caller's number, as its token.
    Number(String),
    /// A source address.
    Peer(IpAddr),
    /// A network, by its first address.
    Network(IpNet),
    /// An exact fingerprint.
    Fingerprint(PrintHash),
    /// All fingerprints of a platform family.
    Family(PrintHash),
    /// A recording that callers play.
    Recording(RecordingId),
}

impl OperatorSubject {
    /// Name of the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Peer(_) => "peer",
            Self::Network(_) => "network",
            Self::Fingerprint(_) => "fingerprint",
            Self::Family(_) => "family",
            Self::Recording(_) => "recording",
        }
    }

    /// The value as text.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Number(token) => token.clone(),
            Self::Peer(address) => address.to_string(),
            Self::Network(network) => network.to_string(),
            Self::Fingerprint(print) | Self::Family(print) => print.to_string(),
            Self::Recording(recording) => recording.name(),
        }
    }

    /// Reads a value of a kind. A number has to be a token already. None for a value that is not of the kind.
    #[must_use]
    pub fn read(kind: &str, value: &str) -> Option<Self> {
        match kind {
            "number" => Some(Self::Number(value.to_owned())),
            "peer" => value.parse().ok().map(|address: IpAddr| Self::Peer(address.to_canonical())),
            "network" => value.parse().ok().map(|network: IpNet| Self::Network(network.trunc())),
            "fingerprint" => {
                PrintHash::stored(value).filter(|_| value.starts_with('f')).map(Self::Fingerprint)
            }
            "family" => PrintHash::stored(value).filter(|_| value.starts_with('k')).map(Self::Family),
            "recording" => RecordingId::named(value).map(Self::Recording),
            _ => None,
        }
    }
}

/// An entry with its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorEntry {
    /// The list.
    pub list: OperatorList,
    /// The subject.
    pub subject: OperatorSubject,
    /// The operator's reason; may be empty.
    pub reason: String,
    /// Who added it.
    pub author: String,
    /// Time of addition.
    pub added_at: Timestamp,
    /// The entry has no effect on calls that begin at this time or later.
    pub until: Option<Timestamp>,
}

/// Entries by what calls are compared with.
#[derive(Default)]
pub(crate) struct OperatorLists {
    numbers: BTreeMap<u64, Arc<OperatorEntry>>,
    peers: BTreeMap<IpAddr, Arc<OperatorEntry>>,
    networks: Vec<(IpNet, Arc<OperatorEntry>)>,
    prints: BTreeMap<u32, Arc<OperatorEntry>>,
    families: BTreeMap<PrintHash, Arc<OperatorEntry>>,
    recordings: BTreeMap<RecordingId, Arc<OperatorEntry>>,
}

/// What an entry may apply to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedCall {
    /// Key of the number.
    pub(crate) number: u64,
    pub(crate) source: IpAddr,
    /// The low half of the key of the fingerprint.
    pub(crate) print: u32,
    pub(crate) family: PrintHash,
    pub(crate) recording: Option<RecordingId>,
    pub(crate) at: Timestamp,
}

impl OperatorLists {
    /// Sorts entries. `number_key` gives the key of a number's token, and `print_key` that of a fingerprint.
    pub(crate) fn new(
        entries: Vec<OperatorEntry>,
        number_key: impl Fn(&str) -> u64,
        print_key: impl Fn(PrintHash) -> u64,
    ) -> Self {
        let mut lists = Self::default();
        for entry in entries.into_iter().map(Arc::new) {
            match &entry.subject {
                OperatorSubject::Number(token) => drop(lists.numbers.insert(number_key(token), entry)),
                OperatorSubject::Peer(address) => drop(lists.peers.insert(*address, entry)),
                OperatorSubject::Network(network) => lists.networks.push((*network, entry)),
                OperatorSubject::Fingerprint(print) => {
                    drop(lists.prints.insert(print_key(*print) as u32, entry));
                }
                OperatorSubject::Family(family) => drop(lists.families.insert(*family, entry)),
                OperatorSubject::Recording(recording) => drop(lists.recordings.insert(*recording, entry)),
            }
        }
        lists
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
            && self.peers.is_empty()
            && self.networks.is_empty()
            && self.prints.is_empty()
            && self.families.is_empty()
            && self.recordings.is_empty()
    }

    /// The entry that applies to a call. An entry of the block list precedes one of the allow list.
    pub(crate) fn find(&self, call: &ListedCall) -> Option<&Arc<OperatorEntry>> {
        let ListedCall { number, source, print, family, recording, at } = call;
        let networks = self.networks.iter().filter(|(network, _)| network.contains(source));
        let found = [
            self.numbers.get(number),
            self.prints.get(print),
            self.families.get(family),
            self.peers.get(source),
            recording.and_then(|recording| self.recordings.get(&recording)),
        ];
        let found = found.into_iter().flatten().chain(networks.map(|(_, entry)| entry));
        found.filter(|entry| entry.until.is_none_or(|until| *at < until)).max_by_key(|entry| entry.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_fingerprint::Part;

    fn entry(list: OperatorList, kind: &str, value: &str, until: Option<i64>) -> OperatorEntry {
        OperatorEntry {
            list,
            subject: OperatorSubject::read(kind, value).unwrap(),
            reason: "known".into(),
            author: "operator".into(),
            added_at: Timestamp::from_nanos(0),
            until: until.map(Timestamp::from_nanos),
        }
    }

    #[test]
    fn values_are_read_as_they_are_written_and_nonsense_is_refused() {
        let print = PrintHash::of(Part::Combined, "x").to_string();
        for (kind, value) in [
            ("peer", "192.0.2.1"),
            ("network", "192.0.2.0/24"),
            ("network", "2001:db8::/32"),
            ("fingerprint", print.as_str()),
            ("recording", "00ff00ff00ff00ff"),
        ] {
            let subject = OperatorSubject::read(kind, value).unwrap();
            assert_eq!((subject.kind(), subject.value().as_str()), (kind, value));
        }
        let network = |text| OperatorSubject::read("network", text).unwrap().value();
        assert_eq!([network("192.0.2.77/24"), network("192.0.2.77/0")], ["192.0.2.0/24", "0.0.0.0/0"]);
        assert_eq!(network("2001:db8::7/128"), "2001:db8::7/128");
        let mapped = OperatorSubject::read("peer", "::ffff:192.0.2.1").unwrap();
        assert_eq!(mapped.value(), "192.0.2.1");
        for (kind, value) in
            [("peer", "example.org"), ("network", "192.0.2.0/33"), ("network", "192.0.2.0"), ("colour", "x")]
        {
            assert_eq!(OperatorSubject::read(kind, value), None, "{kind} {value}");
        }
    }

    #[test]
    fn the_block_list_precedes_and_an_entry_ends_at_its_time() {
        let print = PrintHash::of(Part::Combined, "x").to_string();
        let bad = PrintHash::of(Part::Family, "bad").to_string();
        let lists = OperatorLists::new(
            vec![
                entry(OperatorList::Allow, "network", "192.0.2.0/24", None),
                entry(OperatorList::Block, "peer", "192.0.2.7", Some(100)),
                entry(OperatorList::Allow, "number", "token", None),
                entry(OperatorList::Allow, "fingerprint", &print, None),
                entry(OperatorList::Block, "family", &bad, None),
                entry(OperatorList::Block, "recording", "000000000000002a", None),
            ],
            |token| token.len() as u64,
            |_| 77,
        );
        let family = PrintHash::of(Part::Family, "x");
        let call = |number, source, now| ListedCall {
            number,
            source,
            print: 1,
            family,
            recording: None,
            at: Timestamp::from_nanos(now),
        };
        let list = |call: ListedCall| lists.find(&call).map(|entry| entry.list);
        let found = |number, host: u8, now| list(call(number, IpAddr::from([192, 0, 2, host]), now));
        assert_eq!(found(0, 7, 50), Some(OperatorList::Block));
        assert_eq!(found(0, 7, 100), Some(OperatorList::Allow));
        let elsewhere = |number| call(number, IpAddr::from([198, 51, 100, 1]), 1);
        assert!(list(elsewhere(0)).is_none() && list(elsewhere(5)).is_some());
        let with_print = ListedCall { print: 77, ..elsewhere(0) };
        let in_family = ListedCall { family: PrintHash::of(Part::Family, "bad"), ..elsewhere(0) };
        assert_eq!(list(with_print), Some(OperatorList::Allow));
        assert_eq!(list(in_family), Some(OperatorList::Block));
        let plays = |recording| ListedCall { recording: Some(RecordingId::new(recording)), ..elsewhere(0) };
        assert_eq!((list(plays(42)), list(plays(43))), (Some(OperatorList::Block), None));
        let everything: IpNet = "192.0.2.0/0".parse().unwrap();
        assert!(!everything.contains(&"2001:db8::1".parse::<IpAddr>().unwrap()));
    }
}
