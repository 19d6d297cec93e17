//! A raw INVITE as the row that it would become if it had been captured.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bellwether_base::{Endpoint, FlowKey, HashKey, Timestamp};
use bellwether_enrich::{
    AuthorRow, CallRow, Enricher, FingerprintRow, Knowledge, Row, SensitiveNumbers, Tokeniser, Topology,
};
use bellwether_tracker::{Content, Item, Limits, Outbox, VIRTUAL_SHARDS, Worker};

/// The tables that one message needs.
const TABLE: usize = VIRTUAL_SHARDS as usize;

/// An INVITE that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InviteError {
    /// The text is no INVITE that forms a dialog: it has no Call-ID, CSeq or From, or a tag of its own in To.
    #[error("is no SIP INVITE that begins a call")]
    NoCall,
}

/// An INVITE of a question.
#[derive(Clone, Debug)]
pub struct AskedInvite {
    /// The call.
    pub call: CallRow,
    /// The platform, which the database may not know.
    pub print: Option<FingerprintRow>,
    /// Habits of its author.
    pub author: Option<AuthorRow>,
}

/// Reads INVITEs of questions by the rules of the installation.
///
/// Nothing is kept from one INVITE to the next: a question is no traffic, and the same INVITE may be asked about twice.
#[derive(Clone)]
pub struct InviteReader {
    /// The installation's key.
    pub key: HashKey,
    /// Makes tokens of personal data.
    pub tokeniser: Tokeniser,
    /// The site.
    pub site: Topology,
    /// Numbers that only subscribers may dial.
    pub sensitive: SensitiveNumbers,
    /// The operator's data about numbers, names and signers.
    pub knowledge: Arc<Knowledge>,
}

impl InviteReader {
    /// An address of a trunk, for a question that names the trunk alone.
    #[must_use]
    pub fn address_of_trunk(&self, trunk: &str) -> Option<IpAddr> {
        let trunk = self.site.trunks.iter().find(|of| of.name == trunk)?;
        trunk.networks.first().map(ipnet::IpNet::addr)
    }

    /// The rows of an INVITE that came from `source` at a time.
    ///
    /// # Errors
    /// If the text begins no call.
    pub fn read(
        &self,
        invite: &[u8],
        source: Option<IpAddr>,
        at: Timestamp,
    ) -> Result<AskedInvite, InviteError> {
        let limits = Limits {
            calls: TABLE,
            transactions: TABLE,
            registrations: TABLE,
            timers: TABLE,
            streams: TABLE,
            media_endpoints: TABLE,
            listeners: 1,
            ..Limits::default()
        };
        let mut worker = Worker::new(0, VIRTUAL_SHARDS, &limits, self.key);
        let mut out = Outbox::default();
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        worker.handle(
            &Item {
                seq: 0,
                at,
                stamp: at,
                agent: None,
                mirror: None,
                flow: FlowKey {
                    src: Endpoint::new(source.unwrap_or(unknown), 0),
                    dst: Endpoint::new(self.site.proxies.first().map_or(unknown, ipnet::IpNet::addr), 0),
                },
                content: Content::SipDatagram,
                shard: 0,
                pair: 0,
                ip_id: 0,
                is_cut: false,
                bytes: invite,
            },
            &mut out,
        );
        let mut enricher =
            Enricher::new(self.tokeniser.clone(), self.site.clone(), self.sensitive.clone(), self.key)
                .knowing(Arc::clone(&self.knowledge));
        let mut rows = Vec::new();
        let (facts, _) = out.drain(Vec::new());
        facts.into_iter().for_each(|fact| enricher.fact(fact, &mut rows));
        let (mut call, mut print, mut author) = (None, None, None);
        for row in rows {
            match row {
                Row::Call(row) => call = Some(*row),
                Row::Fingerprint(row) => print = Some(*row),
                Row::Author(row) => author = Some(*row),
                _ => {}
            }
        }
        call.map(|call| AskedInvite { call, print, author }).ok_or(InviteError::NoCall)
    }
}
