//! Worlds: hours of synthetic traffic of a provider's honest and fraudulent customers, with ground truth for each
//! call.

mod builder;
mod call;
mod companies;
mod number;
mod party;
pub(crate) mod passport;
mod population;
mod register;
mod robots;
mod scanner;
mod sip;
mod speech;
mod stack;
mod stacks;
mod subscribers;
#[cfg(test)]
mod tests;
mod thief;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, Write};

use bellwether_base::{Span, Timestamp};

use crate::capture::{pcap_header, pcap_record};
use crate::{Frame, PcapFormat};

use builder::{Builder, Item};
use call::CallPlan;

/// The scenario of a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Robocallers use programs of their own.
    Specific,
    /// Robocallers use the softphone and the PBX of most honest customers.
    Shared,
    /// All relevant traffic comes through two carriers' session border controllers.
    Trunk,
    /// Subscribers' accounts are stolen.
    Thief,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Specific, Self::Shared, Self::Trunk, Self::Thief];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Specific => "specific",
            Self::Shared => "shared",
            Self::Trunk => "trunk",
            Self::Thief => "thief",
        }
    }
}

/// The amount of media per call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Media {
    /// Signalling only.
    None,
    /// The first six seconds.
    Short,
    /// All media.
    Full,
}

/// The parameters of a world.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WorldOptions {
    /// The scenario.
    pub kind: Kind,
    /// The seed of all random choices.
    pub seed: u64,
    /// The amount of media per call.
    pub media: Media,
    /// Duration in hours.
    pub hours: f64,
    /// Scale factor for the numbers of subscribers and calls.
    pub scale: f64,
}

impl WorldOptions {
    /// Four hours of the usual size, with short media.
    #[must_use]
    pub const fn new(kind: Kind, seed: u64) -> Self {
        Self { kind, seed, media: Media::Short, hours: 4.0, scale: 1.0 }
    }
}

/// A world: its scheduled events, in compact form until they are written.
pub struct World {
    options: WorldOptions,
    items: Vec<Item>,
    recordings: Vec<Vec<i16>>,
    subscribers: Vec<String>,
}

/// The topology of the provider in all worlds, as its operator would write it.
pub const WORLD_CONFIG: &str = r#"# The topology of a made world.
privacy = "clear"

[site]
proxies = ["10.20.0.2"]
access = ["100.64.0.0/10"]

[[site.trunks]]
name = "carrier-a"
networks = ["192.0.2.0/26"]

[[site.trunks]]
name = "carrier-b"
networks = ["192.0.2.64/26"]

[[site.trunks]]
name = "business"
networks = ["198.18.0.0/15"]
"#;

impl World {
    /// Generates all events.
    #[must_use]
    pub fn new(options: WorldOptions) -> Self {
        let mut builder = Builder::new(options.kind, options.seed, options.hours, options.scale);
        population::populate(options.kind, &mut builder);
        let Builder { mut items, recordings, subscribers, .. } = builder;
        items.sort_by_key(Item::at);
        let subscribers = subscribers.into_iter().map(|party| party.number).collect();
        Self { options, items, recordings, subscribers }
    }

    /// Writes a capture file in order of time, with few frames in memory. Returns the number of frames.
    pub fn write_capture(&self, out: &mut impl Write) -> io::Result<u64> {
        out.write_all(&pcap_header(PcapFormat::Nano))?;
        let mut record = Vec::new();
        let mut hosts: BTreeMap<[u8; 4], u16> = BTreeMap::new();
        let mut written = 0;
        self.frames(|mut frame| {
            // A host numbers all its datagrams in one sequence.
            let host = [26, 27, 28, 29].map(|i| frame.bytes[i]);
            let number = hosts.entry(host).or_insert_with(|| u16::from_be_bytes([host[2], host[3]]));
            *number = number.wrapping_add(1);
            frame.bytes[18..20].copy_from_slice(&number.to_be_bytes());
            record.clear();
            pcap_record(frame.at, &frame.bytes, PcapFormat::Nano, &mut record);
            written += 1;
            out.write_all(&record)
        })?;
        out.flush()?;
        Ok(written)
    }

    /// Passes every frame to `take` in order of time.
    fn frames(&self, mut take: impl FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
        let media = match self.options.media {
            Media::None => Span::ZERO,
            Media::Short => Span::from_secs(6),
            Media::Full => Span::from_secs(86_400),
        };
        let mut waiting: BinaryHeap<Reverse<(Timestamp, u64, Vec<u8>)>> = BinaryHeap::new();
        let mut number = 0;
        for item in &self.items {
            while waiting.peek().is_some_and(|Reverse((at, _, _))| *at < item.at()) {
                let Some(Reverse((at, _, bytes))) = waiting.pop() else { break };
                take(Frame { at, bytes })?;
            }
            let frames = match item {
                Item::Call(call) => call.frames(media, &self.recordings),
                Item::Register(refresh) => refresh.frames(),
                Item::Probe(probe) => probe.frames(),
            };
            for Frame { at, bytes } in frames {
                number += 1;
                waiting.push(Reverse((at, number, bytes)));
            }
        }
        while let Some(Reverse((at, _, bytes))) = waiting.pop() {
            take(Frame { at, bytes })?;
        }
        Ok(())
    }

    fn calls(&self) -> impl Iterator<Item = &CallPlan> {
        self.items.iter().filter_map(|item| match item {
            Item::Call(call) => Some(&**call),
            _ => None,
        })
    }

    /// The ground truth of each call: one JSON object per line.
    #[must_use]
    pub fn truth(&self) -> String {
        let line = |call_id: &str, is_fraud: bool, campaign: Option<&str>, actor: &str| {
            let label = if is_fraud { "fraud" } else { "legit" };
            let campaign = campaign.map_or("null".to_owned(), |name| format!("\"{name}\""));
            format!(r#"{{"call_id":"{call_id}","label":"{label}","campaign":{campaign},"actor":"{actor}"}}"#)
                + "\n"
        };
        let lines = self.items.iter().filter_map(|item| match item {
            Item::Call(c) => Some(line(&c.call_id, c.is_fraud, c.campaign.as_deref(), &c.actor)),
            Item::Probe(p) if p.method == "INVITE" => Some(line(&p.call_id, true, None, "scanner")),
            Item::Probe(_) | Item::Register(_) => None,
        });
        lines.collect()
    }

    /// The subscribers' inventory: one device each, whose class is to be learned.
    #[must_use]
    pub fn inventory(&self) -> String {
        let rows = self.subscribers.iter().map(|n| format!("sip:{n}@{},,1,learn,\n", party::DOMAIN));
        "aor,device_class,max_devices,policy,note\n".to_owned() + &rows.collect::<String>()
    }

    /// For each actor: its name, number of calls, number of answered calls.
    #[must_use]
    pub fn actors(&self) -> Vec<(String, usize, usize)> {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for call in self.calls() {
            let (calls, answered) = counts.entry(&call.actor).or_default();
            *calls += 1;
            *answered += usize::from(call.is_answered());
        }
        let scans = self.items.iter().filter(|i| matches!(i, Item::Probe(p) if p.method == "INVITE")).count();
        counts.insert("scanner", (scans, 0));
        counts.into_iter().map(|(actor, (calls, answered))| (actor.to_owned(), calls, answered)).collect()
    }
}
