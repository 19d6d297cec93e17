use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bellwether_acoustics::Classes;
use bellwether_base::{Loss, LossKind, Timestamp};
use bellwether_clock::Tolerance;
use bellwether_devices::{Inventory, Population, Strictness};
use bellwether_fingerprint::Signatures;
use bellwether_scoring::{LabelEvidence, Settings, Subject};
use rusqlite::{Connection, Row};
use serde_json::{Map, Value, json};

use crate::StoreError;
use crate::alerts::{ALERTS, alert};
use crate::blindness::SpansOfLoss;
use crate::campaigns::CAMPAIGNS;
use crate::devices::Subscriber;
use crate::platforms::{self, Platforms};
use crate::reading::{Opened, Promise, open_for_reading};
use crate::values::{
    CALLS, FINGERPRINTS, REGISTRATIONS, STREAMS, Stacks, call, fingerprint, parsed, stream, time,
};
use crate::verdicts::Freshness;

/// Losses that are spans and nothing else: no input counts them.
const SPANS_ONLY: [Loss; 3] = [Loss::InterfaceAway, Loss::SensorDown, Loss::SensorStopped];

/// The reports that have rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant is the report of its name")]
pub enum Report {
    Calls,
    Registrations,
    Streams,
    Devices,
    Fingerprints,
    Campaigns,
    Reputation,
    Alerts,
    Losses,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// A count or another whole number.
    Int,
    /// A measured number.
    Real,
    /// A moment, RFC 3339 in UTC with nanoseconds.
    Time,
    /// Yes or no.
    Bool,
    /// A list or an object.
    Json,
}

/// A column of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// Which rows of a report.
#[derive(Clone, Debug)]
pub struct Query {
    /// The report.
    pub report: Report,
    /// Rows from this moment on.
    pub since: Option<Timestamp>,
    /// Rows before this moment.
    pub until: Option<Timestamp>,
}

macro_rules! columns {
    ($($name:ident $kind:ident),* $(,)?) => { &[$(Column { name: stringify!($name), kind: Kind::$kind },)*] };
}

impl Report {
    /// Its columns, in order.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Calls => columns![
                call_id Text, from_tag Text, started_at Time, answered_at Time, ended_at Time, duration_s Real,
                final_status Int, caller Text, callee Text, source Text, destination Text, transport Text,
                user_agent Text, fingerprint Text, sip_author Text, sdp_author Text, path Text, stack Text,
                origin Text, trunk_id Text, access_side Text, attestation Text, passport Text, score Real,
                disposition Text, signals Json, device_verdict Text, campaign Text, duplicates Int, hops Int,
                linked_call_ids Json, dialled Text, last_destination Text, cancelled Bool, forks Int, reinvites Int,
                retransmissions Int, caller_kind Text, caller_country Text, callee_kind Text, callee_country Text,
                defects Json, hep_agent Int, mirror Text, sdp_stack Text, claim Text, referred_to Text, stage Text,
                label Text, identity Json, blind Json, not_judged_reason Text,
            ],
            Self::Registrations => columns![
                aor Text, contact Text, instance_id Text, source Text, registrar Text, transport Text,
                user_agent Text, fingerprint Text, stack Text, first_seen Time, last_seen Time, refreshes Int,
                duplicates Int, expires_s Int, period_s Real, period_observed_s Real, discipline Text, jitter_ms Real,
                rtt_ms Real, skew_ppm Real, skew_ci95_ppm Json, slope_ppm Real, lateness_ms Real, skew_method Text,
                no_fit Text, segments Int, challenges Int, last_status Int, hep_agent Int, mirror Text, claim Text,
                policy Text, rate_ppm Real, rate_ci95_ppm Json, rate_method Text, registered_by Text, ended_at Time,
            ],
            Self::Streams => columns![
                call_id Text, direction Text, src Text, dst Text, ssrc Int, codec Text, packets Int, lost Int,
                reordered Int, duplicates Int, jitter_ms Real, first_seen Time, last_seen Time, silence Json,
                class Text, class_mode Text, class_confidence Real, class_reason Text, media_skew_ppm Real,
                media_skew_ci95_ppm Json, media_skew_no_fit Text, rtcp_skew_ppm Real, rtcp_skew_ci95_ppm Json,
                rtcp_skew_no_fit Text, payload_type Int,
                restarts Int, telephone_events Int, comfort_noise Int, rtcp_packets Int, beginning Text, pauses Json,
                clock_rate Int, shown_rate Int,
                counted_in Text,
            ],
            Self::Devices => columns![
                aor Text, device Text, class Text, class_mode Text, skew_ppm Real, skew_ci95_ppm Json, fingerprint Text,
                expected_class Text, verdict Text, evidence Json, first_seen Time, last_seen Time, instance_id Text,
                stack Text, refresh_policy Text, registrations Int, calls Int, sources Json, other_aors Json, enrolled Bool,
            ],
            Self::Fingerprints => columns![
                fingerprint Text, readable Text, stack Text, claimed_agents Json, calls Int, registrations Int,
                callers Int, sources Int, first_seen Time, last_seen Time, reputation Real, label Text,
                specificity Real, method Text, sip_author Text, sdp_author Text, sdp_stack Text, claims Json, too_little_material Bool, trunks Int, list Text,
                honest_parties Int,
            ],
            Self::Campaigns => columns![
                campaign Text, fingerprints Json, calls Int, callers Int, callees Int, sources Int, first_seen Time,
                last_seen Time, score Real, links Json, call_ids Json, found_at Time, confirmed Bool, state Text,
                user_agents Json, answered Int, label Text,
            ],
            Self::Reputation => columns![
                kind Text, subject Text, reputation Real, list Text, specificity Real, honest_parties Int, calls Int,
                fraud_labels Int, legit_labels Int, fraud_observed Real, legit_observed Real, why Text, changed_at Time,
            ],
            Self::Alerts => columns![
                at Time, kind Text, severity Text, subject Text, message Text, call_id Text, campaign Text,
            ],
            Self::Losses => columns![
                name Text, count Int, cause Text, remedy Text, kind Text, from Time, until Time, spans Json,
                spans_left_off Int,
            ],
        }
    }
}

/// Reads a database, and cannot change it.
pub struct Reader {
    pub(crate) db: Connection,
    /// Where it is read on the promise that nobody writes.
    promise: Option<Promise>,
    pub(crate) platforms: Platforms,
    pub(crate) tolerance: Tolerance,
    /// The device classes, once they were asked for.
    pub(crate) classes: OnceLock<Arc<Classes>>,
    /// When the clock that stamps packets was stepped, once that was asked.
    pub(crate) sensor_steps: OnceLock<Arc<[(Timestamp, Timestamp)]>>,
    /// The inventory and who writes for whom, once they were asked for, and subscribers that were looked at.
    pub(crate) inventory: OnceLock<Arc<Inventory>>,
    pub(crate) population: OnceLock<Arc<Population>>,
    pub(crate) subscribers: RefCell<BTreeMap<String, Arc<Subscriber>>>,
    pub(crate) freshness: Freshness,
    pub(crate) strictness: Strictness,
    pub(crate) settings: Settings,
    /// The labels, once they were asked for.
    pub(crate) labels: OnceLock<Arc<BTreeMap<Subject, Vec<LabelEvidence>>>>,
    /// When anything was last seen, once that was asked.
    pub(crate) last_seen: OnceLock<Timestamp>,
}

/// What a row visitor gets: the values in the order of the report's columns.
pub type Values = Vec<Value>;

impl Reader {
    /// Opens a database that exists.
    ///
    /// # Errors
    /// If there is none, or it is newer than this program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let Opened { db, promise } = open_for_reading(path)?;
        Ok(Self { promise, ..Self::from_connection(db) })
    }

    /// Reads over the connection of a closed writer: the only way to a database in memory.
    #[must_use]
    pub fn from_connection(db: Connection) -> Self {
        // The signatures that come with the program can be read: a test holds that.
        let platforms = Platforms::new(Signatures::with(None).unwrap_or_default());
        Self {
            db,
            promise: None,
            platforms,
            tolerance: Tolerance::default(),
            classes: OnceLock::new(),
            sensor_steps: OnceLock::new(),
            inventory: OnceLock::new(),
            population: OnceLock::new(),
            subscribers: RefCell::default(),
            freshness: Freshness::default(),
            strictness: Strictness::default(),
            settings: Settings::default(),
            labels: OnceLock::new(),
            last_seen: OnceLock::new(),
        }
    }

    /// Recognises stacks by these signatures.
    #[must_use]
    pub fn with_signatures(self, signatures: Signatures) -> Self {
        Self { platforms: Platforms::new(signatures), ..self }
    }

    /// Compares clocks with this allowance for chance and drift.
    #[must_use]
    pub fn with_tolerance(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    /// Judges devices this strictly.
    #[must_use]
    pub fn with_strictness(self, strictness: Strictness) -> Self {
        Self { strictness, ..self }
    }

    /// Goes by these settings when reputations are worked out.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Forgets all that was asked of the database before.
    pub(crate) fn forget(&mut self) {
        self.classes = OnceLock::new();
        self.inventory = OnceLock::new();
        self.population = OnceLock::new();
        self.forget_observations();
    }

    /// Forgets what is made of what the sensor writes all the time. Who writes for whom changes slowly, and classes and the
    /// inventory only when somebody else writes.
    pub(crate) fn forget_observations(&mut self) {
        self.labels = OnceLock::new();
        self.last_seen = OnceLock::new();
        self.sensor_steps = OnceLock::new();
        self.subscribers.get_mut().clear();
    }

    /// Hands every row of a report to `visit`, in a fixed order, until it breaks off.
    ///
    /// # Errors
    /// If the database fails.
    pub fn rows(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.visit_rows(query, visit)?;
        self.is_whole()
    }

    /// Whether all that was read is of one state of the database. Only where it was opened on the promise that nobody writes can that fail.
    ///
    /// # Errors
    /// If somebody wrote.
    pub fn is_whole(&self) -> Result<(), StoreError> {
        self.promise.as_ref().map_or(Ok(()), Promise::is_kept)
    }

    fn visit_rows(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let origins = std::cell::Cell::new(-1);
        match query.report {
            Report::Calls => {
                let blindness = self.blindness()?;
                self.table(
                    query,
                    CALLS,
                    "started_at",
                    "",
                    "started_at, calls.call",
                    |reader, row| {
                        call(&reader.db, row, reader.stacks_of(row)?, &reader.verdict_of(row)?, &blindness)
                    },
                    visit,
                )
            }
            Report::Streams => self.table(
                query,
                STREAMS,
                "streams.first_seen",
                "",
                "streams.first_seen, streams.stream",
                |reader, row| stream(row, &*reader.known_classes()?),
                visit,
            ),
            Report::Registrations => self.table(
                query,
                REGISTRATIONS,
                "max(o.last_at)",
                "GROUP BY r.registration",
                "min(o.first_at), r.registration",
                Self::registration_row,
                visit,
            ),
            Report::Devices => self.device_rows(query, visit),
            Report::Fingerprints => self.table(
                query,
                FINGERPRINTS,
                "last_seen",
                "",
                "calls + registrations DESC, fingerprint",
                |reader, row| {
                    if origins.get() < 0 {
                        origins.set(platforms::origins(&reader.db)?);
                    }
                    let reputed = reader.reputed_print(row)?;
                    fingerprint(row, reader.all_claims(row)?, origins.get(), &reputed)
                },
                visit,
            ),
            Report::Campaigns => self.table(
                query,
                CAMPAIGNS,
                "k.last_seen",
                "",
                "k.first_seen, k.name",
                Self::campaign_values,
                visit,
            ),
            Report::Reputation => self.reputations(visit),
            Report::Alerts => self.table(
                query,
                ALERTS,
                "alerts.at",
                "",
                "alerts.at, alerts.kind, alerts.subject",
                |_, row| alert(row),
                visit,
            ),
            Report::Losses => self.losses(visit),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one SELECT")]
    fn table(
        &self,
        query: &Query,
        select: &str,
        time: &str,
        group: &str,
        order: &str,
        values: impl Fn(&Self, &Row<'_>) -> Result<Values, StoreError>,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let range = format!("{time} >= ?1 AND {time} < ?2");
        let filter =
            if group.is_empty() { format!("WHERE {range}") } else { format!("{group} HAVING {range}") };
        let mut statement = self.db.prepare(&format!("{select} {filter} ORDER BY {order}"))?;
        let since = query.since.map_or(i64::MIN, Timestamp::as_nanos);
        let until = query.until.map_or(i64::MAX, Timestamp::as_nanos);
        let mut rows = statement.query([since, until])?;
        while let Some(row) = rows.next()? {
            if visit(values(self, row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What the whole database amounts to.
    ///
    /// # Errors
    /// If the database fails.
    pub fn summary(&self) -> Result<Map<String, Value>, StoreError> {
        let (inputs, packets, bytes, first, last): (i64, i64, i64, Option<i64>, Option<i64>) = self
            .db
            .query_row(
            "SELECT count(*), coalesce(sum(packets), 0), coalesce(sum(bytes), 0), min(first_at), max(last_at)
             FROM inputs",
            [],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)),
        )?;
        let counters = self.counters()?;
        let group = |kind: &str| -> Map<String, Value> {
            let of_kind = counters.iter().filter(|((k, _), _)| k == kind);
            of_kind.map(|((_, name), n)| (name.clone(), json!(n))).collect()
        };
        let count = |table: &str| -> Result<i64, StoreError> {
            Ok(self.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0))?)
        };
        let losses: i64 = Loss::ALL
            .iter()
            .filter(|l| l.kind() != LossKind::Notice)
            .filter_map(|l| counters.get(&("loss".to_owned(), l.name().to_owned())))
            .sum();
        let spans = self.spans_by_loss()?;
        let losses = losses + SPANS_ONLY.iter().filter_map(|l| spans.get(l)).map(|s| s.count).sum::<i64>();
        let span = first.zip(last).map(|(first, last)| (last.saturating_sub(first)) as f64 / 1e9);
        let mut summary = Map::new();
        let mut put = |name: &str, value: Value| {
            summary.insert(name.to_owned(), value);
        };
        put("inputs", json!(inputs));
        put("packets", json!(packets));
        put("bytes", json!(bytes));
        put("first_at", time(first));
        put("last_at", time(last));
        put("span_s", json!(span));
        put("sip_messages", json!(counters.get(&("sip".to_owned(), "messages".to_owned())).unwrap_or(&0)));
        put("calls", json!(count("calls")?));
        put("calls_answered", json!(count("outcomes WHERE answered_at IS NOT NULL")?));
        put("registrations", json!(count("registrations")?));
        put("streams", json!(count("streams")?));
        put("fingerprints", json!(count("fingerprints")?));
        put("campaigns", json!(count("campaigns WHERE merged_into IS NULL AND calls > 0")?));
        put("scores", self.dispositions()?);
        put("calls_not_judged", self.not_judged(count("calls")?)?);
        put("alerts", json!(count("alerts")?));
        put("losses", json!(losses));
        put("sip_requests", Value::Object(group("request")));
        put("sip_responses", Value::Object(group("response")));
        put("sip", Value::Object(group("sip")));
        put("media", Value::Object(group("media")));
        put("frames", Value::Object(group("frames")));
        put("mirrors", Value::Object(group("mirror")));
        put("stamps", Value::Object(group("stamps")));
        put("sensor_clock", self.sensor_clock()?);
        put("opaque", Value::Object(group("opaque")));
        put("defects", Value::Object(group("defect")));
        Ok(summary)
    }

    /// The stacks of a call or registration, and whether its User-Agent agrees.
    pub(crate) fn stacks(&self, fingerprint: &str, user_agent: Option<&str>) -> Result<Stacks, StoreError> {
        let platform = self.platforms.of(&self.db, fingerprint)?;
        Ok(Stacks {
            stack: json!(platform.stack()),
            sdp_stack: json!(platform.sdp),
            claim: json!(self.platforms.claim(&self.db, fingerprint, user_agent)?.name()),
            is_thin: json!(platform.is_thin()),
        })
    }

    /// The stacks of a call's row.
    pub(crate) fn stacks_of(&self, row: &Row<'_>) -> Result<Stacks, StoreError> {
        let (fingerprint, agent): (String, Option<String>) =
            (row.get("fingerprint")?, row.get("user_agent")?);
        self.stacks(&fingerprint, agent.as_deref())
    }

    /// The stacks of a fingerprint, and what its User-Agents claim, in their order.
    pub(crate) fn all_claims(&self, row: &Row<'_>) -> Result<Stacks, StoreError> {
        let fingerprint: String = row.get("fingerprint")?;
        let platform = self.platforms.of(&self.db, &fingerprint)?;
        let agents = parsed(row, "agents")?;
        let mut claims = Vec::new();
        for agent in agents.as_array().into_iter().flatten() {
            claims.push(self.platforms.claim(&self.db, &fingerprint, agent.as_str())?.name());
        }
        Ok(Stacks {
            stack: json!(platform.stack()),
            sdp_stack: json!(platform.sdp),
            claim: json!(claims),
            is_thin: json!(platform.is_thin()),
        })
    }

    fn counters(&self) -> Result<BTreeMap<(String, String), i64>, StoreError> {
        let mut select =
            self.db.prepare("SELECT kind, name, sum(count) FROM counters GROUP BY kind, name")?;
        let rows: Result<_, rusqlite::Error> =
            select.query_map([], |r| Ok(((r.get(0)?, r.get(1)?), r.get(2)?)))?.collect();
        Ok(rows?)
    }

    fn losses(&self, visit: &mut dyn FnMut(Values) -> ControlFlow<()>) -> Result<(), StoreError> {
        let counters = self.counters()?;
        let (passed_over, refused) = self.undelivered()?;
        let spans = self.spans_by_loss()?;
        let none = SpansOfLoss::default();
        for loss in Loss::ALL {
            let count = match loss {
                // Alerts are lost on their way out, which is no input's.
                Loss::AlertPassedOver => passed_over,
                Loss::AlertRefused => refused,
                loss if SPANS_ONLY.contains(loss) => spans.get(loss).map_or(0, |spans| spans.count),
                _ => counters.get(&("loss".to_owned(), loss.name().to_owned())).copied().unwrap_or(0),
            };
            if count == 0 {
                continue;
            }
            let kind = match loss.kind() {
                LossKind::Frame => "frame",
                LossKind::Missed => "missed",
                LossKind::Partial => "partial",
                LossKind::Notice => "notice",
            };
            let mut values = vec![
                json!(loss.name()),
                json!(count),
                json!(loss.cause()),
                json!(loss.remedy()),
                json!(kind),
            ];
            values.extend(spans.get(loss).unwrap_or(&none).columns());
            if visit(values).is_break() {
                break;
            }
        }
        Ok(())
    }
}
