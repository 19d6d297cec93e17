//! `mutants PROGRAM FOLDER FIRST COUNT CAPTURE...`: replays mutants of captures and checks the exit codes and the law
//! captured = delivered + lost. A mutant that violates a law stays in the folder.
#![expect(clippy::disallowed_methods, reason = "a tool that prints no traffic content")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use bellwether_fuzz::{frames, mutant};
use bellwether_testkit::Rng;
use serde_json::Value;

const USAGE: &str = "mutants PROGRAM FOLDER FIRST COUNT CAPTURE...";

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(broken) => {
            let _ = writeln!(std::io::stderr(), "mutants: {broken} violated a law");
            ExitCode::FAILURE
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "mutants: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<u64, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, folder, first, count, captures @ ..] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let number = |text: &String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
    let (first, count) = (number(first)?, number(count)?);
    let captures: Vec<_> = captures
        .iter()
        .map(|path| frames(Path::new(path)).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    let pick = |rng: &mut Rng| captures.get(rng.below(captures.len() as u64) as usize).ok_or(USAGE);
    let mut broken = 0;
    for seed in first..first.saturating_add(count) {
        let mut rng = Rng::new(seed);
        let (one, other) = (pick(&mut rng)?, pick(&mut rng)?);
        let file = PathBuf::from(folder).join(format!("mutant-{seed}.pcap"));
        std::fs::write(&file, mutant(one, other, &mut rng)).map_err(|e| e.to_string())?;
        match replayed(Path::new(program), Path::new(folder), &file) {
            Ok(()) => std::fs::remove_file(&file).map_err(|e| e.to_string())?,
            Err(why) => {
                broken += 1;
                let _ = writeln!(std::io::stdout(), "{}: {why}", file.display());
            }
        }
    }
    Ok(broken)
}

/// Replays into a new database. The error names the violated law.
fn replayed(program: &Path, folder: &Path, file: &Path) -> Result<(), String> {
    let db = folder.join("soak.db");
    for suffix in ["", "-wal", "-shm"] {
        let mut path = db.clone().into_os_string();
        path.push(suffix);
        let _ = std::fs::remove_file(path);
    }
    let command = |arguments: &[&str]| -> Result<Output, String> {
        let common = ["--format", "json", "-q", "--db"];
        Command::new(program).args(common).arg(&db).args(arguments).output().map_err(|e| e.to_string())
    };
    let path = file.to_string_lossy();
    let replay = command(&["replay", &path])?;
    match replay.status.code() {
        Some(0 | 3) => {}
        // A file with a damaged header is no capture: the program refuses it with a message and writes nothing.
        Some(1) if is_refusal(&replay) => return Ok(()),
        other => {
            return Err(format!("replay ended with {other:?}: {}", String::from_utf8_lossy(&replay.stderr)));
        }
    }
    let json = |what: &str| -> Result<Value, String> {
        let output = command(&["report", what])?;
        serde_json::from_slice(&output.stdout).map_err(|e| format!("report {what}: {e}"))
    };
    let (summary, losses) = (json("summary")?, json("losses")?);
    let summary = summary.get(0).unwrap_or(&summary);
    let frames = |name: &str| summary["frames"][name].as_u64().unwrap_or(0);
    let delivered: u64 = ["sip", "media", "tcp", "fragments", "other"].iter().map(|name| frames(name)).sum();
    let all = losses.as_array().ok_or("report losses is no list")?;
    let lost: u64 =
        all.iter().filter(|loss| loss["kind"] == "frame").filter_map(|loss| loss["count"].as_u64()).sum();
    let captured = frames("captured");
    if captured != delivered + lost || summary["packets"].as_u64() != Some(captured) {
        return Err(format!("captured {captured} is not delivered {delivered} + lost {lost}"));
    }
    Ok(())
}

fn is_refusal(output: &Output) -> bool {
    let words = String::from_utf8_lossy(&output.stderr);
    ["is not a capture file", "is empty"].iter().any(|refusal| words.contains(refusal))
}
