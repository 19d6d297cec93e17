//! Turns a session description into controls for the media owners: listening endpoints and the state of
//! encryption.

use std::sync::Arc;

use bellwether_base::{Endpoint, HashKey, Loss, Timestamp};
use bellwether_sip::sdp::{Media, Session};
use smallvec::SmallVec;

use crate::beside::{Beside, Kept};
use crate::call::Call;
use crate::control::{Control, EndpointKey};
use crate::fact::{Fact, MediaNamed, Outbox};
use crate::formats::{FormatLists, Formats};
use crate::listeners::Rank;
use crate::negotiation::{Carrier, MAX_SECTIONS, Negotiation, Section, Terms};
use crate::{Side, Tally};

/// Maximum number of extra `a=rtpmap` entries taken from bundled sections. RTP has 128 payload type numbers.
const MAX_SHARED: usize = 128;

/// Announces one session description of a call to the media owners.
pub(crate) struct Announcer<'a> {
    pub(crate) call: &'a mut Call,
    pub(crate) by: Carrier,
    pub(crate) at: Timestamp,
    /// Capture time as stamped by the capture source.
    pub(crate) stamp: Timestamp,
    /// The CSeq of the re-INVITE or UPDATE with this offer. `None` if the description takes effect at once.
    pub(crate) offered_by: Option<u32>,
    pub(crate) formats: &'a mut FormatLists,
    pub(crate) endpoint_key: &'a HashKey,
    pub(crate) out: &'a mut Outbox,
    pub(crate) tally: &'a mut Tally,
}

impl Announcer<'_> {
    /// Processes a complete session description.
    pub(crate) fn describe(&mut self, session: &Session<'_>) {
        let hop = self.negotiate(session);
        if let Some(negotiation) = &mut self.call.negotiation {
            negotiation.beside[self.by.side as usize].next_description();
        }
        let shared = session.is_bundled.then(|| self.shared_formats(session)).flatten();
        for (place, media) in session.media.iter().enumerate().take(MAX_SECTIONS) {
            let section = hop.map_or_else(|| Section::plain(place), |hop| Negotiation::section(hop, place));
            let formats = shared.clone().unwrap_or_else(|| self.formats.of(media, self.at));
            if let Some(negotiation) = &mut self.call.negotiation {
                let mid = hash_of_mid(self.endpoint_key, media);
                negotiation.speaks(self.by.side, place, mid, &formats, section);
            }
            if let Some(named) = listening_endpoint(media) {
                let endpoint = EndpointKey::new(self.endpoint_key, named);
                let is_news = !self.call.endpoints.contains(&endpoint);
                if self.call.listens_at(endpoint) {
                    if is_news {
                        let (call, side) = (self.call.identity, self.by.side);
                        let named = MediaNamed { call, side, endpoint: named, at: self.stamp };
                        self.out.fact(Fact::MediaNamed(Box::new(named)));
                    }
                    self.listen(endpoint, Rank::Named, &formats, section);
                } else {
                    self.tally.losses.count(Loss::MediaEndpointRefused);
                }
            }
            if media.port != 0 {
                self.beside(media, &formats, section);
            }
        }
    }

    /// Processes ICE candidates that follow the description in an INFO (trickle ICE, RFC 8840).
    pub(crate) fn trickle(&mut self, session: &Session<'_>) {
        for media in session.media.iter().take(MAX_SECTIONS) {
            let mid = hash_of_mid(self.endpoint_key, media);
            let spoken = self.call.negotiation.as_ref().and_then(|n| n.spoken(self.by.side, mid));
            let (formats, section) = match spoken {
                Some((formats, section)) => (Arc::clone(formats), section),
                None => (self.formats.of(media, self.at), Section::default()),
            };
            self.beside(media, &formats, section);
        }
    }

    /// Adds the description to the offer/answer state and announces changes in encryption.
    ///
    /// Returns the hop. Returns `None`, at no cost, while no description of the call mentions keys or ICE.
    fn negotiate(&mut self, session: &Session<'_>) -> Option<usize> {
        let terms: SmallVec<[Terms; 1]> = session.media.iter().map(Terms::of).collect();
        let is_plain = !terms.iter().any(Terms::speak_of_keys);
        if self.call.negotiation.is_none() && is_plain && !session.media.iter().any(is_ice) {
            if !self.by.is_response {
                self.call.plain_offer = Some((self.by.side, self.by.cseq));
            }
            return None;
        }
        let negotiation = match &mut self.call.negotiation {
            Some(negotiation) => negotiation,
            none => {
                let negotiation = none.insert(Box::default());
                // An answer without a preceding offer is an offer itself (RFC 3264 section 4).
                if self.by.is_response && self.call.plain_offer == Some((self.by.side.other(), self.by.cseq))
                {
                    let offer = Carrier {
                        side: self.by.side.other(),
                        is_response: false,
                        is_provisional: false,
                        ..self.by
                    };
                    negotiation.describe(offer, SmallVec::new());
                }
                negotiation
            }
        };
        let (hop, news) = negotiation.describe(self.by, terms);
        for (section, protection) in news {
            if protection.is_some() || negotiation.is_protected {
                negotiation.is_protected = true;
                let (call, since) = (self.call.identity, self.at);
                self.out.control(Control::Protect { call, section, protection, since });
            }
        }
        Some(hop)
    }

    /// Payload types of all sections together. Bundled sections share one endpoint, so any of the types can
    /// arrive there.
    fn shared_formats(&mut self, session: &Session<'_>) -> Option<Arc<Formats>> {
        let (first, others) = session.media.split_first()?;
        let mut all = first.clone();
        all.rtpmaps.extend(others.iter().flat_map(|media| &media.rtpmaps).copied().take(MAX_SHARED));
        Some(self.formats.of(&all, self.at))
    }

    /// Announces ICE candidates and the ICE user name fragment of the description's author.
    fn beside(&mut self, media: &Media<'_>, formats: &Arc<Formats>, section: Section) {
        let name = media.ice_fragment.map(|name| EndpointKey::of_fragment(self.endpoint_key, name));
        let endpoints = media.candidates().flat_map(|candidate| candidate.endpoints());
        let key = self.endpoint_key;
        let endpoints = endpoints.map(|(ip, port)| EndpointKey::new(key, Endpoint::new(ip, port)));
        let mut refused = u64::from(media.candidates_left_out);
        for endpoint in name.into_iter().chain(endpoints) {
            let negotiation = self.call.negotiation.get_or_insert_with(Box::default);
            match negotiation.beside[self.by.side as usize].keep(endpoint) {
                Kept::Known => {}
                Kept::For(left) => self.leave(left),
                Kept::Not => {
                    refused += 1;
                    continue;
                }
            }
            self.listen(endpoint, Rank::Candidate, formats, section);
        }
        self.tally.losses.add(Loss::MediaEndpointRefused, refused);
    }

    /// Releases an endpoint that recent descriptions omit, unless the call still names it in another way.
    fn leave(&mut self, endpoint: EndpointKey) {
        let call = &*self.call;
        let is_named = call.endpoints.contains(&endpoint);
        let is_beside = |n: &Negotiation| n.beside.iter().any(|beside| beside.has(endpoint));
        if !is_named && !call.negotiation.as_deref().is_some_and(is_beside) {
            self.out.control(Control::Release { endpoint, call: call.identity, at: self.at });
        }
    }

    fn listen(&mut self, endpoint: EndpointKey, rank: Rank, formats: &Arc<Formats>, section: Section) {
        self.out.control(Control::Listen {
            endpoint,
            rank,
            call: self.call.identity,
            side: self.by.side,
            since: self.at,
            formats: Arc::clone(formats),
            offered_by: self.offered_by,
            section,
        });
    }
}

/// Announces the final response to a re-INVITE or UPDATE, which is identified by its sender and CSeq.
pub(crate) fn settle(
    call: &Call,
    (side, cseq): (Side, u32),
    is_accepted: bool,
    at: Timestamp,
    out: &mut Outbox,
) {
    if !call.is_reinvited_by(side, cseq) {
        return;
    }
    for endpoint in places(call) {
        let call = call.identity;
        out.control(Control::Settled { endpoint, call, side, cseq, is_accepted, at });
    }
}

/// Announces the end of a call to the media owners.
pub(crate) fn release(call: &Call, at: Timestamp, out: &mut Outbox) {
    for endpoint in places(call) {
        out.control(Control::Release { endpoint, call: call.identity, at });
    }
    if call.negotiation.as_ref().is_some_and(|negotiation| negotiation.is_protected) {
        out.control(Control::Unprotect { call: call.identity, at });
    }
}

/// All endpoints of the call's descriptions: agreed ones and candidates.
fn places(call: &Call) -> impl Iterator<Item = EndpointKey> {
    let beside = call.negotiation.iter().flat_map(|negotiation| &negotiation.beside).flat_map(Beside::iter);
    call.endpoints.iter().copied().chain(beside)
}

fn is_ice(media: &Media<'_>) -> bool {
    media.ice_fragment.is_some() || !media.candidates.is_empty()
}

fn hash_of_mid(key: &HashKey, media: &Media<'_>) -> u32 {
    media.mid.map_or(0, |mid| key.parts(&[mid]) as u32)
}

/// The endpoint at which the author of the section expects RTP, if any.
fn listening_endpoint(media: &Media<'_>) -> Option<Endpoint> {
    let address = media.address.filter(|a| !a.is_unspecified())?;
    let is_rtp = media.proto.windows(3).any(|w| w == b"RTP");
    (media.port != 0 && is_rtp).then(|| Endpoint::new(address, media.port))
}
