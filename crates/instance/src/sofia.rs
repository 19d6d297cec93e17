//! Counters of Sofia-SIP (FreeSWITCH, drachtio, Janus and others).
//!
//! Its tags and branches are 64-bit numbers in 13 letters. The nth branch of a process is B + nP and the mth
//! tag is PB + mP, modulo 2^64. P is a constant of the library, and B is random per process (`nta.c` of the
//! library). One message with tag and branch therefore gives B, which identifies the process, and the number
//! of branches and tags it has made.

use bellwether_base::{Span, Timestamp};
use bellwether_sip::Message;

use crate::{Evidence, NTP_TO_UNIX, reading};

const P: u64 = 0xb959_1d1c_361c_6521;
/// The inverse of P modulo 2^64.
const P_INVERSE: u64 = 0x66b4_85f9_fdc9_5ee1;

const ALPHABET: &[u8; 32] = b"aBcDeFgHjKmNpQrStUvXyZ0123456789";
const LETTERS: usize = 13;

/// Largest plausible counts of a process. One in a thousand unrelated pairs in this alphabet fits by chance.
const MAX_BRANCHES: u64 = 1 << 26;
const MAX_TAGS: u64 = 1 << 28;

pub(crate) fn read(message: &Message<'_>, at: Timestamp, found: &mut Vec<Evidence>) {
    let tag = message.from().and_then(|from| from.tag()).and_then(decode);
    let branch = message.own_via().and_then(|via| via.branch());
    let branch = branch.and_then(|b| b.strip_prefix(b"z9hG4bK")).and_then(decode);
    let Some(process) = tag.zip(branch).and_then(|(tag, branch)| Process::of(tag, branch)) else { return };
    let mut evidence = Evidence::new("sofia", format!("{:016x}", process.base));
    evidence.counter = Some(process.tags);
    evidence.clock = message.cseq().and_then(|cseq| cseq_clock(cseq.number, at));
    found.push(evidence);
}

/// State of a process, computed from one pair of identifiers.
#[derive(PartialEq, Eq, Debug)]
struct Process {
    base: u64,
    branches: u64,
    tags: u64,
}

impl Process {
    fn of(tag: u64, branch: u64) -> Option<Self> {
        // With X = tag / P = B + m and branch = B + nP: m = X - branch + nP.
        let x = tag.wrapping_mul(P_INVERSE);
        let rest = x.wrapping_sub(branch);
        let branches = first_within(P, rest, MAX_TAGS)?;
        let tags = rest.wrapping_add(branches.wrapping_mul(P));
        (branches < MAX_BRANCHES).then(|| Self { base: x.wrapping_sub(tags), branches, tags })
    }
}

/// The smallest n for which `offset` + n `step` is below `width`, modulo 2^64.
fn first_within(step: u64, offset: u64, width: u64) -> Option<u64> {
    if offset < width {
        return Some(0);
    }
    let low = offset.wrapping_neg();
    // The range [low, low + width) does not wrap at 2^64, or the offset itself would be within it.
    let n =
        first_multiple(u128::from(step), 1 << 64, u128::from(low), u128::from(low) + u128::from(width) - 1)?;
    u64::try_from(n).ok()
}

/// The smallest n with `low` <= `step` n mod `modulus` <= `high`, by Euclid's algorithm with one division per
/// step.
fn first_multiple(step: u128, modulus: u128, low: u128, high: u128) -> Option<u128> {
    if low == 0 {
        return Some(0);
    }
    let high = high.min(modulus - 1);
    if step == 0 || low > high {
        return None;
    }
    if step * 2 > modulus {
        return first_multiple(modulus - step, modulus, modulus - high, modulus - low);
    }
    let direct = low.div_ceil(step);
    if direct * step <= high {
        return Some(direct);
    }
    let wraps =
        first_multiple(modulus % step, step, (step - high % step) % step, (step - low % step) % step)?;
    Some((low + modulus * wraps).div_ceil(step))
}

/// Decodes five bits per letter, the lowest first; the last letter holds only four.
fn decode(letters: &[u8]) -> Option<u64> {
    if letters.len() != LETTERS {
        return None;
    }
    letters.iter().rev().try_fold(0_u64, |number, letter| {
        let digit = ALPHABET.iter().position(|l| l == letter)? as u64;
        (number >> 59 == 0).then_some(number << 5 | digit)
    })
}

/// The first CSeq is half the seconds since 1900, in 27 bits: a clock with a resolution of two seconds.
fn cseq_clock(cseq: u32, at: Timestamp) -> Option<crate::Reading> {
    const STEP: i64 = 2_000_000_000;
    const WRAP: i64 = 1 << 27;
    let seconds = u64::try_from(at.as_nanos() / 1_000_000_000).ok()? + NTP_TO_UNIX;
    let now = ((seconds >> 1) & (WRAP as u64 - 1)) as i64;
    let behind = (i64::from(cseq) - now + WRAP / 2).rem_euclid(WRAP) - WRAP / 2;
    let nanos = (at.as_nanos() / STEP + behind).checked_mul(STEP)?;
    reading(nanos, Span::from_secs(2), at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Branch, tag, branches, tags, base: computed from public captures of six processes.
    const KNOWN: [(&str, &str, u64, u64, u64); 6] = [
        ("B0majXrF4mBem", "BQZeg23XQQX5r", 2, 2, 0x2f53_1ff3_3a47_607f),
        ("BX86cmre9gFZH", "BX2g7FKyZZ2NS", 1, 1, 0xc13b_c207_5e12_1540),
        ("F7XSHFKDmUN5D", "983BacQc9Q9vp", 13, 7, 0xd427_afab_8b06_acf8),
        ("1HQpp1BtBQ30N", "SX7B39veap93c", 268, 804, 0xb21b_27f7_c90c_566b),
        ("DKgetaKpUc4rc", "4624XDZ9UtypN", 519, 798, 0x63be_4d30_8d71_133c),
        ("Ba834aZp7Hy1r", "9eXmFya9j7Hpa", 340_961, 276_159, 0xb224_ba44_10ed_8300),
    ];

    #[test]
    fn known_processes_are_read_to_the_count() {
        assert_eq!(P.wrapping_mul(P_INVERSE), 1);
        for (branch, tag, branches, tags, base) in KNOWN {
            let found = Process::of(decode(tag.as_bytes()).unwrap(), decode(branch.as_bytes()).unwrap());
            assert_eq!(found, Some(Process { base, branches, tags }), "{branch}");
        }
    }

    #[test]
    fn the_first_count_within_a_range_is_the_first() {
        for (step, offset) in [(P, 1_u64 << 40), (7, 12), (u64::MAX - 4, 100_000), (3 << 40, 1 << 63)] {
            let width = 1_u64 << 52;
            let searched = (0..1_000_000_u64).find(|n| offset.wrapping_add(n.wrapping_mul(step)) < width);
            if searched.is_some() {
                assert_eq!(first_within(step, offset, width), searched, "{step:x} {offset:x}");
            }
        }
    }

    #[test]
    fn letters_outside_the_alphabet_and_pairs_that_do_not_belong_together_are_nothing() {
        assert_eq!(decode(b"B0majXrF4mBel"), None);
        assert_eq!(decode(b"B0maj"), None);
        let (branch, ..) = KNOWN[0];
        let (_, tag, ..) = KNOWN[5];
        assert_eq!(Process::of(decode(tag.as_bytes()).unwrap(), decode(branch.as_bytes()).unwrap()), None);
    }

    #[test]
    fn the_first_cseq_is_a_clock() {
        // 2013-01-22 05:53:33 UTC, from a public capture.
        let at = Timestamp::from_nanos(1_358_834_013_000_000_000);
        let read = cseq_clock(39_080_942, at).unwrap();
        assert!(read.at.since(at).max(at.since(read.at)) <= Span::from_secs(4), "{read:?}");
        assert_eq!(cseq_clock(102, at), None);
    }
}
