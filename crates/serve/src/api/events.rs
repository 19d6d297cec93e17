//! Events as they are committed, for switches that keep copies and for the live page (server-sent events, WHATWG HTML 9.2).

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::extract::State as Shared;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bellwether_report::{EntriesBySubject, Reports};
use bellwether_store::{Reader, StoreError};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::ServeError;
use crate::guard::Client;
use crate::options::OpenReader;
use crate::problem::Problem;
use crate::state::State;

/// Events that a slow client may be behind. It is told how many it missed.
const MAX_BEHIND: usize = 256;

/// Clients at once.
const MAX_SUBSCRIBERS: usize = 64;

/// Time between two looks into the database.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// Rows of one kind that are told of one look. A flood is told as its number.
const MAX_AT_ONCE: usize = 100;

/// Calls that are followed, the latest: a call is told when it is scored, and again when its disposition changes.
const MAX_FOLLOWED: usize = 2000;

/// An event: its name and its data.
pub(crate) type Told = (&'static str, Arc<str>);

/// The events of one database.
pub(crate) struct Feed {
    to: Sender<Told>,
    subscribers: Arc<AtomicUsize>,
}

impl Feed {
    /// Starts the thread that looks for new rows. It looks only while somebody listens, and ends with the feed.
    pub(crate) fn start(open: &Arc<OpenReader>) -> Result<Self, ServeError> {
        let (to, _) = channel(MAX_BEHIND);
        let reader = open()?;
        let sender = to.downgrade();
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || {
                let mut seen = Seen::default();
                let mut reader = reader;
                loop {
                    std::thread::sleep(LOOKS_EVERY);
                    let Some(to) = sender.upgrade() else { return };
                    if to.receiver_count() == 0 {
                        seen = Seen::default();
                        continue;
                    }
                    if let Err(e) = seen.look_after_commit(&mut reader, &to) {
                        tracing::debug!("events cannot be read: {e}");
                    }
                }
            })
            .map_err(|e| ServeError::Io("no thread for events".to_owned(), e))?;
        Ok(Self { to, subscribers: Arc::default() })
    }
}

/// Rows that were told already.
#[derive(Default)]
struct Seen {
    /// The version of the database whose news were all told.
    version: Option<i64>,
    alert: Option<i64>,
    /// Dispositions of the latest calls as they were told, by row number.
    calls: Option<BTreeMap<i64, String>>,
    change: Option<i64>,
    /// The entries of the operator's lists.
    entries: Option<EntriesBySubject>,
}

/// Changes from some entries to others, in the members of a promotion.
fn entry_changes(before: &EntriesBySubject, after: &EntriesBySubject) -> Vec<Value> {
    let subjects: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let of = |subject: &(String, String)| {
        let (from, to) = (before.get(subject), after.get(subject));
        let (kind, value) = subject;
        let (from, at) = (from.map(|(list, _)| list), to.map(|(_, at)| at));
        let to = to.map(|(list, _)| list);
        (from != to).then(|| {
            json!({ "at": at, "kind": kind, "subject": value, "from": from, "to": to, "reputation": null, "why": "operator" })
        })
    };
    subjects.into_iter().filter_map(of).collect()
}

impl Seen {
    fn look_after_commit(&mut self, reader: &mut Reader, to: &Sender<Told>) -> Result<(), StoreError> {
        let version = reader.data_version()?;
        if self.version != Some(version) {
            reader.refresh()?;
            self.version = self.look(reader, to)?.then_some(version);
        }
        Ok(())
    }

    /// Tells the news. Returns false if there may be more than one look tells.
    fn look(&mut self, reader: &Reader, to: &Sender<Told>) -> Result<bool, StoreError> {
        // A channel without receivers refuses, which is no fault.
        let tell = |name: &'static str, data: Value| drop(to.send((name, data.to_string().into())));
        let reports = Reports::of(reader);
        let (newest, alerts) = reports.alerts_after(self.alert, MAX_AT_ONCE)?;
        let mut is_all = alerts.len() < MAX_AT_ONCE;
        alerts.into_iter().for_each(|alert| tell("alert", Value::Object(alert)));
        self.alert = Some(newest);
        let (newest, changes) = reports.list_changes_after(self.change, MAX_AT_ONCE)?;
        is_all &= changes.len() < MAX_AT_ONCE;
        changes.into_iter().for_each(|change| tell("list_changed", Value::Object(change)));
        self.change = Some(newest);
        let entries = reports.entries_by_subject()?;
        if let Some(before) = &self.entries {
            entry_changes(before, &entries).into_iter().for_each(|change| tell("list_changed", change));
        }
        self.entries = Some(entries);
        let calls = reports.latest_scored_calls(MAX_FOLLOWED)?;
        let is_first = self.calls.is_none();
        let told = self.calls.get_or_insert_default();
        let mut count = 0;
        let mut now = BTreeMap::new();
        for (id, call) in calls {
            let disposition = call.get("disposition").and_then(Value::as_str).unwrap_or_default().to_owned();
            let is_news = !is_first && told.get(&id) != Some(&disposition);
            now.insert(id, disposition);
            if is_news {
                count += 1;
                if count <= MAX_AT_ONCE {
                    tell("call", Value::Object(call));
                }
            }
        }
        *told = now;
        if count > MAX_AT_ONCE {
            tell("more_calls", json!({ "count": count - MAX_AT_ONCE }));
        }
        Ok(is_all)
    }
}

/// `GET /api/v1/events`
///
/// The stream of a browser ends at the first event after its session.
pub(crate) async fn subscribe(
    Shared(state): Shared<Arc<State>>,
    Extension(client): Extension<Client>,
) -> Result<Response, Problem> {
    let subscribers = Arc::clone(&state.feed.subscribers);
    if subscribers.fetch_add(1, Ordering::Relaxed) >= MAX_SUBSCRIBERS {
        subscribers.fetch_sub(1, Ordering::Relaxed);
        return Err(Problem::overloaded());
    }
    let follower = Follower { from: state.feed.to.subscribe(), subscribers };
    // A held state would keep the feed, and with it this stream, beyond the server's end.
    let state = Arc::downgrade(&state);
    let followed = (follower, state, client);
    let stream = futures_util::stream::unfold(followed, async |(mut follower, state, client)| {
        let received = follower.from.recv().await;
        let identity = client.identity.as_ref()?;
        if !state.upgrade()?.clients.is_still_in(identity) {
            return None;
        }
        let event = match received {
            Ok((name, data)) => Event::default().event(name).data(&*data),
            Err(RecvError::Lagged(missed)) => {
                Event::default().event("missed").data(json!({ "count": missed }).to_string())
            }
            Err(RecvError::Closed) => return None,
        };
        Some((Ok::<_, Infallible>(event), (follower, state, client)))
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("alive");
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

/// One client. It is counted until it leaves.
struct Follower {
    from: Receiver<Told>,
    subscribers: Arc<AtomicUsize>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_come_go_and_change_lists_are_told() {
        let entries = |lists: &[(&str, &str)]| -> EntriesBySubject {
            let of = |(value, list): &(&str, &str)| {
                (("peer".to_owned(), (*value).to_owned()), ((*list).to_owned(), json!("t")))
            };
            lists.iter().map(of).collect()
        };
        let before = entries(&[("a", "block"), ("b", "block"), ("c", "allow")]);
        let after = entries(&[("b", "allow"), ("c", "allow"), ("d", "block")]);
        let told: Vec<_> = entry_changes(&before, &after)
            .iter()
            .map(|change| {
                (
                    change["subject"].clone(),
                    change["from"].clone(),
                    change["to"].clone(),
                    change["at"].clone(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (json!("a"), json!("block"), Value::Null, Value::Null),
                (json!("b"), json!("block"), json!("allow"), json!("t")),
                (json!("d"), Value::Null, json!("block"), json!("t")),
            ]
        );
    }
}
