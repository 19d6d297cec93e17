//! Knowledge about a source address.

use bellwether_base::{CallId, CampaignId, Timestamp};
use smallvec::SmallVec;

use crate::call_history::{CallEvent, CallHistory, CallResult, LOOKS_BACK};
use crate::candidate_group::LONG;

/// Number of calls with a token, and without.
pub(crate) type Signed = (u32, u32);

/// Counts a call.
pub(crate) fn count(signed: &mut Signed, is_signed: bool) {
    let counted = if is_signed { &mut signed.0 } else { &mut signed.1 };
    *counted = counted.saturating_add(1);
}

/// Recent behaviour of one source address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) actor: CallHistory,
    /// Hashes of accounts whose registration was refused recently.
    pub(crate) refused: SmallVec<[u64; 2]>,
    /// Number of refused credentials.
    pub(crate) wrong_passwords: u32,
    /// Time of the last refusal.
    pub(crate) refused_at: Option<Timestamp>,
    /// True if the attack was already reported.
    pub(crate) is_told: bool,
    /// Hashes of accounts registered recently.
    pub(crate) accepted: SmallVec<[u64; 2]>,
    /// Hashes of accounts taken over: another platform had them before.
    pub(crate) taken: SmallVec<[u64; 2]>,
    /// Number of calls by established callers, and of all calls.
    pub(crate) rooted: (u32, u32),
    /// Number of calls with a token, and without.
    pub(crate) signed: Signed,
    /// The campaign that one of its calls joined last.
    pub(crate) campaign: Option<CampaignId>,
    /// Cached result of `honesty`, cleared by each call that begins or ends.
    honesty: Option<f64>,
}

impl Source {
    /// Adds a new call and returns its place in the history.
    pub(crate) fn begin(&mut self, deed: CallEvent) -> u32 {
        self.rooted.1 = self.rooted.1.saturating_add(1);
        self.honesty = None;
        self.actor.begin(deed, LOOKS_BACK)
    }

    /// Counts the latest call as one of an established caller.
    pub(crate) fn is_rooted(&mut self) {
        self.rooted.0 = self.rooted.0.saturating_add(1);
        self.honesty = None;
    }

    /// Returns true without any registration and without any established caller from this address.
    pub(crate) fn is_unknown(&self) -> bool {
        self.accepted.is_empty() && self.rooted.0 == 0
    }

    pub(crate) fn end(&mut self, place: u32, call: CallId, fate: CallResult, secs: u16) {
        self.actor.end(place, call, fate, secs);
        self.honesty = None;
    }

    /// The reason for classification as an attack on accounts.
    pub(crate) fn attack(&self, accounts: f64, passwords: f64) -> Option<String> {
        if self.refused.len() as f64 >= accounts && self.refused.len() > 2 * self.accepted.len() {
            return Some(format!("registrars refused {} accounts from the address", self.refused.len()));
        }
        if f64::from(self.wrong_passwords) >= passwords
            && self.wrong_passwords as usize > 2 * self.accepted.len()
        {
            return Some(format!("the address sent wrong credentials {} times", self.wrong_passwords));
        }
        None
    }

    /// Evidence for the honesty of the address: log odds of 0 or below. It counts returning numbers,
    /// established callers and conversations.
    pub(crate) fn honesty(&mut self) -> f64 {
        if let Some(known) = self.honesty {
            return known;
        }
        let mut odds = 0.0;
        if self.actor.returns(16) >= 6 {
            odds -= 4.0;
        }
        let (rooted, calls) = self.rooted;
        if calls >= 4 && rooted * 4 >= calls {
            odds -= 3.0;
        }
        let (mut answered, mut long) = (0, 0);
        for deed in self.actor.latest().iter().filter(|d| d.fate == CallResult::Answered) {
            answered += 1;
            long += u32::from(deed.secs >= LONG);
        }
        if answered >= 4 && long * 5 >= answered * 2 {
            odds -= 2.5;
        }
        self.honesty = Some(odds);
        odds
    }
}
