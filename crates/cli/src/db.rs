use bellwether_app::{key_path, private};
use bellwether_base::Span;
use bellwether_report::{Report, Reports};
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
            let config = Config::load(common.config.as_deref())?;
            let pages = Upkeep::open(&common.db)?.backup(file)?;
            let key = key_path(&config.key_file, &common.db);
            tell(common, &format!("{} holds a copy of {pages} pages", file.display()))?;
            tell(
                common,
                &format!(
                    "the key {0} is not in the copy: keep a copy of {0} too, in another place and readable by its owner only, \
                     and put it beside the database before its first use",
                    key.display()
                ),
            )
        }
        DbAction::Prune { keep_days, max_mib, dry_run } => prune(common, *keep_days, *max_mib, *dry_run),
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

fn prune(
    common: &Common,
    keep_days: Option<u32>,
    max_mib: Option<u64>,
    is_dry_run: bool,
) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let configured = config.retention();
    let retention = Retention {
        keep: keep_days.map(|days| Span::from_secs(i64::from(days) * 86_400)).or(configured.keep),
        max_bytes: max_mib.map(|mib| mib << 20).or(configured.max_bytes),
    };
    let mut recorder = open_installation(common, &config)?.recorder;
    if is_dry_run {
        recorder.writer().try_out()?;
    }
    let now = bellwether_app::now();
    let writer = recorder.writer();
    let by_age = writer.prune_by_age(&retention, now, &|| true)?;
    let gone = by_age + writer.prune_by_size(&retention, &|| true)?;
    let (calls, _) = Reports::of(recorder.reader()).extent(Report::Calls)?;
    if !is_dry_run {
        recorder.close()?;
    }
    let (verb, stay) = if is_dry_run { ("would be removed", "would stay") } else { ("removed", "stay") };
    tell(
        common,
        &format!(
            "{gone} rows of calls, streams, registrations and platforms {verb}, {calls} calls {stay}; labelled rows are kept"
        ),
    )?;
    if is_dry_run {
        tell(common, "this was a dry run: nothing is removed")?;
    }
    Ok(Exit::Done)
}

fn tell(common: &Common, text: &str) -> Result<Exit, Failure> {
    if !common.quiet {
        out::line(text)?;
    }
    Ok(Exit::Done)
}
