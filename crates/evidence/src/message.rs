//! The few values of a SIP message by which it is chosen and drawn.

use bellwether_sip::{Message, StartLine};

use crate::scanner::{Content, Packet};

/// Octets of a Call-ID that rows keep, and that its token is made of (tracker, `LONGEST`).
const MAX_CALL_ID: usize = 256;

/// The values of one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SipHead {
    /// The Call-ID on the wire.
    pub call_id: String,
    /// Method of the request, or of the request that is answered.
    pub method: &'static str,
    /// Status of an answer.
    pub status: Option<u16>,
    /// Number of the CSeq header.
    pub cseq: Option<u32>,
    /// Tags of From and To; empty without a tag.
    pub tags: [String; 2],
}

impl Packet<'_> {
    /// The values of a SIP message with a Call-ID.
    #[must_use]
    pub fn sip(&self) -> Option<SipHead> {
        if !matches!(self.content, Content::Sip(_)) {
            return None;
        }
        let message = Message::parse(self.octets);
        let call_id = message.call_id()?;
        let call_id = String::from_utf8_lossy(call_id.get(..MAX_CALL_ID).unwrap_or(call_id)).into_owned();
        let cseq = message.cseq();
        let (method, status) = match message.start() {
            StartLine::Request { method, .. } => (method.name(), None),
            StartLine::Status { code, .. } => (cseq.map_or("", |cseq| cseq.method.name()), Some(code)),
            StartLine::Unknown(_) => return None,
        };
        let parts = message.parts();
        let tags = [parts.from_tag(), parts.to_tag().unwrap_or_default()];
        let tags = tags.map(|tag| String::from_utf8_lossy(tag).into_owned());
        Some(SipHead { call_id, method, status, cseq: cseq.map(|cseq| cseq.number), tags })
    }
}
