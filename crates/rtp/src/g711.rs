//! G.711 (ITU-T G.711, 11/1988): code words to 16-bit linear samples.

/// The two companding laws.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Law {
    /// mu-law, used in North America and Japan: it has a zero level in two polarities.
    Mu,
    /// A-law, used elsewhere: it has no zero level; the smallest samples are +8 and -8.
    A,
}

/// Linear values of the 256 mu-law code words.
pub static MU: [i16; 256] = table(Law::Mu);
/// Linear values of the 256 A-law code words.
pub static A: [i16; 256] = table(Law::A);

impl Law {
    /// The table of linear values.
    #[must_use]
    pub const fn linear(self) -> &'static [i16; 256] {
        match self {
            Self::Mu => &MU,
            Self::A => &A,
        }
    }

    /// Distance of a code word from the quietest one, 0 to 127, independent of its sign.
    #[must_use]
    pub const fn magnitude(self, code: u8) -> u8 {
        match self {
            Self::Mu => !code & 0x7f,
            Self::A => (code ^ 0x55) & 0x7f,
        }
    }

    /// The code word with the given magnitude and sign bit: the inverse of [`Self::magnitude`].
    #[must_use]
    pub const fn code(self, magnitude: u8, sign_bit: u8) -> u8 {
        let low = match self {
            Self::Mu => !magnitude & 0x7f,
            Self::A => (magnitude ^ 0x55) & 0x7f,
        };
        low | (sign_bit << 7)
    }

    /// The code word nearest to a linear sample.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        // The level increases with the magnitude, so a bisection over the table finds the nearest one.
        let sign_bit = u8::from(sample >= 0);
        let target = i32::from(sample).abs();
        let level =
            |m: u8| self.linear().get(usize::from(self.code(m, sign_bit))).map_or(0, |s| i32::from(*s).abs());
        let (mut low, mut high) = (0_u8, 127_u8);
        while low < high {
            let middle = (low + high) / 2;
            if level(middle) < target { low = middle + 1 } else { high = middle }
        }
        let nearer = low > 0 && target - level(low - 1) < level(low) - target;
        self.code(if nearer { low - 1 } else { low }, sign_bit)
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated when compiling: out of bounds would not build")]
const fn table(law: Law) -> [i16; 256] {
    let mut out = [0; 256];
    let mut code = 0;
    while code < 256 {
        out[code] = match law {
            Law::Mu => mu(code as u8),
            Law::A => a(code as u8),
        };
        code += 1;
    }
    out
}

/// Segment and step of the complemented code word, with the bias of 33 (here 132 for 16 bits).
const fn mu(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((((code & 0x0f) as i16) << 3) + 0x84) << ((code & 0x70) >> 4);
    if code & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }
}

/// Even bits are inverted on the line.
const fn a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let step = ((code & 0x0f) as i16) << 4;
    let magnitude = match (code & 0x70) >> 4 {
        0 => step + 8,
        1 => step + 0x108,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_levels_of_both_laws() {
        assert_eq!((MU[0xff], MU[0x7f], MU[0xfe], MU[0x80], MU[0x00]), (0, 0, 8, 32124, -32124));
        assert_eq!((A[0xd5], A[0x55], A[0xd4], A[0xaa], A[0x2a]), (8, -8, 24, 32256, -32256));
    }

    #[test]
    fn magnitudes_ascend_with_level_and_invert() {
        for law in [Law::Mu, Law::A] {
            for sign in [0, 1] {
                let levels: Vec<i32> =
                    (0..128).map(|m| i32::from(law.linear()[usize::from(law.code(m, sign))]).abs()).collect();
                assert!(levels.windows(2).all(|w| w[0] < w[1]));
            }
            for code in 0..=255_u8 {
                assert_eq!(law.code(law.magnitude(code), code >> 7), code);
            }
        }
    }

    #[test]
    fn encoding_a_level_gives_its_code_word() {
        for law in [Law::Mu, Law::A] {
            for code in 0..=255_u8 {
                let level = law.linear()[usize::from(code)];
                assert_eq!(law.linear()[usize::from(law.encode(level))], level, "{law:?} {code:#x}");
            }
        }
    }
}
