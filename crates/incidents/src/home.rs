use crate::number::{Destination, Place};
use crate::{Number, NumberClass, Readings};

/// Callers that must be seen before the numbering plan is known.
const MIN_CALLERS: u32 = 20;

/// Countries of callers that are counted.
const MAX_COUNTRIES: usize = 32;

/// The numbering plan of the site: its country, and whether its people write numbers without a prefix.
///
/// The operator says the country, or it is learned from the callers: nine in ten have numbers of one plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Home {
    told: Option<u16>,
    callers: u32,
    /// Countries, each with its callers, with and without a plus or prefix.
    votes: Vec<(u16, u32, u32)>,
    /// The country that was learned. It stays: an attacker shows as many numbers as he likes.
    learned: Option<u16>,
}

impl Home {
    pub(crate) const fn new(told: Option<u16>) -> Self {
        Self { told, callers: 0, votes: Vec::new(), learned: None }
    }

    /// Counts a caller that is new.
    pub(crate) fn count(&mut self, caller: &Readings) {
        if !caller.is_number || self.callers >= u32::MAX / 2 {
            return;
        }
        self.callers += 1;
        let (number, is_bare) = match (caller.told, caller.bare) {
            (Some(told), _) => (told, false),
            (None, Some(bare)) => (bare, true),
            (None, None) => return,
        };
        let known = self.votes.iter().position(|(country, ..)| *country == number.country);
        let place = match known {
            Some(place) => place,
            None if self.votes.len() < MAX_COUNTRIES => {
                self.votes.push((number.country, 0, 0));
                self.votes.len() - 1
            }
            None => return,
        };
        if let Some((_, with, without)) = self.votes.get_mut(place) {
            *if is_bare { without } else { with } += 1;
        }
        self.learn();
    }

    fn learn(&mut self) {
        let Some((country, callers)) = self
            .votes
            .iter()
            .map(|(country, with, without)| (*country, with + without))
            .max_by_key(|(country, callers)| (*callers, *country))
        else {
            return;
        };
        if self.callers >= MIN_CALLERS && callers * 10 >= self.callers * 9 {
            self.learned.get_or_insert(country);
        }
    }

    /// The country, and whether numbers without a prefix have its country code.
    pub(crate) fn plan(&self) -> Option<(u16, bool)> {
        let home = self.told.or(self.learned)?;
        let own = self.votes.iter().find(|(country, ..)| *country == home);
        // Carriers write a plus, and subscribers may write none.
        Some((home, own.is_some_and(|(_, with, without)| without * 5 > *with)))
    }

    /// The place of a number.
    pub(crate) fn destination(&self, number: &Readings) -> Destination {
        let plan = self.plan();
        let found = match (number.told, number.bare, plan) {
            // Without a plan only what is dialled as abroad is abroad.
            (Some(told), _, None) if number.is_dialled || told.class.is_costly() => Some(told),
            (Some(told), _, Some(_)) => Some(told),
            (None, Some(bare), Some((_, true))) => Some(bare),
            _ => None,
        };
        let Some(Number { country, class, .. }) = found else {
            return Destination::Domestic(NumberClass::Plain);
        };
        let is_home = plan.is_some_and(|(home, _)| home == country);
        match class {
            // A call that costs its caller nothing is no call abroad, and neither is one to one's own country.
            NumberClass::TollFree => Destination::Domestic(class),
            NumberClass::Premium | NumberClass::Satellite => Destination::Abroad(Place { country, class }),
            _ if is_home => {
                Destination::Domestic(if class == NumberClass::Risky { NumberClass::Plain } else { class })
            }
            _ => Destination::Abroad(Place { country, class }),
        }
    }

    /// The reading that counts, for its range.
    pub(crate) fn range(&self, number: &Readings) -> u64 {
        number.told.or(number.bare).map_or(0, |number| number.range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(country: u16) -> Number {
        Number { country, class: NumberClass::Plain, range: 1 }
    }

    fn bare(country: u16) -> Readings {
        Readings { bare: Some(number(country)), is_number: true, ..Readings::default() }
    }

    fn dialled(country: u16) -> Readings {
        Readings { told: Some(number(country)), is_dialled: true, is_number: true, bare: None }
    }

    #[test]
    fn the_country_of_nine_in_ten_callers_is_home() {
        let mut home = Home::default();
        assert!(!home.destination(&bare(49)).is_abroad() && home.destination(&dialled(49)).is_abroad());
        for _ in 0..19 {
            home.count(&bare(1));
        }
        assert!(!home.destination(&bare(49)).is_abroad());
        home.count(&bare(1));
        home.count(&dialled(49));
        home.count(&dialled(44));
        assert_eq!(home.plan(), Some((1, true)));
        assert!(home.destination(&bare(1242)).is_abroad() && home.destination(&dialled(44)).is_abroad());
        assert!(!home.destination(&bare(1)).is_abroad() && !home.destination(&dialled(1)).is_abroad());
        // Numbers of an attacker change nothing.
        for country in 2..30 {
            home.count(&dialled(country));
        }
        assert_eq!(home.plan(), Some((1, true)));
        // A site whose callers come from everywhere has no plan.
        let mut transit = Home::default();
        (2..60).for_each(|country| transit.count(&dialled(country % 30)));
        assert_eq!(transit.plan(), None);
    }

    #[test]
    fn the_operator_knows_the_country_better() {
        let mut home = Home::new(Some(49));
        for _ in 0..100 {
            home.count(&bare(1));
        }
        assert_eq!(home.plan(), Some((49, false)));
        assert!(!home.destination(&dialled(49)).is_abroad() && home.destination(&dialled(1)).is_abroad());
    }
}
