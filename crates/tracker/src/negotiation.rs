//! Offers and answers (RFC 3264): the state of a media section follows only from both together.

use std::sync::Arc;

use bellwether_rtp::SrtpKey;
use bellwether_sip::sdp::Media;
use smallvec::SmallVec;

use crate::Side;
use crate::beside::Beside;
use crate::control::{Keys, Protection};
use crate::formats::Formats;

/// Maximum number of distinct sections per description.
pub(crate) const MAX_SECTIONS: usize = 32;

/// Maximum number of hops with a negotiation of their own. A relay may encrypt on one side only.
const MAX_HOPS: usize = 4;

/// Maximum number of keys per section.
const MAX_KEYS: usize = 8;

/// A media section of a call, on one of its hops. Sections of calls without keys or ICE are numbered below
/// `MAX_SECTIONS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Section(u8);

impl Section {
    /// The section at a position in the descriptions of a call without keys or ICE.
    pub(crate) fn plain(place: usize) -> Self {
        Self(place.min(MAX_SECTIONS - 1) as u8)
    }

    fn of_hop(hop: usize, place: usize) -> Self {
        Self(((hop + 1) * MAX_SECTIONS + place.min(MAX_SECTIONS - 1)) as u8)
    }

    /// Returns true if the section belongs to a negotiation and may have keys.
    pub(crate) const fn may_be_protected(self) -> bool {
        self.0 as usize >= MAX_SECTIONS
    }
}

/// The encryption terms of one section in one description.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    /// Tags and keys of its `a=crypto` lines (RFC 4568), including keys of unsupported suites.
    keys: SmallVec<[(u32, Option<SrtpKey>); 1]>,
    has_fingerprint: bool,
    is_secure_profile: bool,
    is_refused: bool,
}

impl Terms {
    pub(crate) fn of(media: &Media<'_>) -> Self {
        let tag = |line: &[u8]| {
            let word = line.split(|b| b.is_ascii_whitespace()).next().unwrap_or_default();
            std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        let lines = media.crypto.iter().take(MAX_KEYS);
        Self {
            keys: lines.map(|line| (tag(line), SrtpKey::parse(line))).collect(),
            has_fingerprint: media.has_dtls,
            is_secure_profile: media.is_secure_profile(),
            is_refused: media.port == 0,
        }
    }

    pub(crate) fn speak_of_keys(&self) -> bool {
        !self.keys.is_empty() || self.has_fingerprint || self.is_secure_profile
    }

    fn keys(&self, is_theirs: impl Fn(u32) -> bool) -> Keys {
        let keys: Vec<SrtpKey> =
            self.keys.iter().filter(|(tag, _)| is_theirs(*tag)).filter_map(|(_, key)| key.clone()).collect();
        (!keys.is_empty()).then(|| keys.into())
    }

    /// The protection after an offer alone. Offered keys do not encrypt yet, unless the profile excludes
    /// plain media.
    fn offered(&self, by: Side) -> Option<Protection> {
        let mut keys = [None, None];
        keys[by as usize] = self.keys(|_| true);
        match self {
            Self { is_refused: true, .. } => None,
            Self { is_secure_profile: true, .. } => Some(Protection::Agreed(keys)),
            _ => self.speak_of_keys().then_some(Protection::Offered(keys)),
        }
    }

    /// The protection after offer and answer. `None` if the media is plain, or refused.
    ///
    /// Keys are agreed if both sides name some (RFC 8643 section 3, RFC 4568 section 5.1.2); DTLS
    /// fingerprints likewise. A profile without plain media is an agreement by itself, with keys exchanged in
    /// other ways (RFC 4567).
    fn agreed(offer: &Self, by: Side, answer: &Self) -> Option<Protection> {
        let have_keys = !offer.keys.is_empty() && !answer.keys.is_empty();
        let have_fingerprints = offer.has_fingerprint && answer.has_fingerprint;
        let have_profile = offer.is_secure_profile && answer.is_secure_profile;
        if offer.is_refused || answer.is_refused || !(have_keys || have_fingerprints || have_profile) {
            return None;
        }
        let mut keys = [None, None];
        if have_keys {
            // The answer selects one line of the offer by its tag.
            let is_taken = |tag: u32| answer.keys.iter().any(|(taken, _)| *taken == tag);
            keys[by as usize] = offer.keys(is_taken).or_else(|| offer.keys(|_| true));
            keys[by.other() as usize] = answer.keys(|_| true);
        }
        Some(Protection::Agreed(keys))
    }
}

/// The message that carried a description.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carrier {
    /// The author of the description.
    pub(crate) side: Side,
    pub(crate) is_response: bool,
    /// True for a provisional response. Another branch of a forked call may still contradict it.
    pub(crate) is_provisional: bool,
    pub(crate) cseq: u32,
    /// Hash of the topmost Via's branch. Request and response of one hop share it.
    pub(crate) branch: u32,
    /// Hash of both ends of the message's hop, equal in both directions.
    pub(crate) between: u32,
}

/// Changes for the media owners: each section with its new protection, or `None` for plain media.
pub(crate) type News = SmallVec<[(Section, Option<Protection>); 1]>;

/// The offers and answers of a call whose descriptions mention keys or ICE.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    hops: SmallVec<[Hop; 1]>,
    /// The sections of each side's last description, for candidates that follow later.
    spoken: [SmallVec<[Spoken; 1]>; 2],
    /// Additional endpoints of each side: ICE candidates and user name fragments.
    pub(crate) beside: [Beside; 2],
    /// True if the media owners received a protection for this call.
    pub(crate) is_protected: bool,
}

#[derive(Debug)]
struct Hop {
    between: u32,
    offer: Option<Offer>,
    /// Bit mask of sections with an answer. The answer stays in force until the next one (RFC 3264 section
    /// 8).
    settled: u32,
}

#[derive(Debug)]
struct Offer {
    by: Carrier,
    terms: SmallVec<[Terms; 1]>,
    is_answered: bool,
    /// True if the answer came in a final response or a request, not in a provisional response.
    is_settled: bool,
}

#[derive(Debug)]
struct Spoken {
    mid: u32,
    formats: Arc<Formats>,
    section: Section,
}

impl Negotiation {
    /// Processes a description. Returns its hop, for [`Self::section`], and the changes.
    pub(crate) fn describe(&mut self, by: Carrier, terms: SmallVec<[Terms; 1]>) -> (usize, News) {
        if let Some(place) = self.answered_by(by)
            && let Some(hop) = self.hops.get_mut(place)
        {
            return (place, hop.answer(place, by.is_provisional, &terms));
        }
        let place = self.hop(by.between);
        let news = self.hops.get_mut(place).map(|hop| hop.offer(place, by, terms)).unwrap_or_default();
        (place, news)
    }

    /// Voids the offer of an INVITE or UPDATE that was refused.
    pub(crate) fn refused(&mut self, cseq: u32, branch: u32) {
        for hop in &mut self.hops {
            hop.offer =
                hop.offer.take().filter(|o| o.is_answered || (o.by.cseq, o.by.branch) != (cseq, branch));
        }
    }

    /// The section at a position in a hop's descriptions.
    pub(crate) fn section(hop: usize, place: usize) -> Section {
        Section::of_hop(hop, place)
    }

    /// Stores the sections of a side, for candidates that follow later.
    pub(crate) fn speaks(
        &mut self,
        side: Side,
        place: usize,
        mid: u32,
        formats: &Arc<Formats>,
        section: Section,
    ) {
        let spoken = &mut self.spoken[side as usize];
        if place == 0 {
            spoken.clear();
        }
        if spoken.len() < MAX_SECTIONS {
            spoken.push(Spoken { mid, formats: Arc::clone(formats), section });
        }
    }

    /// The side's section with this MID, or its first one.
    pub(crate) fn spoken(&self, side: Side, mid: u32) -> Option<(&Arc<Formats>, Section)> {
        let spoken = &self.spoken[side as usize];
        let named = spoken.iter().find(|s| s.mid == mid).or_else(|| spoken.first());
        named.map(|s| (&s.formats, s.section))
    }

    /// The hop whose offer this description answers. A response answers the offer of its request. An ACK or
    /// PRACK answers the offer of a response (RFC 3264 section 4), and may take another path than that
    /// response.
    fn answered_by(&self, by: Carrier) -> Option<usize> {
        let is_others = |offer: &Offer| offer.by.side != by.side && offer.by.is_response != by.is_response;
        let of = |fits: &dyn Fn(&Hop, &Offer) -> bool| {
            let mut hops = self.hops.iter();
            hops.rposition(|hop| hop.offer.as_ref().is_some_and(|offer| is_others(offer) && fits(hop, offer)))
        };
        if by.is_response {
            of(&|_, offer| (offer.by.cseq, offer.by.branch) == (by.cseq, by.branch))
                .or_else(|| of(&|hop, offer| offer.by.cseq == by.cseq && hop.between == by.between))
        } else {
            of(&|hop, offer| !offer.is_answered && hop.between == by.between)
                .or_else(|| of(&|_, offer| !offer.is_answered))
        }
    }

    fn hop(&mut self, between: u32) -> usize {
        if let Some(place) = self.hops.iter().position(|hop| hop.between == between) {
            return place;
        }
        if self.hops.len() < MAX_HOPS {
            self.hops.push(Hop { between, offer: None, settled: 0 });
            return self.hops.len() - 1;
        }
        // Further hops share the last entry. No real call has so many.
        MAX_HOPS - 1
    }
}

impl Hop {
    fn offer(&mut self, place: usize, by: Carrier, terms: SmallVec<[Terms; 1]>) -> News {
        let is_settled = |i: usize| self.settled >> i & 1 == 1;
        let news = terms
            .iter()
            .enumerate()
            .filter(|(i, _)| !is_settled(*i))
            .map(|(i, terms)| (Section::of_hop(place, i), terms.offered(by.side)))
            .collect();
        self.offer = Some(Offer { by, terms, is_answered: false, is_settled: false });
        news
    }

    fn answer(&mut self, place: usize, is_provisional: bool, terms: &[Terms]) -> News {
        // A provisional response of a losing branch does not change the accepted answer.
        let Some(offer) = self.offer.as_mut().filter(|offer| !(offer.is_settled && is_provisional)) else {
            return News::new();
        };
        offer.is_answered = true;
        offer.is_settled = !is_provisional;
        let pairs = offer.terms.iter().zip(terms).take(MAX_SECTIONS).enumerate();
        let news: News = pairs
            .map(|(i, (offered, answered))| {
                (Section::of_hop(place, i), Terms::agreed(offered, offer.by.side, answered))
            })
            .collect();
        for i in 0..news.len() {
            self.settled |= 1 << i;
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_sip::sdp::Session;

    const KEY: &str = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    fn terms(sections: &[&str]) -> SmallVec<[Terms; 1]> {
        let body = format!("v=0\r\n{}", sections.concat());
        Session::parse(body.as_bytes()).unwrap().media.iter().map(Terms::of).collect()
    }

    fn plain() -> &'static str {
        "m=audio 4000 RTP/AVP 0\r\n"
    }

    fn keyed(profile: &str) -> String {
        format!(
            "m=audio 4000 RTP/{profile} 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}\r\n"
        )
    }

    fn taken(profile: &str) -> String {
        format!("m=audio 5000 RTP/{profile} 0\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}\r\n")
    }

    fn fingerprint() -> &'static str {
        "m=audio 4000 UDP/TLS/RTP/AVP 0\r\na=fingerprint:sha-256 AA:BB\r\n"
    }

    fn request(side: Side, cseq: u32) -> Carrier {
        Carrier { side, is_response: false, is_provisional: false, cseq, branch: cseq, between: 1 }
    }

    fn response(side: Side, cseq: u32) -> Carrier {
        Carrier { is_response: true, ..request(side, cseq) }
    }

    /// The protection of a call's only section after some descriptions.
    fn after(descriptions: &[(Carrier, &str)]) -> Option<Protection> {
        let (mut negotiation, mut known) = (Negotiation::default(), None);
        for (by, section) in descriptions {
            for (_, news) in negotiation.describe(*by, terms(&[section])).1 {
                known = news;
            }
        }
        known
    }

    fn kept_keys(protection: Option<Protection>) -> Option<[usize; 2]> {
        match protection {
            Some(Protection::Agreed(keys)) => Some(keys.map(|keys| keys.map_or(0, |keys| keys.len()))),
            _ => None,
        }
    }

    use Side::{Callee, Caller};

    #[test]
    fn keys_that_were_only_offered_encrypt_nothing() {
        let offer = (request(Caller, 1), &*keyed("AVP"));
        assert!(matches!(after(&[offer]), Some(Protection::Offered(_))));
        assert_eq!(after(&[offer, (response(Callee, 1), plain())]), None);
        let offer = (request(Caller, 1), fingerprint());
        assert!(matches!(after(&[offer]), Some(Protection::Offered(_))));
        assert_eq!(after(&[offer, (response(Callee, 1), plain())]), None);
        // Keys in the answer alone do not encrypt either.
        assert_eq!(after(&[(request(Caller, 1), plain()), (response(Callee, 1), &keyed("AVP"))]), None);
    }

    #[test]
    fn what_both_name_is_agreed_and_the_answer_takes_one_line() {
        let offer = keyed("AVP");
        let both = after(&[(request(Caller, 1), &offer), (response(Callee, 1), &taken("AVP"))]);
        assert_eq!(kept_keys(both), Some([1, 1]));
        let both = after(&[(request(Caller, 1), fingerprint()), (response(Callee, 1), fingerprint())]);
        assert_eq!(kept_keys(both), Some([0, 0]));
        // The profile excludes plain media: the section is encrypted or refused.
        let offer = keyed("SAVP");
        assert_eq!(kept_keys(after(&[(request(Caller, 1), &offer)])), Some([2, 0]));
        let refused = "m=audio 0 RTP/SAVP 0\r\n";
        assert_eq!(after(&[(request(Caller, 1), &offer), (response(Callee, 1), refused)]), None);
    }

    #[test]
    fn the_branch_that_answered_the_call_is_not_contradicted_by_another_ones_ringing() {
        let (offer, taken) = (keyed("AVP"), taken("AVP"));
        let rings = Carrier { is_provisional: true, ..response(Callee, 1) };
        let (sent, answers) = ((request(Caller, 1), &*offer), response(Callee, 1));
        assert_eq!(after(&[sent, (rings, &taken), (answers, plain())]), None);
        assert_eq!(after(&[sent, (answers, plain()), (rings, &taken)]), None);
        assert!(kept_keys(after(&[sent, (rings, plain()), (answers, &taken), (rings, plain())])).is_some());
    }

    #[test]
    fn a_late_offer_is_answered_by_the_ack() {
        let offer = keyed("AVP");
        let late = (response(Callee, 1), &*offer);
        let ack = Carrier { branch: 77, between: 9, ..request(Caller, 1) };
        assert_eq!(kept_keys(after(&[late, (ack, &taken("AVP"))])), Some([1, 1]));
        assert_eq!(after(&[late, (ack, plain())]), None);
    }

    #[test]
    fn reinvites_add_and_drop_keys_when_they_are_answered() {
        let (offer, answer) = (keyed("AVP"), taken("AVP"));
        let secure = [(request(Caller, 1), &*offer), (response(Callee, 1), &*answer)];
        let drops = (request(Callee, 7), plain());
        assert!(kept_keys(after(&[&secure[..], &[drops]].concat())).is_some());
        assert_eq!(after(&[&secure[..], &[drops, (response(Caller, 7), plain())]].concat()), None);
        let open = [(request(Caller, 1), &*offer), (response(Callee, 1), plain())];
        let adds = (request(Caller, 2), &*offer);
        assert_eq!(after(&[&open[..], &[adds]].concat()), None);
        assert!(kept_keys(after(&[&open[..], &[adds, (response(Callee, 2), &answer)]].concat())).is_some());
    }

    #[test]
    fn a_refused_reinvite_changes_nothing() {
        let (offer, answer) = (keyed("AVP"), taken("AVP"));
        let mut negotiation = Negotiation::default();
        negotiation.describe(request(Caller, 1), terms(&[&offer]));
        negotiation.describe(response(Callee, 1), terms(&[&answer]));
        assert!(negotiation.describe(request(Caller, 2), terms(&[plain()])).1.is_empty());
        negotiation.refused(2, 2);
        // A late answer counts as a new offer and settles nothing.
        assert!(negotiation.describe(response(Callee, 2), terms(&[plain()])).1.is_empty());
    }

    #[test]
    fn a_refused_offer_that_is_made_again_without_keys_is_plain_at_once() {
        let mut negotiation = Negotiation::default();
        let (_, news) = negotiation.describe(request(Caller, 1), terms(&[&keyed("SAVP")]));
        assert!(matches!(news[0], (_, Some(Protection::Agreed(_)))));
        negotiation.refused(1, 1);
        let (_, news) = negotiation.describe(request(Caller, 2), terms(&[plain()]));
        assert!(matches!(news[0], (_, None)));
    }

    #[test]
    fn each_hop_has_an_agreement_of_its_own() {
        let mut negotiation = Negotiation::default();
        let core = |by: Carrier| Carrier { branch: by.branch + 100, between: 2, ..by };
        let (offer, answer) = (keyed("SAVP"), taken("SAVP"));
        let (access, _) = negotiation.describe(request(Caller, 1), terms(&[&offer]));
        let (inside, news) = negotiation.describe(core(request(Caller, 1)), terms(&[plain()]));
        assert!(access != inside && news.iter().all(|(_, news)| news.is_none()));
        let (hop, news) = negotiation.describe(core(response(Callee, 1)), terms(&[plain()]));
        assert_eq!((hop, news.as_slice()), (inside, &[(Section::of_hop(inside, 0), None)][..]));
        let (hop, news) = negotiation.describe(response(Callee, 1), terms(&[&answer]));
        assert_eq!(hop, access);
        assert!(matches!(news[0], (_, Some(Protection::Agreed(_)))));
    }

    #[test]
    fn many_hops_and_sections_stay_apart_and_bounded() {
        let mut negotiation = Negotiation::default();
        let section = keyed("AVP");
        for between in 0..1000 {
            let by = Carrier { between, branch: between, ..request(Caller, between) };
            negotiation.describe(by, terms(&vec![&*section; 32]));
        }
        assert_eq!(negotiation.hops.len(), MAX_HOPS);
        assert!(Section::of_hop(MAX_HOPS - 1, 31) != Section::of_hop(MAX_HOPS - 2, 31));
        assert!(!Section::plain(500).may_be_protected() && Section::of_hop(0, 0).may_be_protected());
    }
}
