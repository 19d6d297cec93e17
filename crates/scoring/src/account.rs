use std::net::IpAddr;

use bellwether_base::{RegistrationId, Span, Timestamp};
use bellwether_fingerprint::PrintHash;
use smallvec::SmallVec;

use crate::signals::Registration;

/// Maximum number of countries per account. Further countries count as known.
const MAX_COUNTRIES: usize = 32;

/// Maximum number of platforms per account.
const MAX_PLATFORMS: usize = 8;

/// A number with at most this many calls counts as fresh.
const FRESH: u32 = 3;

/// Minimum length of a conversation.
const CONVERSATION: Span = Span::from_secs(30);

/// Earlier calls and registrations of a caller. Most callers have one entry per list, which needs no heap
/// memory.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Account {
    /// Time of the first call.
    pub first_call: Option<Timestamp>,
    /// Number of earlier calls, and of conversations among them.
    pub calls: u32,
    /// See `calls`.
    pub conversations: u32,
    /// Country codes called so far.
    pub countries: SmallVec<[u32; 4]>,
    /// Calls by hour of the day, in UTC.
    pub hours: [u16; 24],
    /// Recent calling platform families, each with its last use.
    pub platforms: SmallVec<[(PrintHash, Timestamp); 1]>,
    /// Registered devices, oldest first.
    pub devices: SmallVec<[RegisteredDevice; 1]>,
}

/// A device with an accepted registration of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisteredDevice {
    /// Its bindings. A restarted device leaves its former binding behind until the expiry.
    pub registrations: SmallVec<[RegistrationId; 1]>,
    /// The source address of its REGISTER.
    pub source: IpAddr,
    /// The server that accepted the registration.
    pub registrar: IpAddr,
    /// The fingerprint of its REGISTER.
    pub platform: PrintHash,
    /// Time of the first and the last observation.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
    /// End of a registration. `None` for a registration of this run, whose end is still to be seen.
    pub until: Option<Timestamp>,
}

/// Maximum number of registered devices per account.
const MAX_DEVICES: usize = 8;

/// Maximum number of bindings per device. The oldest leaves first.
const MAX_BINDINGS: usize = 8;

/// A registration ends after this time without an observation.
const DEVICE_LIFETIME: Span = Span::from_secs(86_400);

/// The first device is the owner's if it precedes another one by this time.
const OWN_BEFORE: Span = Span::from_secs(600);

impl Account {
    /// Returns true for a call of an established caller. The call comes from the account's registered device,
    /// or from a platform on which the account has a call history. Throwaway numbers have neither; the number
    /// alone proves nothing, because any caller can spoof it.
    pub(crate) fn is_rooted(&self, is_home: bool, platform: PrintHash, now: Timestamp) -> bool {
        is_home || (self.has_history(now) && self.platforms.iter().any(|(known, _)| *known == platform))
    }

    /// Returns true if the account has called for a while and held conversations. A registration takes a
    /// moment, a history takes time.
    pub(crate) fn has_history(&self, now: Timestamp) -> bool {
        let span = self.first_call.map_or(Span::ZERO, |first| now.since(first));
        let is_used = self.calls >= 6
            || (self.calls >= 4 && self.conversations >= 2)
            || (self.calls >= 3 && span >= Span::from_secs(86_400));
        self.conversations >= 1 && is_used
    }

    /// Returns true if the number is fresh: it made few calls so far.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.calls <= FRESH
    }

    /// Returns true if the history is longer than that of most honest callers.
    pub(crate) fn is_established(&self, now: Timestamp) -> bool {
        let span = self.first_call.map_or(Span::ZERO, |first| now.since(first));
        self.calls >= 5 && self.conversations >= 2 && span >= Span::from_secs(3600)
    }

    /// Adds an accepted registration. A binding that moved to another address leaves its former one.
    pub(crate) fn add_device(&mut self, home: RegisteredDevice) {
        let is_there = |h: &RegisteredDevice| h.source == home.source && h.platform == home.platform;
        for registration in &home.registrations {
            self.leaves(*registration, |h| !is_there(h) && h.platform == home.platform);
        }
        match self.devices.iter_mut().find(|h| is_there(h)) {
            Some(known) => {
                for registration in home.registrations {
                    if !known.registrations.contains(&registration) {
                        if known.registrations.len() == MAX_BINDINGS {
                            known.registrations.remove(0);
                        }
                        known.registrations.push(registration);
                    }
                }
                known.first = known.first.min(home.first);
                known.last = known.last.max(home.last);
                known.registrar = home.registrar;
                known.until = home.until;
            }
            None => {
                if self.devices.len() == MAX_DEVICES {
                    self.devices.remove(1);
                }
                self.devices.push(home);
                self.devices.sort_by_key(|h| h.first);
            }
        }
    }

    /// Removes the registrations of earlier runs that ended by `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.devices.retain(|home| home.until.is_none_or(|until| until >= now));
    }

    /// Removes a registration that was removed or expired.
    pub(crate) fn left(&mut self, registration: RegistrationId) {
        self.leaves(registration, |_| true);
    }

    fn leaves(&mut self, registration: RegistrationId, is_left: impl Fn(&RegisteredDevice) -> bool) {
        self.devices.retain(|home| {
            let is_of_it = home.registrations.contains(&registration) && is_left(home);
            if is_of_it {
                home.registrations.retain(|of| *of != registration);
            }
            !(is_of_it && home.registrations.is_empty())
        });
    }

    /// Time of the first registration at a source address.
    pub(crate) fn registered_at(&self, source: IpAddr) -> Option<Timestamp> {
        self.devices.iter().filter(|home| home.source == source).map(|home| home.first).min()
    }

    /// The registration state of the account as seen from a source address.
    pub(crate) fn registration(&self, source: IpAddr) -> Registration {
        if self.devices.iter().any(|home| home.source == source) {
            Registration::Here
        } else if self.devices.iter().any(|home| home.registrar == source) {
            Registration::ByServer
        } else if self.devices.is_empty() {
            Registration::No
        } else {
            Registration::Elsewhere
        }
    }

    /// The owner's device, if a call comes from another address and another platform that registered later.
    /// Either the account's password is stolen, or the owner has a second device.
    pub(crate) fn moved(&self, source: IpAddr, now: Timestamp) -> Option<&RegisteredDevice> {
        let own = self.devices.first()?;
        if own.source == source || now.since(own.last) > DEVICE_LIFETIME {
            return None;
        }
        let here = self.devices.iter().find(|home| home.source == source);
        match here {
            // A border controller registers the same device with the next server.
            Some(here) if own.registrar == source || here.registrar == own.source => None,
            Some(here) => {
                (here.platform != own.platform && here.first.since(own.first) >= OWN_BEFORE).then_some(own)
            }
            // Other signals report a call from an address without a registration.
            None => None,
        }
    }

    /// Adds a new call. `platform` is `None` for a call that the account's server originates.
    pub(crate) fn begin(&mut self, at: Timestamp, country: Option<u32>, platform: Option<PrintHash>) {
        self.first_call.get_or_insert(at);
        self.calls = self.calls.saturating_add(1);
        if let Some(hour) = self.hours.get_mut(at.hour_of_day()) {
            *hour = hour.saturating_add(1);
        }
        if let Some(country) = country.filter(|c| !self.countries.contains(c))
            && self.countries.len() < MAX_COUNTRIES
        {
            self.countries.push(country);
        }
        let Some(platform) = platform else { return };
        match self.platforms.iter_mut().find(|(known, _)| *known == platform) {
            Some((_, last)) => *last = at,
            None => {
                if self.platforms.len() == MAX_PLATFORMS {
                    self.platforms.remove(0);
                }
                self.platforms.push((platform, at));
            }
        }
    }

    /// Adds an answered call that ended.
    pub(crate) fn talked(&mut self, length: Span) {
        self.conversations = self.conversations.saturating_add(u32::from(length >= CONVERSATION));
    }

    /// Number of platforms in use since a time.
    pub(crate) fn platforms_since(&self, since: Timestamp) -> usize {
        self.platforms.iter().filter(|(_, at)| *at >= since).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_fingerprint::Part;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn a_number_that_is_thrown_away_gets_no_roots_and_one_that_people_use_does() {
        let platform = PrintHash::of(Part::Combined, "a");
        let mut thrown = Account::default();
        for i in 0..3 {
            thrown.begin(at(i * 60), None, Some(platform));
            thrown.talked(Span::from_secs(8));
        }
        assert!(!thrown.is_rooted(false, platform, at(300)));
        let mut used = Account::default();
        for i in 0..4 {
            used.begin(at(i * 900), Some(49), Some(platform));
            used.talked(Span::from_secs(90));
        }
        assert!(used.is_rooted(false, platform, at(4000)) && used.countries.as_slice() == [49]);
        // The account's number from another platform is not established.
        assert!(!used.is_rooted(false, PrintHash::of(Part::Combined, "b"), at(4000)));
        assert!(thrown.is_rooted(true, platform, at(300)));
    }

    #[test]
    fn an_account_that_moves_to_another_platform_beside_its_own_is_told() {
        let home = |n: u8, platform: &str, first: i64| RegisteredDevice {
            registrations: std::iter::once(RegistrationId::new(i64::from(n))).collect(),
            source: IpAddr::from([10, 0, 0, n]),
            registrar: IpAddr::from([10, 0, 9, 9]),
            platform: PrintHash::of(Part::Combined, platform),
            first: at(first),
            last: at(first + 3600),
            until: None,
        };
        let ip = |n: u8| IpAddr::from([10, 0, 0, n]);
        let mut account = Account::default();
        account.add_device(home(1, "desk phone", 0));
        assert!(account.moved(ip(1), at(4000)).is_none());
        // The same device behind another NAT address.
        account.add_device(home(2, "desk phone", 1800));
        assert!(account.moved(ip(2), at(4000)).is_none());
        account.add_device(home(3, "dialler", 3000));
        assert_eq!(account.moved(ip(3), at(4000)).map(|own| own.source), Some(ip(1)));
        assert_eq!(account.registration(ip(3)), Registration::Here);
        assert_eq!(account.registration(ip(4)), Registration::Elsewhere);
        assert_eq!(account.registration(IpAddr::from([10, 0, 9, 9])), Registration::ByServer);
        // Two devices that register at about the same time belong to one owner.
        let mut two = Account::default();
        two.add_device(home(1, "desk phone", 0));
        two.add_device(home(2, "softphone", 60));
        assert!(two.moved(ip(2), at(4000)).is_none());
    }

    #[test]
    fn a_border_controller_that_registers_its_devices_with_the_next_server_takes_no_account() {
        let home = |source: u8, registrar: u8, platform: &str, first: i64| RegisteredDevice {
            registrations: std::iter::once(RegistrationId::new(first)).collect(),
            source: IpAddr::from([10, 0, 0, source]),
            registrar: IpAddr::from([10, 0, 0, registrar]),
            platform: PrintHash::of(Part::Combined, platform),
            first: at(first),
            last: at(first),
            until: None,
        };
        let (phone, border) = (|first| home(1, 5, "phone", first), |first| home(5, 9, "border", first));
        // A sensor that starts midway sees one of the refreshes long before the other.
        for devices in [[phone(0), border(3000)], [border(0), phone(3000)]] {
            let mut account = Account::default();
            let sources = [devices[0].source, devices[1].source];
            devices.into_iter().for_each(|device| account.add_device(device));
            assert!(sources.iter().all(|source| account.moved(*source, at(3100)).is_none()));
        }
    }

    #[test]
    fn hours_and_platforms_are_counted() {
        assert_eq!((at(0).hour_of_day(), at(3600 * 25).hour_of_day(), at(-1).hour_of_day()), (0, 1, 23));
        let mut account = Account::default();
        for i in 0..20 {
            account.begin(at(i), None, Some(PrintHash::of(Part::Combined, &i.to_string())));
        }
        assert_eq!(account.platforms.len(), MAX_PLATFORMS);
        assert_eq!(account.platforms_since(at(15)), 5);
    }
}
