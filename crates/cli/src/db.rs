use bellwether_app::private;
use bellwether_base::Span;
use bellwether_store::{Retention, Upkeep};

use crate::args::{Common, DbAction, DbArgs};
use crate::config::Config;
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::session::open_installation;

/// `bellwether db`.
pub(crate) fn run(common: &Common, args: &DbArgs) -> Result<Exit, Failure> {
    match &args.action {
        DbAction::Check => check(common),
        DbAction::Backup { file } => {
            let pages = Upkeep::open(&common.db)?.backup(file)?;
            tell(common, &format!("{} holds a copy of {pages} pages", file.display()))
        }
        DbAction::Prune { keep_days, max_mib } => prune(common, *keep_days, *max_mib),
        DbAction::Migrate => {
            private::tighten(&private::database_files(&common.db), &mut |told| note(common, &told));
            let (from, to) = Upkeep::migrate(&common.db)?;
            let words = if from == to {
                format!("is at version {to} already")
            } else {
                format!("went from version {from} to {to}")
            };
            tell(common, &format!("{} {words}", common.db.display()))
        }
    }
}

fn check(common: &Common) -> Result<Exit, Failure> {
    let found = Upkeep::open(&common.db)?.check()?;
    for problem in &found {
        out::line(problem)?;
    }
    if found.is_empty() {
        return tell(common, &format!("{} is sound", common.db.display()));
    }
    Err(Failure::Work(format!("{} has {} problems", common.db.display(), found.len())))
}

fn prune(common: &Common, keep_days: Option<u32>, max_mib: Option<u64>) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let configured = config.retention();
    let retention = Retention {
        keep: keep_days.map(|days| Span::from_secs(i64::from(days) * 86_400)).or(configured.keep),
        max_bytes: max_mib.map(|mib| mib << 20).or(configured.max_bytes),
    };
    let mut recorder = open_installation(common, &config)?.recorder;
    let now = bellwether_app::now();
    let gone = recorder.prune_by_age(&retention, now)? + recorder.prune_by_size(&retention)?;
    recorder.close()?;
    tell(common, &format!("{gone} rows removed; labelled rows stay"))
}

fn tell(common: &Common, text: &str) -> Result<Exit, Failure> {
    if !common.quiet {
        out::line(text)?;
    }
    Ok(Exit::Done)
}
