//! Alerts as JSON, posted to a program of the operator.

use std::fmt::Write;

use bellwether_base::{OutgoingAlert, Shown, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use ureq::http::{StatusCode, Uri, header};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::text::rfc3339;
use crate::{Delivery, Failure, OpenError, Receiver, Sender};

/// A webhook.
pub(crate) struct Webhook {
    agent: ureq::Agent,
    url: String,
    sender: Sender,
    secret: Option<Vec<u8>>,
}

impl Webhook {
    pub(crate) fn new(url: &str, delivery: &Delivery) -> Result<Self, OpenError> {
        if delivery.format.is_some() {
            return Err(OpenError::Format);
        }
        if delivery.tls.server_name.is_some() {
            return Err(OpenError::WebhookName);
        }
        url.parse::<Uri>().map_err(|e| OpenError::Url(e.to_string()))?;
        let timeouts = delivery.timeouts;
        let config = ureq::Agent::config_builder()
            .tls_config(tls(delivery)?)
            .timeout_connect(Some(timeouts.connect))
            .timeout_global(Some(timeouts.connect + timeouts.write + timeouts.confirm))
            .http_status_as_error(false)
            .user_agent(format!("bellwether/{}", delivery.sender.version))
            // The signature is for the configured server, not for one that it redirects to.
            .max_redirects(0)
            // Alerts are rare: an idle connection would mostly be closed before the next one.
            .max_idle_connections(0)
            .build();
        Ok(Self {
            agent: crate::agent(config),
            url: url.to_owned(),
            sender: delivery.sender.clone(),
            secret: delivery.secret.clone(),
        })
    }
}

fn tls(delivery: &Delivery) -> Result<TlsConfig, OpenError> {
    let read = |path: &std::path::PathBuf| -> Result<Vec<PemItem<'static>>, OpenError> {
        let wrong = |why: String| OpenError::File(path.clone(), why);
        let text = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
        parse_pem(&text).collect::<Result<_, _>>().map_err(|e| wrong(e.to_string()))
    };
    let certificates = |path| -> Result<Vec<Certificate<'static>>, OpenError> {
        let found: Vec<_> = read(path)?
            .into_iter()
            .filter_map(|item| if let PemItem::Certificate(found) = item { Some(found) } else { None })
            .collect();
        if found.is_empty() {
            Err(OpenError::File(path.clone(), "holds no certificate".into()))
        } else {
            Ok(found)
        }
    };
    let mut config = TlsConfig::builder();
    if let Some(ca) = &delivery.tls.ca {
        config = config.root_certs(RootCerts::new_with_certs(&certificates(ca)?));
    }
    if let Some((chain, key)) = &delivery.tls.client {
        let key = read(key)?
            .into_iter()
            .find_map(|item| if let PemItem::PrivateKey(found) = item { Some(found) } else { None })
            .ok_or_else(|| OpenError::File(key.clone(), "holds no key".into()))?;
        let key: PrivateKey<'static> = key;
        config = config.client_cert(Some(ClientCert::new_with_certs(&certificates(chain)?, key)));
    }
    Ok(config.build())
}

impl Receiver for Webhook {
    fn send(&mut self, outgoing: &OutgoingAlert, now: Timestamp) -> Result<(), Failure> {
        let body = body(outgoing, &self.sender);
        let mut request = self
            .agent
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", idempotency_key(outgoing, &self.sender));
        if let Some(secret) = &self.secret {
            let signed = signature(secret, now.as_nanos().div_euclid(1_000_000_000), &body);
            request = request.header("X-Bellwether-Signature", signed);
        }
        let answer = request.send(&body).map_err(|e| Failure::Unreachable(format!("cannot post: {e}")))?;
        outcome_of(answer.status())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// The server answers each post.
    fn batch_size(&self) -> usize {
        1
    }
}

/// The meaning of an answer (RFC 9110 section 15). A client error is final, except for the two that speak of time.
fn outcome_of(status: StatusCode) -> Result<(), Failure> {
    let says = || format!("the server answers {status}");
    if status.is_success() {
        Ok(())
    } else if status.is_client_error()
        && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
    {
        Err(Failure::Refused(says()))
    } else {
        Err(Failure::Unreachable(says()))
    }
}

/// The body. All members are always there, `null` for an absent value. The values stay as they are, and no octet of them acts on a
/// terminal that prints the body.
fn body(outgoing: &OutgoingAlert, sender: &Sender) -> String {
    let body = json!({
        "id": outgoing.id,
        "at": rfc3339(outgoing.alert.at),
        "sensor": sender.host,
        "kind": outgoing.alert.kind.name(),
        "severity": outgoing.alert.severity.name(),
        "subject": outgoing.alert.subject,
        "message": outgoing.alert.message,
        "call": outgoing.call_id,
        "campaign": outgoing.alert.campaign,
        "incident": outgoing.alert.incident.map(|news| news.incident.name()),
        "state": outgoing.alert.incident.map(|news| news.state.name()),
        "fingerprint": outgoing.fingerprint,
        "score": outgoing.score,
        "more": outgoing.more,
    });
    Shown::json(&body.to_string()).to_string()
}

/// The same key for the same alert, and never for another. It has the time, because numbers begin anew with a new database, and the number of
/// alerts that this one stands for.
fn idempotency_key(outgoing: &OutgoingAlert, sender: &Sender) -> String {
    let host = crate::text::printable(&sender.host, 255).replace(['"', '\\'], "_");
    format!("\"{host}-{}-{}-{}\"", outgoing.alert.at.as_nanos(), outgoing.id, outgoing.more)
}

/// The header that authenticates the sender and shows replays: the time of sending, and HMAC-SHA-256 (RFC 2104) of that time, a dot and the
/// body.
///
/// ```
/// # use bellwether_alert::signature;
/// assert_eq!(
///     signature(b"Jefe", 1700000000, "{}"),
///     "t=1700000000,v1=d3793e2b4103edfbd98cc19591832f5fad701d413db9fcae0ae7dab8184ed207"
/// );
/// ```
#[must_use]
pub fn signature(secret: &[u8], unix: i64, body: &str) -> String {
    let mut header = format!("t={unix},v1=");
    for octet in hmac_sha256(secret, &[unix.to_string().as_bytes(), b".", body.as_bytes()]) {
        let _ = write!(header, "{octet:02x}");
    }
    header
}

fn hmac_sha256(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104 section 2: a key longer than the block is hashed, a shorter one is filled up with zeros. Then no length can be refused.
    let mut block = [0; 64];
    if secret.len() > block.len() {
        block[..32].copy_from_slice(&sha2::Digest::finalize(sha2::Digest::chain_update(
            <Sha256 as sha2::Digest>::new(),
            secret,
        )));
    } else {
        block[..secret.len()].copy_from_slice(secret);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{sample, sample_with};
    use bellwether_base::Severity;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|o| format!("{o:02x}")).collect()
    }

    #[test]
    fn the_vectors_of_rfc_4231() {
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac_sha256(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn the_body_has_all_members() {
        let sender = Sender::new("sensor", "0.1.0");
        let odd = sample_with(7, |alert| alert.subject = "a\"\n\u{202e}".into());
        let odd = OutgoingAlert { score: Some(f64::NAN), ..odd };
        assert_eq!(
            body(&odd, &sender),
            "{\"id\":7,\"at\":\"2026-03-01T12:34:56.789012Z\",\"sensor\":\"sensor\",\
             \"kind\":\"device_unauthorised\",\"severity\":\"critical\",\"subject\":\"a\\\"\\n\\u202e\",\
             \"message\":\"call from a device that is none of the subscriber's\",\
             \"call\":\"a84b4c76e66710@pc33\",\"campaign\":null,\"incident\":null,\"state\":null,\"fingerprint\":\"2:9ac1\",\"score\":null,\"more\":0}"
        );
    }

    #[test]
    fn the_body_keeps_to_its_published_schema() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/webhook.json");
        let schema: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let sender = Sender::new("sensor", "0.1.0");
        for severity in [Severity::Notice, Severity::Warning, Severity::Critical] {
            let full = sample_with(7, |alert| {
                (alert.campaign, alert.severity) = (Some("c-1".into()), severity);
            });
            let full = OutgoingAlert { score: Some(0.5), ..full };
            let bare = sample_with(8, |alert| alert.severity = severity);
            let bare = OutgoingAlert { call_id: None, fingerprint: None, ..bare };
            for outgoing in [full, bare] {
                let body: serde_json::Value = serde_json::from_str(&body(&outgoing, &sender)).unwrap();
                assert_eq!(bellwether_testkit::violations(&schema, &body), Vec::<String>::new());
            }
        }
        let mut cut: serde_json::Value = serde_json::from_str(&body(&sample(7), &sender)).unwrap();
        cut.as_object_mut().unwrap().remove("subject");
        assert_eq!(bellwether_testkit::violations(&schema, &cut).len(), 1);
    }

    #[test]
    fn alerts_that_differ_have_different_keys() {
        let sender = Sender::new("sensor \"a\"", "0.1.0");
        let key = |outgoing: OutgoingAlert| idempotency_key(&outgoing, &sender);
        assert_eq!(key(sample(7)), "\"sensor__a_-1772368496789012345-7-0\"");
        assert_ne!(key(sample(7)), key(sample(8)));
        assert_ne!(key(sample(7)), key(OutgoingAlert { more: 1, ..sample(7) }));
    }

    #[test]
    fn only_an_answer_about_the_notice_refuses_it() {
        for (code, refused) in [
            (400, true),
            (401, true),
            (404, true),
            (413, true),
            (408, false),
            (429, false),
            (302, false),
            (500, false),
            (503, false),
        ] {
            let failure = outcome_of(StatusCode::from_u16(code).unwrap()).unwrap_err();
            assert_eq!(matches!(failure, Failure::Refused(_)), refused, "{code}");
        }
        assert!((200..300).all(|code| outcome_of(StatusCode::from_u16(code).unwrap()).is_ok()));
    }
}
