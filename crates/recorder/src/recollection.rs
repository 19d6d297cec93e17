//! What the database knows of the parties of one question.

use bellwether_base::Timestamp;
use bellwether_scoring::{Account, PartyHistory, PlatformFacts, ReputationRecord, Subject};

/// Rows of the database about the parties of one question. A row that was not read yet is answered as unknown, and noted.
#[derive(Default)]
pub(crate) struct Recollection {
    accounts: Asked<(String, Timestamp), Account>,
    standings: Asked<Subject, Option<ReputationRecord>>,
    platforms: Asked<(String, Option<String>), Option<PlatformFacts>>,
}

impl Recollection {
    /// True if nothing was noted that is not read yet.
    pub(crate) fn is_complete(&self) -> bool {
        self.accounts.is_complete() && self.standings.is_complete() && self.platforms.is_complete()
    }

    /// Reads what was noted. `shown` tells what a message shows of a platform that nobody knows.
    pub(crate) fn complete(&mut self, history: &mut dyn PartyHistory, shown: impl Fn() -> PlatformFacts) {
        self.accounts.complete(|(caller, before)| history.account(caller, *before));
        self.standings.complete(|subject| history.standing(subject));
        self.platforms.complete(|(fingerprint, agent)| {
            history.platform(fingerprint, agent.as_deref()).or_else(|| Some(shown()))
        });
    }
}

impl PartyHistory for Recollection {
    fn account(&mut self, caller: &str, before: Timestamp) -> Account {
        // The engine's time may move between two judgements of one question.
        self.accounts.answer(|(known, _)| known == caller, || (caller.to_owned(), before))
    }

    fn standing(&mut self, subject: &Subject) -> Option<ReputationRecord> {
        self.standings.answer(|known| known == subject, || subject.clone())
    }

    fn platform(&mut self, fingerprint: &str, user_agent: Option<&str>) -> Option<PlatformFacts> {
        self.platforms.answer(
            |(known, agent)| known == fingerprint && agent.as_deref() == user_agent,
            || (fingerprint.to_owned(), user_agent.map(str::to_owned)),
        )
    }
}

/// Questions of one kind with their answers.
struct Asked<Q, A>(Vec<(Q, Option<A>)>);

impl<Q, A> Default for Asked<Q, A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Q, A: Clone + Default> Asked<Q, A> {
    fn answer(&mut self, is_it: impl Fn(&Q) -> bool, question: impl FnOnce() -> Q) -> A {
        match self.0.iter().find(|(known, _)| is_it(known)) {
            Some((_, answer)) => answer.clone().unwrap_or_default(),
            None => {
                self.0.push((question(), None));
                A::default()
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.0.iter().all(|(_, answer)| answer.is_some())
    }

    fn complete(&mut self, mut read: impl FnMut(&Q) -> A) {
        for (question, answer) in self.0.iter_mut().filter(|(_, answer)| answer.is_none()) {
            *answer = Some(read(question));
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwether_scoring::{Layer, NoHistory};

    use super::*;

    #[test]
    fn a_question_is_complete_once_each_row_was_read() {
        let mut memory = Recollection::default();
        let subject = Subject { layer: Layer::Fingerprint, name: "a".to_owned() };
        let at = Timestamp::from_nanos(1);
        assert!(memory.is_complete());
        assert_eq!(memory.account("x", at).calls, 0);
        assert!(memory.standing(&subject).is_none());
        assert!(memory.platform("a", None).is_none());
        assert!(!memory.is_complete());
        let facts = PlatformFacts { is_suspicious: true, ..PlatformFacts::default() };
        memory.complete(&mut NoHistory, || facts.clone());
        assert!(memory.is_complete());
        // The same parties at a later time, and a platform that only its message shows.
        assert_eq!(memory.account("x", Timestamp::from_nanos(2)).calls, 0);
        assert!(memory.standing(&subject).is_none());
        assert_eq!(memory.platform("a", None), Some(facts));
        assert!(memory.is_complete());
        // Another User-Agent is another question.
        assert!(memory.platform("a", Some("b")).is_none());
        assert!(!memory.is_complete());
    }
}
