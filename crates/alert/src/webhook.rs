//! Notices as JSON, posted to somebody's program.

use std::fmt::Write;

use bellwether_base::{Shown, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use ureq::http::{StatusCode, Uri, header};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::text::rfc3339;
use crate::{Delivery, Failure, Notice, OpenError, Receiver, Sender};

/// Who is posted to.
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
        let patience = delivery.patience;
        let config = ureq::Agent::config_builder()
            .tls_config(tls(delivery)?)
            .timeout_connect(Some(patience.connect))
            .timeout_global(Some(patience.connect + patience.write + patience.confirm))
            .http_status_as_error(false)
            .user_agent(format!("bellwether/{}", delivery.sender.version))
            // What is signed is for the server that was named, not for one that it names.
            .max_redirects(0)
            // Alerts are rare: a connection that was kept would mostly be closed by the next.
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
    fn send(&mut self, notice: &Notice, now: Timestamp) -> Result<(), Failure> {
        let body = body(notice, &self.sender);
        let mut request = self
            .agent
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", idempotency_key(notice, &self.sender));
        if let Some(secret) = &self.secret {
            let signed = signature(secret, now.as_nanos().div_euclid(1_000_000_000), &body);
            request = request.header("X-Bellwether-Signature", signed);
        }
        let answer = request.send(&body).map_err(|e| Failure::Away(format!("cannot post: {e}")))?;
        judge(answer.status())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Each is answered.
    fn portion(&self) -> usize {
        1
    }
}

/// RFC 9110 section 15: what the server will not take today it will not take tomorrow, but for two answers that speak of time.
fn judge(status: StatusCode) -> Result<(), Failure> {
    let says = || format!("the server answers {status}");
    if status.is_success() {
        Ok(())
    } else if status.is_client_error()
        && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
    {
        Err(Failure::Refused(says()))
    } else {
        Err(Failure::Away(says()))
    }
}

/// All members are always there, `null` where there is nothing to say. The values are what was said, and nothing of it acts on a
/// terminal that the body is printed to.
fn body(notice: &Notice, sender: &Sender) -> String {
    let body = json!({
        "id": notice.id,
        "at": rfc3339(notice.at),
        "sensor": sender.host,
        "kind": notice.kind,
        "severity": notice.severity.name(),
        "subject": notice.subject,
        "message": notice.message,
        "call": notice.call_id,
        "campaign": notice.campaign,
        "fingerprint": notice.fingerprint,
        "score": notice.score,
        "more": notice.more,
    });
    Shown::json(&body.to_string()).to_string()
}

/// The same for the same notice, and never for another: numbers begin anew with a new database, and two notices that speak for different
/// numbers of others differ.
fn idempotency_key(notice: &Notice, sender: &Sender) -> String {
    let host = crate::text::printable(&sender.host, 255).replace(['"', '\\'], "_");
    format!("\"{host}-{}-{}-{}\"", notice.at.as_nanos(), notice.id, notice.more)
}

/// The header by which a receiver knows who speaks and that it is not said again by another: the time of sending, and HMAC-SHA-256
/// (RFC 2104) of that time, a dot and the body.
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
    use crate::notice::tests::notice;

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
        let odd = Notice { score: Some(f64::NAN), subject: "a\"\n\u{202e}".into(), ..notice(7) };
        assert_eq!(
            body(&odd, &sender),
            "{\"id\":7,\"at\":\"2026-03-01T12:34:56.789012Z\",\"sensor\":\"sensor\",\
             \"kind\":\"device_unauthorised\",\"severity\":\"critical\",\"subject\":\"a\\\"\\n\\u202e\",\
             \"message\":\"call from a device that is none of the subscriber's\",\
             \"call\":\"a84b4c76e66710@pc33\",\"campaign\":null,\"fingerprint\":\"2:9ac1\",\"score\":null,\"more\":0}"
        );
    }

    #[test]
    fn the_body_keeps_to_its_published_schema() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/webhook.json");
        let schema: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let sender = Sender::new("sensor", "0.1.0");
        for severity in [crate::Severity::Notice, crate::Severity::Warning, crate::Severity::Critical] {
            let full = Notice { score: Some(0.5), campaign: Some("c-1".into()), severity, ..notice(7) };
            let bare = Notice { call_id: None, fingerprint: None, severity, ..notice(8) };
            for notice in [full, bare] {
                let body: serde_json::Value = serde_json::from_str(&body(&notice, &sender)).unwrap();
                assert_eq!(bellwether_testkit::violations(&schema, &body), Vec::<String>::new());
            }
        }
        let mut cut: serde_json::Value = serde_json::from_str(&body(&notice(7), &sender)).unwrap();
        cut.as_object_mut().unwrap().remove("subject");
        assert_eq!(bellwether_testkit::violations(&schema, &cut).len(), 1);
    }

    #[test]
    fn notices_that_differ_have_different_keys() {
        let sender = Sender::new("sensor \"a\"", "0.1.0");
        let key = |notice| idempotency_key(&notice, &sender);
        assert_eq!(key(notice(7)), "\"sensor__a_-1772368496789012345-7-0\"");
        assert_ne!(key(notice(7)), key(notice(8)));
        assert_ne!(key(notice(7)), key(Notice { more: 1, ..notice(7) }));
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
            let failure = judge(StatusCode::from_u16(code).unwrap()).unwrap_err();
            assert_eq!(matches!(failure, Failure::Refused(_)), refused, "{code}");
        }
        assert!((200..300).all(|code| judge(StatusCode::from_u16(code).unwrap()).is_ok()));
    }
}
