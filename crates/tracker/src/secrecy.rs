use crate::control::Protection;

/// Decides whether a stream's payloads are readable. Signalling and handshakes give the expectation; the
/// packets overrule it.
///
/// The decision is per payload, not per stream. One odd packet does not stop the analysis, and the decision
/// follows a re-INVITE that adds or drops keys.
#[derive(Debug, Default)]
pub(crate) struct Secrecy {
    told: Told,
    /// Length and result of the last decision. Most payloads of a stream have one length.
    len: u16,
    judged: Judged,
    /// Number of payloads whose content gave no decision.
    doubts: u8,
    /// True if encrypted payloads started since the last query.
    is_news: bool,
    has_sealed: bool,
    /// True if a payload of odd length was read because no encryption was known.
    has_read_odd: bool,
}

/// Encryption state according to signalling or a handshake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Told {
    /// Unknown or plain.
    #[default]
    Plain,
    /// Both sides agreed to encrypt, or completed a handshake.
    Sealed,
}

impl Told {
    /// Keys that were only offered do not encrypt.
    pub(crate) const fn by(protection: Option<&Protection>) -> Self {
        match protection {
            Some(Protection::Agreed(_)) => Self::Sealed,
            Some(Protection::Offered(_)) | None => Self::Plain,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Judged {
    #[default]
    Unknown,
    Open,
    Sealed,
}

/// Number of undecided payloads after which the signalling is trusted.
const MAX_DOUBTS: u8 = 64;

impl Secrecy {
    /// Updates the state from signalling or a handshake. Returns true if earlier payloads may have been
    /// encrypted after all, because their length did not show it.
    pub(crate) fn tell(&mut self, told: Told) -> bool {
        if self.told == told {
            return false;
        }
        (self.told, self.judged, self.doubts) = (told, Judged::Unknown, 0);
        told == Told::Sealed && std::mem::take(&mut self.has_read_odd)
    }

    /// Returns true if payloads were unreadable without a key.
    pub(crate) const fn is_sealed(&self) -> bool {
        self.has_sealed || matches!(self.told, Told::Sealed)
    }

    /// Requests a new query for keys, because the present ones decrypt nothing any more.
    pub(crate) const fn ask_again(&mut self) {
        self.is_news = true;
    }

    /// Returns true if encrypted payloads started since the last query. Their keys may be known by now.
    pub(crate) const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.is_news, false)
    }

    /// Returns true if a G.711 or G.722 payload is readable as it is.
    pub(crate) fn is_open(&mut self, payload: &[u8]) -> bool {
        let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        if self.len != len || self.judged == Judged::Unknown {
            self.len = len;
            self.judged = self.judge(payload);
            if self.judged != Judged::Open {
                (self.has_sealed, self.is_news) = (true, true);
            }
        }
        self.judged == Judged::Open
    }

    fn judge(&mut self, payload: &[u8]) -> Judged {
        match Shape::of(payload.len()) {
            // Frames of 22 or 32 ms have the length of shorter frames with a tag, but sound is not
            // distributed like ciphertext.
            Shape::Tagged if self.told == Told::Plain && is_uneven(payload) => Judged::Open,
            Shape::Tagged if self.told == Told::Plain && self.doubts < MAX_DOUBTS => {
                self.doubts += 1;
                Judged::Unknown
            }
            Shape::Tagged => Judged::Sealed,
            Shape::Whole if self.told == Told::Plain => Judged::Open,
            Shape::Odd if self.told == Told::Plain => {
                self.has_read_odd = true;
                Judged::Open
            }
            Shape::Odd => Judged::Sealed,
            Shape::Whole if is_uneven(payload) => Judged::Open,
            Shape::Whole if self.doubts < MAX_DOUBTS => {
                self.doubts += 1;
                Judged::Unknown
            }
            Shape::Whole => Judged::Sealed,
        }
    }
}

/// The kind of a payload by its length, at eight octets per millisecond.
enum Shape {
    /// Whole multiples of 10 ms.
    Whole,
    /// Whole multiples of 10 ms and a tag: 80 or 32 bits (RFC 3711 section 4.2), or 128 (RFC 7714 section
    /// 14.2).
    Tagged,
    Odd,
}

impl Shape {
    const fn of(len: usize) -> Self {
        match len % 80 {
            0 if len > 0 => Self::Whole,
            4 | 10 | 16 if len > 80 => Self::Tagged,
            _ => Self::Odd,
        }
    }
}

/// Returns true if the octets are not distributed like ciphertext. The test is chi-squared of the upper four
/// bits, with 15 degrees of freedom. Ciphertext exceeds the limit with a probability of 1e-10; speech and
/// silence exceed it by far.
fn is_uneven(payload: &[u8]) -> bool {
    const LIMIT: usize = 80;
    let mut counts = [0_usize; 16];
    for octet in payload {
        if let Some(count) = counts.get_mut(usize::from(octet >> 4)) {
            *count += 1;
        }
    }
    let squares: usize = counts.iter().map(|count| count * count).sum();
    // 16 / n * sum(count^2) - n, without the division.
    squares * 16 > (payload.len() + LIMIT) * payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32, len: usize) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 11) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    fn told(told: Told) -> Secrecy {
        Secrecy { told, ..Secrecy::default() }
    }

    #[test]
    fn whole_frames_are_read_and_tags_are_not() {
        let mut secrecy = told(Told::Plain);
        for len in [80, 160, 240, 100] {
            assert!(secrecy.is_open(&vec![0xff; len]), "{len}");
        }
        assert!(!secrecy.is_sealed());
        for len in [164, 170, 176, 250] {
            assert!(!secrecy.is_open(&noise(7, len)), "{len}");
        }
        assert!(secrecy.is_sealed());
    }

    #[test]
    fn what_was_agreed_holds_until_packets_show_frames_in_clear() {
        let mut secrecy = told(Told::Sealed);
        assert!(secrecy.is_sealed());
        // Encrypted without a tag: no payload is taken for sound.
        for i in 0..5000 {
            assert!(!secrecy.is_open(&noise(i * 2 + 1, 160)));
        }
        assert!(!secrecy.is_open(&noise(3, 99)));
        let mut secrecy = told(Told::Sealed);
        assert!(secrecy.is_open(&[0xff; 160]));
    }

    #[test]
    fn one_odd_packet_blinds_nothing() {
        let mut secrecy = told(Told::Plain);
        assert!(!secrecy.is_open(&noise(5, 170)) && secrecy.take_news());
        assert!(secrecy.is_open(&[0xff; 160]) && !secrecy.take_news());
    }

    #[test]
    fn sound_in_frames_as_long_as_tagged_ones_is_read_unless_keys_were_agreed() {
        let sound = |len: usize| (0..len).map(|i| 0x70 | (i % 13) as u8).collect::<Vec<u8>>();
        for len in [84, 90, 96, 164, 176, 256] {
            let mut secrecy = told(Told::Plain);
            // One frame of noise in between is no proof.
            assert!(!secrecy.is_open(&noise(11, len)) && secrecy.is_open(&sound(len)), "{len}");
            assert!(!told(Told::Sealed).is_open(&sound(len)), "{len}");
        }
        let mut secrecy = told(Told::Plain);
        assert!((0..5000).all(|i| !secrecy.is_open(&noise(i * 2 + 1, 170))));
    }

    #[test]
    fn a_new_word_is_judged_anew() {
        let mut secrecy = told(Told::Plain);
        assert!(secrecy.is_open(&noise(9, 160)));
        assert!(!secrecy.tell(Told::Sealed));
        assert!(!secrecy.is_open(&noise(9, 160)));
        assert!(!secrecy.tell(Told::Plain));
        assert!(secrecy.is_open(&noise(9, 160)) && secrecy.is_open(&noise(9, 174)));
        // Frames with a key identifier beside the tag, whose length looked like sound.
        assert!(secrecy.tell(Told::Sealed));
    }
}
