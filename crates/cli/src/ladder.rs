//! `bellwether show call CALL-ID --ladder`.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use bellwether_base::{FlowKey, Shown};
use bellwether_evidence::{Packet, SipHead, search};
use bellwether_report::{
    Ladder, LadderCall, LadderEvent, LadderMessage, LadderSource, LadderStep, Reports, rfc3339,
};
use bellwether_store::Reader;

use crate::args::CaptureArgs;
use crate::args::{Common, Format};
use crate::config::Config;
use crate::notes::note;
use crate::out::{self, Out};
use crate::outcome::{Exit, Failure};
use crate::show::open_reader_with;
use crate::wanted::{Wanted, captures};

/// Characters of a line before its columns.
const MARGIN: usize = 12;

/// Least and greatest distance of two columns.
const PITCH: (usize, usize) = (22, 44);

/// Prints the ladder of a call.
pub(crate) fn run(common: &Common, args: &CaptureArgs, id: &str) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let (ladder, exit) = ladder(common, &config, &reader, args, id)?;
    reader.is_whole()?;
    if common.format == Format::Table {
        let mut out = Out::new();
        lines(&ladder).iter().try_for_each(|line| out.line(&Shown::of(line)))?;
        out.finish()?;
    } else {
        out::line(out::json(&ladder.to_json()))?;
    }
    Ok(exit)
}

/// The ladder by captures, or by the database where no capture is at hand.
fn ladder(
    common: &Common,
    config: &Config,
    reader: &Reader,
    args: &CaptureArgs,
    id: &str,
) -> Result<(Ladder, Exit), Failure> {
    let mut wanted = Wanted::new(common, config, reader, id)?;
    let reports = Reports::of(reader);
    let found = match captures(common, config, args, reader, &wanted) {
        Ok(inputs) => {
            let mut messages = Messages::default();
            let found = search(&inputs, &config.tunnels(), &mut |packet| {
                wanted.wants(packet, &mut |packet, head, _, call| messages.push(packet, head, call))
            });
            let is_whole = found.inputs.iter().all(|input| input.damage.is_none());
            let is_covered = wanted.unseen().is_empty() && wanted.uncovered(&found.inputs).is_empty();
            Some((messages.events, if is_whole && is_covered { Exit::Done } else { Exit::Partial }))
        }
        Err(e) if args.from.is_empty() && wanted.footprint.is_some() => {
            note(common, &format!("{e}; the ladder shows what the database keeps"));
            None
        }
        Err(e) => return Err(e),
    };
    match (found, &wanted.footprint) {
        (Some((events, exit)), Some(footprint)) if !events.is_empty() => {
            let calls = reports.ladder_calls(footprint)?;
            Ok((Ladder::new(LadderSource::Captures, calls, events, &footprint.streams), exit))
        }
        (Some((events, exit)), None) if !events.is_empty() => {
            let calls = vec![LadderCall { call_id: id.to_owned(), caller: None, callee: None }];
            Ok((Ladder::new(LadderSource::Captures, calls, events, &[]), exit))
        }
        (_, None) => Err(Failure::Work(format!("no message of {id} was found"))),
        (found, Some(footprint)) => {
            if found.is_some() {
                note(
                    common,
                    "the captures have no message of the call; the ladder shows what the database keeps",
                );
            }
            Ok((reports.ladder(footprint)?, Exit::Done))
        }
    }
}

/// Messages of a search, with a mark at repeated ones.
#[derive(Default)]
struct Messages {
    events: Vec<LadderMessage>,
    seen: BTreeSet<(FlowKey, u64)>,
}

impl Messages {
    fn push(&mut self, packet: &Packet<'_>, head: SipHead, call: usize) {
        let mut hasher = DefaultHasher::new();
        packet.octets.hash(&mut hasher);
        let is_repeated = !self.seen.insert((packet.flow, hasher.finish()));
        let (method, cseq) = (head.method.to_owned(), head.cseq);
        let event = match head.status {
            Some(status) => LadderEvent::Answer { status, method, cseq, is_repeated },
            None => LadderEvent::Request { method, cseq, is_repeated },
        };
        self.events.push(LadderMessage { at: packet.at, flow: packet.flow, call: Some(call), event });
    }
}

/// The lines of a ladder for a terminal.
fn lines(ladder: &Ladder) -> Vec<String> {
    let has_names = ladder.calls.len() > 1;
    let labels: Vec<String> = ladder.steps.iter().map(|step| label(step, has_names)).collect();
    let widest = labels.iter().chain(&ladder.hosts).map(|text| text.chars().count()).max().unwrap_or(0);
    let pitch = (widest + 8).clamp(PITCH.0, PITCH.1);
    let mut out = vec![format!("{} from {}", rfc3339(ladder.start()), source(ladder.source))];
    for (number, call) in ladder.calls.iter().enumerate() {
        let name = if has_names { format!("{}  ", name(number)) } else { String::new() };
        let party = |party: &Option<String>| party.clone().unwrap_or_else(|| "-".to_owned());
        out.push(format!("{name}{}  {} > {}", call.call_id, party(&call.caller), party(&call.callee)));
    }
    out.push(String::new());
    let mut head = " ".repeat(MARGIN);
    for host in &ladder.hosts {
        head.push_str(&format!("{host:<pitch$}"));
    }
    out.push(head.trim_end().to_owned());
    let start = ladder.start();
    for (step, label) in ladder.steps.iter().zip(&labels) {
        let offset = step.at.since(start).as_secs_f64();
        let rungs = rungs(ladder.hosts.len(), step, label, pitch);
        out.push(format!("{offset:>9.3} s {rungs}").trim_end().to_owned());
    }
    out
}

const fn source(source: LadderSource) -> &'static str {
    match source {
        LadderSource::Captures => "captures",
        LadderSource::Database => "the database alone: first INVITE, answer, end and streams",
    }
}

/// A, B and so on; numbers behind Z.
fn name(call: usize) -> String {
    u8::try_from(call)
        .ok()
        .filter(|call| *call < 26)
        .map_or_else(|| (call + 1).to_string(), |call| char::from(b'A' + call).to_string())
}

fn label(step: &LadderStep, has_names: bool) -> String {
    let call = step.call.filter(|_| has_names).map(|call| format!("{} ", name(call))).unwrap_or_default();
    let cseq = |cseq: &Option<u32>| cseq.map(|cseq| format!(" {cseq}")).unwrap_or_default();
    let again = |is_repeated: &bool| if *is_repeated { " again" } else { "" };
    match &step.event {
        LadderEvent::Request { method, cseq: number, is_repeated } => {
            format!("{call}{method}{}{}", cseq(number), again(is_repeated))
        }
        LadderEvent::Answer { status, method, cseq: number, is_repeated } => {
            format!("{call}{status} {method}{}{}", cseq(number), again(is_repeated))
        }
        LadderEvent::End => format!("{call}end"),
        LadderEvent::Media { codec, packets, until } => {
            let codec = codec.as_deref().unwrap_or("media");
            format!("{codec} {packets} packets {:.1} s", until.since(step.at).as_secs_f64())
        }
    }
}

/// The columns of one line, with an arrow between two of them. Media has a thick one.
fn rungs(hosts: usize, step: &LadderStep, label: &str, pitch: usize) -> String {
    let mut line: Vec<char> = vec![' '; hosts * pitch + 2 + label.len()];
    for column in 0..hosts {
        line[column * pitch] = '|';
    }
    let (left, right) = (step.from.min(step.to) * pitch, step.from.max(step.to) * pitch);
    let stroke = match step.event {
        LadderEvent::Media { .. } => '=',
        LadderEvent::Request { .. } | LadderEvent::Answer { .. } | LadderEvent::End => '-',
    };
    if left == right {
        // Both ends are one host.
        write_at(&mut line, left + 2, label);
        return line.into_iter().collect();
    }
    for place in &mut line[left + 1..right] {
        *place = stroke;
    }
    match (&step.event, step.from < step.to) {
        (LadderEvent::End, _) => {}
        (_, true) => line[right - 1] = '>',
        (_, false) => line[left + 1] = '<',
    }
    write_at(&mut line, left + 3, &format!(" {label} "));
    line.into_iter().collect()
}

/// Writes a text as far as the line goes.
fn write_at(line: &mut [char], at: usize, text: &str) {
    for (place, letter) in line.iter_mut().skip(at).zip(text.chars()) {
        *place = letter;
    }
}
