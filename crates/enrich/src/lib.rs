//! Enriches facts: ordered facts in, rows for the database out.
//!
//! An [`Enricher`] sees one linear stream of facts. It derives features from clear numbers for later scoring,
//! then replaces the numbers by keyed tokens. No clear number leaves the crate, unless the operator asked for
//! clear text. It also places calls on the site's topology and links B2BUA legs.
//!
//! This crate must never know packets, threads or SQL.
//!
//! A number in all its spellings has one token:
//!
//! ```
//! use bellwether_enrich::{Privacy, Tokeniser};
//!
//! let tokeniser = Tokeniser::new(&[7; 32], Privacy::Tokens);
//! let token = tokeniser.user("+14155550100");
//! assert_eq!(token, tokeniser.user("+1 (415) 555-0100"));
//! assert!(!token.as_str().contains("415"));
//! ```

mod attestation;
mod claims;
mod dial_plan;
mod emergency;
mod families;
mod legs;
mod lists;
mod mask;
mod masked;
mod number;
mod number_class;
mod numbering;
mod numbering_plan;
mod privacy;
mod readings;
mod rows;
mod sensitive;
mod topology;

pub use attestation::{Attested, PassportStatus};
pub use bellwether_stir::{CertificateError, Certificates};
pub use bellwether_tracker::Side;
pub use dial_plan::DialPlan;
pub use lists::{Brands, RiskyDestinations};
pub use masked::Masked;
pub use number::{NumberFacts, NumberKind};
pub use number_class::{NumberClass, class_of};
pub use numbering::Validity;
pub use numbering_plan::numbering_plan_version;
pub use privacy::{LocalNumbers, Privacy, Tokeniser, stored_aor};
pub use readings::{NoReadings, NumberReadings, Reading};
pub use rows::{
    AuthorRow, BlindRow, CallRow, CallTraits, CallUpdate, FingerprintObservationRow, FingerprintRow,
    InputRow, InstanceRow, OrphanByeRow, ReferralRow, RegistrationAttempt, RegistrationRow,
    RegistrationUpdate, Row, RunRow, SensorClockRow, SilenceRow, StreamRow, TimerRow, TrunkPolicy, Verstat,
    WallClockRow,
};
pub use sensitive::SensitiveNumbers;
pub use topology::{AccessSide, Topology, Trunk};

use std::sync::Arc;

use bellwether_base::{CallId, Endpoint, HashKey, SubjectId, Timestamp};
use bellwether_fingerprint::Grammar;
use bellwether_instance::Evidence as InstanceEvidence;
use bellwether_tracker::{
    AuthorSeen, CallProgress, CallStarted, Fact, FingerprintSeen, Party, RegistrationProgress,
    RegistrationStarted, Silence, StampedFact, StreamFact, TimerProgress,
};

use attestation::Tokens;
use emergency::Extensions;
use families::{Families, Seen};
use legs::Legs;
use mask::Mask;

/// Turns facts into rows.
pub struct Enricher {
    tokeniser: Tokeniser,
    site: Topology,
    sensitive: SensitiveNumbers,
    knowledge: Arc<Knowledge>,
    legs: Legs,
    tokens: Tokens,
    extensions: Extensions,
    families: Families,
}

/// The operator's data about numbers, names and signers.
#[derive(Default)]
pub struct Knowledge {
    /// The site's numbering and dialling rules.
    pub plan: DialPlan,
    /// Destinations of toll fraud.
    pub risky: RiskyDestinations,
    /// Names that callers impersonate.
    pub brands: Brands,
    /// Certificates of signers.
    pub certificates: Certificates,
}

impl Enricher {
    /// Creates an enricher for one installation.
    #[must_use]
    pub fn new(tokeniser: Tokeniser, site: Topology, sensitive: SensitiveNumbers, key: HashKey) -> Self {
        Self {
            tokeniser,
            site,
            sensitive,
            knowledge: Arc::default(),
            legs: Legs::new(key.derive("legs")),
            tokens: Tokens::new(key.derive("tokens")),
            extensions: Extensions::default(),
            families: Families::new(),
        }
    }

    /// Sets the operator's data.
    #[must_use]
    pub fn knowing(self, knowledge: Arc<Knowledge>) -> Self {
        Self { knowledge, ..self }
    }

    /// Replaces the topology.
    pub fn set_site(&mut self, site: Topology) {
        self.site = site;
    }

    /// Processes the next fact. Its rows go to `rows`, in an order that respects references.
    pub fn fact(&mut self, stamped: StampedFact, rows: &mut Vec<Row>) {
        match stamped.fact {
            Fact::Fingerprint(seen) => {
                let family = self.families.family(&Seen::from(&*seen));
                let mask = Mask::new(&self.tokeniser, &seen.named);
                rows.push(Row::Fingerprint(Box::new(FingerprintRow {
                    family,
                    ..fingerprint_row(&mask, &seen)
                })));
            }
            Fact::Author(seen) => {
                let mask = Mask::new(&self.tokeniser, &seen.named);
                rows.push(Row::Author(Box::new(author_row(&mask, &seen))));
            }
            Fact::Sighting(seen) => rows.push(Row::Sighting(Box::new(FingerprintObservationRow {
                fingerprint: seen.fingerprint,
                source: Endpoint::new(seen.source, 0),
                user_agent: Mask::new(&self.tokeniser, &seen.named).agent(seen.user_agent.expose()),
                at: seen.at,
            }))),
            Fact::CallStarted(started) => self.call_started(*started, rows),
            Fact::CallProgress(progress) => {
                rows.push(Row::CallUpdate(Box::new(self.progress(&progress))));
                link(self.legs.progress(&progress), rows);
            }
            Fact::CallUnderWay(progress) => rows.push(Row::CallUnderWay(Box::new(self.progress(&progress)))),
            Fact::MediaNamed(named) => link(self.legs.names_media(&named), rows),
            Fact::Referral(referral) => {
                self.legs.referred(referral.call, &referral.to_user);
                rows.push(Row::Referral(Box::new(ReferralRow {
                    call: referral.call,
                    referred_to: self.tokeniser.user(&referral.to_user),
                    // Only the caller's device is assessed. A referral by the callee is not the caller's
                    // action.
                    is_sensitive: referral.by == Side::Caller && self.sensitive.contains(&referral.to_user),
                })));
            }
            Fact::OrphanBye(end) => {
                let mask = Mask::new(&self.tokeniser, &end.named);
                rows.push(Row::OrphanBye(Box::new(OrphanByeRow {
                    call_id: mask.distinct(end.call_id.expose()),
                    wire_id: self.tokeniser.wire_id(end.call_id.expose()),
                    tags: end.tags.map(|tag| mask.identifier(tag.expose())),
                    ended_at: end.at,
                })));
            }
            Fact::RegistrationStarted(started) => self.registration_started(*started, rows),
            Fact::RegisterAnswered(answered) => {
                self.extensions.registered(&answered, &self.knowledge.plan);
                rows.push(Row::Attempt(Box::new(RegistrationAttempt {
                    registration: answered.registration,
                    aor: self.tokeniser.address(&answered.aor),
                    user: self.tokeniser.party(&answered.aor),
                    source: answered.device,
                    registrar: answered.registrar,
                    fingerprint: answered.fingerprint,
                    status: answered.status,
                    had_credentials: answered.had_credentials,
                    at: answered.at,
                })));
            }
            Fact::RegistrationEnded(ended) => {
                rows.push(Row::RegistrationEnd { registration: ended.registration, at: ended.at });
            }
            Fact::RegistrationProgress(progress) => {
                rows.push(Row::RegistrationUpdate(Box::new(registration_update(*progress))));
            }
            Fact::RegistrationUnderWay(progress) => {
                rows.push(Row::RegistrationUnderWay(Box::new(registration_update(*progress))));
            }
            Fact::Clock(seen) => rows.push(Row::WallClock(Box::new(WallClockRow {
                subject: seen.subject,
                kind: seen.kind,
                captured_at: seen.at,
                clock_at: seen.reading.at,
                resolution: seen.reading.resolution,
            }))),
            Fact::Timer(timer) => rows.push(Row::Timer(Box::new(self.timer(*timer)))),
            Fact::Stream(stream) => {
                link(self.legs.hears(&stream), rows);
                let also = self.legs.also_names(&stream);
                let mask = Mask::unnamed(&self.tokeniser);
                rows.push(Row::Stream(Box::new(stream_row(&mask, *stream, &also))));
            }
            Fact::StreamUnderWay(stream) => {
                let mask = Mask::unnamed(&self.tokeniser);
                rows.push(Row::StreamUnderWay(Box::new(stream_row(&mask, *stream, &[]))));
            }
        }
    }

    fn call_started(&mut self, call: CallStarted, rows: &mut Vec<Row>) {
        let links = self.legs.begin(&call);
        let context = attestation::Context {
            legs: self.legs.of(call.call),
            is_own: self.site.is_own(call.flow.src.ip()),
            certificates: &self.knowledge.certificates,
        };
        let attested = self.tokens.judge(&call, &context);
        let tokens = &self.tokeniser;
        let mask = Mask::new(tokens, &call.named);
        let attested = attested.map(|attested| Box::new(claims::masked(&mask, attested)));
        let caller_number = NumberFacts::of(&call.from.user, &self.knowledge.plan);
        let is_emergency = self.extensions.is_for_help(&call, &self.site, &self.knowledge.plan);
        let mut callee_number = NumberFacts::of(&call.to.user, &self.knowledge.plan);
        if callee_number.kind == NumberKind::Emergency && !is_emergency {
            callee_number.kind = NumberKind::Short;
        }
        let deployment = claims::deployment(tokens, &call);
        let traits =
            CallTraits { is_emergency, ..claims::traits(tokens, &self.site, &self.knowledge, &call) };
        let (side, trunk) = self.site.place(call.flow, call.flow);
        let callee = mask.party(&call.to);
        let (call_id, wire_id) = mask.call_id(call.call_id.expose());
        // In most calls To names the same user, which saves the computation of one token.
        let is_same = call.request_user == call.to.user && !call.to.user.is_empty();
        // The Request-URI often has an IP address as host. The host of To is the extension's domain.
        let dialled = if is_same {
            callee.clone()
        } else {
            let user = call.request_user.clone();
            tokens.party(&Party { user, host: call.to.host.clone(), display: String::new() })
        };
        let seen = Seen::of(&call.prints, call.started_at);
        let family = self.families.family(&seen);
        if let Some(family) = self.families.news(&seen, family) {
            rows.push(Row::Family { fingerprint: seen.print, family });
        }
        let asserted = call.asserted.as_ref().unwrap_or(&call.from);
        rows.push(Row::Call(Box::new(CallRow {
            call: call.call,
            wire_id,
            call_id,
            from_tag: mask.identifier(call.from_tag.expose()),
            started_at: call.started_at,
            caller: mask.party(&call.from),
            caller_host: tokens.host_of(&call.from),
            is_sensitive: self.sensitive.contains(&call.request_user)
                || self.sensitive.contains(&call.to.user),
            callee,
            dialled,
            caller_number,
            callee_number,
            callee_neighbourhood: tokens.neighbourhood(&call.to.user),
            source: call.flow.src,
            destination: call.flow.dst,
            transport: call.transport,
            user_agent: mask.optional_agent(call.user_agent.as_ref()),
            fingerprint: call.prints.combined,
            sip_author: call.prints.sip,
            sdp_author: call.prints.sdp,
            family,
            path: mask.optional(Some(&call.prints.path)).filter(|p| !p.is_empty()),
            origin: tokens.origin(&asserted.user, &asserted.host, &call.first_via_host),
            access_side: side,
            trunk_id: trunk.map(str::to_owned),
            attested,
            deployment,
            traits,
            defects: call.defects,
            hep_agent: call.agent,
            mirror: call.mirror.map(|mirror| mirror.to_string()),
        })));
        instances(&mask, call.call.into(), call.started_at, call.instances, rows);
        link(links, rows);
    }

    /// The path of a call through the site is known only after all hops.
    fn progress(&self, p: &CallProgress) -> CallUpdate {
        let (side, trunk) = self.site.place(p.first_hop, p.last_hop);
        CallUpdate {
            call: p.call,
            started_at: p.started_at,
            answered_at: p.answered_at,
            ended_at: p.ended_at,
            final_status: p.final_status,
            duplicates: p.duplicates,
            retransmissions: p.retransmissions,
            hops: p.hops,
            last_destination: p.last_hop.dst,
            access_side: side,
            trunk_id: trunk.map(str::to_owned),
            forks: p.forks,
            reinvites: p.reinvites,
            cancelled: p.cancelled,
            ended_by: p.ended_by,
            is_let_in: p.is_let_in,
        }
    }

    fn timer(&self, timer: TimerProgress) -> TimerRow {
        TimerRow {
            timer: timer.timer,
            kind: timer.kind.name(),
            aor: timer.party.map(|party| self.tokeniser.address(&party)),
            source: timer.flow.src,
            destination: timer.flow.dst,
            first_seen: timer.first_seen,
            last_seen: timer.last_seen,
            beats: timer.beats,
            segments: timer.segments,
        }
    }

    fn registration_started(&mut self, r: RegistrationStarted, rows: &mut Vec<Row>) {
        let mask = Mask::new(&self.tokeniser, &r.named);
        rows.push(Row::Registration(Box::new(RegistrationRow {
            registration: r.registration,
            aor: self.tokeniser.address(&r.aor),
            contact: self.tokeniser.address(&r.contact),
            instance_id: r.instance_id.map(|id| mask.distinct(id.expose())),
            source: r.flow.src,
            registrar: r.flow.dst,
            transport: r.transport,
            user_agent: mask.optional_agent(r.user_agent.as_ref()),
            fingerprint: r.prints.combined,
            first_seen: r.first_seen,
            hep_agent: r.agent,
            mirror: r.mirror.map(|mirror| mirror.to_string()),
        })));
        instances(&mask, r.registration.into(), r.first_seen, r.instances, rows);
    }
}

fn author_row(mask: &Mask<'_>, seen: &AuthorSeen) -> AuthorRow {
    let habits = seen.habits.iter().map(|(key, value)| (key.clone(), mask.text(value.expose()))).collect();
    let identifiers = seen.identifiers.iter().map(|(name, grammar)| {
        let beginning = mask.unnamed_beginning(grammar.prefix());
        (name, Grammar::stored(grammar.lengths, grammar.alphabet(), beginning))
    });
    AuthorRow { author: seen.sip, habits, identifiers: identifiers.collect() }
}

fn instances(
    mask: &Mask<'_>,
    subject: SubjectId,
    captured_at: Timestamp,
    evidence: Vec<InstanceEvidence>,
    rows: &mut Vec<Row>,
) {
    rows.extend(evidence.into_iter().map(|evidence| {
        Row::Instance(Box::new(InstanceRow {
            subject,
            kind: evidence.kind,
            instance: mask.distinct(&evidence.instance),
            counter: evidence.counter,
            captured_at,
            clock: evidence.clock.map(|clock| (clock.at, clock.resolution)),
        }))
    }));
}

fn fingerprint_row(mask: &Mask<'_>, seen: &FingerprintSeen) -> FingerprintRow {
    FingerprintRow {
        at: seen.at,
        fingerprint: seen.combined,
        readable: mask.text(seen.readable.expose()),
        method: mask.text(seen.method.expose()),
        sip_author: seen.sip,
        sdp_author: seen.sdp,
        family: seen.family,
    }
}

fn registration_update(p: RegistrationProgress) -> RegistrationUpdate {
    RegistrationUpdate {
        registration: p.registration,
        first_seen: p.first_seen,
        last_seen: p.last_seen,
        refreshes: p.refreshes,
        duplicates: p.duplicates,
        challenges: p.challenges,
        last_status: p.last_status,
        expires_s: p.expires_s,
        rtt_ms: p.rtt_ms,
        rtt_middle_ms: p.rtt_middle_ms,
        registered_by: p.registrar,
        ended_at: p.ended_at,
        moves: p.moves.iter().map(|m| (m.at, m.source)).collect(),
        segments: p.segments,
    }
}

fn link(links: Vec<legs::Link>, rows: &mut Vec<Row>) {
    rows.extend(links.into_iter().map(|(call, other)| Row::Link(call, other)));
}

fn stream_row(mask: &Mask<'_>, s: StreamFact, also: &[(CallId, Side)]) -> StreamRow {
    let (silence, pauses, reason) = match s.silence {
        Silence::Found(profile, pauses) => {
            (profile.map(SilenceRow::from), pauses.map(|p| p.to_octets()), None)
        }
        Silence::Pending => (None, None, None),
        Silence::Encrypted => (None, None, Some("encrypted")),
        Silence::Codec => (None, None, Some("codec_unsupported")),
        Silence::NoneFound => (None, None, Some("no_silence")),
    };
    StreamRow {
        stream: s.stream,
        call: s.call,
        direction: s.sender.map_or("unknown", |side| side.name()),
        src: s.flow.src,
        dst: s.flow.dst,
        ssrc: s.ssrc,
        codec: s.codec.as_ref().map(|codec| mask.codec(codec)),
        payload_type: s.payload_type,
        packets: s.packets,
        lost: s.lost,
        reordered: s.reordered,
        duplicates: s.duplicates,
        restarts: s.restarts,
        jitter_ms: s.jitter_ms,
        telephone_events: s.telephone_events,
        comfort_noise: s.comfort_noise,
        rtcp_packets: s.rtcp_packets,
        quality: s.quality,
        media_rate: s.media_rate,
        report_rate: s.report_rate,
        no_rates: s.no_rates,
        beginning: s.beginning.to_string(),
        also: also.iter().map(|(call, side)| (*call, side.name())).collect(),
        heard: s.heard,
        recording: None,
        first_seen: s.first_seen,
        last_seen: s.last_seen,
        silence,
        pauses,
        silence_reason: reason,
    }
}
