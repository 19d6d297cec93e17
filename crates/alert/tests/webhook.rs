//! A small HTTP server with prepared answers, which checks its requests.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/certificates.rs"]
mod certificates;
mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bellwether_alert::{Counts, Deliverer, Delivery, Target, TlsFiles};
use certificates::{Certificates, certificates};
use common::{Numbered, delivery, limits, now, run};
use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

const SECRET: &[u8] = b"what only both know";

/// A received post.
struct Posted {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// Takes one request and gives one answer.
fn serve(connection: &mut (impl Read + Write), status: u16) -> Posted {
    let mut reader = BufReader::new(&mut *connection);
    let mut text = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let line = text();
    let mut headers = BTreeMap::new();
    loop {
        let header = text();
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    connection.write_all(answer.as_bytes()).unwrap();
    Posted { line, headers, body: String::from_utf8(body).unwrap() }
}

/// A server that gives these answers, one after the other.
fn server(answers: &'static [u16]) -> (String, mpsc::Receiver<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, posted) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, connection) in answers.iter().zip(listener.incoming()) {
            told.send(serve(&mut connection.unwrap(), *status)).unwrap();
        }
    });
    (address, posted)
}

/// As a receiver has to check it.
fn is_signed(posted: &Posted) -> bool {
    let fields: BTreeMap<_, _> = posted.headers["x-bellwether-signature"]
        .split(',')
        .filter_map(|field| field.split_once('='))
        .collect();
    let time: i64 = fields["t"].parse().unwrap();
    let age = now().as_nanos() / 1_000_000_000 - time;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("{time}.{}", posted.body).as_bytes());
    let mut expected = String::new();
    for octet in mac.finalize().into_bytes() {
        write!(expected, "{octet:02x}").unwrap();
    }
    (0..60).contains(&age) && fields["v1"] == expected
}

#[test]
fn alerts_are_posted_signed_and_again_until_they_are_taken() {
    let (address, posted) = server(&[503, 200, 400, 429, 204, 302, 200]);
    let target: Target = format!("http://{address}/hooks/fraud?key=1").parse().unwrap();
    let delivery = Delivery { secret: Some(SECRET.to_vec()), ..delivery() };
    let mut deliverer = Deliverer::new("hook", target.open(&delivery).unwrap(), None, limits(), 1);
    let mut spool = Numbered { newest: 4, cursor: 0 };
    run(&mut deliverer, &mut spool, Duration::from_secs(20));
    assert_eq!(deliverer.counts(), Counts { sent: 3, refused: 1, failures: 3, ..Counts::default() });
    assert_eq!((spool.cursor, deliverer.refusal()), (4, Some("the server answers 400 Bad Request")));

    let posted: Vec<Posted> = posted.iter().collect();
    assert!(posted.iter().all(is_signed));
    let bodies: Vec<Value> = posted.iter().map(|p| serde_json::from_str(&p.body).unwrap()).collect();
    assert_eq!(bodies.iter().map(|b| b["id"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 1, 2, 3, 3, 4, 4]);
    let keys: Vec<&str> = posted.iter().map(|p| p.headers["idempotency-key"].as_str()).collect();
    assert!(keys[0] == keys[1] && keys[1] != keys[2] && keys[3] == keys[4] && keys[5] == keys[6], "{keys:?}");
    assert_eq!(posted[0].line, "POST /hooks/fraud?key=1 HTTP/1.1");
    assert_eq!(posted[0].headers["content-type"], "application/json");
    assert_eq!(
        bodies[0],
        json!({
            "id": 1, "at": "2026-03-01T12:34:56.789012Z", "sensor": "sensor.example.net",
            "kind": "device_shared", "severity": "warning", "subject": "sip:t-1@example.net",
            "message": "number 1, \"schön\" \\ ]", "call": "a\"b\\c]d", "campaign": null,
            "incident": null, "state": null,
            "fingerprint": "2:9ac1", "score": 0.5, "more": 0,
        })
    );
}

/// No thread gets a stack of this size, as none does where a service may have no more threads.
const NO_THREAD: (&str, &str) = ("RUST_MIN_STACK", "1152921504606846976");

#[test]
fn where_no_thread_can_be_started_a_receiver_is_away_and_the_process_lives() {
    if std::env::var(NO_THREAD.0).is_err() {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let name = "where_no_thread_can_be_started_a_receiver_is_away_and_the_process_lives";
        again.args(["--exact", name, "--test-threads=1"]).env(NO_THREAD.0, NO_THREAD.1);
        let output = again.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    assert!(std::thread::Builder::new().spawn(|| ()).is_err());
    let away = |target: &str| {
        let target: Target = target.parse().unwrap();
        target.open(&delivery()).unwrap().send(&common::numbered(1), now()).unwrap_err().to_string()
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for scheme in ["http", "tcp"] {
        let why = away(&format!("{scheme}://localhost:{port}"));
        assert!(why.contains("no thread can be started"), "{why}");
    }
    // An address in digits needs no thread, and no server is there.
    drop(listener);
    let why = away(&format!("http://127.0.0.1:{port}"));
    assert!(why.contains("refused"), "{why}");
}

/// A TLS server that wants a certificate from its clients.
fn tls(files: &Certificates) -> Arc<rustls::ServerConfig> {
    let pem = |path: &std::path::PathBuf| -> Vec<_> {
        CertificateDer::pem_file_iter(path).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pem(&files.ca).remove(0)).unwrap();
    let clients =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(pem(&files.server.0), PrivateKeyDer::from_pem_file(&files.server.1).unwrap())
        .unwrap();
    Arc::new(config)
}

#[test]
fn https_knows_its_server_and_shows_its_certificate() {
    let dir = tempfile::TempDir::new().unwrap();
    let files = certificates(dir.path());
    let config = tls(&files);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, posted) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(tls, connection.unwrap());
            // A client without a certificate does not get here.
            if stream.conn.complete_io(&mut stream.sock).is_ok() {
                told.send(serve(&mut stream, 202)).unwrap();
            }
        }
    });
    let target: Target = format!("https://localhost:{port}/").parse().unwrap();
    let known =
        TlsFiles { ca: Some(files.ca.clone()), client: Some(files.client.clone()), server_name: None };
    let send = |tls: TlsFiles| {
        let mut receiver = target.open(&Delivery { tls, ..delivery() }).unwrap();
        receiver.send(&common::numbered(1), now())
    };
    assert_eq!(send(known.clone()), Ok(()));
    let post = posted.recv().unwrap();
    assert!(!post.headers.contains_key("x-bellwether-signature"));
    assert!(send(TlsFiles { ca: None, ..known }).is_err(), "the public authorities did not sign this");
    assert!(posted.try_recv().is_err());
}
