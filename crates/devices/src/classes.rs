//! Device classes: learned from calls whose device is known.

use std::collections::BTreeMap;

use bellwether_acoustics::{Coding, FEATURES, MIN_PACKETS, Mode, Pauses, features};
use bellwether_fingerprint::Claim;

/// The weight of a call whose device an operator or the inventory names.
const TOLD: f64 = 1.0;

/// The weight of a call whose agent names itself: an agent's word weighs less than an operator's.
const SELF_LABELLED: f64 = 0.3;

/// Calls with the same class, mode and coding.
type Calls = Vec<([f64; FEATURES], f64)>;

/// Calls whose device class is known, and their noise.
#[derive(Debug, Default)]
pub struct Lessons(BTreeMap<(String, Option<String>, Coding), Calls>);

impl Lessons {
    /// Adds a call of a known class. `mode` is the mode of the class, or `None` if learning finds the modes.
    pub fn add_labelled(&mut self, class: &str, mode: Option<&str>, pauses: &Pauses) {
        self.add(class, mode, pauses, TOLD);
    }

    /// Adds a call whose agent names its class, see [`class_of_agent`].
    pub fn add_self_labelled(&mut self, class: &str, pauses: &Pauses) {
        self.add(class, None, pauses, SELF_LABELLED);
    }

    fn add(&mut self, class: &str, mode: Option<&str>, pauses: &Pauses, weight: f64) {
        let group = (class.to_owned(), mode.map(str::to_owned), pauses.coding);
        self.0.entry(group).or_default().push((features(pauses), weight));
    }

    /// The learned modes. Calls without a given mode are split into numbered modes if their noise differs.
    #[must_use]
    pub fn learn(self) -> Vec<Mode> {
        let mut out = Vec::new();
        for ((class, mode, coding), calls) in self.0 {
            if let Some(mode) = mode {
                // A handset with a mute button, or with voice activity detection, is one mode with two sounds.
                let (silent, sounding): (Calls, Calls) =
                    calls.into_iter().partition(|(call, _)| Mode::is_digital(call));
                let name =
                    if sounding.is_empty() { mode.clone() } else { format!("{mode}, digital silence") };
                out.extend(Mode::learn(&class, &mode, coding, &sounding));
                out.extend(Mode::learn(&class, &name, coding, &silent));
                continue;
            }
            let parts = Mode::parted(&calls.iter().map(|(call, _)| *call).collect::<Vec<_>>());
            let count = parts.iter().max().map_or(0, |most| most + 1);
            for part in 0..count {
                let own: Calls =
                    calls.iter().zip(&parts).filter(|(_, p)| **p == part).map(|(call, _)| *call).collect();
                let name = if count == 1 { String::new() } else { format!("mode {}", part + 1) };
                out.extend(Mode::learn(&class, &name, coding, &own));
            }
        }
        out
    }
}

/// True if a stream's noise can teach a class: there is enough of it, and it is the device's own.
#[must_use]
pub fn can_teach(pauses: &Pauses) -> bool {
    pauses.packets >= MIN_PACKETS && !pauses.is_transcoded() && pauses.surroundings().is_none()
}

/// The class by the User-Agent: the named product, if the structure agrees.
#[must_use]
pub fn class_of_agent(user_agent: &str, claim: Claim) -> Option<&str> {
    let product = user_agent.split('/').next().unwrap_or_default().trim();
    (claim == Claim::Consistent && !product.is_empty()).then_some(product)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A hiss with a number of packets and an energy.
    pub(crate) fn pauses(packets: u32, energy: f64) -> Pauses {
        Pauses {
            coding: Coding::ALL[0],
            packets,
            observed_packets: packets,
            constant: (0, 0xff),
            is_digital: false,
            dc_offset: 0.0,
            energy,
            lag1: 0.1,
            lag2: 0.1,
            crossings: 0.5,
            hum: 0.0,
            codes: Vec::new(),
            steadiness: None,
        }
    }

    #[test]
    fn the_word_of_an_agent_weighs_a_third_of_an_operators() {
        let mut lessons = Lessons::default();
        lessons.add_labelled("Phone", Some("handset"), &pauses(100, 4.0));
        lessons.add_self_labelled("Softphone", &pauses(100, 4.0));
        let modes = lessons.learn();
        let weights: Vec<(&str, &str, f64)> =
            modes.iter().map(|mode| (mode.class.as_str(), mode.mode.as_str(), mode.calls)).collect();
        assert_eq!(weights, [("Phone", "handset", 1.0), ("Softphone", "", 0.3)]);
    }

    #[test]
    fn an_agent_names_its_class_only_where_its_structure_agrees() {
        assert_eq!(class_of_agent("Talk/4.1", Claim::Consistent), Some("Talk"));
        assert_eq!(class_of_agent("Talk/4.1", Claim::Unverifiable), None);
        assert_eq!(class_of_agent(" /4.1", Claim::Consistent), None);
    }

    #[test]
    fn a_short_noise_teaches_nothing() {
        assert!(!can_teach(&pauses(MIN_PACKETS - 1, 4.0)));
        assert!(can_teach(&pauses(MIN_PACKETS, 4.0)));
    }

    #[test]
    fn no_lesson_is_no_mode() {
        assert!(Lessons::default().learn().is_empty());
    }
}
