//! Seeds from captures of real programs: short ones, and one of each shape.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bellwether_base::{Counters, FlowKey};
use bellwether_capture::{CaptureReader, OpenError, Record};
use bellwether_rtp::{Kind, classify};
use bellwether_sip::{Message, Name, Verdict, probe, sdp};
use bellwether_testkit::{as_hep, as_web_socket};
use bellwether_wire::{Decoded, LinkType, TunnelPorts, decode};

use crate::input::with_length;
use crate::targets::frames;

/// Maximum number of seeds per shape.
const OF_A_SHAPE: u64 = 1;
/// Maximum number of seeds per target and capture.
const OF_A_CAPTURE: u64 = 12;
/// Maximum length of a stream or of a sequence of frames.
const LONGEST: usize = 6000;

/// Collects seeds, one per shape.
#[derive(Default)]
struct Gathered {
    seeds: BTreeSet<(&'static str, Vec<u8>)>,
    counts: Counters,
}

impl Gathered {
    fn put(&mut self, target: &'static str, shape: &str, seed: Vec<u8>) {
        let name = format!("{target} {shape}");
        if self.counts.get("shape", &name) < OF_A_SHAPE && self.counts.get("target", target) < OF_A_CAPTURE {
            self.counts.add("shape", name, 1);
            self.counts.add("target", target, 1);
            self.seeds.insert((target, seed));
        }
    }
}

/// The seeds of one capture: target and input.
///
/// # Errors
/// If the file is no capture.
pub fn seeds(path: &Path) -> Result<Vec<(&'static str, Vec<u8>)>, OpenError> {
    let mut gathered = Gathered::default();
    let mut streams: BTreeMap<FlowKey, Vec<u8>> = BTreeMap::new();
    let mut sequence = vec![0];
    let mut media = Vec::new();
    let mut reader = CaptureReader::open(path)?;
    while let Ok(Some(record)) = reader.next() {
        frame(&record, &mut gathered, &mut streams, &mut media, &mut sequence);
    }
    for (_, stream) in streams.into_iter().filter(|(_, stream)| probe(stream) != Verdict::NotOurs).take(3) {
        gathered.put("streams", "sip", [&[0x21, 0, 30], &stream[..]].concat());
        let framed = as_web_socket(&stream, 700, Some([1, 2, 3, 4]));
        let shake = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
        gathered.put("streams", "web socket", [&[1, 0, 90], &shake[..], &framed].concat());
        gathered.put("websocket", "stream", framed);
    }
    gathered.put("frames", "sequence", sequence);
    gathered.put("media", "stream", media);
    Ok(gathered.seeds.into_iter().collect())
}

fn frame(
    record: &Record<'_>,
    gathered: &mut Gathered,
    streams: &mut BTreeMap<FlowKey, Vec<u8>>,
    media: &mut Vec<u8>,
    sequence: &mut Vec<u8>,
) {
    if record.link != LinkType::Ethernet {
        return;
    }
    let shape = |what: &str| format!("{what} {:?}", record.frame.get(12..24));
    if sequence.len() + record.frame.len() < LONGEST {
        sequence.extend(frames::write(0, 2, record.frame));
    }
    match decode(record.link, record.frame, &TunnelPorts::default()).what {
        Decoded::Udp { payload, flow, .. } => match classify(payload) {
            Kind::Other => sip(payload, record, flow, gathered),
            kind => {
                gathered.put("wire", &shape("media"), [&[0], record.frame].concat());
                if media.len() < 600 {
                    media.extend(with_length(payload));
                }
                if kind == Kind::Rtp && payload.get(1).is_some_and(|octet| octet & 0x7f <= 8) {
                    let samples = payload.get(12..).unwrap_or_default();
                    let seed = [&[0, 0, 0, 0, 9, 1, 80], samples, &[0x40, 80, 0xff]].concat();
                    gathered.put("sound", "packet", seed);
                }
            }
        },
        Decoded::Tcp { flow, segment } => {
            gathered.put("wire", "tcp", [&[0], record.frame].concat());
            let stream = streams.entry(flow).or_default();
            if stream.len() + segment.payload.len() < LONGEST {
                stream.extend(segment.payload);
            }
        }
        Decoded::Fragment(_) => gathered.put("wire", "fragment", [&[0], record.frame].concat()),
        Decoded::Other | Decoded::Lost(_) => {
            gathered.put("wire", &shape("other"), [&[0], record.frame].concat())
        }
    }
}

fn sip(payload: &[u8], record: &Record<'_>, flow: FlowKey, gathered: &mut Gathered) {
    if probe(payload) == Verdict::NotOurs {
        return;
    }
    let message = Message::parse(payload);
    let shape = format!("{:?} {:?}", message.method(), message.headers().len());
    gathered.put("wire", "sip", [&[0], record.frame].concat());
    for target in ["sip", "fingerprint", "instance"] {
        gathered.put(target, &shape, payload.to_vec());
    }
    for header in message.headers() {
        match header.name {
            Name::Via | Name::From | Name::Contact | Name::Route | Name::PAssertedIdentity => {
                gathered.put("sip_values", header.name.canonical(), header.value.to_vec());
            }
            Name::Identity => {
                gathered.put("stir", "identity", [&[0, 0], header.value].concat());
            }
            _ => {}
        }
    }
    if let Some(body) = sdp::description(message.get(Name::ContentType), message.body()) {
        gathered.put("sdp", &body.len().to_string(), body.to_vec());
    }
    if flow.src.ip().is_ipv4() && record.frame.get(12..14) == Some(&[8, 0]) {
        let kept = bellwether_testkit::Frame { at: record.at, bytes: record.frame.to_vec() };
        let envelope = as_hep(&kept, 7);
        gathered.put("streams", "hep", [&[1, 0, 50], &envelope[..]].concat());
        gathered.put("hep", &shape, envelope);
    }
}
