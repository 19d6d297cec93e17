use std::io::Write;

use bellwether_store::{Export, Listed, ListedSubject};

use crate::args::{Common, ExportAs, ListName, ReputationAction, ReputationArgs};
use crate::outcome::{Exit, Failure};
use crate::private;
use crate::replay::note;
use crate::report;
use crate::show::open_reader;

/// `bellwether reputation`.
pub(crate) fn run(common: &Common, args: &ReputationArgs) -> Result<Exit, Failure> {
    match &args.action {
        ReputationAction::List => report::reputation(common),
        ReputationAction::Export { list, form, output } => {
            let listed = match list {
                ListName::Block => Listed::Blocked,
                ListName::Allow => Listed::Allowed,
            };
            let export = match form {
                ExportAs::Plain => Export::Plain,
                ExportAs::Csv => Export::Csv,
                ExportAs::Kamailio => Export::Kamailio,
            };
            let text = written(&open_reader(common)?.listed(listed)?, listed, export)?;
            match output {
                Some(path) => {
                    private::write(path, text.as_bytes(), &mut |told| note(common, &told))?;
                }
                None => std::io::stdout().write_all(text.as_bytes())?,
            }
            Ok(Exit::Done)
        }
    }
}

/// A list as text.
fn written(listed: &[ListedSubject], list: Listed, export: Export) -> Result<String, Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let wrong = |e: &dyn std::fmt::Display| Failure::Work(e.to_string());
    match export {
        Export::Plain => {
            let lines = listed.iter().map(|l| format!("{}:{}\n", l.subject.layer.name(), l.subject.name));
            return Ok(lines.collect());
        }
        Export::Csv => {
            csv.write_record(["kind", "subject", "reputation", "since", "why"]).map_err(|e| wrong(&e))?;
            for l in listed {
                let since = l.since.map(crate::when::rfc3339).unwrap_or_default();
                let standing = format!("{:.1}", l.standing);
                csv.write_record([l.subject.layer.name(), &l.subject.name, &standing, &since, &l.why])
                    .map_err(|e| wrong(&e))?;
            }
        }
        Export::Kamailio => {
            // Columns of the module htable's db_text and SQL tables; key and value are text (type 0).
            csv.write_record(["key_name", "key_type", "value_type", "key_value", "expires"])
                .map_err(|e| wrong(&e))?;
            for l in listed {
                let key = format!("{}:{}", l.subject.layer.name(), l.subject.name);
                csv.write_record([key.as_str(), "0", "0", list.name(), "0"]).map_err(|e| wrong(&e))?;
            }
        }
    }
    let octets = csv.into_inner().map_err(|e| wrong(&e))?;
    String::from_utf8(octets).map_err(|e| wrong(&e))
}
