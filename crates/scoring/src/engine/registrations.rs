//! Registrations and registration attempts.

use bellwether_base::{Alert, AlertKind, CallId, RegistrationId, Severity, SlotId, Span, Timestamp};
use bellwether_enrich::{RegistrationAttempt, RegistrationRow};
use bellwether_incidents::RegistrationAnswer;

use super::{Caller, MAX_REGISTERED, Outcome, REGISTERED, ScoringEngine, UNREGISTERED};
use crate::account::RegisteredDevice;
use crate::history::History;
use crate::open::SURE;
use crate::signals::SCANNING_SOURCE;
use crate::source::Source;

impl ScoringEngine {
    pub(super) fn registration(&mut self, row: &RegistrationRow) {
        self.advance(row.first_seen);
        let user = self.keys.user(user_of(&row.aor));
        let key = row.registration.key();
        if self.users.slot(key).is_none() {
            let home = RegisteredDevice {
                registrations: std::iter::once(row.registration).collect(),
                source: row.source.ip(),
                registrar: row.registrar.ip(),
                platform: row.fingerprint,
                first: row.first_seen,
                last: row.first_seen,
                until: None,
            };
            self.users.insert(key, key, (user, home), 0, row.first_seen);
        }
    }

    pub(super) fn attempt(
        &mut self,
        row: &RegistrationAttempt,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        self.advance(row.at);
        let (source, user) = (self.keys.address(row.source.ip()), self.keys.user(&row.user));
        let is_accepted = (200..300).contains(&row.status);
        // A first answer of 401 asks for credentials and refuses nothing.
        let answer = match row.status {
            _ if is_accepted => Some(RegistrationAnswer::Accepted),
            403 | 404 | 410 | 484 | 604 => Some(RegistrationAnswer::Refused),
            401 | 407 if row.had_credentials => Some(RegistrationAnswer::WrongPassword),
            _ => None,
        };
        if let Some(answer) = answer {
            self.watch_registration(user, row.source.ip(), answer, row.at, out);
        }
        if is_accepted {
            self.registration_accepted(row);
            self.leave_registered_callers(source, user, out);
            self.registration_lasts(row.registration, row.at, memory, out);
            let registrar = self.keys.address(row.registrar.ip());
            if self.registrars.slot(registrar).is_none() {
                self.registrars.insert(registrar, registrar, (), 0, row.at);
            }
        }
        let slot = self.source(source);
        let Some((_, of)) = self.sources.get_mut(slot) else { return };
        // After an hour without a refusal the counters restart.
        if of.refused_at.is_some_and(|at| row.at.since(at) > Span::from_secs(3600)) {
            of.refused.clear();
            of.accepted.clear();
            (of.wrong_passwords, of.is_told) = (0, false);
        }
        if is_accepted {
            if of.accepted.len() < 64 && !of.accepted.contains(&user) {
                of.accepted.push(user);
            }
            return;
        }
        of.refused_at = Some(row.at);
        of.wrong_passwords = of.wrong_passwords.saturating_add(u32::from(row.had_credentials));
        if of.refused.len() < 64 && !of.refused.contains(&user) {
            of.refused.push(user);
        }
        let tuned = self.settings.signals.get(SCANNING_SOURCE);
        let (accounts, passwords) = tuned.map_or((8.0, 10.0), |t| (t.limit(0), t.limit(1)));
        if of.is_told {
            return;
        }
        if let Some(words) = of.attack(accounts, passwords) {
            of.is_told = true;
            out.push(Outcome::Alert(Box::new(Alert {
                at: row.at,
                kind: AlertKind::RegistrationAttack,
                severity: Severity::Warning,
                subject: row.source.ip().to_string(),
                message: words,
                call: None,
                campaign: None,
                incident: None,
            })));
        }
    }

    pub(super) fn refreshed(&mut self, registration: RegistrationId, at: Timestamp) {
        let Some((user, mut home)) = self.users.value(registration.key()).cloned() else { return };
        home.last = home.last.max(at);
        self.add_device(user, home);
    }

    /// Ends a registration that was removed or expired. It no longer vouches for calls.
    pub(super) fn registration_ended(&mut self, registration: RegistrationId, at: Timestamp) {
        self.advance(at);
        let Some((user, home)) = self.users.value_mut(registration.key()) else { return };
        // The database may hold the registration as valid until the end of this run.
        home.until = Some(at);
        let Some(caller) = self.callers.slot(*user) else { return };
        if let Some((_, caller)) = self.callers.get_mut(caller) {
            caller.account.left(registration);
        }
    }

    /// Applies an accepted registration. The device's address may have changed since its first request, and
    /// the registrar is the server that responded, behind any proxies.
    ///
    /// If another platform at another address takes over the binding, it becomes a new device of the account.
    /// The former device stays known.
    fn registration_accepted(&mut self, row: &RegistrationAttempt) {
        let source = row.source.ip();
        let key = row.registration.key();
        let slot = match self.users.slot(key) {
            Some(slot) => slot,
            // A flood of registrations evicted it.
            None => {
                let home = RegisteredDevice {
                    registrations: std::iter::once(row.registration).collect(),
                    source,
                    registrar: row.registrar.ip(),
                    platform: row.fingerprint,
                    first: row.at,
                    last: row.at,
                    until: None,
                };
                self.users.insert(key, key, (self.keys.user(&row.user), home), UNREGISTERED, self.now).0
            }
        };
        self.users.touch(slot, REGISTERED, self.now);
        let Some((_, (user, home))) = self.users.get_mut(slot) else { return };
        home.until = None;
        if home.platform != row.fingerprint && home.source != source {
            (home.platform, home.first) = (row.fingerprint, row.at);
        }
        (home.source, home.registrar, home.last) = (source, row.registrar.ip(), home.last.max(row.at));
        let (user, home) = (*user, home.clone());
        let source = self.keys.address(source);
        let others = self.add_device(user, home);
        if others {
            let slot = self.source(source);
            if let Some((_, of)) = self.sources.get_mut(slot)
                && of.taken.len() < 64
                && !of.taken.contains(&user)
            {
                of.taken.push(user);
            }
        }
    }

    /// Handles a caller that turns out to be registered at its source address. Its calls leave campaigns that
    /// they joined before the registration was seen, even if they ended long ago. This happens after a start
    /// of the sensor.
    fn leave_registered_callers(&mut self, source: u64, user: u64, out: &mut Vec<Outcome>) {
        if self.callers.value(user).is_none_or(|of| of.campaign.is_none()) {
            return;
        }
        let Some(of) = self.sources.value(source) else { return };
        let calls: Vec<CallId> =
            of.actor.latest().iter().filter(|d| d.caller == user as u32).map(|d| d.call).collect();
        for call in calls {
            if let Some((campaign, _)) = self.member(call).filter(|(_, strength)| *strength < SURE) {
                self.leave(call, campaign, "the caller is registered from the address of the call", out);
            }
        }
    }

    /// Adds a registered device to a user. Other data of the user is queried at its next call. Returns true
    /// if another platform at another address had the account before.
    fn add_device(&mut self, user: u64, home: RegisteredDevice) -> bool {
        let slot = match self.callers.slot(user) {
            Some(slot) => slot,
            None => self.callers.insert(user, user, Caller::default(), UNREGISTERED, self.now).0,
        };
        self.callers.mark_used(slot);
        self.mark_registered(slot);
        let Some((_, caller)) = self.callers.get_mut(slot) else { return false };
        let (source, now) = (home.source, home.last);
        caller.account.add_device(home);
        caller.account.moved(source, now).is_some()
    }

    /// Moves a caller to the registered class, which unregistered callers do not evict. If the class is full,
    /// its oldest caller moves back.
    pub(super) fn mark_registered(&mut self, slot: SlotId) {
        if self.callers.class(slot) == Some(REGISTERED) {
            return;
        }
        self.callers.touch(slot, REGISTERED, self.now);
        if self.callers.len_of(REGISTERED) > MAX_REGISTERED
            && let Some(oldest) = self.callers.oldest(REGISTERED)
        {
            self.callers.touch(oldest, UNREGISTERED, self.now);
        }
    }

    pub(super) fn source(&mut self, source: u64) -> SlotId {
        let slot = match self.sources.slot(source) {
            Some(slot) => slot,
            None => self.sources.insert(source, source, Source::default(), 0, self.now).0,
        };
        self.sources.mark_used(slot);
        slot
    }
}

/// The user part of an AOR as reports print it.
fn user_of(aor: &str) -> &str {
    let rest = aor.split_once(':').map_or(aor, |(_, rest)| rest);
    rest.rsplit_once('@').map_or(rest, |(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::CALLERS;
    use crate::{NoHistory, Settings};
    use bellwether_base::{HashKey, Timestamp};
    use bellwether_enrich::Masked;
    use bellwether_fingerprint::{Part, PrintHash};

    #[test]
    fn strangers_do_not_make_residents_forgotten_nor_residents_strangers() {
        let mut assessor = ScoringEngine::new(Settings::default(), HashKey::new([7; 16]));
        let now = Timestamp::from_nanos(1_790_000_000_000_000_000);
        let home = RegisteredDevice {
            registrations: std::iter::once(RegistrationId::new(5)).collect(),
            source: [192, 0, 2, 1].into(),
            registrar: [192, 0, 2, 9].into(),
            platform: PrintHash::of(Part::Combined, "phone"),
            first: now,
            last: now,
            until: None,
        };
        let is_known = |assessor: &ScoringEngine, user: u64| {
            assessor.callers.value(user).is_some_and(|of| of.account.devices.len() == 1)
        };
        assessor.now = now;
        assessor.add_device(1, home.clone());
        for stranger in 0..2 * CALLERS as u64 {
            assessor.caller(1_000_000 + stranger, "stranger", now, &mut NoHistory);
        }
        assert!(is_known(&assessor, 1) && assessor.callers.len() == CALLERS);
        // After any number of registrations the latest unregistered callers are remembered too.
        for user in 0..2 * CALLERS as u64 {
            assessor.add_device(10_000_000 + user, home.clone());
        }
        assert_eq!(assessor.callers.len_of(REGISTERED), MAX_REGISTERED);
        assessor.caller(7, "stranger", now, &mut NoHistory);
        for stranger in 0..CALLERS as u64 / 8 {
            assessor.caller(30_000_000 + stranger, "stranger", now, &mut NoHistory);
        }
        assert!(
            assessor.callers.slot(7).is_some() && is_known(&assessor, 10_000_000 + 2 * CALLERS as u64 - 1)
        );
    }

    #[test]
    fn a_flood_of_refused_registrations_hides_no_accepted_one() {
        let mut assessor = ScoringEngine::new(Settings::default(), HashKey::new([7; 16]));
        let end = |host: u8| bellwether_base::Endpoint::v4([192, 0, 2, host], 5060);
        let at = Timestamp::from_nanos(1_790_000_000_000_000_000);
        let registration = RegistrationId::new(5);
        let accepted = |host: u8| RegistrationAttempt {
            registration,
            aor: Masked::stored("sip:u@pbx.example"),
            user: Masked::stored("u"),
            source: end(host),
            registrar: end(9),
            fingerprint: PrintHash::of(Part::Combined, "phone"),
            status: 200,
            had_credentials: true,
            at,
        };
        let flood = |assessor: &mut ScoringEngine, keys: std::ops::Range<u64>| {
            for key in keys.map(|key| key + 1_000_000) {
                let home = RegisteredDevice {
                    registrations: std::iter::once(RegistrationId::from_key(key)).collect(),
                    source: end(66).ip(),
                    registrar: end(9).ip(),
                    platform: PrintHash::of(Part::Combined, "flood"),
                    first: at,
                    last: at,
                    until: None,
                };
                assessor.users.insert(key, key, (key, home), UNREGISTERED, at);
            }
        };
        assessor.now = at;
        let user = assessor.keys.user("u");
        let is_at = |assessor: &ScoringEngine, host: u8| {
            let account = &assessor.callers.value(user).unwrap().account;
            account.registration(end(host).ip()) == crate::signals::Registration::Here
        };
        // Its first REGISTER was evicted, and later ones stay.
        assessor.registration_accepted(&accepted(1));
        assert!(is_at(&assessor, 1));
        flood(&mut assessor, 0..2 * CALLERS as u64);
        assessor.registration_accepted(&accepted(2));
        assert!(is_at(&assessor, 2) && !is_at(&assessor, 1));
        flood(&mut assessor, 2 * CALLERS as u64..4 * CALLERS as u64);
        assessor.registration_ended(registration, at);
        assert!(!is_at(&assessor, 2));
    }

    #[test]
    fn the_server_that_answered_lets_in_and_not_the_proxy_before_it() {
        let mut assessor = ScoringEngine::new(Settings::default(), HashKey::new([7; 16]));
        let end = |host: u8| bellwether_base::Endpoint::v4([192, 0, 2, host], 5060);
        let at = Timestamp::from_nanos(1_790_000_000_000_000_000);
        let home = RegisteredDevice {
            registrations: std::iter::once(RegistrationId::new(5)).collect(),
            source: end(1).ip(),
            registrar: end(8).ip(),
            platform: PrintHash::of(Part::Combined, "phone"),
            first: at,
            last: at,
            until: None,
        };
        assessor.now = at;
        assessor.users.insert(5, 5, (77, home), 0, at);
        assessor.registration_accepted(&RegistrationAttempt {
            registration: RegistrationId::new(5),
            aor: Masked::stored("sip:u@pbx.example"),
            user: Masked::stored("u"),
            source: end(1),
            registrar: end(9),
            fingerprint: PrintHash::of(Part::Combined, "phone"),
            status: 200,
            had_credentials: true,
            at,
        });
        let account = &assessor.callers.value(77).unwrap().account;
        assert!(account.registration(end(9).ip()) == crate::signals::Registration::ByServer);
        assert!(account.registration(end(8).ip()) == crate::signals::Registration::Elsewhere);
    }
}
