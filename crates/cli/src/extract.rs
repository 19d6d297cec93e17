use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bellwether_capture::{CaptureFormat, Input};
use bellwether_evidence::{CopyError, Found, Source, copy, search};
use bellwether_report::rfc3339;
use serde_json::{Map, Value, json};

use crate::args::ExtractArgs;
use crate::args::{Common, Format};
use crate::config::Config;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::show::{open_reader_with, print};
use crate::wanted::{Wanted, captures};

/// `bellwether extract`.
pub(crate) fn run(common: &Common, args: &ExtractArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let mut wanted = Wanted::new(common, &config, &reader, &args.id)?;
    if args.media {
        wanted = wanted.with_media();
    }
    let inputs = captures(common, &config, &args.captures, &reader, &wanted)?;
    let pipe = if args.output.as_os_str() == "-" {
        let refused = || Failure::Usage("a capture is not for a terminal: give a file, or a pipe".to_owned());
        Some(out::for_octets().ok_or_else(refused)?)
    } else {
        refuse(&args.output, args.force, &inputs)?;
        None
    };
    let is_piped = pipe.is_some();
    let mut messages = 0_u64;
    let found = search(&inputs, &config.tunnels(), &mut |packet| {
        wanted.wants(packet, &mut |_, _, _, _| messages += 1)
    });
    reader.is_whole()?;
    if found.frames.is_empty() {
        let text = format!("no packet of {} is in {} captures", args.id, inputs.len());
        return Err(Failure::Work(text));
    }
    let format = format_for(&args.output, &found);
    match pipe {
        Some(pipe) => _ = copy(&inputs, &found, format, pipe).map_err(failure)?,
        None => write(&args.output, args.force, &inputs, &found, format)?,
    }
    let (unseen, gaps) = (wanted.unseen(), wanted.uncovered(&found.inputs));
    let damaged: Vec<_> =
        found.inputs.iter().filter_map(|i| i.damage.as_ref().map(|e| (&i.name, e))).collect();
    if !common.quiet && !is_piped {
        let mut shown = Map::new();
        shown.insert("file".to_owned(), json!(args.output.display().to_string()));
        shown.insert("packets".to_owned(), json!(found.frames.len()));
        shown.insert("sip_messages".to_owned(), json!(messages));
        let from = found.inputs.iter().filter(|input| input.found > 0);
        let from = from.map(|i| json!({"capture": i.name, "packets": i.found, "of": i.records}));
        shown.insert("from".to_owned(), Value::Array(from.collect()));
        shown.insert("not_found".to_owned(), json!(unseen));
        let uncovered = gaps.iter().map(|gap| json!({"from": rfc3339(gap.from), "to": rfc3339(gap.to)}));
        shown.insert("uncovered".to_owned(), uncovered.collect());
        print(common.format, &shown)?;
    }
    for (name, error) in &damaged {
        out::tell(format!("{name} was read up to {error}"));
    }
    for gap in &gaps {
        out::tell(format!("no capture covers {} to {}", rfc3339(gap.from), rfc3339(gap.to)));
    }
    if is_piped || common.format == Format::Table {
        for call_id in &unseen {
            out::tell(format!("no message of {call_id} was found"));
        }
    }
    Ok(if gaps.is_empty() && damaged.is_empty() && unseen.is_empty() { Exit::Done } else { Exit::Partial })
}

/// Refuses a file that would be lost.
fn refuse(output: &Path, is_forced: bool, inputs: &[Source]) -> Result<(), Failure> {
    let Ok(meta) = std::fs::symlink_metadata(output) else { return Ok(()) };
    let name = output.display();
    if !is_forced {
        return Err(Failure::Usage(format!("{name} exists; --force replaces it")));
    }
    if !meta.is_file() && !meta.is_symlink() {
        return Err(Failure::Usage(format!("{name} is no file")));
    }
    let same = |source: &Source| match source {
        Source::Capture(Input::File(path, _)) => is_same(path, output),
        Source::Capture(Input::StandardInput) => false,
        Source::Segment(segment, _) => is_same(&segment.path, output),
    };
    if inputs.iter().any(same) {
        return Err(Failure::Usage(format!("{name} is one of the captures to search")));
    }
    Ok(())
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Classic pcap if the frames fit in it and the name does not ask for pcapng.
fn format_for(output: &Path, found: &Found) -> CaptureFormat {
    let asks = output.extension().is_some_and(|end| end.eq_ignore_ascii_case("pcapng"));
    let fits = |frame: &bellwether_evidence::FoundFrame| {
        u32::try_from(frame.at.as_nanos().div_euclid(1_000_000_000)).is_ok()
    };
    let is_plain = found.links.len() == 1 && found.frames.iter().all(fits);
    if asks || !is_plain { CaptureFormat::PcapNg } else { CaptureFormat::Pcap }
}

/// Writes the file for its owner alone. A file that could not be completed is removed.
fn write(
    output: &Path,
    is_forced: bool,
    inputs: &[Source],
    found: &Found,
    format: CaptureFormat,
) -> Result<(), Failure> {
    let wrong = |e: std::io::Error| Failure::Work(format!("{}: {e}", output.display()));
    if is_forced && std::fs::symlink_metadata(output).is_ok() {
        std::fs::remove_file(output).map_err(wrong)?;
    }
    let file: File =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(output).map_err(wrong)?;
    if let Err(e) = copy(inputs, found, format, BufWriter::new(file)) {
        let _ = std::fs::remove_file(output);
        return Err(failure(e));
    }
    Ok(())
}

fn failure(e: CopyError) -> Failure {
    match e {
        CopyError::Write(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        e => Failure::Work(e.to_string()),
    }
}
