//! Numbers that many different callers call.

use bellwether_base::{Span, Timestamp};
use smallvec::SmallVec;

use super::{CallStart, Watch};
use crate::IncidentKind;
use crate::alarm::Alarm;
use crate::number::Destination;
use crate::pool::{PoolKey, address_key};
use crate::pumping::{self, Caller, Length, Marks, Public, Source};
use crate::sketch::{Distinct, SeenLately};

use super::Call;

/// Eviction classes of called numbers: few callers, and many.
const FEW: usize = 0;
const MANY: usize = 1;

/// Words of the filter of callers.
const WORDS: usize = 64;

/// Callers that an incident needs.
const PARTIES: usize = 5;

/// A called number.
#[derive(Debug)]
pub(super) struct Callee {
    calls: u32,
    /// The first callers.
    early: SmallVec<[u32; EARLY]>,
    /// The filter of callers, for a number with many calls.
    callers: Option<SeenLately>,
    different: Distinct,
}

/// Calls before there is a filter.
const EARLY: usize = 4;

impl Callee {
    fn new() -> Self {
        Self { calls: 0, early: SmallVec::new(), callers: None, different: Distinct::default() }
    }

    /// Counts a caller. Returns true if it called before.
    fn count(&mut self, caller: u64, at: Timestamp) -> bool {
        self.calls = self.calls.saturating_add(1);
        self.different.add(caller);
        let caller = caller as u32;
        if self.callers.is_none() && self.early.len() < EARLY {
            let repeats = self.early.contains(&caller);
            self.early.push(caller);
            return repeats;
        }
        let early = std::mem::take(&mut self.early);
        let filter = self.callers.get_or_insert_with(|| SeenLately::new(WORDS, at));
        for known in early {
            filter.add(u64::from(known), at);
        }
        filter.add(u64::from(caller), at)
    }
}

impl Watch {
    /// Counts a call to its number. Returns who calls and from where, for a number that many different people call.
    pub(super) fn count_fan_in(
        &mut self,
        start: &CallStart<'_>,
        destination: Destination,
    ) -> Option<(Caller, Source)> {
        let at = start.at;
        let slot = match self.callees.slot(start.callee) {
            Some(slot) => slot,
            None => self.callees.insert(start.callee, start.callee, Callee::new(), FEW, at).0,
        };
        let (_, callee) = self.callees.get_mut(slot)?;
        let repeats = callee.count(start.account, at);
        let calls = f64::from(callee.calls.min(1_000));
        let is_fan_in =
            callee.calls >= pumping::CALLS && callee.different.estimate() / calls >= pumping::DIFFERENT;
        self.callees.touch(slot, if is_fan_in { MANY } else { FEW }, at);
        let account = self.accounts.value(start.account);
        let caller = match (repeats, account.is_some_and(|account| account.calls > 0)) {
            (true, _) => Caller::Repeats,
            (false, true) => Caller::Known,
            (false, false) => Caller::New,
        };
        let is_bonded = account
            .and_then(|account| account.address(start.source))
            .is_some_and(|known| known.calls > 0 || known.is_registered);
        let of = self.sources.value(address_key(start.source));
        let source = match of {
            _ if is_bonded => Source::Bonded,
            None => Source::Fresh,
            Some(of) if of.calls == 0 => Source::Fresh,
            Some(of) if of.is_throwaway() => Source::Throwaway,
            Some(_) => Source::Mixed,
        };
        // Calls abroad reach other people's numbers.
        let is_here = !destination.is_abroad();
        if is_here {
            self.rates.repeats.count(caller == Caller::Repeats);
            if caller != Caller::Repeats {
                self.rates.unseen.count(caller == Caller::New);
            }
            self.rates.bonded.count(source == Source::Bonded);
            if source != Source::Bonded {
                self.rates.fresh.count(source == Source::Fresh);
                if source != Source::Fresh {
                    self.rates.throwaway.count(source == Source::Throwaway);
                }
            }
        }
        is_fan_in.then_some((caller, source))
    }

    fn public(&self) -> Public {
        let least = |share: f64| share.max(0.02);
        let rates = &self.rates;
        let (repeats, unseen) = (rates.repeats.mean(), rates.unseen.mean());
        let (bonded, fresh, throwaway) = (rates.bonded.mean(), rates.fresh.mean(), rates.throwaway.mean());
        let rest = 1.0 - bonded;
        Public {
            caller: [repeats, (1.0 - repeats) * (1.0 - unseen), (1.0 - repeats) * unseen].map(least),
            source: [
                bonded,
                rest * fresh,
                rest * (1.0 - fresh) * throwaway,
                rest * (1.0 - fresh) * (1.0 - throwaway),
            ]
            .map(least),
        }
    }

    /// Judges a call to such a number at its end.
    pub(super) fn watch_fan_in(&mut self, call: &Call, talked: Option<Span>) {
        let Some((caller, source)) = call.fan_in else { return };
        let length = match talked.map(Span::as_secs_f64) {
            None => Length::Unanswered,
            Some(..30.0) => Length::Short,
            Some(30.0..120.0) => Length::Middle,
            Some(_) => Length::Long,
        };
        let marks = Marks { caller, source: Some(source), length };
        let public = self.public();
        self.fan_in_step(PoolKey::Callee(call.callee), call, &marks, &public, self.now);
        // A carrier's trunk brings callers of everybody. An address that throws numbers away is a sender.
        if !call.is_from_trunk && source == Source::Throwaway {
            let marks = Marks { source: None, ..marks };
            self.fan_in_step(PoolKey::Source(call.source), call, &marks, &public, self.now);
        }
    }

    fn fan_in_step(&mut self, key: PoolKey, call: &Call, marks: &Marks, public: &Public, at: Timestamp) {
        let Some(slot) = self.pool((key, IncidentKind::Pumping), pumping::LOGS, true, at) else { return };
        self.pools.touch(slot, 0, at);
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        pumping::step(&mut pool.logs, marks, public);
        if marks.caller == Caller::New {
            pool.remember(call.call, call.account, at);
        }
        let (ln_m, how, rival) = pumping::ln_m(&pool.logs);
        if ln_m < self.threshold || pool.parties.len() < PARTIES {
            return;
        }
        let calls = pool.take_calls();
        let also = Some(format!("the calls come {how}"));
        self.alarm(&Alarm {
            kind: IncidentKind::Pumping,
            key,
            ln_m,
            threshold: self.threshold,
            calls,
            rival,
            also,
        });
    }
}
