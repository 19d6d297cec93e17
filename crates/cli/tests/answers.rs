//! Answers about calls: what a question forecasts is what the capture brings.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking and says why on standard error")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_answers::InviteReader;
use bellwether_base::{HashKey, Timestamp};
use bellwether_capture::{CaptureReader, Record};
use bellwether_enrich::{CallRow, Privacy, Row, SensitiveNumbers, Tokeniser, Topology};
use bellwether_recorder::Recorder;
use bellwether_scoring::{ScoringEngine, Settings};
use bellwether_sensor::{Config, Patience, rehearse};
use bellwether_store::{Reader, Writer};
use bellwether_wire::LinkType;

const KEY: [u8; 32] = [7; 32];

fn config() -> Config {
    Config {
        workers: 1,
        limits: Default::default(),
        fragments: Default::default(),
        tcp: Default::default(),
        tunnels: Default::default(),
        recordings: 1000,
        key: HashKey::new([7; 16]),
        tokeniser: Tokeniser::new(&KEY, Privacy::Clear),
        site: Topology::default(),
        sensitive: SensitiveNumbers::default(),
        knowledge: Arc::default(),
        retention: None,
        patience: Patience::without_database(),
        tap: None,
    }
}

struct Frame {
    at: Timestamp,
    link: LinkType,
    octets: Vec<u8>,
}

/// The recorded campaigns: real programs, honest ones and robocallers.
fn frames() -> Vec<Frame> {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pcaps/campaigns/campaigns.pcap.zst");
    let mut capture = CaptureReader::open(&path).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = capture.next().unwrap() {
        frames.push(Frame { at: record.at, link: record.link, octets: record.frame.to_vec() });
    }
    frames
}

fn rows(frames: &[Frame], config: &Config) -> Vec<Row> {
    let records = frames.iter().map(|frame| Record {
        at: frame.at,
        link: frame.link,
        original_len: frame.octets.len() as u32,
        frame: &frame.octets,
    });
    rehearse(records, config).unwrap().rows
}

/// The INVITE of a call as its first frame has it.
fn invite<'f>(frames: &'f [Frame], call: &CallRow) -> Option<&'f [u8]> {
    let id = call.call_id.as_bytes();
    let frame = frames.iter().find(|frame| {
        frame.at == call.started_at && frame.octets.windows(id.len()).any(|window| window == id)
    })?;
    let begin = frame.octets.windows(7).position(|window| window == b"INVITE ")?;
    frame.octets.get(begin..)
}

#[test]
fn a_question_forecasts_the_score_that_the_packets_bring() {
    let config = config();
    let frames = frames();
    let rows = rows(&frames, &config);
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("x.db");
    let engine = ScoringEngine::new(Settings::default(), config.key);
    let mut recorder = Recorder::new(Writer::open(&path, "key").unwrap()).with_scoring(engine).unwrap();
    recorder.commit(true).unwrap();
    let advisor = recorder.advisor(frames[0].at, Reader::open(&path).unwrap()).unwrap().unwrap();
    let invites = InviteReader {
        key: config.key,
        tokeniser: config.tokeniser.clone(),
        site: config.site.clone(),
        sensitive: config.sensitive.clone(),
        knowledge: Arc::clone(&config.knowledge),
    };
    let (mut calls, mut same, mut quarantined, mut forecast_right) = (0_u32, 0_u32, 0_u32, 0_u32);
    for row in rows {
        let Row::Call(call) = &row else {
            recorder.push(row);
            continue;
        };
        let call = call.clone();
        // The switch asks before the mirror shows the packet, with the text that it received.
        let text = invite(&frames, &call).unwrap();
        let read = invites.read(text, Some(call.source.ip()), call.started_at).unwrap();
        let asked = &read.call;
        let shown = || {
            let print = read.print.as_ref().unwrap();
            advisor.reader().facts_of_message(print, read.author.as_ref(), asked.user_agent.as_deref())
        };
        assert_eq!(
            (
                &asked.call_id,
                &asked.caller,
                &asked.dialled,
                asked.fingerprint,
                &asked.deployment,
                &asked.origin
            ),
            (&call.call_id, &call.caller, &call.dialled, call.fingerprint, &call.deployment, &call.origin),
        );
        let twice = [(); 2].map(|()| advisor.forecast(asked, shown).unwrap().unwrap());
        assert_eq!(twice[0], twice[1], "a question changes nothing");
        recorder.push(row);
        recorder.commit(true).unwrap();
        let shown = advisor.present(call.call).unwrap();
        calls += 1;
        same += u32::from(shown.disposition == twice[0].disposition);
        if shown.disposition == bellwether_scoring::Disposition::Quarantine {
            quarantined += 1;
            forecast_right += u32::from(twice[0].disposition == shown.disposition);
        }
        if (shown.score - twice[0].score).abs() > 3.0 {
            eprintln!(
                "{} forecast, {} shown: {:?}\n   {:?}",
                twice[0].score,
                shown.score,
                twice[0].findings.iter().map(|f| (f.name(), f.points)).collect::<Vec<_>>(),
                shown.findings.iter().map(|f| (f.name(), f.points)).collect::<Vec<_>>()
            );
        }
    }
    eprintln!(
        "{calls} calls, {same} with the forecast disposition; {forecast_right} of {quarantined} quarantined ones"
    );
    assert!(calls > 100 && quarantined > 20, "the capture shows something");
    assert!(f64::from(same) >= 0.97 * f64::from(calls));
    assert!(f64::from(forecast_right) >= 0.95 * f64::from(quarantined));
}
