//! What is known of an address that calls.

use bellwether_base::Timestamp;
use smallvec::SmallVec;

use crate::call_history::{CallEvent, CallHistory, CallResult, LOOKS_BACK};
use crate::candidate_group::LONG;

/// Calls with a token, and without.
pub(crate) type Signed = (u32, u32);

/// Counts a call.
pub(crate) fn count(signed: &mut Signed, is_signed: bool) {
    let counted = if is_signed { &mut signed.0 } else { &mut signed.1 };
    *counted = counted.saturating_add(1);
}

/// What one address showed of late.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) actor: CallHistory,
    /// Accounts that it tried to register, of late, and was turned away with: by a hash each.
    pub(crate) refused: SmallVec<[u64; 2]>,
    /// Refusals of credentials, and the account of the latest.
    pub(crate) wrong_passwords: u32,
    /// When it was last turned away.
    pub(crate) refused_at: Option<Timestamp>,
    /// Whether it was told that it attacks accounts.
    pub(crate) is_told: bool,
    /// Accounts that it registered of late, by a hash each.
    pub(crate) accepted: SmallVec<[u64; 2]>,
    /// Accounts that it registered though somebody else, by another platform, had them before: by a hash each.
    pub(crate) taken: SmallVec<[u64; 2]>,
    /// Calls whose caller has roots, and all calls.
    pub(crate) rooted: (u32, u32),
    /// Calls with a token, and without.
    pub(crate) signed: Signed,
    /// The campaign that a call of it joined last.
    pub(crate) campaign: Option<i64>,
    /// What speaks for it, as odds, where that was worked out since its last call began or ended.
    honesty: Option<f64>,
}

impl Source {
    /// Takes a call that begins; answers its place among those of the address.
    pub(crate) fn begin(&mut self, deed: CallEvent) -> u32 {
        self.rooted.1 = self.rooted.1.saturating_add(1);
        self.honesty = None;
        self.actor.begin(deed, LOOKS_BACK)
    }

    /// The caller of its latest call has roots.
    pub(crate) fn is_rooted(&mut self) {
        self.rooted.0 = self.rooted.0.saturating_add(1);
        self.honesty = None;
    }

    /// Whether nobody registered from it, and nobody with roots called from it.
    pub(crate) fn is_unknown(&self) -> bool {
        self.accepted.is_empty() && self.rooted.0 == 0
    }

    pub(crate) fn end(&mut self, place: u32, call: i64, fate: CallResult, secs: u16) {
        self.actor.end(place, call, fate, secs);
        self.honesty = None;
    }

    /// Why it is taken for one that attacks accounts.
    pub(crate) fn attack(&self, accounts: f64, passwords: f64) -> Option<String> {
        if self.refused.len() as f64 >= accounts && self.refused.len() > 2 * self.accepted.len() {
            return Some(format!("its address was turned away with {} accounts", self.refused.len()));
        }
        if f64::from(self.wrong_passwords) >= passwords
            && self.wrong_passwords as usize > 2 * self.accepted.len()
        {
            return Some(format!("its address showed wrong credentials {} times", self.wrong_passwords));
        }
        None
    }

    /// What speaks for it, as odds, 0 and below: numbers that come back, callers with roots, people who talk.
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
