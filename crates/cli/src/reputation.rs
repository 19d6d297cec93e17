use bellwether_app::private;
use bellwether_base::Shown;
use bellwether_report::{Export, rfc3339};
use bellwether_store::{Listed, ListedSubject};

use crate::args::{Common, ExportAs, ListName, ReputationAction, ReputationArgs};
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::render::csv_line;
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
            let text = written(&open_reader(common)?.listed(listed)?, listed, export);
            match output {
                Some(path) => {
                    private::write(path, text.as_str().as_bytes(), &mut |told| note(common, &told))?;
                }
                None => out::page(&text)?,
            }
            Ok(Exit::Done)
        }
    }
}

/// A list as text.
fn written(listed: &[ListedSubject], list: Listed, export: Export) -> Shown {
    let mut out = Shown::default();
    let mut put = |line: Shown| {
        out.push(&line);
        out.own("\n");
    };
    let key = |l: &ListedSubject| format!("{}:{}", l.subject.layer.name(), l.subject.name);
    match export {
        Export::Plain => listed.iter().for_each(|l| put(Shown::of(&key(l)))),
        Export::Csv => {
            put(csv_line(["kind", "subject", "reputation", "since", "why"].map(Shown::csv_text)));
            for l in listed {
                let since = l.since.map(rfc3339).unwrap_or_default();
                // A number from the program, which may be negative.
                let standing = Shown::of(&format!("{:.1}", l.standing));
                let [kind, subject, since, why] =
                    [l.subject.layer.name(), &l.subject.name, &since, &l.why].map(Shown::csv_text);
                put(csv_line([kind, subject, standing, since, why]));
            }
        }
        Export::Kamailio => {
            // Columns of the module htable's db_text and SQL tables; key and value are text (type 0).
            let header = ["key_name", "key_type", "value_type", "key_value", "expires"];
            put(csv_line(header.map(Shown::csv_text)));
            for l in listed {
                put(csv_line([&key(l), "0", "0", list.name(), "0"].map(Shown::csv_text)));
            }
        }
    }
    out
}
