//! What feedback of the operator changes: tried out, or done and told.

use std::collections::BTreeMap;

use bellwether_base::several;
use bellwether_recorder::Recorder;
use bellwether_store::Effects;

use crate::args::Common;
use crate::out;
use crate::outcome::Failure;

/// Prepares for feedback. A dry run stores nothing.
pub(crate) fn begin(recorder: &mut Recorder, is_dry_run: bool) -> Result<(), Failure> {
    let writer = recorder.writer();
    if is_dry_run {
        writer.try_out()?
    } else {
        writer.watch_effects()?
    }
    Ok(())
}

/// Applies the feedback to the calls in the database, and prints what changed.
pub(crate) fn finish(common: &Common, mut recorder: Recorder, is_dry_run: bool) -> Result<(), Failure> {
    recorder.apply_labels()?;
    if !common.quiet {
        for line in told(&recorder.writer().effects()?) {
            out::line(line)?;
        }
        if is_dry_run {
            out::line("this was a dry run: nothing is stored".to_owned())?;
        }
    }
    if !is_dry_run {
        recorder.close()?;
    }
    Ok(())
}

/// The effects in words.
fn told(effects: &Effects) -> Vec<String> {
    if effects.is_empty() {
        return vec!["no earlier call changes".to_owned()];
    }
    let calls = |n: u64| several(n, "call", "calls");
    let mut lines: Vec<String> = effects
        .dispositions
        .iter()
        .map(|(before, now, count)| format!("{} from {before} to {now}", calls(*count)))
        .collect();
    if effects.rescored > 0 {
        lines.push(format!("{} with another score only", calls(effects.rescored)));
    }
    for (name, joined, left) in &effects.campaigns {
        let moves = [(*joined, "joined"), (*left, "left")];
        let moves: Vec<String> = moves
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{} {word}", calls(n)))
            .collect();
        lines.push(format!("campaign {name}: {}", moves.join(", ")));
    }
    let mut lists: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for (kind, name, before, now) in &effects.lists {
        lists.entry((kind, before, now)).or_default().push(name);
    }
    for ((kind, before, now), names) in lists {
        let subjects = match names.as_slice() {
            few if few.len() <= MOST_NAMES => format!("{kind} {}", few.join(", ")),
            many => format!("{} subjects of the kind {kind}", many.len()),
        };
        lines.push(format!("reputation: {subjects}: list {before} before, {now} now"));
    }
    lines
}

/// Subjects that are named one by one.
const MOST_NAMES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_told_in_words() {
        assert_eq!(told(&Effects::default()), ["no earlier call changes"]);
        let effects = Effects {
            dispositions: vec![
                ("quarantine".into(), "monitor".into(), 118),
                ("monitor".into(), "standard".into(), 1),
            ],
            rescored: 2,
            campaigns: vec![("c-abc".into(), 0, 118)],
            lists: [("fingerprint".into(), "f2-1".into(), "block".into(), "none".into())]
                .into_iter()
                .chain((0..5).map(|n| ("origin".into(), n.to_string(), "none".into(), "block".into())))
                .collect(),
        };
        assert_eq!(
            told(&effects),
            [
                "118 calls from quarantine to monitor",
                "1 call from monitor to standard",
                "2 calls with another score only",
                "campaign c-abc: 118 calls left",
                "reputation: fingerprint f2-1: list block before, none now",
                "reputation: 5 subjects of the kind origin: list none before, block now",
            ]
        );
    }
}
