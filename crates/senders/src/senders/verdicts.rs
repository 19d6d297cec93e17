//! The verdict of a call, from the clusters that it belongs to.

use bellwether_base::{CallId, RecordingId, Timestamp};

use super::{
    ACCUSED_FROM, Change, Cluster, FEWEST_CALLS, Followed, LineKind, NOT_YET, OF_LINE, OF_OWN_BLOCK,
    OF_UNKNOWN, OF_YOUNG, Senders, Verdict, WINDOWS, WORTH_TELLING,
};
use crate::likelihood::{log_odds, probability};
use crate::model::{self, SenderKind, Terms};
use crate::parties::{Address, Judgement, Recorded};

impl Senders {
    /// The verdict of a call that an address keeps; `age` is 1 for its last call.
    pub(super) fn of_recorded(
        &self,
        key: u64,
        address: &Address,
        recorded: &Recorded,
        age: usize,
    ) -> Verdict {
        let verdict = self.judged(key, address, recorded, age);
        let notifies_from = (address.is_notifying && !verdict.is_accused).then_some(key);
        Verdict { notifies_from, ..verdict }
    }

    /// The same, whatever the address does as a whole.
    fn judged(&self, key: u64, address: &Address, recorded: &Recorded, age: usize) -> Verdict {
        let number = self.numbers.value(recorded.number);
        let kind = if recorded.is_young { LineKind::Registered } else { LineKind::Returning };
        if let Some(number) = number
            && number.place(key).is_some_and(|place| place.is_bonded)
        {
            return of_line(number.sessions, kind);
        }
        let family = self.families.value(address.family);
        // Numbers of the blocks of an address's lines are hardly those of a stranger who calls through it.
        let of_own = if address.is_own(recorded) { OF_OWN_BLOCK } else { 1.0 };
        let mut best = Verdict { is_borrowed: recorded.is_borrowed, ..nothing() };
        let mut consider =
            |judgement: &Judgement, share: f64, calls: u32, cluster: Cluster, once: (u32, u32)| {
                let Some(posterior) = judgement.posterior else { return };
                let p = probability(posterior.log_odds) * share;
                if best.cluster != Cluster::Nothing && p <= best.probability {
                    return;
                }
                best = Verdict {
                    probability: p,
                    share,
                    calls,
                    cluster,
                    kind: posterior.kind,
                    is_accused: judgement.is_accused,
                    notifies_from: None,
                    terms: posterior.terms,
                    once,
                    is_borrowed: recorded.is_borrowed,
                };
            };
        if let Some(family) = family {
            let addresses = &family.sample.addresses;
            if address.is_stranger()
                && let Some(posterior) = family.judgement.posterior
            {
                let doubt = if recorded.is_young { OF_YOUNG.ln() } else { 0.0 };
                let share = model::thrown_after(
                    probability(log_odds(posterior.once_is_thrown) + doubt),
                    recorded.fate,
                    &family.sample.conduct,
                    self.site.answers(),
                );
                consider(
                    &family.judgement,
                    share,
                    family.sample.conduct.calls,
                    Cluster::Strangers { family: address.family },
                    (addresses.once(), addresses.parties()),
                );
            }
            let (gang, crowd) =
                (Cluster::Gang { family: address.family }, Cluster::Crowd { family: address.family });
            let (suspects, small) = (family.suspects.len() as u32, family.small.len() as u32);
            if address.is_suspect {
                let calls = address.sample.conduct.calls * suspects;
                consider(&family.gang, of_own, calls, gang, (suspects, suspects + family.good));
            } else if address.is_small {
                let groups = [(&family.gang, gang, suspects), (&family.crowd, crowd, small)];
                for (judgement, cluster, bad) in groups {
                    let share = of_own * f64::from(bad) / (f64::from(bad) + f64::from(family.good) + 0.5);
                    consider(judgement, share, small * 2, cluster, (bad, bad + family.good));
                }
            }
        }
        if let Some(name) = address.recording
            && let Some(recording) = self.recordings.value(name.key())
        {
            let count = recording.members.len() as u32;
            let cluster = Cluster::Recording { recording: name };
            consider(&recording.judgement, 1.0, count * FEWEST_CALLS, cluster, (count, count));
        }
        let numbers = &address.sample.numbers;
        let once = (numbers.once(), numbers.parties());
        let calls = address.sample.conduct.calls;
        consider(&address.judgement, of_own, calls, Cluster::Address { address: key }, once);
        if self.is_guest(key, address, recorded) {
            let guests = address.guests.calls();
            consider(&address.guests, 1.0, guests, Cluster::Guests { address: key }, (guests, calls));
        }
        for (judgement, window) in address.recent.iter().zip(WINDOWS) {
            if age <= window {
                consider(judgement, of_own, window as u32, Cluster::Address { address: key }, once);
            }
        }
        best.is_accused &= best.probability >= ACCUSED_FROM
            || recorded.told.is_some_and(|(_, was)| was && best.probability >= 0.5);
        if recorded.is_young && !best.is_accused {
            return of_line(number.map_or(1, |of| of.sessions), kind);
        }
        if !best.is_accused {
            best.probability = best.probability.min(NOT_YET);
        }
        best
    }

    /// The verdict of a call that its address does not keep any more: that of its last calls.
    pub(super) fn of_forgotten(&self, call: CallId, followed: &Followed, address: &Address) -> Verdict {
        let recorded = Recorded {
            call,
            at: followed.at,
            number: followed.number,
            print: followed.print,
            ..Recorded::default()
        };
        self.of_recorded(followed.address, address, &recorded, usize::MAX)
    }

    /// The present verdict of a call, as a change.
    #[must_use]
    pub fn present(&self, call: CallId) -> Option<Change> {
        let at = self.calls.value(call.key())?.at;
        Some(Change { call, at, verdict: self.verdict(call)? })
    }

    /// The present verdicts of all calls that are followed.
    #[must_use]
    pub fn all(&self) -> Vec<Change> {
        let mut calls = Vec::with_capacity(self.calls.len());
        self.calls.for_each(|key, _| calls.push(CallId::from_key(*key)));
        calls.sort_unstable();
        calls.into_iter().filter_map(|call| self.present(call)).collect()
    }

    /// The keys of a call's number, of its address on its family and, as its low half, of its exact fingerprint, as in
    /// [`crate::CallStart`]; and its start.
    #[must_use]
    pub fn parties(&self, call: CallId) -> Option<(u64, u64, u32, Timestamp)> {
        self.calls.value(call.key()).map(|of| (of.number, of.address, of.print, of.at))
    }

    /// The cluster of one party that a call is in: the address, or those that call through it.
    #[must_use]
    pub fn party_of(&self, call: CallId) -> Option<Cluster> {
        let key = self.calls.value(call.key())?.address;
        let is_guest = self.addresses.value(key).is_some_and(|address| {
            let recorded = address.calls.iter().rev().find(|of| of.call == call);
            recorded.is_some_and(|recorded| self.is_guest(key, address, recorded))
        });
        Some(if is_guest { Cluster::Guests { address: key } } else { Cluster::Address { address: key } })
    }

    /// All clusters with a judgement.
    #[must_use]
    pub fn clusters(&self) -> Vec<Cluster> {
        let mut found = Vec::new();
        self.addresses.for_each(|key, of| {
            found.push(Cluster::Address { address: *key });
            if of.guests.calls() > 0 {
                found.push(Cluster::Guests { address: *key });
            }
        });
        self.families.for_each(|key, _| {
            let family = *key;
            found.extend([
                Cluster::Strangers { family },
                Cluster::Gang { family },
                Cluster::Crowd { family },
            ]);
        });
        self.recordings
            .for_each(|key, _| found.push(Cluster::Recording { recording: RecordingId::from_key(*key) }));
        found.sort_unstable();
        found
    }

    /// The present verdicts of the calls of a cluster.
    #[must_use]
    pub fn members(&self, cluster: Cluster) -> Vec<Change> {
        let family = |key: u64| self.families.value(key);
        let keys = match cluster {
            Cluster::Nothing | Cluster::Line(_) | Cluster::Trunk => Vec::new(),
            Cluster::Strangers { family: key } => {
                family(key).map(|of| of.strangers.iter().copied().collect()).unwrap_or_default()
            }
            Cluster::Address { address } | Cluster::Guests { address } => vec![address],
            Cluster::Gang { family: key } => family(key).map(|of| of.suspects.clone()).unwrap_or_default(),
            Cluster::Crowd { family: key } => family(key).map(|of| of.small.clone()).unwrap_or_default(),
            Cluster::Recording { recording } => {
                self.recordings.value(recording.key()).map(|of| of.members.clone()).unwrap_or_default()
            }
        };
        let is_of_guests = matches!(cluster, Cluster::Guests { .. });
        let addresses = keys.iter().filter_map(|key| Some((*key, self.addresses.value(*key)?)));
        let calls = addresses.flat_map(|(key, address)| {
            address.calls.iter().filter(move |of| !is_of_guests || self.is_guest(key, address, of))
        });
        calls.filter_map(|of| self.present(of.call)).collect()
    }

    /// The clusters that a label of a call speaks about: its party, and the strangers of its family if the call is one
    /// of them.
    #[must_use]
    pub fn labelled_by(&self, call: CallId) -> Vec<Cluster> {
        let Some(followed) = self.calls.value(call.key()).filter(|of| of.line.is_none() && !of.is_trunk)
        else {
            return Vec::new();
        };
        let mut clusters: Vec<Cluster> = self.party_of(call).into_iter().collect();
        if let Some(address) = self.addresses.value(followed.address).filter(|of| of.is_stranger()) {
            clusters.push(Cluster::Strangers { family: address.family });
        }
        clusters
    }

    pub(super) fn tell_addresses(&mut self, keys: &[u64], out: &mut Vec<Change>) {
        for key in keys {
            let Some(slot) = self.addresses.slot(*key) else { continue };
            let Some((_, address)) = self.addresses.get_mut(slot) else { continue };
            let mut calls = std::mem::take(&mut address.calls);
            let count = calls.len();
            if let Some((_, address)) = self.addresses.get(slot) {
                for (place, recorded) in calls.iter_mut().enumerate() {
                    let verdict = self.of_recorded(*key, address, recorded, count - place);
                    if is_news(recorded, &verdict) {
                        out.push(Change { call: recorded.call, at: recorded.at, verdict });
                    }
                }
            }
            if let Some((_, address)) = self.addresses.get_mut(slot) {
                address.calls = calls;
            }
        }
    }

    /// Reports the verdict of a call if it changed.
    pub(super) fn tell(&mut self, call: CallId, key: u64, out: &mut Vec<Change>) {
        let Some(verdict) = self.verdict(call) else { return };
        let at = self.calls.value(call.key()).map_or(Timestamp::MIN, |followed| followed.at);
        let recorded = self
            .addresses
            .value_mut(key)
            .and_then(|address| address.calls.iter_mut().rev().find(|of| of.call == call));
        let is_told = match recorded {
            Some(recorded) => is_news(recorded, &verdict),
            // A registered line's call is told once, at its start.
            None => matches!(verdict.cluster, Cluster::Line(_)),
        };
        if is_told {
            out.push(Change { call, at, verdict });
        }
    }
}

/// Notes a verdict as told, if it differs enough from the last one.
fn is_news(recorded: &mut Recorded, verdict: &Verdict) -> bool {
    let odds = log_odds(verdict.probability) as f32;
    let is_same = recorded.told.is_some_and(|(told, was)| {
        f64::from((told - odds).abs()) < WORTH_TELLING
            && was == verdict.is_accused
            && recorded.is_told_as_notice == verdict.notifies_from.is_some()
    });
    if !is_same {
        recorded.told = Some((odds, verdict.is_accused));
        recorded.is_told_as_notice = verdict.notifies_from.is_some();
    }
    !is_same
}

pub(super) fn of_line(sessions: u32, kind: LineKind) -> Verdict {
    let probability = OF_LINE / (1.0 + f64::from(sessions) / 4.0);
    Verdict {
        probability,
        share: 1.0,
        calls: sessions,
        cluster: Cluster::Line(kind),
        kind: SenderKind::Line,
        is_accused: false,
        notifies_from: None,
        terms: Terms { prior: log_odds(probability), ..Terms::default() },
        once: (0, sessions),
        is_borrowed: false,
    }
}

pub(super) fn nothing() -> Verdict {
    Verdict {
        probability: OF_UNKNOWN,
        share: 1.0,
        calls: 0,
        cluster: Cluster::Nothing,
        kind: SenderKind::Line,
        is_accused: false,
        notifies_from: None,
        terms: Terms { prior: log_odds(OF_UNKNOWN), ..Terms::default() },
        once: (0, 0),
        is_borrowed: false,
    }
}
