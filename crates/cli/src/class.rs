use std::path::Path;

use bellwether_app::private;
use bellwether_base::Shown;
use bellwether_report::{CLASS_COLUMNS, Reports, export_classes, import_classes};
use bellwether_store::{Learned, Lesson, Mode};
use serde_json::{Map, Value};

use crate::args::{ClassAction, ClassArgs, Common, LearnArgs};
use crate::calls::CallIds;
use crate::config::Config;
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::render::Printer;
use crate::session::open_installation;
use crate::show::{open_reader, print};

/// `bellwether class`.
pub(crate) fn run(common: &Common, args: &ClassArgs) -> Result<Exit, Failure> {
    match &args.action {
        ClassAction::Learn(learn) => self::learn(common, learn),
        ClassAction::List => {
            let rows = Reports::of(&open_reader(common)?).class_list()?;
            let shown = &["class", "mode", "law", "calls", "level_spread_db", "calls_wanted", "origin"];
            let mut printer = Printer::with_columns(common.format, CLASS_COLUMNS, shown);
            for row in rows {
                printer.row(&row)?;
            }
            printer.finish()?;
            Ok(Exit::Done)
        }
        ClassAction::Show { class } => match Reports::of(&open_reader(common)?).show_class(class)? {
            Some(shown) => {
                print(common.format, &shown)?;
                Ok(Exit::Done)
            }
            None => Err(Failure::Work(format!("there is no class {class} in {}", common.db.display()))),
        },
        ClassAction::Export { output } => {
            let file = export_classes(&open_reader(common)?.class_modes()?);
            let text = Shown::json(&format!("{file:#}\n"));
            match output {
                Some(path) => {
                    private::write(path, text.as_str().as_bytes(), &mut |told| note(common, &told))?;
                }
                None => out::page(&text)?,
            }
            Ok(Exit::Done)
        }
        ClassAction::Import { file } => {
            let text = std::fs::read_to_string(file).map_err(|e| of_file(file, &e))?;
            let value: Value = serde_json::from_str(&text).map_err(|e| of_file(file, &e))?;
            let modes = import_classes(&value).map_err(|e| of_file(file, &e))?;
            put(common, &modes, "imported")?;
            tell(common, &modes);
            Ok(Exit::Done)
        }
    }
}

fn learn(common: &Common, args: &LearnArgs) -> Result<Exit, Failure> {
    let reader = open_reader(common)?;
    let Learned { modes, without_noise } = match &args.truth {
        Some(path) => {
            let config = Config::load(common.config.as_deref())?;
            let ids = CallIds::new(common, &config, &reader);
            let mut lessons = lessons(path)?;
            for lesson in &mut lessons {
                lesson.call_id = ids.stored(&lesson.call_id)?;
            }
            reader.learn_from(&lessons)?
        }
        None if args.inventory => reader.learn_from_inventory()?,
        None => reader.learn_from_agents()?,
    };
    drop(reader);
    for call_id in &without_noise {
        out::tell(format!(
            "{call_id}: the database has no noise of the caller, so nothing was learned from the call"
        ));
    }
    if modes.is_empty() {
        return Err(Failure::Work("there was nothing to learn from".to_owned()));
    }
    put(common, &modes, "learned")?;
    tell(common, &modes);
    Ok(if without_noise.is_empty() { Exit::Done } else { Exit::Partial })
}

/// Reads labels (contract, "Labels"): lines without a class are ignored.
fn lessons(path: &Path) -> Result<Vec<Lesson>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| of_file(path, &e))?;
    lessons_of(&text).map_err(|why| Failure::Usage(format!("{}, {why}", path.display())))
}

/// The lessons of a text, or the first invalid line with its fault.
pub(crate) fn lessons_of(text: &str) -> Result<Vec<Lesson>, String> {
    let mut lessons = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let told = |what: &str| format!("line {}: {what}", i + 1);
        let label: Map<String, Value> = serde_json::from_str(line).map_err(|e| told(&e.to_string()))?;
        let word = |name: &str| match label.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => Err(told(&format!("\"{name}\" is not text"))),
        };
        let call_id = word("call_id")?.ok_or_else(|| told("\"call_id\" is missing"))?;
        if let Some(class) = word("class")? {
            lessons.push(Lesson { call_id, class, mode: word("mode")? });
        }
    }
    Ok(lessons)
}

/// Stores classes, and computes device verdicts again with these classes.
fn put(common: &Common, modes: &[Mode], origin: &str) -> Result<(), Failure> {
    let mut recorder = open_installation(common, &Config::load(common.config.as_deref())?)?.recorder;
    recorder.writer().put_classes(modes, origin)?;
    Ok(recorder.judge_all_devices()?)
}

fn tell(common: &Common, modes: &[Mode]) {
    if common.quiet {
        return;
    }
    for mode in modes {
        let name = if mode.mode.is_empty() { String::new() } else { format!(", {}", mode.mode) };
        out::tell(format!("{}{name} ({}): {:.1} calls", mode.class, mode.coding.name(), mode.calls));
    }
}

fn of_file(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Work(format!("{}: {error}", path.display()))
}
