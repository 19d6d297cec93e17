//! Calls that play recordings, and what is heard of them.

use bellwether_acoustics::recordings::{AudioSummary, Ear, Listener, Voice};
use bellwether_base::HashKey;
use bellwether_rtp::g711::Law;
use bellwether_testkit::Rng;

use crate::impairments::RATE;

/// The key of the tables.
pub(crate) fn ear() -> Ear {
    Ear::new(&HashKey::new([7; 16]))
}

/// How a call is heard.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    /// Seconds of media.
    pub(crate) seconds: f64,
    /// Share of packets that are lost.
    pub(crate) loss: f64,
}

/// Plays samples with a random law, a start 0 to 0.5 s late and packets that begin anywhere.
pub(crate) fn play(ear: &Ear, samples: &[i16], ends: Ends, rng: &mut Rng) -> AudioSummary {
    let law = if rng.below(2) == 0 { Law::A } else { Law::Mu };
    let late = rng.below(RATE as u64 / 2) as usize;
    let first = 1 + rng.below(160) as usize;
    let samples = &samples[late.min(samples.len())..];
    let samples = &samples[..samples.len().min((ends.seconds * RATE as f64) as usize)];
    let codes: Vec<u8> = samples.iter().map(|sample| law.encode(*sample)).collect();
    let mut listener = Listener::new(law);
    let (mut at, mut is_after_loss) = (0, false);
    while at < codes.len() {
        let size = if at == 0 { first } else { 160 };
        let packet = &codes[at..codes.len().min(at + size)];
        let is_lost = rng.uniform() < ends.loss;
        if !is_lost {
            let voice =
                Voice { codes: packet, ticks: 4_294_900_000_u32.wrapping_add(at as u32), is_after_loss };
            if listener.packet(ear, &voice) {
                break;
            }
        }
        is_after_loss = is_lost;
        at += size;
    }
    listener.finish(ear)
}

/// Maps items on both processors, in order.
pub(crate) fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let half = items.len().div_ceil(2).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(half)
            .map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<R>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
