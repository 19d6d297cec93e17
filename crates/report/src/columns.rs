//! The reports and their columns.

use bellwether_base::Timestamp;
use serde_json::{Map, Value};

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
    Recordings,
    Incidents,
    Reputation,
    Alerts,
    Losses,
}

/// The kind of a column's values.
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
    /// The kind of its values.
    pub kind: Kind,
}

/// The rows of a report that are asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// The report.
    pub report: Report,
    /// Rows from this moment on.
    pub since: Option<Timestamp>,
    /// Rows before this moment.
    pub until: Option<Timestamp>,
}

impl Query {
    /// The time that it asks for: from the first moment on, before the second.
    pub(crate) fn span(&self) -> (Timestamp, Timestamp) {
        let until = self.until.unwrap_or(Timestamp::from_nanos(i64::MAX));
        (self.since.unwrap_or(Timestamp::MIN), until)
    }
}

macro_rules! columns {
    ($($name:ident $kind:ident),* $(,)?) => { &[$(Column { name: stringify!($name), kind: Kind::$kind },)*] };
}

impl Report {
    /// All reports.
    pub const ALL: [Self; 11] = [
        Self::Calls,
        Self::Registrations,
        Self::Streams,
        Self::Devices,
        Self::Fingerprints,
        Self::Campaigns,
        Self::Recordings,
        Self::Incidents,
        Self::Reputation,
        Self::Alerts,
        Self::Losses,
    ];

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
                fraud_probability Real, confidence Text, platform_family Text, notification Text,
                ended_by Text,
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
                class Text, class_set Json, class_mode Text, class_confidence Real, class_reason Text, media_skew_ppm Real,
                media_skew_ci95_ppm Json, media_skew_no_fit Text, rtcp_skew_ppm Real, rtcp_skew_ci95_ppm Json,
                rtcp_skew_no_fit Text, payload_type Int,
                restarts Int, telephone_events Int, comfort_noise Int, rtcp_packets Int, beginning Text, pauses Json,
                clock_rate Int, shown_rate Int,
                counted_in Text,
                recording Text, sound Text, heard_s Real, playback Json,
                loss_percent Real, burst_loss_percent Real, r_factor Real, mos Real, xr_mos Real, round_trip_ms Real,
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
                honest_parties Int, platform_family Text,
            ],
            Self::Campaigns => columns![
                campaign Text, fingerprints Json, calls Int, callers Int, callees Int, sources Int, first_seen Time,
                last_seen Time, score Real, links Json, call_ids Json, found_at Time, confirmed Bool, state Text,
                user_agents Json, answered Int, label Text, kind Text,
            ],
            Self::Recordings => columns![
                recording Text, class Text, calls Int, callers Int, sources Int, fingerprints Json, first_seen Time,
                last_seen Time, heard_s Real, commonplace Bool, label Text, call_ids Json, player Text, words Int,
                campaign Text,
            ],
            Self::Incidents => columns![
                incident Text, kind Text, severity Text, subject Text, opened_at Time, updated_at Time, closed_at Time,
                state Text, calls Int, exposed_minutes Real, exposed_money Real, fraud_probability Real, evidence Json,
                members Json, campaign Text, label Text,
            ],
            Self::Reputation => columns![
                kind Text, subject Text, reputation Real, list Text, specificity Real, honest_parties Int, calls Int,
                fraud_labels Int, legit_labels Int, fraud_observed Real, legit_observed Real, why Text, changed_at Time,
            ],
            Self::Alerts => columns![
                at Time, kind Text, severity Text, subject Text, message Text, call_id Text, campaign Text,
                incident Text, state Text,
            ],
            Self::Losses => columns![
                name Text, count Int, cause Text, remedy Text, kind Text, from Time, until Time, spans Json,
                spans_left_off Int,
            ],
        }
    }
}

impl Report {
    /// The place of a column.
    #[must_use]
    pub fn place(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// The column with the time that [`Query`] compares. Losses have none.
    #[must_use]
    pub const fn moment(self) -> Option<&'static str> {
        Some(match self {
            Self::Calls => "started_at",
            Self::Streams => "first_seen",
            Self::Registrations | Self::Devices | Self::Fingerprints | Self::Campaigns | Self::Recordings => {
                "last_seen"
            }
            Self::Incidents => "updated_at",
            Self::Reputation => "changed_at",
            Self::Alerts => "at",
            Self::Losses => return None,
        })
    }

    /// True if the rows come in the order in which their subjects began. The others come in the order of a count, a name or a score.
    #[must_use]
    pub const fn is_in_order_of_time(self) -> bool {
        !matches!(self, Self::Devices | Self::Fingerprints | Self::Reputation | Self::Losses)
    }
}

/// The values of a row in the order of the report's columns.
pub type Values = Vec<Value>;

/// The row as an object with its columns' names.
#[must_use]
pub fn object(report: Report, values: Values) -> Map<String, Value> {
    report.columns().iter().map(|c| c.name.to_owned()).zip(values).collect()
}
