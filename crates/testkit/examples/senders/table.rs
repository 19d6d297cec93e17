//! Results of all seeds as a table.

use crate::judge::{Counts, Judged};
use crate::kinds::Kind;

/// The head of the table.
pub(crate) const HEADER: &str = "\
| sender | truth | mirror | calls | accused at the end % | accused at any moment % | worst seed % | \
found after calls (median) | bystanders accused at any moment % | background accused at any moment % |\n\
|---|---|---|---|---|---|---|---|---|---|";

fn percent(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * part as f64 / all as f64 }
}

fn share_at_the_end(of: &Counts) -> f64 {
    percent(of.at_the_end, of.calls)
}

fn share_at_any_moment(of: &Counts) -> f64 {
    percent(of.at_any_moment, of.calls)
}

/// The mean over all seeds.
fn mean(seeds: &[Judged], of: impl Fn(&Judged) -> f64) -> f64 {
    seeds.iter().map(of).sum::<f64>() / seeds.len().max(1) as f64
}

/// The seed with most accused calls of an honest sender, or with fewest of a fraudulent one.
fn worst(kind: &Kind, seeds: &[Judged]) -> f64 {
    let shares = |of: fn(&Counts) -> f64| seeds.iter().map(move |judged| of(&judged.sender));
    match kind.is_fraud {
        true => shares(share_at_the_end).fold(100.0, f64::min),
        false => shares(share_at_any_moment).fold(0.0, f64::max),
    }
}

/// One line of the table.
pub(crate) fn row(kind: &Kind, has_registrations: bool, seeds: &[Judged]) -> String {
    let mut found: Vec<u64> = seeds.iter().filter_map(|judged| judged.found_after).collect();
    found.sort_unstable();
    format!(
        "| {} | {} | {} | {:.0} | {:.1} | {:.1} | {:.1} | {} | {} | {:.2} |",
        kind.name,
        if kind.is_fraud { "fraud" } else { "honest" },
        if has_registrations { "registers" } else { "none" },
        mean(seeds, |judged| judged.sender.calls as f64),
        mean(seeds, |judged| share_at_the_end(&judged.sender)),
        mean(seeds, |judged| share_at_any_moment(&judged.sender)),
        worst(kind, seeds),
        found.get(found.len() / 2).map_or_else(|| "-".to_owned(), u64::to_string),
        if seeds.iter().any(|judged| judged.bystanders.calls > 0) {
            format!("{:.2}", mean(seeds, |judged| share_at_any_moment(&judged.bystanders)))
        } else {
            "-".to_owned()
        },
        mean(seeds, |judged| share_at_any_moment(&judged.background)),
    )
}

/// The sum over all honest senders.
#[derive(Default)]
pub(crate) struct Totals {
    calls: u64,
    accused: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, kind: &Kind, seeds: &[Judged]) {
        for judged in seeds.iter().filter(|_| !kind.is_fraud) {
            self.calls += judged.sender.calls;
            self.accused += judged.sender.at_the_end;
        }
    }

    pub(crate) fn in_words(&self) -> String {
        let per_million = 1e4 * percent(self.accused, self.calls);
        format!("Honest senders: {} calls, {per_million:.0} per million accused at the end", self.calls)
    }
}
