use bellwether_base::Span;

use crate::{Delay, Frame, Rng};

/// Impairments by a network and a mirror on the way to the sensor.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Share of frames lost.
    pub loss: f64,
    /// Share of frames that the mirror delivers twice.
    pub doubled: f64,
    /// Delay of each frame.
    pub delay: Delay,
}

impl Network {
    /// Sends frames through the network. The result is in time order.
    #[must_use]
    pub fn carry(&self, frames: &[Frame], rng: &mut Rng) -> Vec<Frame> {
        let mut out = Vec::with_capacity(frames.len());
        for frame in frames {
            if rng.uniform() < self.loss {
                continue;
            }
            let frame = Frame { at: frame.at + self.delay.draw(rng), ..frame.clone() };
            if rng.uniform() < self.doubled {
                out.push(Frame { at: frame.at + Span::from_nanos(30_000), ..frame.clone() });
            }
            out.push(frame);
        }
        out.sort_by_key(|f| f.at);
        out
    }
}

/// Mild reordering: swaps neighbours at random, but keeps the times in place.
pub fn shuffle_within(frames: &mut [Frame], share: f64, rng: &mut Rng) {
    for i in 1..frames.len() {
        if rng.uniform() < share {
            let (a, b) = (frames[i - 1].at, frames[i].at);
            frames.swap(i - 1, i);
            frames[i - 1].at = a;
            frames[i].at = b;
        }
    }
}
