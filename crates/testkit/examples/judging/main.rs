//! Benchmark of scoring: calls and registrations per second, and memory (`docs/bench-judgement.md`).
//!
//!     cargo run --release -p bellwether-testkit --example judging -- [CALLS...] [--off] [--kinds] \
//!         [--rate PER-SECOND] [--untimed] [--unprefetched] [--whom]
//!
//! Rows of a seeded carrier go to a scoring engine with an empty history. The generator runs between the
//! measurements, in batches of the sensor's size. The outcomes are counted and dropped between the measurements too.
//!
//! - CALLS: the call counts at which figures are printed (200000, 1000000 and 3000000)
//! - `--off`: turn all signals off
//! - `--kinds`: time each row separately
//! - `--rate`: calls per second of the trace
//! - `--untimed`: do not read the processor clock, for instruments without one
//! - `--unprefetched`: disable the prefetch
//! - `--whom`: print the callers of campaign members at the end, which needs memory for all calls
#![expect(clippy::print_stdout, clippy::disallowed_types, reason = "an example that measures itself")]

mod carrier;
#[path = "../rows/mod.rs"]
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bellwether_base::{CallId, HashKey};
use bellwether_enrich::Row;
use bellwether_scoring::{NoHistory, Outcome, SIGNALS, ScoringEngine, Settings};
use rustix::time::{ClockId, clock_gettime};

use carrier::{Carrier, SUBSCRIBERS, caller};
use rows::memory_mib;

/// Rows per batch, equal to the batch of the sensor's writer.
const AT_ONCE: usize = 128;

/// Rows between flushes of changed records, equal to the writer's commit interval.
const COMMIT: u64 = 2048;

/// Resources used so far.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    processor: Duration,
    calls: u64,
    registrations: u64,
    rows: u64,
    outcomes: u64,
}

fn processor(is_timed: bool) -> Duration {
    if !is_timed {
        return Duration::ZERO;
    }
    let at = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(at.tv_sec.unsigned_abs(), at.tv_nsec as u32)
}

fn kind(row: &Row) -> &'static str {
    match row {
        Row::Call(_) => "call",
        Row::CallUpdate(update) if update.ended_at.is_some() => "call's end",
        Row::CallUpdate(_) | Row::CallUnderWay(_) => "call's answer",
        Row::Registration(_) => "registration",
        Row::RegistrationUpdate(_) | Row::RegistrationUnderWay(_) => "registration's refreshes",
        Row::Attempt(_) => "registration's answer",
        Row::Stream(stream) if stream.recording.is_some() => "stream with a print",
        Row::Stream(_) | Row::StreamUnderWay(_) => "stream",
        _ => "other",
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut stops = Vec::new();
    let (mut rate, mut is_off, mut by_kind, mut is_timed, mut is_prefetched) =
        (300.0, false, false, true, true);
    let mut whom = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--off" => is_off = true,
            "--kinds" => by_kind = true,
            "--untimed" => is_timed = false,
            "--unprefetched" => is_prefetched = false,
            "--whom" => whom = Some(Whom::default()),
            "--rate" => rate = args.next().ok_or("--rate what?")?.parse()?,
            number => stops.push(number.parse::<u64>()?),
        }
    }
    if stops.is_empty() {
        stops = vec![200_000, 1_000_000, 3_000_000];
    }
    let mut settings = Settings::default();
    if is_off {
        SIGNALS.iter().try_for_each(|signal| settings.set(signal.name, "on", 0.0))?;
    }
    let mut assessor = ScoringEngine::new(settings, HashKey::new([7; 16]));
    let mut carrier = Carrier::new(rate);
    let mut memory = NoHistory;
    let mut out: Vec<Outcome> = Vec::new();
    // The subscribers register before the first call.
    for subscriber in 0..SUBSCRIBERS {
        carrier.at_home(subscriber).iter().for_each(|row| assessor.row(row, &mut memory, &mut out));
    }
    println!(
        "resident before the first call, with {SUBSCRIBERS} subscribers: {:.0} MiB",
        memory_mib("VmRSS")?
    );
    println!();
    println!(
        "| Calls | Registrations | Rows | Outcomes | Calls and registrations per s of the clock | per CPU s | per CPU s since the line above | ns per row | Resident MiB | Peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut spent = Spent::default();
    let mut kinds: BTreeMap<&'static str, (u64, Duration)> = BTreeMap::new();
    let mut told: BTreeMap<&'static str, u64> = BTreeMap::new();
    for stop in stops {
        let before = spent;
        while spent.calls < stop {
            let rows: Vec<Row> = (0..AT_ONCE).map(|_| carrier.next()).collect();
            let (wall, cpu) = (Instant::now(), processor(is_timed));
            if by_kind {
                for row in &rows {
                    let began = Instant::now();
                    assessor.row(row, &mut memory, &mut out);
                    let (count, taken) = kinds.entry(kind(row)).or_default();
                    (*count, *taken) = (*count + 1, *taken + began.elapsed());
                }
            } else {
                for rows in rows.chunks(ScoringEngine::AHEAD) {
                    if is_prefetched {
                        assessor.prefetch(rows);
                    }
                    rows.iter().for_each(|row| assessor.row(row, &mut memory, &mut out));
                }
            }
            spent.rows += rows.len() as u64;
            if spent.rows.is_multiple_of(COMMIT) {
                assessor.settle(&mut out);
            }
            spent.processor += processor(is_timed).saturating_sub(cpu);
            spent.wall += wall.elapsed();
            spent.calls += rows.iter().filter(|row| matches!(row, Row::Call(_))).count() as u64;
            spent.registrations +=
                rows.iter().filter(|row| matches!(row, Row::Registration(_))).count() as u64;
            spent.outcomes += out.len() as u64;
            if let Some(whom) = &mut whom {
                whom.note(&rows, &out);
            }
            for outcome in out.drain(..) {
                *told.entry(name(&outcome)).or_default() += 1;
            }
        }
        let units = |s: &Spent| (s.calls + s.registrations) as f64;
        let cpu = |s: &Spent| s.processor.as_secs_f64();
        println!(
            "| {} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            spent.calls,
            spent.registrations,
            spent.rows,
            spent.outcomes,
            units(&spent) / spent.wall.as_secs_f64(),
            units(&spent) / cpu(&spent),
            (units(&spent) - units(&before)) / (cpu(&spent) - cpu(&before)),
            cpu(&spent) * 1e9 / spent.rows as f64,
            memory_mib("VmRSS")?,
            memory_mib("VmHWM")?,
        );
    }
    println!();
    let told: Vec<String> = told.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("outcomes: {}", told.join(", "));
    if let Some(whom) = whom {
        println!("in campaigns: {}", whom.in_words());
    }
    if by_kind {
        println!();
        println!("| Row | n | ns each, by the clock | Share % |");
        println!("|---|---|---|---|");
        let all: Duration = kinds.values().map(|(_, taken)| *taken).sum();
        for (name, (count, taken)) in kinds {
            println!(
                "| {name} | {count} | {:.0} | {:.1} |",
                taken.as_secs_f64() * 1e9 / count as f64,
                100.0 * taken.as_secs_f64() / all.as_secs_f64()
            );
        }
    }
    Ok(())
}

/// The callers of campaign members.
#[derive(Default)]
struct Whom {
    callers: BTreeMap<CallId, &'static str>,
    members: BTreeSet<CallId>,
}

impl Whom {
    fn note(&mut self, rows: &[Row], out: &[Outcome]) {
        for row in rows {
            if let Row::Call(row) = row {
                self.callers.insert(row.call, caller(row));
            }
        }
        for outcome in out {
            match outcome {
                Outcome::Member(row) => self.members.insert(row.call),
                Outcome::Left { call, .. } => self.members.remove(call),
                _ => false,
            };
        }
    }

    fn in_words(&self) -> String {
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (call, caller) in &self.callers {
            let (members, all) = counts.entry(caller).or_default();
            *members += u64::from(self.members.contains(call));
            *all += 1;
        }
        let words = counts.iter().map(|(caller, (members, all))| format!("{members} of {all} {caller}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Score(_) => "scores",
        Outcome::Closed { .. } => "closed",
        Outcome::Amend { .. } => "amendments",
        Outcome::Campaign(_) => "campaigns",
        Outcome::Member(_) => "joined",
        Outcome::Left { .. } => "left",
        Outcome::Merged { .. } => "merged",
        Outcome::Parted { .. } => "parted",
        Outcome::Key { .. } => "keys",
        Outcome::Recording(_) | Outcome::RecordingOf { .. } => "recordings",
        Outcome::Incident(_)
        | Outcome::IncidentMember { .. }
        | Outcome::IncidentMerged { .. }
        | Outcome::IncidentLabelled { .. } => "incidents",
        Outcome::Reputation(..) => "standings",
        Outcome::List(_) => "lists",
        Outcome::Alert(_) => "alerts",
    }
}
