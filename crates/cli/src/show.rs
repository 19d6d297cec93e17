use bellwether_report::Reports;
use bellwether_store::{Reader, Signatures};
use serde_json::{Map, Value};

use crate::args::{Common, DiffArgs, Format, ShowArgs, ShowKind};
use crate::calls::CallIds;
use crate::config::Config;
use crate::ladder;
use crate::names::{Names, repeatable};
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::render::print_object;

/// `bellwether show`.
pub(crate) fn run(common: &Common, args: &ShowArgs) -> Result<Exit, Failure> {
    if args.ladder.ladder {
        if args.kind != ShowKind::Call {
            return Err(Failure::Usage("--ladder draws a call: show call CALL-ID --ladder".to_owned()));
        }
        return ladder::run(common, &args.ladder.captures, &args.id);
    }
    if !args.ladder.captures.from.is_empty() {
        return Err(Failure::Usage("--from names captures for --ladder".to_owned()));
    }
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let reports = Reports::of(&reader);
    let ids = CallIds::new(common, &config, &reader);
    let found = match args.kind {
        ShowKind::Call => reports.show_call(&ids.stored(&args.id)?)?,
        ShowKind::Device => reports.show_device(&Names::new(&ids).device(&args.id)?, usize::MAX)?,
        ShowKind::Fingerprint => reports.show_fingerprint(&args.id)?.into_iter().collect(),
        ShowKind::Campaign => reports.show_campaign(&args.id)?.into_iter().collect(),
        ShowKind::Recording => reports.show_recording(&args.id)?.into_iter().collect(),
        ShowKind::Incident => reports.show_incident(&args.id)?.into_iter().collect(),
    };
    reader.is_whole()?;
    if found.is_empty() {
        let kind = match args.kind {
            ShowKind::Call => "call with the Call-ID",
            ShowKind::Device => "device of",
            ShowKind::Fingerprint => "fingerprint",
            ShowKind::Campaign => "campaign",
            ShowKind::Recording => "recording",
            ShowKind::Incident => "incident",
        };
        let name = if args.kind == ShowKind::Device { repeatable(&args.id) } else { &args.id };
        return Err(Failure::Work(format!("there is no {kind} {name} in {}", common.db.display())));
    }
    for (i, object) in found.iter().enumerate() {
        if i > 0 && common.format == Format::Table {
            out::line("")?;
        }
        print(common.format, object)?;
    }
    Ok(Exit::Done)
}

/// `bellwether diff`.
pub(crate) fn diff(common: &Common, args: &DiffArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let ids = CallIds::new(common, &config, &reader);
    let found = Reports::of(&reader).diff(&ids.stored(&args.first)?, &ids.stored(&args.second)?)?;
    reader.is_whole()?;
    match found {
        Some(object) => print(common.format, &object)?,
        None => {
            let text = format!("{} does not hold both calls", common.db.display());
            return Err(Failure::Work(text));
        }
    }
    Ok(Exit::Done)
}

/// Opens the database with the signatures that the operator asks for.
pub(crate) fn open_reader(common: &Common) -> Result<Reader, Failure> {
    open_reader_with(common, &Config::load(common.config.as_deref())?)
}

/// The same by a configuration that was read.
pub(crate) fn open_reader_with(common: &Common, config: &Config) -> Result<Reader, Failure> {
    Ok(configured(common, config)?(Reader::open(&common.db)?))
}

/// The settings of a reader for stacks, clocks and device verdicts.
pub(crate) fn configured(
    common: &Common,
    config: &Config,
) -> Result<impl Fn(Reader) -> Reader + Send + Sync + use<>, Failure> {
    let (signatures, tolerance, strictness) = (signatures(common)?, config.tolerance(), config.strictness());
    let settings = config.verdict();
    Ok(move |reader: Reader| {
        reader
            .with_signatures(signatures.clone())
            .with_tolerance(tolerance)
            .with_strictness(strictness)
            .with_settings(settings.clone())
    })
}

/// The signatures that come with the program, and the operator's own.
fn signatures(common: &Common) -> Result<Signatures, Failure> {
    let Some(path) = &common.signatures else {
        return Signatures::with(None).map_err(|e| Failure::Work(e.to_string()));
    };
    let told = |e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| told(&e))?;
    Signatures::with(Some(&text)).map_err(|e| told(&e))
}

/// Only `table` is for people; the others give the object.
pub(crate) fn print(format: Format, object: &Map<String, Value>) -> Result<(), Failure> {
    match format {
        Format::Table => print_object(object)?,
        Format::Json | Format::Jsonl | Format::Csv => {
            out::line(out::json(&Value::Object(object.clone())))?;
        }
    }
    Ok(())
}
