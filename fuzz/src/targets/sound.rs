//! Analyses of a stream's audio: silence, pauses and recordings; and stored profiles.

use std::sync::OnceLock;

use bellwether_acoustics::recordings::{Ear, Listener, Print, Voice, compare};
use bellwether_acoustics::{
    Classes, CodeHistogram, Coding, FEATURES, Mode, Pauses, SilenceAnalysis, features,
};
use bellwether_base::HashKey;

use crate::input::Input;

/// Constants of all listeners.
static EAR: OnceLock<Ear> = OnceLock::new();

/// Maximum memory of the analysis of one stream, in octets.
const HELD: usize = 256 << 10;

/// Laws: results are finite, and memory is bounded. Profiles survive a round trip. Recognition never fails.
pub(super) fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let choice = input.octet();
    if choice & 0x80 != 0 {
        return stored(input.rest());
    }
    let Some(coding) = Coding::ALL.get(usize::from(choice) % Coding::ALL.len()).copied() else { return };
    let mut analysis = SilenceAnalysis::new(coding);
    let ear = EAR.get_or_init(|| Ear::new(&HashKey::new([7; 16])));
    let mut listener = Listener::new(coding.law());
    let mut histogram = CodeHistogram::default();
    let mut ticks = input.long();
    let mut is_over = false;
    while !input.is_empty() {
        let (kind, len) = (input.octet(), usize::from(input.octet()) * 2);
        // Half of the packets are constant, like silence.
        let payload = if kind & 1 == 0 { vec![input.octet(); len] } else { input.take(len).to_vec() };
        for _ in 0..=(kind >> 4) {
            analysis.packet(&payload);
            histogram.add(coding.law(), &payload);
            let voice = Voice { codes: &payload, ticks, is_after_loss: kind & 4 != 0 };
            is_over = is_over || listener.packet(ear, &voice);
            ticks = ticks.wrapping_add(if kind & 2 == 0 { payload.len() as u32 } else { 1 << 20 });
        }
        assert!(analysis.heap_bytes() <= HELD, "an analysis is bounded in memory");
    }
    let profile = analysis.profile();
    assert_eq!(profile, analysis.profile(), "the profile is repeatable");
    if let Some(profile) = profile {
        assert!(profile.energy.is_finite() && profile.dc_offset.is_finite(), "a profile is finite");
    }
    if let Some(pauses) = analysis.pauses() {
        assert!(features(&pauses).iter().all(|feature| feature.is_finite()), "features are finite");
        assert_eq!(
            Pauses::from_octets(&pauses.to_octets()).as_ref(),
            Some(&pauses),
            "the profile survives a round trip"
        );
        let _ = (pauses.is_transcoded(), pauses.surroundings(), pauses.is_rumble(), analysis.is_settled());
        recognise(&pauses);
    }
    let heard = listener.finish(ear);
    let again = Print::from_octets(&heard.print.to_octets());
    assert_eq!(again.as_ref(), Some(&heard.print), "a print survives a round trip");
    assert_eq!(
        compare(&heard.print, &heard.print).pairs == 0,
        heard.print.is_empty(),
        "a print matches itself"
    );
    let mut doubled = histogram.clone();
    doubled.merge(&histogram);
    assert_eq!(doubled.counts(coding.law()).len(), histogram.counts(coding.law()).len());
}

/// A profile from a database that may be damaged.
fn stored(octets: &[u8]) {
    if let Some(pauses) = Pauses::from_octets(octets) {
        let again = Pauses::from_octets(&pauses.to_octets());
        assert_eq!(
            again.map(|pauses| pauses.to_octets()),
            Some(pauses.to_octets()),
            "the profile survives a round trip"
        );
        let _ = (pauses.is_transcoded(), pauses.surroundings(), pauses.is_rumble());
        recognise(&pauses);
    }
    if let Some(print) = Print::from_octets(octets) {
        assert_eq!(print.to_octets(), octets, "a print is its octets");
        let _ = compare(&print, &Print::default());
    }
}

fn recognise(pauses: &Pauses) {
    let heard = features(pauses);
    let calls: [([f64; FEATURES], f64); 3] =
        std::array::from_fn(|i| (heard.map(|f| f + i as f64 * 0.01), 1.0));
    let modes: Vec<Mode> =
        ["a", "b"].iter().filter_map(|class| Mode::learn(class, "", pauses.coding, &calls)).collect();
    let compared = Classes::new(&modes).compare(pauses);
    if let Ok(found) = compared.result {
        assert!(!found.class.is_empty(), "a recognised class has a name");
    }
}
