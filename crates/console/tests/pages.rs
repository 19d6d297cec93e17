//! All pages over a database whose every text is hostile, and the laws that they keep.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeSet, VecDeque};

use bellwether_base::{Timestamp, percent_decoded};
use bellwether_console::{Answer, Lookup, PageRequest, Session, assets, error_page, page};
use bellwether_report::Reports;
use bellwether_store::Writer;

/// Markup, quotation marks, a control, an override of the direction, and characters that addresses use.
const HOSTILE: &str = "</td><script>alert(1)</script>\"'&\u{202e}\u{7}\u{1b}[31m ../?#%x";

/// A clear number, and its token.
const CLEAR: &str = "+4930901820";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct Key;

impl Lookup for Key {
    fn tokens_of(&self, clear: &str) -> Vec<String> {
        if clear == CLEAR { vec![TOKEN.to_owned()] } else { Vec::new() }
    }
}

/// The tables that a sensor and operators fill.
const TABLES: [&str; 37] = [
    "inputs",
    "counters",
    "loss_minutes",
    "runs",
    "blind_spans",
    "blind_spans_gone",
    "calls",
    "outcomes",
    "call_links",
    "instances",
    "telemetry",
    "streams",
    "registrations",
    "observations",
    "segments",
    "moves",
    "wall_clocks",
    "timers",
    "timer_observations",
    "sensor_clock",
    "fingerprints",
    "sightings",
    "habits",
    "identifiers",
    "labels",
    "operator_lists",
    "standings",
    "list_changes",
    "campaigns",
    "campaign_members",
    "campaign_events",
    "recordings",
    "incidents",
    "incident_members",
    "verdicts",
    "alerts",
    "deliveries",
];

/// The value of a column as SQL.
fn value(table: &str, column: &str, kind: &str) -> String {
    let json = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let hostile = json(HOSTILE);
    let list = json(&serde_json::json!([HOSTILE, HOSTILE]).to_string());
    match (table, column, kind) {
        ("blind_spans", "to_at", _) | (_, "merged_into" | "dialled_otherwise" | "closed_at" | "until", _) => "NULL".to_owned(),
        ("incidents", "evidence", _) => list,
        ("verdicts", "evidence", _) => {
            json(&serde_json::json!([{"kind": HOSTILE, "evidence": HOSTILE, "log10_ratio": 1.5}]).to_string())
        }
        ("campaigns", "links", _) => {
            json(&serde_json::json!([{"kind": HOSTILE, "evidence": HOSTILE}, {"kind": HOSTILE, "evidence": HOSTILE}]).to_string())
        }
        ("calls", "identity", _) => json(&serde_json::json!({"signer": HOSTILE}).to_string()),
        ("counters" | "blind_spans" | "blind_spans_gone" | "loss_minutes", "name", _) => "'record_damaged'".to_owned(),
        ("counters", "kind", _) => "'loss'".to_owned(),
        ("standings" | "list_changes", "layer", _) => "'fingerprint'".to_owned(),
        ("labels", "kind", _) => "'campaign'".to_owned(),
        ("labels", "label", _) => "'fraud'".to_owned(),
        ("operator_lists", "kind", _) => "'number'".to_owned(),
        ("operator_lists", "list", _) => "'block'".to_owned(),
        ("incidents" | "alerts", "severity", _) => "'critical'".to_owned(),
        ("verdicts", "kind", _) => "'call'".to_owned(),
        (_, "answered_at" | "ended_at" | "last_at" | "last_seen", _) => "5000000000".to_owned(),
        (_, _, "INTEGER") => "1".to_owned(),
        (_, _, "REAL") => "1.0".to_owned(),
        (_, _, "BLOB") => "x''".to_owned(),
        _ => hostile,
    }
}

/// A database with one row in each table; each text that traffic or an operator controls is hostile.
fn hostile_database(room: &tempfile::TempDir) -> Writer {
    let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
    let db = writer.reader().connection();
    for table in TABLES.into_iter().chain(["acknowledgements", "comments", "audit"]) {
        let mut select = db.prepare(&format!("SELECT name, type FROM pragma_table_info('{table}')")).unwrap();
        let columns: Vec<(String, String)> =
            select.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<String> = columns.iter().map(|(name, kind)| value(table, name, kind)).collect();
        let insert = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
        db.execute_batch(&insert).unwrap_or_else(|e| panic!("{table}: {e}"));
    }
    db.execute_batch("UPDATE campaigns SET kind = 'campaign'; INSERT INTO scores (id, stage, at, score, disposition, signals, campaign)
        VALUES (1, 1, 1, 12.5, 'quarantine', '[]', 1)").unwrap();
    writer
}

fn session(may_label: bool) -> Session {
    Session { user: Some(HOSTILE.to_owned()), may_label, csrf: "secret".to_owned(), is_login_on: true }
}

fn ask(reports: &Reports<'_>, session: &Session, address: &str) -> Answer {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let request =
        PageRequest { path, query: &query, session, now: Timestamp::from_nanos(90_000_000_000_000) };
    page(reports, &Key, &request).unwrap()
}

fn decoded(text: &str) -> String {
    String::from_utf8(percent_decoded(text.as_bytes()).into_owned()).unwrap()
}

/// The text of an attribute as its characters.
fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The tags of a document.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest))
}

/// The document without the values of its fields: a form sends the exact text back, and a field shows nothing outside of itself.
fn without_values(text: &str) -> String {
    let mut parts = text.split(" value=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, rest| all + rest.split_once('"').map_or("", |(_, rest)| rest))
}

/// All pages that links of the first page lead to, and the pages of the navigation.
fn crawl(reports: &Reports<'_>, session: &Session) -> Vec<(String, Answer)> {
    let mut waiting: VecDeque<String> =
        ["/", "/login?failed=1", "/search", "/diff", "/search?q=192.0.2.1", "/search?q=%2B4930901820"]
            .map(str::to_owned)
            .into();
    let mut seen: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut answers = Vec::new();
    while let Some(address) = waiting.pop_front() {
        let answer = ask(reports, session, &address);
        if let Answer::Html(text) = &answer {
            for href in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let href = unescaped(href.split('#').next().unwrap());
                if href.starts_with('/') && !href.starts_with("/assets/") && seen.insert(href.clone()) {
                    waiting.push_back(href);
                }
            }
        }
        answers.push((address, answer));
    }
    answers
}

#[test]
fn every_page_renders_and_every_link_leads_to_a_page() {
    let room = tempfile::tempdir().unwrap();
    let writer = hostile_database(&room);
    let reports = Reports::of(writer.reader());
    let answers = crawl(&reports, &session(true));
    for (address, answer) in &answers {
        assert!(matches!(answer, Answer::Html(_) | Answer::Svg(_)), "{address}: {answer:?}");
    }
    let kinds: BTreeSet<&str> =
        answers.iter().map(|(address, _)| address[1..].split(['/', '?']).next().unwrap()).collect();
    for kind in [
        "",
        "audit",
        "call",
        "calls",
        "campaign",
        "campaigns",
        "device",
        "devices",
        "diff",
        "fingerprint",
        "fingerprints",
        "incident",
        "incidents",
        "lists",
        "live",
        "login",
        "losses",
        "places",
        "recording",
        "recordings",
        "search",
    ] {
        assert!(kinds.contains(kind), "no link leads to /{kind}");
    }
    let pictures = answers.iter().filter(|(_, answer)| matches!(answer, Answer::Svg(_))).count();
    assert!(pictures >= 6, "{pictures} pictures");
}

#[test]
fn text_of_traffic_stays_text_on_every_page() {
    let room = tempfile::tempdir().unwrap();
    let writer = hostile_database(&room);
    let reports = Reports::of(writer.reader());
    let mut shown = 0;
    for (address, answer) in crawl(&reports, &session(true)) {
        let (Answer::Html(text) | Answer::Svg(text) | Answer::NotFound(text) | Answer::BadRequest(text)) =
            answer;
        shown += usize::from(text.contains("&lt;script&gt;"));
        for wrong in [
            "<script>",
            "</td><script",
            "\u{202e}",
            "\u{7}",
            "\u{1b}",
            "javascript:",
            "<style",
            "http://",
            "https://",
        ] {
            let text = without_values(&text).replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains(wrong), "{address}: {wrong:?}");
        }
        for tag in tags(&text) {
            let name = tag.split_whitespace().next().unwrap_or_default();
            assert!(name != "script" || tag.starts_with("script src=\"/assets/"), "{address}: {tag}");
            // Attributes stand between closed quotation marks.
            let attributes = tag.split('"').step_by(2);
            for attribute in attributes.flat_map(str::split_whitespace).map(str::to_lowercase) {
                assert!(!attribute.starts_with("on") && !attribute.starts_with("style"), "{address}: {tag}");
            }
        }
    }
    assert!(shown > 15, "only {shown} pages show the hostile text");
}

#[test]
fn a_page_is_the_same_each_time() {
    let room = tempfile::tempdir().unwrap();
    let writer = hostile_database(&room);
    let reports = Reports::of(writer.reader());
    assert_eq!(crawl(&reports, &session(true)), crawl(&reports, &session(true)));
}

#[test]
fn a_clear_number_leads_to_its_calls_and_is_never_printed() {
    let room = tempfile::tempdir().unwrap();
    let writer = hostile_database(&room);
    writer.reader().connection().execute_batch(&format!("UPDATE calls SET caller = '{TOKEN}'")).unwrap();
    let reports = Reports::of(writer.reader());
    let Answer::Html(text) = ask(&reports, &session(true), "/search?q=%2B4930901820") else { panic!() };
    assert!(text.contains(TOKEN) && !text.contains("4930901820"), "{text}");
    let Answer::Html(text) = ask(&reports, &session(true), "/search?q=%2B4930901821") else { panic!() };
    assert!(!text.contains("4930901821"), "{text}");
}

#[test]
fn a_user_without_the_right_sees_no_form_that_changes_something() {
    let room = tempfile::tempdir().unwrap();
    let writer = hostile_database(&room);
    let reports = Reports::of(writer.reader());
    for (address, answer) in crawl(&reports, &session(false)) {
        let Answer::Html(text) = answer else { continue };
        for tag in tags(&text).filter(|tag| tag.starts_with("form") && tag.contains("post")) {
            assert!(tag.contains("/act/logout") || tag.contains("/act/login"), "{address}: {tag}");
        }
    }
    let with_right = crawl(&reports, &session(true));
    let all: String = with_right
        .into_iter()
        .filter_map(|(_, answer)| if let Answer::Html(text) = answer { Some(text) } else { None })
        .collect();
    for form in ["label", "acknowledge", "comment", "list-add", "list-remove"] {
        assert!(all.contains(&format!("action=\"/act/{form}\"")), "{form}");
    }
    assert_eq!(all.matches("method=\"post\"").count(), all.matches("name=\"csrf\" value=\"secret\"").count());
}

#[test]
fn a_fragment_is_the_main_part_alone() {
    let room = tempfile::tempdir().unwrap();
    let writer = hostile_database(&room);
    let reports = Reports::of(writer.reader());
    let Answer::Html(text) = ask(&reports, &session(true), "/?fragment=1") else { panic!() };
    assert!(text.starts_with("<h1>Inbox</h1>") && !text.contains("<html"), "{text}");
}

#[test]
fn unknown_things_and_wrong_queries_have_pages_of_their_own() {
    let room = tempfile::tempdir().unwrap();
    let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
    let reports = Reports::of(writer.reader());
    for address in [
        "/nothing",
        "/call/x",
        "/incident/x",
        "/campaign/x",
        "/fingerprint/x",
        "/device/x",
        "/recording/x",
        "/calls/x",
        "/diff?a=x&b=y",
    ] {
        assert!(matches!(ask(&reports, &session(true), address), Answer::NotFound(_)), "{address}");
    }
    for address in ["/calls?after=x", "/calls?since=yesterday", "/calls?status=busy", "/calls?max_score=low"]
    {
        assert!(matches!(ask(&reports, &session(true), address), Answer::BadRequest(_)), "{address}");
    }
    let text = error_page(&session(true), "Too many requests", HOSTILE);
    assert!(text.contains("Too many requests") && !text.contains("<script>"), "{text}");
}

#[test]
fn pages_name_each_file_with_its_version() {
    let room = tempfile::tempdir().unwrap();
    let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
    let reports = Reports::of(writer.reader());
    let Answer::Html(text) = ask(&reports, &session(true), "/live") else { panic!() };
    for asset in assets() {
        let version = asset.etag();
        assert!(text.contains(&format!("{}?v={}", asset.path, version.trim_matches('"'))), "{}", asset.path);
        assert!(!asset.bytes.is_empty() && version.len() == 18, "{}", asset.path);
    }
}
