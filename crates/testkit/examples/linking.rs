//! Benchmark of scoring a new call and linking it to a campaign, over a database of carrier size
//! (`docs/bench-judgement.md`).
//!
//!     cargo run --release -p bellwether-testkit --example linking -- [--db FILE] [--calls N] [--campaigns N] \
//!         [--state cold|warm] [--sql TRIED]
//!
//! SQL statements create the database in a temporary folder: 10,000,000 calls of thirty days and 100,000 campaigns,
//! unless options change this. With FILE the database is created there and stays; an existing FILE is measured as it
//! is. Then calls go to a writer with scoring, one by one: cold, with an empty page cache, and warm. The SQL of TRIED
//! runs before, for example an index.
#![expect(clippy::print_stdout, clippy::disallowed_types, reason = "an example that measures itself")]

mod rows;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bellwether_base::{Endpoint, HashKey, Span, Timestamp};
use bellwether_enrich::{CallRow, CallTraits, FingerprintRow, Masked, Row};
use bellwether_recorder::Recorder;
use bellwether_scoring::{ScoringEngine, Settings};
use bellwether_store::Writer;
use bellwether_testkit::Rng;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use rustix::fs::{Advice, fadvise};
use rustix::time::{ClockId, clock_gettime};

use rows::{address, call, identity, memory_mib, platform, token};

const START: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);
const DAYS: i64 = 30;
const KEY: [u8; 16] = [7; 16];

const PLATFORMS: u64 = 2000;
const SUBSCRIBERS: u64 = 200_000;
/// Numbers of call centres, which make a tenth of all calls.
const CENTRES: u64 = 100;
/// Share of campaigns that are active at the same time: one in this number.
const AT_WORK: u64 = 10;

const SIGNALS: [&str; 4] = [
    r#"[{"name":"registered","points":12.0,"evidence":"the caller is registered from the address of the call"},{"name":"established","points":8.0,"evidence":"41 earlier calls, among them 17 conversations"}]"#,
    r#"[{"name":"attestation_full","points":4.0,"evidence":"attestation A by certificates.carrier.example, claimed, not verified"},{"name":"conversation","points":6.0,"evidence":"a conversation of 74 s"}]"#,
    r#"[{"name":"call_velocity","points":-6.0,"evidence":"288 calls per hour"},{"name":"short_calls","points":-5.0,"evidence":"19 of 24 answered calls ended within 20 s"}]"#,
    r#"[{"name":"campaign_member","points":-38.5,"evidence":"belongs to campaign c-23456789: the caller's number was hardly used before; the answered call ended soon"},{"name":"neighbour_number","points":-6.0,"evidence":"the numbers of caller and callee are equal but for the last four digits"}]"#,
];

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The size of the database.
#[derive(Clone, Copy)]
struct Size {
    calls: u64,
    campaigns: u64,
}

/// The kind of caller of a call in the database.
enum By {
    Subscriber(u64),
    Stranger,
    Centre(u64),
    Campaign(u64),
}

impl Size {
    fn at(self, number: u64) -> Timestamp {
        let step = DAYS * 86_400_000_000_000 / self.calls as i64;
        START + Span::from_nanos(step * number as i64)
    }

    fn by(self, number: u64) -> By {
        let mut rng = Rng::new(number);
        match rng.below(100) {
            0..50 => By::Subscriber(rng.below(SUBSCRIBERS)),
            50..80 => By::Stranger,
            80..90 => By::Centre(rng.below(CENTRES)),
            _ => {
                let newest = number * self.campaigns / self.calls;
                By::Campaign(newest.saturating_sub(rng.below(self.campaigns / AT_WORK)))
            }
        }
    }

    fn row(self, number: u64) -> CallRow {
        let by = self.by(number);
        let mut rng = Rng::new(!number);
        let callee = rng.below(2_000_000);
        let (caller, source, deployment, print, block) = match by {
            By::Subscriber(n) => {
                (token("subscriber", n), address(n), token("deployment", n % 5000), n % PLATFORMS, n / 100)
            }
            By::Stranger => {
                let carrier = rng.below(4);
                let source = Endpoint::v4([203, 0, 113, carrier as u8], 5060);
                (
                    token("stranger", number),
                    source,
                    token("carrier", carrier),
                    carrier,
                    10_000 + rng.below(1_000_000),
                )
            }
            By::Centre(n) => {
                let source = Endpoint::v4([198, 51, 100, n as u8], 5060);
                (token("centre", n), source, token("centre's deployment", n), 100 + n, 5000 + n)
            }
            By::Campaign(n) => robot(n, number / 2, rng.below(40)),
        };
        CallRow {
            source,
            user_agent: Some(Masked::stored(format!("Phone {print} 4.{}", print % 7))),
            origin: Masked::stored(token("origin", number / 8)),
            deployment: Masked::stored(deployment),
            callee_neighbourhood: Some(Masked::stored(token("block", callee / 1000))),
            traits: CallTraits {
                caller_neighbourhood: Some(Masked::stored(token("callers' block", block))),
                ..CallTraits::default()
            },
            ..call(number, self.at(number), caller, token("number", callee), platform(print))
        }
    }
}

/// Caller, source, deployment, platform and block of a campaign's call.
fn robot(campaign: u64, shown: u64, at: u64) -> (String, Endpoint, String, u64, u64) {
    (
        token("robot's", shown),
        Endpoint::v4([100, 64, campaign as u8, at as u8], 5060),
        token("robot's deployment", campaign),
        campaign % PLATFORMS,
        2_000_000 + campaign,
    )
}

// -------------------------------------------------------------------- creation of the database

fn make(path: &Path, size: Size) -> Outcome<()> {
    drop(Writer::open(path, "key")?.close()?);
    let mut db = Connection::open(path)?;
    for (name, value) in [
        ("journal_mode", "off"),
        ("synchronous", "off"),
        ("cache_size", "-1000000"),
        ("locking_mode", "exclusive"),
    ] {
        db.pragma_update_and_check(None, name, value, |_| Ok(())).or_else(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            e => Err(e),
        })?;
    }
    // Indexes are created last, from sorted data. In order of arrival most of them would be rewritten ten million
    // times.
    let mut select = db.prepare(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name",
    )?;
    let indexes: Vec<(String, String)> =
        select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    drop(select);
    for (name, _) in &indexes {
        db.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    let began = Instant::now();
    let tx = db.transaction()?;
    make_platforms(&tx)?;
    make_campaigns(&tx, size)?;
    make_subscribers(&tx, size)?;
    make_calls(&tx, size)?;
    tx.commit()?;
    println!("rows: {:.0} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    for (_, sql) in &indexes {
        db.execute_batch(sql)?;
    }
    println!("indexes: {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn make_platforms(db: &Connection) -> Outcome<()> {
    let mut insert = db.prepare(
        "INSERT OR IGNORE INTO fingerprints (fingerprint, readable, method, sip_author, sdp_author) VALUES (?1, ?2, 'INVITE', ?1, NULL)",
    )?;
    let mut habit = db.prepare("INSERT OR IGNORE INTO habits (author, habit, value) VALUES (?1, ?2, ?3)")?;
    for number in 0..PLATFORMS {
        let print = platform(number);
        insert.execute(params![print.as_str(), readable(number)])?;
        for key in ["allow", "supported", "expires", "agent"] {
            habit.execute(params![print.as_str(), key, token(key, number)])?;
        }
        standing(db, "fingerprint", print.as_str(), number % 3 == 0)?;
    }
    (0..5000).try_for_each(|n| standing(db, "deployment", &token("deployment", n), true))
}

/// The readable form of a unique platform.
fn readable(number: u64) -> String {
    format!(
        "sip2|m=INVITE|h=Via,Max-Forwards,From,To,Call-ID,CSeq,Contact,Allow,Supported,X-{number},Content-Type,Content-Length|u=sip|f=q"
    )
}

fn standing(db: &Connection, layer: &str, name: &str, is_shared: bool) -> Outcome<()> {
    let parties = if is_shared { [0x5a_u8; 32] } else { [0; 32] };
    db.prepare_cached(
        "INSERT OR IGNORE INTO standings (layer, name, legit, fraud, as_of, hour, hour_legit, hour_fraud, calls, parties, listed)
         VALUES (?1, ?2, 3.5, 0.4, ?3, 497222, 0.2, 0.0, 500, ?4, 'none')",
    )?
    .execute(params![layer, name, START.as_nanos(), parties])?;
    Ok(())
}

fn make_campaigns(db: &Connection, size: Size) -> Outcome<()> {
    let key = HashKey::new(KEY).derive("verdict");
    let lives = DAYS * 86_400_000_000_000 / AT_WORK as i64;
    let mut campaign = db.prepare(
        "INSERT INTO campaigns (campaign, name, found_at, first_seen, last_seen, calls, is_confirmed, told, links)
         VALUES (?1, ?2, ?3, ?3, ?4, 10, 0, 1, ?5)",
    )?;
    let mut leads = db.prepare("INSERT OR IGNORE INTO campaign_keys (key, campaign) VALUES (?1, ?2)")?;
    let mut prompt = db.prepare("INSERT INTO prompts (print, campaign) VALUES (?1, ?2)")?;
    let mut alert = db.prepare(
        "INSERT INTO alerts (at, kind, severity, subject, message, campaign) VALUES (?1, 'campaign_found', 'warning', ?2, ?3, ?2)",
    )?;
    for number in 0..size.campaigns {
        let found = size.at(number * size.calls / size.campaigns).as_nanos();
        let last = (found + lives).min(size.at(size.calls).as_nanos());
        let (_, _, deployment, _, block) = robot(number, 0, 0);
        let name = format!("c-{}", &token("campaign", number)[..8]);
        let links = format!(
            r#"[{{"kind":"deployment","evidence":"10 calls share the deployment {deployment}"}},{{"kind":"numbers","evidence":"10 calls under 8 numbers, each used for a few calls"}},{{"kind":"neighbours","evidence":"7 of 10 calls go to numbers near the caller's"}}]"#
        );
        let identity = campaign_identity(number);
        campaign.execute(params![identity, name, found, last, links])?;
        alert.execute(params![found, name, links])?;
        let mut lead = |kind: &str, name: &str| {
            let hash = key.parts(&[b"pool", kind.as_bytes(), name.as_bytes()]);
            leads.execute(params![hash.cast_signed(), identity]).map(drop)
        };
        lead("deployment", &deployment)?;
        if number.is_multiple_of(2) {
            lead("caller_block", &token("callers' block", block))?;
        }
        if number.is_multiple_of(5) {
            let print: Vec<u8> = (0..3).flat_map(|i| Rng::new(number * 3 + i).bits().to_le_bytes()).collect();
            prompt.execute(params![print, identity])?;
        }
        standing(db, "deployment", &deployment, false)?;
    }
    Ok(())
}

fn campaign_identity(number: u64) -> i64 {
    identity(u64::MAX - number)
}

fn make_subscribers(db: &Connection, size: Size) -> Outcome<()> {
    let mut registration = db.prepare(
        "INSERT INTO registrations (id, registration, aor, contact, source, registrar, transport, fingerprint)
         VALUES (?1, ?2, ?3, ?3, ?4, '192.0.2.10:5060', 'udp', ?5)",
    )?;
    let mut observation = db.prepare(
        "INSERT INTO observations (registration, first_at, last_at, refreshes, duplicates, challenges, last_status, expires_s)
         VALUES (?1, ?2, ?3, 500, 0, 1, 200, 300)",
    )?;
    for number in 0..SUBSCRIBERS {
        let aor = format!("sip:{}@voice.example.net", token("subscriber", number));
        let print = platform(number % PLATFORMS);
        let id = number as i64 + 1;
        registration.execute(params![
            id,
            identity((1 << 50) + number),
            aor,
            address(number).to_string(),
            print.as_str()
        ])?;
        observation.execute(params![id, START.as_nanos(), size.at(size.calls).as_nanos()])?;
    }
    Ok(())
}

fn make_calls(db: &Connection, size: Size) -> Outcome<()> {
    let mut insert = db.prepare(
        "INSERT INTO calls (id, call, call_id, from_tag, started_at, caller, callee, dialled, caller_kind, caller_country, callee_kind,
             callee_country, callee_neighbourhood, source, destination, transport, user_agent, fingerprint, sip_author, sdp_author,
             path, origin, first_access_side, first_trunk_id, has_identity, defects, caller_host, deployment, caller_neighbourhood)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 'international', '1', 'international', '1', ?8, ?9, '192.0.2.10:5060', 'udp', ?10,
             ?11, ?11, ?11, NULL, ?12, 'outbound', NULL, 0, NULL, 'voice.example.net', ?13, ?14)",
    )?;
    let mut outcome = db.prepare(
        "INSERT INTO outcomes (id, answered_at, ended_at, final_status, last_destination, access_side, duplicates,
             retransmissions, hops, forks, reinvites, cancelled)
         VALUES (?1, ?2, ?3, ?4, '192.0.2.10:5060', 'outbound', 0, 0, 1, 0, 0, 0)",
    )?;
    let mut score = db.prepare(
        "INSERT INTO scores (id, stage, at, score, disposition, signals, campaign) VALUES (?1, 2, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut member = db.prepare(
        "INSERT OR IGNORE INTO campaign_members (campaign, call, at, strength, why) VALUES (?1, ?2, ?3, 2.5, 'its number was hardly used before')",
    )?;
    let mut members: Vec<(i64, i64, i64)> = Vec::new();
    for number in 0..size.calls {
        let row = size.row(number);
        let id = number as i64 + 1;
        let at = row.started_at.as_nanos();
        insert.execute(params![
            id,
            row.call.get(),
            row.call_id.as_str(),
            row.from_tag.as_str(),
            at,
            row.caller.as_str(),
            row.callee.as_str(),
            row.callee_neighbourhood.as_deref(),
            row.source.to_string(),
            row.user_agent.as_deref(),
            row.fingerprint.as_str(),
            row.origin.as_str(),
            row.deployment.as_str(),
            row.traits.caller_neighbourhood.as_deref(),
        ])?;
        let mut rng = Rng::new(number ^ 0x55aa);
        let (sort, campaign, answered, talk_s) = match size.by(number) {
            By::Subscriber(_) => (0, None, 65, 90.0),
            By::Stranger => (1, None, 65, 90.0),
            By::Centre(_) => (2, None, 30, 30.0),
            By::Campaign(n) => (3, Some(campaign_identity(n)), 25, 7.0),
        };
        let answered_at = (rng.below(100) < answered).then_some(at + 7_000_000_000);
        let ended = answered_at.unwrap_or(at + 20_000_000_000)
            + answered_at.map_or(0, |_| (rng.exponential() * talk_s * 1e9) as i64);
        outcome.execute(params![id, answered_at, ended, if answered_at.is_some() { 200 } else { 487 }])?;
        let (points, disposition) =
            [(70.0, "standard"), (60.0, "monitor"), (39.0, "monitor"), (5.5, "quarantine")][sort];
        score.execute(params![id, ended, points, disposition, SIGNALS[sort], campaign])?;
        members.extend(campaign.map(|campaign| (campaign, row.call.get(), at)));
    }
    members.sort_unstable();
    for (campaign, call, at) in members {
        member.execute(params![campaign, call, at])?;
    }
    Ok(())
}

// -------------------------------------------------------------------- measurement

/// The kind of caller of a new call.
#[derive(Clone, Copy)]
enum New {
    /// A new number on a campaign's deployment.
    Known,
    /// A new number without any link to a campaign.
    Unknown,
    Subscriber,
    Centre,
}

/// Durations for one call.
#[derive(Clone, Copy)]
struct Taken {
    judged: Duration,
    /// Processor time of this thread.
    processor: Duration,
    committed: Duration,
}

fn processor() -> Duration {
    let at = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(at.tv_sec.unsigned_abs(), at.tv_nsec as u32)
}

struct Measuring {
    path: PathBuf,
    size: Size,
    /// Number of calls added so far, and the start of the latest.
    number: u64,
    at: Timestamp,
}

impl Measuring {
    fn row(&mut self, of: New) -> CallRow {
        self.number += 1;
        self.at = self.at + Span::from_millis(250);
        let number = self.number;
        let mut rng = Rng::new(number);
        // Campaigns that ended some days ago, with no calls in the warm-up window of a run.
        let campaign = (0..)
            .map(|_| rng.below(self.size.campaigns))
            .find(|c| (55..88).contains(&(c * 100 / self.size.campaigns)));
        let subscriber = rng.below(SUBSCRIBERS);
        let (caller, source, deployment, print, block) = match of {
            New::Known => robot(campaign.unwrap_or(0), (1 << 40) + number, rng.below(40)),
            New::Unknown => (
                token("new", number),
                address((1 << 22) + number),
                token("deployment", rng.below(5000)),
                rng.below(PLATFORMS),
                10_000 + rng.below(1_000_000),
            ),
            New::Subscriber => (
                token("subscriber", subscriber),
                address(subscriber),
                token("deployment", subscriber % 5000),
                subscriber % PLATFORMS,
                subscriber / 100,
            ),
            New::Centre => {
                let n = number % CENTRES;
                (
                    token("centre", n),
                    Endpoint::v4([198, 51, 100, n as u8], 5060),
                    token("centre's deployment", n),
                    100 + n,
                    5000 + n,
                )
            }
        };
        let callee = rng.below(2_000_000);
        CallRow {
            source,
            user_agent: Some(Masked::stored(format!("Phone {print} 4.{}", print % 7))),
            origin: Masked::stored(token("origin", number)),
            deployment: Masked::stored(deployment),
            callee_neighbourhood: Some(Masked::stored(token("block", callee / 1000))),
            traits: CallTraits {
                caller_neighbourhood: Some(Masked::stored(token("callers' block", block))),
                ..CallTraits::default()
            },
            ..call((1 << 45) + number, self.at, caller, token("number", callee), platform(print))
        }
    }

    fn recorder(&self) -> Outcome<Recorder> {
        let engine = ScoringEngine::new(Settings::default(), HashKey::new(KEY));
        Ok(Recorder::new(Writer::open(&self.path, "key")?).with_scoring(engine)?)
    }

    /// Measures the time until a call is scored, and until the result is committed.
    fn push(&mut self, recorder: &mut Recorder, of: New) -> Outcome<Taken> {
        let row = self.row(of);
        recorder.push(Row::Fingerprint(Box::new(FingerprintRow {
            at: Timestamp::default(),
            fingerprint: row.fingerprint,
            readable: Masked::stored(String::new()),
            method: Masked::stored("INVITE".to_owned()),
            sip_author: row.sip_author,
            sdp_author: None,
            family: row.family,
        })));
        let row = Row::Call(Box::new(row));
        let (began, before) = (Instant::now(), processor());
        recorder.push(row);
        let (judged, processor) = (began.elapsed(), processor().saturating_sub(before));
        recorder.commit(true)?;
        Ok(Taken { judged, processor, committed: began.elapsed() })
    }

    /// Runs one measurement. Returns the cost of opening the database.
    fn run(&mut self, is_cold: bool) -> Outcome<String> {
        let state = if is_cold { "cold" } else { "warm" };
        cache(&self.path, is_cold)?;
        let began = Instant::now();
        let mut recorder = self.recorder()?;
        let opened = began.elapsed();
        let first = self.push(&mut recorder, New::Unknown)?;
        let told = format!(
            "{state}: opened in {:.1} ms; the first call of a run, which looks at the window before it, judged in {:.2} s ({:.2} s of the processor); resident then {:.0} MiB",
            opened.as_secs_f64() * 1e3,
            first.judged.as_secs_f64(),
            first.processor.as_secs_f64(),
            memory_mib("VmRSS")?
        );
        for (name, kinds, count) in [
            ("new caller", &[New::Known, New::Unknown][..], 1000),
            ("subscriber with a history", &[New::Subscriber], 500),
            ("call centre with a long history", &[New::Centre], 50),
        ] {
            if is_cold {
                cache(&self.path, true)?;
            }
            let mut times: Vec<Vec<Taken>> = vec![Vec::new(); kinds.len()];
            let (before, _) = joined(&self.path, i64::MAX)?;
            for place in 0..count {
                let which = place % kinds.len();
                times[which].push(self.push(&mut recorder, kinds[which])?);
            }
            let (_, joined) = joined(&self.path, before)?;
            let all: Vec<_> = times.iter().flatten().copied().collect();
            tell(state, name, &all, joined);
            if let [known, unknown] = times.as_slice() {
                tell(state, "- of a campaign's deployment", known, joined);
                tell(state, "- of no campaign", unknown, 0);
            }
        }
        drop(recorder.close()?);
        Ok(told)
    }
}

/// The id of the latest call, and the number of calls after an id that joined a campaign.
fn joined(path: &Path, behind: i64) -> Outcome<(i64, i64)> {
    let db = Connection::open(path)?;
    let latest = db.query_row("SELECT max(id) FROM calls", [], |r| r.get(0))?;
    let joined = db.query_row("SELECT count(campaign) FROM scores WHERE id > ?1", [behind], |r| r.get(0))?;
    Ok((latest, joined))
}

fn tell(state: &str, name: &str, times: &[Taken], joined: i64) {
    let of = |pick: fn(&Taken) -> Duration| {
        let mut all: Vec<f64> = times.iter().map(|t| pick(t).as_secs_f64() * 1e3).collect();
        all.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| all.get(((all.len() - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
        format!("{:.3} | {:.3} | {:.2}", at(0.5), at(0.99), at(1.0))
    };
    println!(
        "| {state} | {name} | {} | {joined} | {} | {} | {} |",
        times.len(),
        of(|t| t.judged),
        of(|t| t.processor),
        of(|t| t.committed)
    );
}

/// Drops the file from the page cache, or reads all of it into the cache.
fn cache(path: &Path, is_cold: bool) -> Outcome<()> {
    if is_cold {
        for end in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            let Ok(file) = std::fs::File::open(&name) else { continue };
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    } else {
        std::io::copy(&mut std::fs::File::open(path)?, &mut std::io::sink())?;
    }
    Ok(())
}

// -------------------------------------------------------------------- statement by statement

/// Queries of the scoring history, and the writes of a campaign merge, as in `crates/store/src/judging/`.
const STATEMENTS: [(&str, &str); 13] = [
    (
        "judged",
        "SELECT s.stage, s.signals, s.campaign, m.strength, m.why FROM scores AS s JOIN calls AS c ON c.id = s.id
                 LEFT JOIN campaign_members AS m ON m.campaign = s.campaign AND m.call = c.call
             WHERE c.call = ?1",
    ),
    (
        "account: calls",
        "SELECT c.started_at, c.callee_country, o.answered_at, o.ended_at, c.fingerprint FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id
             WHERE c.caller = ?1 AND c.started_at < ?2 ORDER BY c.started_at DESC LIMIT ?3",
    ),
    (
        "account: registrations",
        "SELECT r.source, r.fingerprint, min(o.first_at), max(o.last_at) FROM registrations AS r
                 JOIN observations AS o ON o.registration = r.id
             WHERE r.aor >= ?1 AND r.aor < ?2 AND o.last_status BETWEEN 200 AND 299 AND o.first_at < ?4 AND o.last_at >= ?3
             GROUP BY r.id ORDER BY 3 LIMIT 8",
    ),
    (
        "standing",
        "SELECT legit, fraud, as_of, hour, hour_legit, hour_fraud, calls, parties, listed FROM standings
             WHERE layer = ?1 AND name = ?2",
    ),
    (
        "leads",
        "SELECT k.key, k.campaign FROM campaigns AS c JOIN campaign_keys AS k USING (campaign)
             WHERE c.last_seen >= ?1 ORDER BY c.last_seen DESC, k.key LIMIT ?2",
    ),
    ("campaign", "SELECT * FROM campaigns WHERE campaign = ?1 AND merged_into IS NULL"),
    ("prompts", "SELECT print, campaign FROM prompts ORDER BY print"),
    (
        "recent",
        "SELECT c.*, s.campaign FROM calls_now AS c LEFT JOIN scores AS s ON s.id = c.id
             WHERE c.started_at >= ?1 AND c.started_at < ?2 ORDER BY c.started_at DESC, c.call DESC LIMIT ?3",
    ),
    ("merge: members", "UPDATE OR REPLACE campaign_members SET campaign = ?2 WHERE campaign = ?1"),
    ("merge: events", "UPDATE campaign_events SET campaign = ?2 WHERE campaign = ?1"),
    ("merge: keys", "UPDATE campaign_keys SET campaign = ?2 WHERE campaign = ?1"),
    ("merge: prompts", "UPDATE prompts SET campaign = ?2 WHERE campaign = ?1"),
    ("merge: scores", "UPDATE scores SET campaign = ?2 WHERE campaign = ?1"),
];

fn statements(path: &Path, size: Size) -> Outcome<()> {
    println!();
    println!("| Statement | of | n | Rows | median ms | max ms | Plan |");
    println!("|---|---|---|---|---|---|---|");
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "cache_size", -4096)?;
    let now = size.at(size.calls);
    let text = |s: String| Value::Text(s);
    let number = Value::Integer;
    for (name, sql) in STATEMENTS {
        let sorts: &[(&str, u64)] = match name {
            "account: calls" => &[("new caller", 200), ("subscriber", 200), ("call centre", 20)],
            "account: registrations" => &[("new caller", 200), ("subscriber", 200)],
            "leads" | "prompts" | "recent" | "merge: scores" | "merge: keys" | "merge: prompts" => &[("", 3)],
            _ => &[("", 200)],
        };
        for (sort, times) in sorts {
            let mut taken = Vec::new();
            let mut found = 0;
            let mut plan = String::new();
            for time in 0..*times {
                let mut rng = Rng::new(time + 99);
                let caller = match *sort {
                    "new caller" => token("nobody", time),
                    "subscriber" => token("subscriber", rng.below(SUBSCRIBERS)),
                    _ => token("centre", time % CENTRES),
                };
                let campaign = rng.below(size.campaigns);
                let values: Vec<Value> = match name {
                    "judged" => vec![number(identity(rng.below(size.calls)))],
                    "account: calls" => vec![text(caller), number(now.as_nanos()), number(256)],
                    "account: registrations" => vec![
                        text(format!("sip:{caller}@")),
                        text(format!("sip:{caller}A")),
                        number((now - Span::from_secs(86_400)).as_nanos()),
                        number(now.as_nanos()),
                    ],
                    "standing" => {
                        vec![text("deployment".to_owned()), text(token("robot's deployment", campaign))]
                    }
                    "leads" => {
                        vec![number((now - Span::from_secs(14 * 86_400)).as_nanos()), number(131_072)]
                    }
                    "campaign" => vec![number(campaign_identity(campaign))],
                    "prompts" => Vec::new(),
                    "recent" => vec![
                        number((now - Span::from_secs(6 * 3600)).as_nanos()),
                        number(now.as_nanos()),
                        number(50_000),
                    ],
                    _ => vec![number(campaign_identity(campaign)), number(1)],
                };
                let tx = db.transaction()?;
                if time == 0 {
                    let mut explain = tx.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    let steps = explain.query_map(params_from_iter(&values), |r| r.get::<_, String>(3))?;
                    plan = steps.collect::<Result<Vec<_>, _>>()?.join("; ");
                }
                let began = Instant::now();
                if sql.starts_with("SELECT") {
                    let mut select = tx.prepare_cached(sql)?;
                    let mut rows = select.query(params_from_iter(&values))?;
                    while let Some(row) = rows.next()? {
                        found += 1;
                        let _: Value = row.get(0)?;
                    }
                } else {
                    found += tx.prepare_cached(sql)?.execute(params_from_iter(&values))?;
                }
                taken.push(began.elapsed().as_secs_f64() * 1e3);
                tx.rollback()?;
            }
            taken.sort_unstable_by(f64::total_cmp);
            let middle = taken.get(taken.len() / 2).copied().unwrap_or(0.0);
            let most = taken.last().copied().unwrap_or(0.0);
            println!(
                "| {name} | {sort} | {times} | {} | {middle:.3} | {most:.2} | {plan} |",
                found as u64 / times
            );
        }
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let mut size = Size { calls: 10_000_000, campaigns: 100_000 };
    let (mut file, mut only, mut tried) = (None, None, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or("what?")?;
        match arg.as_str() {
            "--state" => only = Some(value),
            "--sql" => tried = Some(value),
            "--db" => file = Some(PathBuf::from(value)),
            "--calls" => size.calls = value.parse()?,
            "--campaigns" => size.campaigns = value.parse()?,
            _ => return Err(format!("{arg} is unknown").into()),
        }
    }
    let room = tempfile::tempdir()?;
    let path = file.unwrap_or_else(|| room.path().join("linking.db"));
    if !path.exists() {
        make(&path, size)?;
    }
    if let Some(sql) = tried {
        let began = Instant::now();
        Connection::open(&path)?.execute_batch(&sql)?;
        println!("{sql} {:.0} s", began.elapsed().as_secs_f64());
    }
    println!(
        "{} calls, {} campaigns: {:.2} GB",
        size.calls,
        size.campaigns,
        std::fs::metadata(&path)?.len() as f64 / 1e9
    );
    let (number, at) = {
        let db = Connection::open(&path)?;
        db.query_row("SELECT max(id), max(started_at) FROM calls", [], |r| {
            Ok((r.get::<_, i64>(0)?.unsigned_abs(), Timestamp::from_nanos(r.get(1)?)))
        })?
    };
    let mut measuring = Measuring { path, size, number, at };
    println!();
    println!(
        "| State | Call | n | Joined a campaign | judged: median ms | p99 ms | max ms | of the processor: median ms | p99 ms | max ms | judged and committed: median ms | p99 ms | max ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut told = Vec::new();
    for (state, is_cold) in [("cold", true), ("warm", false)] {
        if only.as_deref().is_none_or(|only| only == state) {
            told.push(measuring.run(is_cold)?);
        }
    }
    println!();
    told.iter().for_each(|line| println!("{line}"));
    statements(&measuring.path, size)
}
