//! The ladder of a call: its hosts, and the messages and media between them.

use maud::Markup;

use super::{Anchor, Canvas, Paint};
use crate::fields::Fields;
use crate::format::{cut, fixed, nanos, span, t};
use crate::parts::host;

const LEFT: f64 = 86.0;
const COLUMN: f64 = 200.0;
const ROW: f64 = 34.0;
const TOP: f64 = 40.0;

/// Hosts of one ladder; further media hosts are left out.
const MAX_HOSTS: usize = 6;

/// Steps of one ladder; further streams are left out.
const MAX_STEPS: usize = 40;

/// The kind of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StepKind {
    Request,
    Answer,
    Failure,
    Media,
}

/// A message, or a stream from its first packet on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LadderStep {
    /// Seconds since the first INVITE; none if the time is not stored.
    pub(crate) at_s: Option<f64>,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) label: String,
    pub(crate) kind: StepKind,
}

/// The hosts and steps of a call, as far as the database has them.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct LadderView {
    pub(crate) hosts: Vec<String>,
    pub(crate) steps: Vec<LadderStep>,
}

impl LadderView {
    /// The ladder of a call as `show_call` gives it.
    pub(crate) fn of(call: Fields<'_>) -> Self {
        let mut view = Self::default();
        let source = view.host(call.word("source"));
        let first = view.host(call.word("destination"));
        let (Some(source), Some(first)) = (source, first) else { return view };
        let last = call.text("last_destination").and_then(|last| view.host(last)).unwrap_or(first);
        let started = call.text("started_at").and_then(nanos);
        let since = |name: &str, of: Fields<'_>| {
            Some((of.text(name).and_then(nanos)?.saturating_sub(started?)) as f64 / 1e9)
        };
        let mut put = |at_s: Option<f64>, from: usize, to: usize, label: String, kind: StepKind| {
            view.steps.push(LadderStep { at_s, from, to, label, kind });
        };
        put(Some(0.0), source, first, "INVITE".to_owned(), StepKind::Request);
        if last != first {
            put(None, first, last, format!("INVITE, {} hops", call.count("hops")), StepKind::Request);
        }
        let (answered, ended) = (since("answered_at", call), since("ended_at", call));
        let status = call.count("final_status");
        let is_cancelled = call.is("cancelled");
        if answered.is_some() {
            put(answered, last, source, "200, answered".to_owned(), StepKind::Answer);
        } else {
            if is_cancelled {
                put(None, source, last, "CANCEL".to_owned(), StepKind::Request);
            }
            if status > 0 {
                put(ended, last, source, format!("{status}"), StepKind::Failure);
            }
        }
        if answered.is_some() && ended.is_some() {
            match call.text("ended_by") {
                Some("callee") => put(ended, last, source, "BYE".to_owned(), StepKind::Request),
                Some(_) => put(ended, source, last, "BYE".to_owned(), StepKind::Request),
                None => put(ended, source, last, "end, side unknown".to_owned(), StepKind::Request),
            }
        }
        for stream in call.objects("streams") {
            let (from, to) = (view.host(stream.word("src")), view.host(stream.word("dst")));
            let (Some(from), Some(to)) = (from, to) else { continue };
            let (begin, end) = (since("first_seen", stream), since("last_seen", stream));
            let lasts = begin.zip(end).map_or_else(String::new, |(b, e)| format!(", {}", span(e - b)));
            let label = format!(
                "{} {} packets{lasts}",
                stream.text("codec").unwrap_or("RTP"),
                stream.count("packets")
            );
            view.steps.push(LadderStep { at_s: begin, from, to, label, kind: StepKind::Media });
        }
        view.sort();
        view.steps.truncate(MAX_STEPS);
        view
    }

    /// The place of an endpoint's host.
    fn host(&mut self, endpoint: &str) -> Option<usize> {
        let host = host(endpoint);
        if let Some(place) = self.hosts.iter().position(|other| other == host) {
            return Some(place);
        }
        if host.is_empty() || self.hosts.len() == MAX_HOSTS {
            return None;
        }
        self.hosts.push(host.to_owned());
        Some(self.hosts.len() - 1)
    }

    /// Sorts by time. A step without a time stays behind the step before it.
    fn sort(&mut self) {
        let mut last = 0.0;
        let keys: Vec<f64> = self
            .steps
            .iter()
            .map(|step| {
                last = step.at_s.unwrap_or(last);
                last
            })
            .collect();
        let mut keyed: Vec<(f64, LadderStep)> =
            keys.into_iter().zip(std::mem::take(&mut self.steps)).collect();
        keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        self.steps = keyed.into_iter().map(|(_, step)| step).collect();
    }

    /// The picture.
    pub(crate) fn draw(&self) -> Markup {
        let width = (LEFT + COLUMN * self.hosts.len() as f64).max(LEFT + COLUMN * 2.0);
        let height = TOP + ROW * (self.steps.len() as f64 + 0.6);
        let title = format!("Ladder of {} steps between {} hosts", self.steps.len(), self.hosts.len());
        let mut canvas = Canvas::new(width, height, &title);
        let x_of = |host: usize| LEFT + COLUMN * (host as f64 + 0.5);
        for (i, name) in self.hosts.iter().enumerate() {
            canvas.line((x_of(i), TOP - 10.0), (x_of(i), height), 1.0, Paint::Rule);
            canvas.bold((x_of(i), TOP - 20.0), Anchor::Middle, Paint::Ink, cut(name, 28).as_str());
        }
        for (i, step) in self.steps.iter().enumerate() {
            let y = TOP + ROW * (i as f64 + 0.7);
            let paint = match step.kind {
                StepKind::Request => Paint::Accent,
                StepKind::Answer => Paint::Good,
                StepKind::Failure => Paint::Bad,
                StepKind::Media => Paint::Second,
            };
            let at = step.at_s.map_or_else(String::new, |at| format!("{} s", fixed(at, 3)));
            canvas.text((LEFT - 8.0, y + 4.0), Anchor::End, Paint::Muted, &at);
            let (from, to) = (x_of(step.from), x_of(step.to));
            if step.from == step.to {
                // A program that sends to itself.
                canvas.path(
                    &format!("M{from:.1} {:.1}h40v12h-33", y - 6.0),
                    1.5,
                    paint,
                    step.kind == StepKind::Media,
                );
                canvas.head((from, y + 6.0), false, paint);
                canvas.text((from + 48.0, y + 4.0), Anchor::Start, Paint::Ink, t(&step.label).as_str());
                continue;
            }
            canvas.path(
                &format!("M{from:.1} {y:.1}H{to:.1}"),
                if step.kind == StepKind::Media { 2.5 } else { 1.5 },
                paint,
                step.kind == StepKind::Media,
            );
            canvas.head((to, y), to > from, paint);
            canvas.text(
                (f64::midpoint(from, to), y - 6.0),
                Anchor::Middle,
                Paint::Ink,
                cut(&step.label, 60).as_str(),
            );
        }
        canvas.element()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ladder_has_the_stored_steps_in_order_of_time() {
        let call = json!({
            "source": "192.0.2.1:5060", "destination": "192.0.2.2:5060", "last_destination": "192.0.2.3:5060", "hops": 2,
            "started_at": "2026-11-21T00:00:00.000000000Z", "answered_at": "2026-11-21T00:00:02.000000000Z",
            "ended_at": "2026-11-21T00:00:09.500000000Z", "final_status": 200, "ended_by": "callee",
            "streams": [{"src": "192.0.2.1:4000", "dst": "192.0.2.9:4000", "codec": "PCMA<", "packets": 5,
                "first_seen": "2026-11-21T00:00:02.100000000Z", "last_seen": "2026-11-21T00:00:09.100000000Z"}],
        });
        let view = LadderView::of(Fields::of(&call).unwrap());
        let labels: Vec<&str> = view.steps.iter().map(|step| step.label.as_str()).collect();
        assert_eq!(labels, ["INVITE", "INVITE, 2 hops", "200, answered", "PCMA< 5 packets, 7 s", "BYE"]);
        assert_eq!(view.hosts.len(), 4);
        let bye = view.steps.last().unwrap();
        assert_eq!((bye.at_s, bye.from, bye.to), (Some(9.5), 2, 0));
        let text = view.draw().into_string();
        assert!(text.contains("PCMA&lt;") && text.contains("9.500 s"), "{text}");
    }

    #[test]
    fn a_call_without_an_answer_ends_with_its_status() {
        let call = json!({
            "source": "192.0.2.1:5060", "destination": "192.0.2.2:5060", "final_status": 487, "cancelled": true,
            "started_at": "2026-11-21T00:00:00.000000000Z", "ended_at": "2026-11-21T00:00:04.000000000Z",
        });
        let view = LadderView::of(Fields::of(&call).unwrap());
        let labels: Vec<&str> = view.steps.iter().map(|step| step.label.as_str()).collect();
        assert_eq!(labels, ["INVITE", "CANCEL", "487"]);
    }
}
