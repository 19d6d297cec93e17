//! Checks the models against the analyses: each analysis must recover the model's parameters.

use bellwether_acoustics::SilenceAnalysis;
use bellwether_base::{Ppm, Span, Timestamp};
use bellwether_clock::{RegisterTimeline, pooled_fit};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Delay, Discipline, Microphone, Rng, Timer, Voice};

const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

/// The paper's phones (figures 6, 8 and 9) as ground truth, an hour at 25 s: slopes from -5,560 to +145 ppm.
#[test]
fn the_papers_slopes_are_recovered_within_their_intervals() {
    let mut covered = 0;
    let slopes =
        [-1980.0, -2100.0, -2760.0, -5560.0, -3930.0, 14.2, -2.32, 131.0, 145.0, -57.7, -73.4, -53.8];
    for (i, skew) in slopes.into_iter().enumerate() {
        let delay = Delay::Gaussian(Span::from_millis(20), Span::from_millis(2));
        let timer = Timer {
            period: Span::from_secs(25),
            skew: Ppm(skew),
            discipline: Discipline::Periodic,
            delay,
            round_trip: Span::ZERO,
            lateness: Span::ZERO,
        };
        let mut timeline = RegisterTimeline::default();
        for at in timer.refreshes(START, 145, &mut Rng::new(i as u64)) {
            timeline.refresh(at, None);
        }
        let fit = pooled_fit(&timeline.segments()).unwrap();
        // The paper's slope refers to the sensor's time, the model's rate to the device's. The two differ in second
        // order.
        let slope = skew / (1.0 + skew / 1e6) + skew * skew / 1e6;
        assert!((fit.skew.0 - slope).abs() < 1.0, "{skew}: {fit:?}");
        covered += usize::from(fit.ci95.0.0 <= slope && slope <= fit.ci95.1.0);
    }
    assert!(covered >= slopes.len() - 2, "{covered} of {} covered", slopes.len());
}

/// Rows of the paper's table 1 as ground truth, with an added voice.
#[test]
fn a_microphones_noise_comes_back_as_its_profile_whatever_is_said() {
    for (i, (dc, energy)) in
        [(0.92e-4, 1.36e-7), (-2.71e-4, 1.15e-7), (-0.85e-4, 2.24e-7), (-4.44e-4, 298.1e-7)]
            .into_iter()
            .enumerate()
    {
        let microphone = Microphone { dc_offset: dc, noise: (energy - dc * dc).sqrt(), hum: 0.0 };
        let voice = Voice { level: 0.08, talks: 60.0, pauses: 40.0 };
        let mut rng = Rng::new(i as u64);
        let mut analysis = SilenceAnalysis::new(Law::Mu);
        for packet in microphone.packets(Law::Mu, Some(voice), 1500, 160, &mut rng) {
            analysis.packet(&packet);
        }
        let profile = analysis.profile().unwrap();
        assert!(profile.packets > 100, "{profile:?}");
        // Quantisation changes both slightly: one step of mu-law near zero is 2.4e-4.
        assert!((profile.dc_offset - dc).abs() < 0.4e-4, "{dc}: {profile:?}");
        assert!((profile.energy / energy - 1.0).abs() < 0.2, "{energy}: {profile:?}");
    }
}

#[test]
fn restart_timers_show_the_path_in_their_slope_and_random_ones_none_at_all() {
    let timer = Timer {
        period: Span::from_secs(27),
        skew: Ppm(0.0),
        discipline: Discipline::Restart,
        delay: Delay::None,
        round_trip: Span::from_millis(54),
        lateness: Span::ZERO,
    };
    let slope = |timer: Timer| {
        let mut timeline = RegisterTimeline::default();
        timer.refreshes(START, 130, &mut Rng::new(9)).into_iter().for_each(|at| timeline.refresh(at, None));
        pooled_fit(&timeline.segments()).map(|f| f.skew.0)
    };
    // 54 ms in 27.054 s: the magnitude of the paper's Cisco phones.
    assert!((slope(timer).unwrap() + 1996.0).abs() < 1.0);
    assert!(slope(Timer { discipline: Discipline::Randomised, ..timer }).is_err());
}
