//! The packets of one call, campaign or incident in captures: which are wanted, and which captures are at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bellwether_app::InstallationKey;
use bellwether_base::{Timestamp, Transport};
use bellwether_capture::expand;
use bellwether_enrich::Tokeniser;
use bellwether_evidence::{
    Content, Gap, MediaFilter, Packet, SearchedInput, SipHead, Source, WantedStream, gaps,
};
use bellwether_report::{Footprint, FootprintCall, Reports};
use bellwether_store::Reader;

use crate::args::CaptureArgs;
use crate::args::Common;
use crate::calls::CallIds;
use crate::config::Config;
use crate::kept::kept_between;
use crate::notes::note;
use crate::outcome::Failure;

/// What a search looks for, and what it has found of it.
pub(crate) struct Wanted {
    /// What the database knows; none if the thing is a Call-ID that is not in the database.
    pub(crate) footprint: Option<Footprint>,
    /// Call-IDs, each with the numbers of its calls in the footprint.
    call_ids: BTreeMap<CallKey, Vec<usize>>,
    /// Needed for Call-IDs that are masked in reports.
    tokeniser: Option<Tokeniser>,
    media: MediaFilter,
    has_media: bool,
    /// Numbers of the first calls of Call-IDs with a message.
    seen: BTreeSet<usize>,
}

/// A Call-ID: as on the wire, or its token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum CallKey {
    Text(String),
    Token(i64),
}

impl Wanted {
    /// What belongs to a name. A name that the database does not know is taken for a Call-ID on the wire.
    pub(crate) fn new(common: &Common, config: &Config, reader: &Reader, id: &str) -> Result<Self, Failure> {
        let reports = Reports::of(reader);
        let stored = CallIds::new(common, config, reader).stored(id)?;
        let footprint = reports.footprint(&stored)?;
        let mut call_ids = BTreeMap::new();
        let calls = footprint.as_ref().map(|footprint| footprint.calls.as_slice()).unwrap_or_default();
        for (number, call) in calls.iter().enumerate() {
            call_ids.entry(key_of(call)).or_insert_with(Vec::new).push(number);
        }
        if calls.is_empty() {
            call_ids.insert(CallKey::Text(id.to_owned()), vec![0]);
        }
        let mut tokeniser = None;
        if call_ids.keys().any(|key| matches!(key, CallKey::Token(_))) {
            let mut warn = |warning: String| note(common, &warning);
            let key = InstallationKey::read(&config.key_file, &common.db, &mut warn)?;
            let key = key.ok_or_else(|| InstallationKey::missing(&config.key_file, &common.db))?;
            tokeniser = Some(Tokeniser::new(key.secret(), config.privacy()));
        }
        let (media, seen) = (MediaFilter::default(), BTreeSet::new());
        Ok(Self { footprint, call_ids, tokeniser, media, has_media: false, seen })
    }

    /// Wants packets of the streams too.
    pub(crate) fn with_media(mut self) -> Self {
        let streams = self.footprint.iter().flat_map(|footprint| &footprint.streams);
        let streams: Vec<WantedStream> = streams
            .map(|s| WantedStream { flow: s.flow, ssrc: s.ssrc, first: s.first, last: s.last })
            .collect();
        self.media = MediaFilter::new(&streams);
        self.has_media = true;
        self
    }

    /// True if the packet belongs to the thing. `hear` gets each message of its calls, with the call's number in the footprint.
    pub(crate) fn wants(
        &mut self,
        packet: &Packet<'_>,
        hear: &mut dyn FnMut(&Packet<'_>, SipHead, Transport, usize),
    ) -> bool {
        let Content::Sip(transport) = packet.content else { return self.media.wants(packet) };
        let Some(head) = packet.sip() else { return false };
        let Some(numbers) = self.calls_of(&head.call_id) else { return false };
        let first = numbers.first().copied().unwrap_or_default();
        let of_tag = numbers.iter().copied().find(|number| self.has_tag(*number, &head.tags));
        let number = of_tag.unwrap_or(first);
        self.seen.insert(first);
        hear(packet, head, transport, number);
        true
    }

    /// Calls without a message so far, by their Call-IDs in reports.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let calls = self.footprint.iter().flat_map(|footprint| &footprint.calls);
        let first = |call: &FootprintCall| self.call_ids.get(&key_of(call))?.first().copied();
        let is_unseen = |(number, call): &(usize, &FootprintCall)| {
            first(call) == Some(*number) && !self.seen.contains(number)
        };
        calls.enumerate().filter(is_unseen).map(|(_, call)| call.call_id.clone()).collect()
    }

    /// Times of the thing that no capture covers: times of its signalling, and of its media if it is wanted.
    pub(crate) fn uncovered(&self, inputs: &[SearchedInput]) -> Vec<Gap> {
        let Some(of) = &self.footprint else { return Vec::new() };
        gaps(of.from, if self.has_media { of.media_to } else { of.to }, inputs)
    }

    /// First and last time of the thing; all times if it is not in the database.
    fn span(&self) -> (Timestamp, Timestamp) {
        let of = self.footprint.as_ref();
        of.map_or((Timestamp::MIN, Timestamp::MAX), |of| (of.from, of.media_to))
    }

    /// True if one of the tags is the caller's tag of a call. Messages of the callee have it in To.
    fn has_tag(&self, number: usize, tags: &[String; 2]) -> bool {
        let call = self.footprint.as_ref().and_then(|footprint| footprint.calls.get(number));
        call.is_some_and(|call| tags.contains(&call.from_tag))
    }

    /// The numbers of the calls with a Call-ID on the wire.
    fn calls_of(&self, call_id: &str) -> Option<&[usize]> {
        let by_text = self.call_ids.get(&CallKey::Text(call_id.to_owned()));
        let by_token = || self.call_ids.get(&CallKey::Token(self.tokeniser.as_ref()?.wire_id(call_id)));
        by_text.or_else(by_token).map(Vec::as_slice)
    }
}

fn key_of(call: &FootprintCall) -> CallKey {
    call.wire_id.map_or_else(|| CallKey::Text(call.call_id.clone()), CallKey::Token)
}

/// The captures to search: those of the command line, or the ring, and those that the database was filled from and that are still there.
pub(crate) fn captures(
    common: &Common,
    config: &Config,
    args: &CaptureArgs,
    reader: &Reader,
    wanted: &Wanted,
) -> Result<Vec<Source>, Failure> {
    let (mut sources, mut paths) = (Vec::new(), args.from.clone());
    if args.from.is_empty() {
        let (from, to) = wanted.span();
        sources = kept_between(common, config, from, to)?;
        paths = known_captures(common, reader, (from, to), !sources.is_empty())?;
        if paths.is_empty() && sources.is_empty() {
            let why =
                "neither a ring nor a capture of that time is at hand; name captures with --from".to_owned();
            return Err(Failure::Usage(why));
        }
    }
    if paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failure::Usage(
            "captures are read twice, and standard input can be read once".to_owned(),
        ));
    }
    let inputs = expand(&paths).map_err(|e| Failure::Work(e.to_string()))?;
    sources.extend(inputs.into_iter().map(Source::Capture));
    Ok(sources)
}

/// The captures that the database names. Names of others are told where nothing replaces them.
fn known_captures(
    common: &Common,
    reader: &Reader,
    (from, to): (Timestamp, Timestamp),
    has_ring: bool,
) -> Result<Vec<PathBuf>, Failure> {
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for input in Reports::of(reader).inputs_between(from, to)? {
        let path = Path::new(&input.name);
        if path.is_file() { there.push(path.to_path_buf()) } else { gone.push(input.name) }
    }
    for name in gone.iter().filter(|_| !has_ring) {
        note(common, &format!("{name} is no capture at hand; --from names captures elsewhere"));
    }
    Ok(there)
}
