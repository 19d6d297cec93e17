use std::time::Instant;

use bellwether_enrich::{Enricher, Topology};
use bellwether_tracker::StampedFact;
use crossbeam_channel::{Receiver, Sender};
use hdrhistogram::Histogram;

use crate::batch::Facts;
use crate::queues::Rows;
use crate::recognition::Recognition;
use crate::room::Door;

/// Rows per batch: it bounds the rows that wait for the writer, whatever the size of an epoch.
const ROWS_AT_ONCE: usize = 128;

/// Merges the workers' facts into a single order, epoch by epoch, enriches them to rows, finds
/// the recordings that streams play, and sends the rows.
/// Ends when the workers have ended, or when the receiver of rows has ended. Returns the latencies from the
/// dispatcher to the enricher in microseconds.
pub(crate) fn merge(
    from: &[(Receiver<Facts>, Sender<Vec<StampedFact>>)],
    (mut enricher, mut recognition): (Enricher, Recognition),
    sites: &Receiver<Topology>,
    rows_to: &Door,
    started: Instant,
) -> Histogram<u64> {
    let mut latency = latencies();
    let mut facts = Vec::new();
    loop {
        let mut is_over = true;
        for (from, spare) in from {
            // Workers answer every epoch, so the n-th answer of each belongs to the n-th epoch.
            if let Ok(mut part) = from.recv() {
                is_over = false;
                facts.append(&mut part.facts);
                // If the return channel is full or closed, the vector is freed.
                let _ = spare.try_send(part.facts);
                let taken = started.elapsed().saturating_sub(part.sent);
                latency.saturating_record(u64::try_from(taken.as_micros()).unwrap_or(u64::MAX).max(1));
            }
        }
        if is_over {
            return latency;
        }
        if let Some(site) = sites.try_iter().last() {
            enricher.set_site(site);
        }
        facts.sort_by_key(|fact| fact.order);
        let mut rows = Vec::with_capacity(ROWS_AT_ONCE);
        let mut since = None;
        for fact in facts.drain(..) {
            since.get_or_insert(fact.order.at);
            let before = rows.len();
            enricher.fact(fact, &mut rows);
            recognition.recognise(rows.get_mut(before..).unwrap_or_default());
            if rows.len() >= ROWS_AT_ONCE {
                let full = Rows { rows: std::mem::take(&mut rows), since: since.take() };
                if rows_to.send(full).is_err() {
                    return latency;
                }
            }
        }
        if !rows.is_empty() && rows_to.send(Rows { rows, since }).is_err() {
            return latency;
        }
    }
}

/// Three digits up to a minute: 200 KB once, without later allocations.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap_or_else(|_| empty_histogram())
}

#[expect(clippy::expect_used, reason = "the bounds are constants that the crate documents as valid")]
fn empty_histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are within the documented range")
}
