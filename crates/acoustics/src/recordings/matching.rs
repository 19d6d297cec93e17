//! Do two calls play one recording?

use super::print::{Print, Word};

/// Greatest distance of two words that may be one sound.
const ALIKE: usize = 17;

/// Score of a pair of words by their distance, in 256ths: the logarithm of the likelihood ratio of the distance,
/// divided by 3 since neighbouring words overlap by two thirds. Distances of unrelated words are normal with mean 31.1
/// and deviation 4.65; those of one sound are about even from 0 to 14.
const WEIGHTS: [i32; ALIKE + 1] =
    [1891, 1770, 1654, 1541, 1432, 1327, 1226, 1129, 1036, 946, 861, 780, 703, 629, 560, 494, 433, 375];

/// Price of a step that does not keep the time, such as a name of another length.
const JUMP: i32 = 9 * 256;

/// A step keeps the time if both calls took as long, but for 2.5 frames and 6 % of speed, within 4 s. In tenths of
/// frames.
const STEP: i32 = 25;
const STEP_PERCENT: i32 = 6;
const LONGEST_STEP: i32 = 2000;

/// Pairs that are chained. Two calls of one recording have up to 60; constant words could have 2304.
const MAX_PAIRS: usize = 256;

/// Least score of a match in 256ths. Of 4.7 million pairs that share no audio none reached it with a whole match
/// (docs/recordings.md).
const LEAST: i32 = 12 * 256;

/// Longest time after the last pair, in tenths of frames: 2 s. Texts that go on differently have a longer one.
const TAIL: i32 = 1000;

/// Tolerance of times in tenths of frames where words are counted.
const NEAR: i32 = 20;

/// Pairs that suffice where a recording was heard in part, and pairs that do if they are most words of that part.
const MANY_PAIRS: usize = 8;
const SOME_PAIRS: usize = 5;

/// Share of pairs of recordings in one synthetic voice.
const ONE_VOICE: f64 = 0.05;

/// Greatest likelihood ratio: one false match in a million pairs is what was measured.
const MEASURED: f64 = 1e6;

/// Greatest likelihood ratio of a match that shares less than so many seconds: phrases are spoken by many.
const LIMITS: [(f64, f64); 4] = [(2.5, 3.0), (5.0, 20.0), (8.0, 300.0), (12.0, 1e4)];

/// The sounds that two calls share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Likeness {
    /// Both play one recording.
    SameRecording,
    /// Some words are the same, and the rest is not: a common phrase. It links nobody.
    SameWords,
}

/// The comparison of two prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Match {
    /// Score in 256ths.
    pub score: i32,
    /// Pairs of words of one sound.
    pub pairs: u16,
    /// Time that both share, in tenths of frames.
    pub shared: u16,
    /// True if the rest of both calls agrees with one recording.
    is_whole: bool,
}

impl Match {
    /// The meaning of the score; none if it has none.
    #[must_use]
    pub const fn likeness(&self) -> Option<Likeness> {
        match self.score >= LEAST {
            false => None,
            true if self.is_whole => Some(Likeness::SameRecording),
            true => Some(Likeness::SameWords),
        }
    }

    /// Natural logarithm of the likelihood ratio of one recording against two. Chance is the rival in general, and
    /// stock phrases are it where little is shared.
    #[must_use]
    pub fn log_likelihood_ratio(&self) -> f64 {
        let above = f64::from(self.score) / 256.0 - 14.0;
        // False matches by score, of pairs of other voices and of one synthetic voice, in powers of ten.
        let (others, one_voice) = (-5.13 - 0.4 * above, -3.07 - 0.25 * above);
        let chance = ONE_VOICE * libm::pow(10.0, one_voice) + (1.0 - ONE_VOICE) * libm::pow(10.0, others);
        let seconds = self.seconds();
        let limit = LIMITS.iter().find(|(below, _)| seconds < *below).map_or(MEASURED, |(_, limit)| *limit);
        libm::log((1.0 / chance).min(limit))
    }

    /// Seconds that both calls share.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        f64::from(self.shared) / 500.0
    }
}

/// A pair of words that may be one sound.
#[derive(Clone, Copy)]
struct Pair {
    /// Times in the two calls.
    at: [i32; 2],
    weight: i32,
}

/// The best pair before another one in a chain.
#[derive(Clone, Copy)]
struct Link {
    /// Score up to and with this pair.
    score: i32,
    before: Option<u16>,
    is_jump: bool,
}

/// The candidate that plays the same recording as a print with the highest score, and the first among equals.
pub(super) fn best<'a>(
    candidates: impl IntoIterator<Item = u32>,
    print_of: impl Fn(u32) -> Option<&'a Print>,
    print: &Print,
) -> Option<(u32, Match)> {
    let same = candidates.into_iter().filter_map(|number| {
        let found = compare(print_of(number)?, print);
        (found.likeness() == Some(Likeness::SameRecording)).then_some((number, found))
    });
    same.reduce(|best, other| if other.1.score > best.1.score { other } else { best })
}

/// Compares two prints.
#[must_use]
pub fn compare(a: &Print, b: &Print) -> Match {
    let pairs = pairs(a, b);
    let links = chained(&pairs);
    // The first of the greatest.
    let best = (0_u16..).zip(&links).fold(None, |best: Option<(u16, i32)>, (at, link)| match best {
        Some((_, score)) if score >= link.score => best,
        _ => Some((at, link.score)),
    });
    let Some((last, score)) = best else { return Match::default() };
    let (mut at, mut count, mut shared) = (last, 1_u16, 0);
    while let Some(link) = links.get(usize::from(at))
        && let Some(before) = link.before
    {
        if !link.is_jump {
            shared += (time(&pairs, at) - time(&pairs, before)).min(500);
        }
        count += 1;
        at = before;
    }
    let at_of = |pair: u16| pairs.get(usize::from(pair)).map_or([0; 2], |pair| pair.at);
    let (first, last) = (at_of(at), at_of(last));
    let (spans, sides) = ([a.span(), b.span()], [0, 1]);
    let tail = sides.map(|side| spans[side].1 - last[side]).into_iter().min().unwrap_or(0);
    let head = sides.map(|side| first[side] - spans[side].0).into_iter().min().unwrap_or(0);
    let within = |print: &Print, side: usize| {
        let (from, to) = (first[side] - head - NEAR, last[side] + tail + NEAR);
        print.words().filter(|word| (from..=to).contains(&i32::from(word.at))).count()
    };
    let fewer = a.len().min(b.len());
    let overlapping = within(a, 0).min(within(b, 1));
    let count_of = usize::from(count);
    // At least two in five words are pairs, or three in five.
    let covers = |words: usize| 5 * count_of >= 2 * words;
    let covers_most = |words: usize| 5 * count_of >= 3 * words;
    let of_part = (count_of >= MANY_PAIRS && covers(overlapping))
        || (count_of >= SOME_PAIRS && covers_most(overlapping));
    Match {
        score,
        pairs: count,
        shared: shared.clamp(0, i32::from(u16::MAX)) as u16,
        is_whole: tail <= TAIL && (covers(fewer) || of_part),
    }
}

fn time(pairs: &[Pair], at: u16) -> i32 {
    pairs.get(usize::from(at)).map_or(0, |pair| pair.at[0])
}

/// The pairs of alike words, in order of their times in both calls.
fn pairs(a: &Print, b: &Print) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let weight = |x: Word, y: Word| WEIGHTS.get((x.bits ^ y.bits).count_ones() as usize).copied();
    for x in a.words() {
        for y in b.words() {
            if let Some(weight) = weight(x, y) {
                if pairs.len() == MAX_PAIRS {
                    return pairs;
                }
                pairs.push(Pair { at: [i32::from(x.at), i32::from(y.at)], weight });
            }
        }
    }
    pairs
}

/// The heaviest chain that ends with each pair, each pair later than the one before in both calls.
fn chained(pairs: &[Pair]) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let mut best = Link { score: 0, before: None, is_jump: false };
        for ((number, earlier), link) in (0_u16..).zip(pairs).zip(&links) {
            let [step_a, step_b] = [pair.at[0] - earlier.at[0], pair.at[1] - earlier.at[1]];
            if step_a <= 0 || step_b <= 0 {
                continue;
            }
            let keeps_time =
                step_a < LONGEST_STEP && 100 * (step_a - step_b).abs() <= 100 * STEP + STEP_PERCENT * step_a;
            let score = link.score - if keeps_time { 0 } else { JUMP };
            if score > best.score {
                best = Link { score, before: Some(number), is_jump: !keeps_time };
            }
        }
        links.push(Link { score: best.score + pair.weight, ..best });
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_the_formula() {
        for (distance, weight) in (0..).zip(WEIGHTS) {
            let apart = f64::from(distance) - 31.1;
            let ratio = 0.07_f64.ln() + apart * apart / (2.0 * 4.65 * 4.65) + (4.65 * 2.507_f64).ln();
            assert_eq!(weight, (256.0 * (ratio / 3.0).max(0.1)).round() as i32, "{distance}");
        }
    }
}
