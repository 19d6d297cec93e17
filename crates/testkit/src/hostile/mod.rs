//! Captures of hostile traffic that cost the sensor time, memory or disk, and ordinary captures for comparison.
//!
//! A [`Shape`] is one kind of traffic. Its [`Pair`] holds the hostile frames, and ordinary frames of the same number,
//! lengths and times, which makes costs per packet comparable on any machine.

mod fields;
mod floods;
mod frames;
mod lists;
mod media;
mod ordinary;
mod sections;
mod stage;
mod streams;
mod text;

pub use ordinary::Ordinary;

use crate::Frame;
use stage::Stage;

/// One kind of hostile traffic.
pub struct Shape {
    /// Its name: the family, a slash, the kind.
    pub name: String,
    /// Maximum cost, as a multiple of the cost of an ordinary packet of the same length.
    pub bound: u32,
    /// The ordinary traffic for comparison.
    pub ordinary: Ordinary,
    packets: usize,
    make: Box<dyn Fn(&mut Stage)>,
}

/// Hostile frames, and ordinary frames with the same number, lengths and times.
pub struct Pair {
    /// The hostile frames.
    pub hostile: Vec<Frame>,
    /// The ordinary frames.
    pub ordinary: Vec<Frame>,
}

/// All shapes, family by family.
#[must_use]
pub fn shapes() -> Vec<Shape> {
    [
        lists::shapes(),
        fields::shapes(),
        sections::shapes(),
        floods::shapes(),
        media::shapes(),
        streams::shapes(),
        frames::shapes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Shape {
    /// Generates the frames of this shape. Its name is the only seed. `scale` multiplies their number.
    #[must_use]
    pub fn pair(&self, scale: f64) -> Pair {
        let seed = self.name.bytes().fold(7, |seed: u64, b| seed.wrapping_mul(31).wrapping_add(b.into()));
        let mut stage = Stage::new(seed, (self.packets as f64 * scale) as usize, scale);
        while stage.has_room() {
            let before = stage.frames.len();
            (self.make)(&mut stage);
            if stage.frames.len() == before {
                break;
            }
        }
        let ordinary = self.ordinary.beside(&stage.frames);
        Pair { hostile: stage.frames, ordinary }
    }
}

/// A list of shapes under construction.
#[derive(Default)]
struct Shapes(Vec<Shape>);

impl Shapes {
    /// Adds a shape of at most `packets` frames. `make` is called until there are enough.
    fn add(
        &mut self,
        name: impl Into<String>,
        (packets, bound, ordinary): (usize, u32, Ordinary),
        make: impl Fn(&mut Stage) + 'static,
    ) {
        self.0.push(Shape { name: name.into(), bound, ordinary, packets, make: Box::new(make) });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_shape_has_an_ordinary_partner_of_the_same_lengths_and_times() {
        let all = shapes();
        assert_eq!(all.iter().map(|s| &s.name).collect::<BTreeSet<_>>().len(), all.len());
        for shape in all {
            let pair = shape.pair(0.003);
            assert!(!pair.hostile.is_empty(), "{} has no frames", shape.name);
            assert_eq!(pair.hostile.len(), pair.ordinary.len(), "{}", shape.name);
            for (hostile, ordinary) in pair.hostile.iter().zip(&pair.ordinary) {
                assert_eq!(hostile.bytes.len(), ordinary.bytes.len(), "{}", shape.name);
                assert_eq!(hostile.at, ordinary.at, "{}", shape.name);
            }
            assert!(pair.hostile.is_sorted_by_key(|f| f.at), "{} is not in time order", shape.name);
        }
    }

    #[test]
    fn a_shape_is_the_same_every_time() {
        for shape in shapes().iter().filter(|s| s.name.starts_with("flood/")) {
            assert_eq!(shape.pair(0.003).hostile, shape.pair(0.003).hostile, "{}", shape.name);
        }
    }
}
