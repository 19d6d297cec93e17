//! Questions about scores, and telemetry, as a switch sends them.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bellwether_base::Timestamp;
use bellwether_store::Telemetry;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FieldError;
use crate::fields::Fields;

/// Longest INVITE, in octets: the largest UDP datagram.
const MAX_INVITE: usize = 65_535;

/// Longest wait for the packets of a call.
const MAX_WAIT_MS: f64 = 500.0;

/// The knowledge of a switch about a call. Any member may be absent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ScoreRequest {
    /// The Call-ID, as on the wire or as reports print it.
    pub call_id: Option<String>,
    /// The tag of the From header.
    pub from_tag: Option<String>,
    /// A fingerprint, as reports print it.
    pub fingerprint: Option<String>,
    /// The caller's number or user part, in clear text or as a token.
    pub calling: Option<String>,
    /// The called number, the same.
    pub called: Option<String>,
    /// The address from which the switch received the INVITE.
    pub source_ip: Option<IpAddr>,
    /// The trunk from which it came.
    pub trunk_id: Option<String>,
    /// The whole INVITE as the switch received it.
    #[serde(with = "in_base64")]
    pub invite: Option<Vec<u8>>,
    /// The attestation that the switch verified: A, B or C.
    pub attestation_level: Option<String>,
    /// Time of the call, in seconds since 1970.
    pub timestamp_epoch: Option<f64>,
    /// Time to wait for the packets of the call, which reach the mirror and the question at the same moment.
    pub wait_ms: u64,
}

/// Octets between two programs of this project, as base64 (RFC 4648 section 4).
mod in_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(octets: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        octets.as_ref().map(|octets| STANDARD.encode(octets)).serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        text.map(|text| STANDARD.decode(text).map_err(de::Error::custom)).transpose()
    }
}

impl ScoreRequest {
    /// Reads the members of a JSON object. Unknown members are ignored.
    ///
    /// # Errors
    /// If a member has the wrong type or is too long.
    pub fn parse(value: &Value) -> Result<Self, FieldError> {
        let fields = Fields::of(value)?;
        let attestation_level = fields.text("attestation_level")?.map(|level| level.to_ascii_uppercase());
        let is_level = |level: &String| level.is_empty() || ["A", "B", "C"].contains(&level.as_str());
        if !attestation_level.as_ref().is_none_or(is_level) {
            return Err(FieldError::new("attestation_level", "is not A, B or C"));
        }
        let wait = fields.number("wait_ms")?.unwrap_or(0.0);
        if wait < 0.0 {
            return Err(FieldError::new("wait_ms", "is negative"));
        }
        // A PASSporT stands in the INVITE, where it is checked. Alone it says nothing about a platform.
        fields.text_of("identity", 16_384)?;
        Ok(Self {
            call_id: fields.text("call_id")?.filter(|text| !text.is_empty()),
            from_tag: fields.text("from_tag")?.filter(|text| !text.is_empty()),
            fingerprint: fields.text("fingerprint")?.filter(|text| !text.is_empty()),
            calling: fields.text("calling")?.filter(|text| !text.is_empty()),
            called: fields.text("called")?.filter(|text| !text.is_empty()),
            source_ip: fields
                .parsed::<IpAddr>("source_ip", "an IP address")?
                .map(|address| address.to_canonical()),
            trunk_id: fields.text("trunk_id")?.filter(|text| !text.is_empty()),
            invite: fields.text_of("invite", 2 * MAX_INVITE)?.filter(|text| !text.is_empty()).map(invite),
            attestation_level: attestation_level.filter(|level| !level.is_empty()),
            timestamp_epoch: fields.number("timestamp_epoch")?,
            wait_ms: wait.min(MAX_WAIT_MS) as u64,
        })
    }
}

/// An INVITE as it is, or in Base64. A text that is neither stays as it is: reading it gives the reason.
fn invite(text: &str) -> Vec<u8> {
    let octets = if text.trim_start().get(..7).is_some_and(|method| method.eq_ignore_ascii_case("INVITE ")) {
        text.trim_start().as_bytes().to_vec()
    } else {
        let compact: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
        STANDARD.decode(compact).unwrap_or_else(|_| text.as_bytes().to_vec())
    };
    // Some clients send line ends of one character, in which no switch receives them.
    let has_crlf = octets.windows(2).any(|pair| pair == b"\r\n");
    if has_crlf {
        return octets;
    }
    let mut mended = Vec::with_capacity(octets.len() + 64);
    for octet in octets {
        if octet == b'\n' {
            mended.push(b'\r');
        }
        mended.push(octet);
    }
    mended
}

/// The record of another system about a call.
///
/// # Errors
/// If a member is missing, has the wrong type, or is an unmasked phone number.
pub fn parse_telemetry(value: &Value) -> Result<Telemetry, FieldError> {
    let fields = Fields::of(value)?;
    // They say nothing that the sensor does not know, but a wrong type is a fault of the client.
    for name in ["fingerprint", "attestation_level"] {
        fields.text(name)?;
    }
    let talk_time = fields.number("talk_time_seconds")?;
    if talk_time.is_some_and(|seconds| seconds < 0.0) {
        return Err(FieldError::new("talk_time_seconds", "is negative"));
    }
    let seconds = fields.number("timestamp_epoch")?;
    let seconds = seconds.ok_or_else(|| FieldError::new("timestamp_epoch", "is missing"))?;
    // Milliseconds since 1970 are a thousand times as many.
    let seconds = if seconds > 1e11 { seconds / 1e3 } else { seconds };
    Ok(Telemetry {
        call_id: fields.needed("call_id")?,
        fraud_score: fields.number("fraud_score")?,
        disposition: fields.masked("disposition")?,
        talk_time_seconds: talk_time,
        agent_id: fields.masked("agent_id")?,
        at: Timestamp::from_nanos((seconds * 1e9) as i64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_member_is_named() {
        for (value, field) in [
            (json!([]), ""),
            (json!({"call_id": 7}), "call_id"),
            (json!({"source_ip": "example.org"}), "source_ip"),
            (json!({"wait_ms": "soon"}), "wait_ms"),
            (json!({"wait_ms": -1}), "wait_ms"),
            (json!({"attestation_level": "D"}), "attestation_level"),
            (json!({"invite": "x".repeat(3 * MAX_INVITE)}), "invite"),
            (json!({"fingerprint": "f".repeat(4096)}), "fingerprint"),
        ] {
            assert_eq!(ScoreRequest::parse(&value).unwrap_err().field, field, "{value}");
        }
    }

    #[test]
    fn the_seeds_four_members_alone_do_and_null_is_absent() {
        let value = json!({
            "fingerprint": "f2-x", "attestation_level": "b", "trunk_id": "carrier-a", "timestamp_epoch": 1_790_000_000,
            "call_id": null, "unknown": [1]
        });
        let request = ScoreRequest::parse(&value).unwrap();
        assert_eq!(request.attestation_level.as_deref(), Some("B"));
        assert_eq!((request.call_id, request.wait_ms), (None, 0));
    }

    #[test]
    fn an_invite_is_read_raw_and_in_base64() {
        let raw = "INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n";
        let encoded = STANDARD.encode(raw);
        for text in [raw, encoded.as_str(), &raw.replace("\r\n", "\n")] {
            let request = ScoreRequest::parse(&json!({"invite": text})).unwrap();
            assert_eq!(request.invite.unwrap(), raw.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn telemetry_is_refused_by_the_name_of_the_member() {
        let good = json!({"call_id": "a", "fraud_score": 12, "talk_time_seconds": 3.5, "agent_id": "a-17", "timestamp_epoch": 1_790_000_000});
        assert_eq!(parse_telemetry(&good).unwrap().fraud_score, Some(12.0));
        for (value, field) in [
            (json!({"timestamp_epoch": 1}), "call_id"),
            (json!({"call_id": "a"}), "timestamp_epoch"),
            (json!({"call_id": "a", "timestamp_epoch": "now"}), "timestamp_epoch"),
            (json!({"call_id": "a", "timestamp_epoch": 1, "fraud_score": "low"}), "fraud_score"),
            (json!({"call_id": "a", "timestamp_epoch": 1, "agent_id": "+49 30 1234567"}), "agent_id"),
            (
                json!({"call_id": "a", "timestamp_epoch": 1, "disposition": "caller 212 555 0188 said"}),
                "disposition",
            ),
            (json!({"call_id": "a", "timestamp_epoch": 1, "talk_time_seconds": -3}), "talk_time_seconds"),
        ] {
            assert_eq!(parse_telemetry(&value).unwrap_err().field, field, "{value}");
        }
    }
}
