use std::collections::BTreeSet;
use std::time::Duration;

use bellwether_app::{Installation, Provisioning, inventory_rows, now};
use bellwether_base::several;
use bellwether_enrich::stored_aor;
use bellwether_report::{INVENTORY_COLUMNS, Reports};
use bellwether_store::InventoryRow;

use crate::args::{Common, InventoryAction, InventoryArgs};
use crate::config::Config;
use crate::notes::note;
use crate::outcome::{Exit, Failure};
use crate::render::Printer;
use crate::session::open_installation;
use crate::show::open_reader;

/// `bellwether inventory`.
pub(crate) fn run(common: &Common, args: &InventoryArgs) -> Result<Exit, Failure> {
    match &args.action {
        InventoryAction::Import { file } => {
            let told =
                |what: String| Failure::Work(format!("{}: {what}; nothing was imported", file.display()));
            let text = std::fs::read_to_string(file).map_err(|e| told(e.to_string()))?;
            let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
            let Installation { tokeniser, mut recorder, .. } = installation(common)?;
            let rows = inventory_rows(&text, is_json, &tokeniser).map_err(told)?;
            recorder.writer().put_inventory(&rows)?;
            recorder.judge_all_devices()?;
            tell(common, &rows);
        }
        InventoryAction::Pull { url, token_file, timeout } => {
            let Installation { tokeniser, mut recorder, .. } = installation(common)?;
            let timeout = Duration::from_secs(*timeout);
            let system = Provisioning { url, token_file: token_file.as_deref(), timeout };
            match system.pull(&tokeniser, &mut recorder)? {
                Some(rows) => tell(common, &rows),
                None => note(common, "the inventory has not changed"),
            }
        }
        InventoryAction::List => {
            let shown = &["aor", "device_class", "max_devices", "policy", "note", "approved"];
            let rows = Reports::of(&open_reader(common)?).inventory_list()?;
            let mut printer = Printer::with_columns(common.format, INVENTORY_COLUMNS, shown);
            for row in rows {
                printer.row(&row)?;
            }
            printer.finish()?;
        }
        InventoryAction::Approve { aor, device } => {
            let Installation { tokeniser, mut recorder, .. } = installation(common)?;
            let aor = stored_aor(aor, &tokeniser)
                .ok_or_else(|| Failure::Usage(format!("{aor} is not an address of record")))?;
            if !recorder.reader().device_names(&aor)?.contains(device) {
                let text = format!("{aor} has no device {device} in {}", common.db.display());
                return Err(Failure::Work(text));
            }
            recorder.writer().approve(&aor, device, now())?;
            recorder.judge_all_devices()?;
        }
    }
    Ok(Exit::Done)
}

fn installation(common: &Common) -> Result<Installation, Failure> {
    open_installation(common, &Config::load(common.config.as_deref())?)
}

fn tell(common: &Common, rows: &[InventoryRow]) {
    let aors: BTreeSet<&str> = rows.iter().map(|row| row.aor.as_str()).collect();
    let rows = several(rows.len() as u64, "row", "rows");
    let aors = several(aors.len() as u64, "address of record", "addresses of record");
    note(common, &format!("{rows} of {aors}"));
}
