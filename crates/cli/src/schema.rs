//! JSON Schemas of the reports, from their columns: `report WHAT --schema`, and the files of `docs/schema`.

use bellwether_base::AlertKind;
use bellwether_enrich::{AccessSide, PassportStatus};
use bellwether_report::{Column, DISPOSITIONS, Kind, Report, Sound};
use bellwether_scoring::IncidentKind;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::args::What;

/// The schema of the output of `report WHAT --format json`. A line of `--format jsonl` is one row.
pub(crate) fn schema(what: What) -> Value {
    let value = what.to_possible_value();
    let name = value.as_ref().map_or("", |value| value.get_name());
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:bellwether:report:{name}"),
        "title": format!("bellwether report {name}"),
        "description": value.as_ref().and_then(|v| v.get_help()).map(ToString::to_string),
    });
    let shape = match what.report() {
        None => summary(),
        Some(report) => {
            let columns = report.columns().iter();
            let row = object(columns.map(|c| (c.name, column(report, c))));
            json!({ "type": "array", "items": { "$ref": "#/$defs/row" }, "$defs": { "row": row } })
        }
    };
    if let (Value::Object(schema), Value::Object(shape)) = (&mut schema, shape) {
        schema.extend(shape);
    }
    schema
}

/// The schema of a column.
fn column(report: Report, column: &Column) -> Value {
    let shape = words(report, column.name).map_or_else(
        || match column.kind {
            Kind::Text => text(),
            Kind::Int => int(),
            Kind::Real => real(),
            Kind::Time => time(),
            Kind::Bool => bool(),
            Kind::Json => structure(report, column.name),
        },
        |words| json!({ "enum": words }),
    );
    if always(report).contains(&column.name) { shape } else { nullable(shape) }
}

/// The allowed words of a column of text, if limited.
pub(crate) fn words(report: Report, column: &str) -> Option<Vec<&'static str>> {
    let found = match (report, column) {
        (Report::Calls, "access_side") => {
            use AccessSide::{Inbound, Internal, Outbound, Unknown};
            [Inbound, Outbound, Internal, Unknown].map(AccessSide::name).to_vec()
        }
        (Report::Calls, "attestation") => vec!["A", "B", "C"],
        (Report::Calls, "passport") => PassportStatus::ALL.map(PassportStatus::name).to_vec(),
        (Report::Calls, "disposition") => DISPOSITIONS.to_vec(),
        (Report::Calls, "confidence") => vec!["none", "low", "medium", "high"],
        (Report::Calls, "stage") => vec!["provisional", "final"],
        (Report::Calls, "ended_by") => vec!["caller", "callee"],
        (Report::Calls, "not_judged_reason") => vec!["emergency_call", "judging_unfinished"],
        (Report::Calls, "device_verdict") | (Report::Devices, "verdict") => {
            vec!["authorised", "unauthorised", "unknown", "not_enrolled"]
        }
        (Report::Calls | Report::Registrations, "claim") => {
            vec!["consistent", "contradictory", "unverifiable", "nothing claimed"]
        }
        (
            Report::Calls | Report::Fingerprints | Report::Campaigns | Report::Recordings | Report::Incidents,
            "label",
        ) => vec!["fraud", "legit"],
        (Report::Incidents, "kind") => IncidentKind::ALL.map(IncidentKind::name).to_vec(),
        (Report::Incidents | Report::Alerts, "state") => vec!["opened", "updated", "closed"],
        (Report::Streams, "sound") => Sound::ALL.map(Sound::name).to_vec(),
        (Report::Recordings, "class") => vec!["voice", "stock"],
        (Report::Recordings, "player") => vec!["caller", "callee"],
        (Report::Registrations, "discipline") => vec!["periodic", "restart", "randomised", "undetermined"],
        (Report::Streams, "direction") => vec!["caller", "callee", "unknown"],
        (Report::Fingerprints | Report::Reputation, "list") => vec!["none", "block", "allow"],
        (Report::Reputation, "kind") => vec!["fingerprint", "deployment", "instance", "origin"],
        (Report::Campaigns, "kind") => vec!["campaign", "notification"],
        (Report::Campaigns, "state") => vec!["active", "dormant", "ended"],
        (Report::Alerts, "kind") => AlertKind::STORED.iter().map(AlertKind::name).collect(),
        (Report::Alerts | Report::Incidents, "severity") => vec!["notice", "warning", "critical"],
        (Report::Losses, "kind") => vec!["frame", "missed", "partial", "notice"],
        _ => return None,
    };
    Some(found)
}

/// The columns without null.
const fn always(report: Report) -> &'static [&'static str] {
    match report {
        Report::Calls => &[
            "call_id",
            "from_tag",
            "started_at",
            "caller",
            "callee",
            "source",
            "destination",
            "transport",
            "fingerprint",
            "sip_author",
            "origin",
            "access_side",
            "passport",
            "disposition",
            "signals",
            "device_verdict",
            "duplicates",
            "hops",
            "linked_call_ids",
            "dialled",
            "last_destination",
            "cancelled",
            "forks",
            "reinvites",
            "retransmissions",
            "caller_kind",
            "callee_kind",
            "defects",
            "claim",
        ],
        Report::Registrations => &[
            "aor",
            "contact",
            "source",
            "registrar",
            "transport",
            "fingerprint",
            "first_seen",
            "last_seen",
            "refreshes",
            "duplicates",
            "discipline",
            "segments",
            "challenges",
            "claim",
        ],
        Report::Streams => &[
            "direction",
            "src",
            "dst",
            "ssrc",
            "packets",
            "lost",
            "reordered",
            "duplicates",
            "first_seen",
            "last_seen",
            "payload_type",
            "restarts",
            "telephone_events",
            "comfort_noise",
            "rtcp_packets",
        ],
        Report::Devices => &[
            "aor",
            "device",
            "verdict",
            "evidence",
            "first_seen",
            "last_seen",
            "registrations",
            "calls",
            "sources",
            "other_aors",
            "enrolled",
        ],
        Report::Fingerprints => &[
            "fingerprint",
            "readable",
            "claimed_agents",
            "calls",
            "registrations",
            "callers",
            "sources",
            "method",
            "sip_author",
            "claims",
            "too_little_material",
            "trunks",
            "list",
            "honest_parties",
        ],
        Report::Campaigns => &[
            "campaign",
            "fingerprints",
            "calls",
            "callers",
            "callees",
            "sources",
            "first_seen",
            "last_seen",
            "links",
            "call_ids",
            "found_at",
            "confirmed",
            "state",
            "user_agents",
            "answered",
        ],
        Report::Recordings => &[
            "recording",
            "class",
            "calls",
            "callers",
            "sources",
            "fingerprints",
            "first_seen",
            "last_seen",
            "commonplace",
            "call_ids",
            "player",
            "words",
        ],
        Report::Incidents => &[
            "incident",
            "kind",
            "severity",
            "subject",
            "opened_at",
            "updated_at",
            "state",
            "calls",
            "exposed_minutes",
            "exposed_money",
            "fraud_probability",
            "evidence",
            "members",
        ],
        Report::Reputation => &[
            "kind",
            "subject",
            "reputation",
            "list",
            "specificity",
            "honest_parties",
            "calls",
            "fraud_labels",
            "legit_labels",
            "fraud_observed",
            "legit_observed",
        ],
        Report::Alerts => &["at", "kind", "severity", "subject", "message"],
        Report::Losses => &["name", "count", "cause", "remedy", "kind", "spans", "spans_left_off"],
    }
}

/// The schema of a column that holds a list or an object.
fn structure(report: Report, column: &str) -> Value {
    match (report, column) {
        (Report::Calls, "signals") => {
            list(object([("name", text()), ("points", real()), ("evidence", text())]))
        }
        (Report::Calls, "identity") => object([
            ("signer", nullable(text())),
            ("origid", nullable(text())),
            ("x5u", nullable(text())),
            ("age_s", nullable(int())),
            ("reasons", list(text())),
            ("slips", list(text())),
        ]),
        (Report::Streams, "silence") => object([
            ("packets", int()),
            ("energy", nullable(real())),
            ("dc_offset", nullable(real())),
            ("codes", counts()),
            ("law", nullable(text())),
            ("observed_packets", nullable(int())),
        ]),
        (Report::Streams, "pauses") => object([
            ("law", text()),
            ("packets", int()),
            ("observed_packets", int()),
            ("energy", real()),
            ("noise", real()),
            ("dc_offset", real()),
            ("lag1", real()),
            ("lag2", real()),
            ("crossings", real()),
            ("hum", real()),
            ("digital", bool()),
            ("constant_packets", int()),
            ("transcoded", bool()),
            ("surroundings", nullable(text())),
            ("codes", counts()),
        ]),
        (Report::Streams, "class_set") => {
            list(object([("class", text()), ("mode", nullable(text())), ("weight", real())]))
        }
        (Report::Streams, "playback") => {
            object([("pause_depth_db", int()), ("digital_silence_percent", int())])
        }
        (Report::Devices, "evidence") => {
            list(object([("kind", text()), ("evidence", text()), ("log10_ratio", real())]))
        }
        (Report::Campaigns, "links") => list(object([("kind", text()), ("evidence", text())])),
        (Report::Losses, "spans") => {
            list(object([("from", time()), ("until", nullable(time())), ("place", text()), ("count", int())]))
        }
        // The two ends of an interval.
        (_, name) if name.ends_with("_ci95_ppm") => {
            json!({ "type": "array", "items": real(), "minItems": 2, "maxItems": 2 })
        }
        _ => list(text()),
    }
}

/// The one object of `report summary`.
fn summary() -> Value {
    let step = object([
        ("kind", text()),
        ("from", time()),
        ("to", time()),
        ("amount", real()),
        ("devices", nullable(int())),
        ("of", nullable(int())),
    ]);
    object([
        ("inputs", int()),
        ("packets", int()),
        ("bytes", int()),
        ("first_at", nullable(time())),
        ("last_at", nullable(time())),
        ("span_s", nullable(real())),
        ("sip_messages", int()),
        ("calls", int()),
        ("calls_answered", int()),
        ("registrations", int()),
        ("streams", int()),
        ("fingerprints", int()),
        ("campaigns", int()),
        ("incidents", int()),
        ("scores", counts()),
        ("calls_not_judged", counts()),
        ("alerts", int()),
        ("losses", int()),
        ("sip_requests", counts()),
        ("sip_responses", counts()),
        ("sip", counts()),
        ("media", counts()),
        ("frames", counts()),
        ("mirrors", counts()),
        ("stamps", counts()),
        ("sensor_clock", list(step)),
        ("opaque", counts()),
        ("defects", counts()),
    ])
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn int() -> Value {
    json!({ "type": "integer" })
}

fn real() -> Value {
    json!({ "type": "number" })
}

fn bool() -> Value {
    json!({ "type": "boolean" })
}

/// RFC 3339 in UTC with nanoseconds.
fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// Counts by name.
fn counts() -> Value {
    json!({ "type": "object", "additionalProperties": int() })
}

/// An object that has all of these members. A later version may add members.
fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let properties: Map<String, Value> =
        members.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The same shape, or null.
fn nullable(mut shape: Value) -> Value {
    if let Some(Value::Array(words)) = shape.get_mut("enum") {
        words.push(Value::Null);
    } else if let Some(kind) = shape.get_mut("type") {
        *kind = json!([kind, "null"]);
    }
    shape
}
