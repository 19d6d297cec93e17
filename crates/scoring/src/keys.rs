//! Table keys of callers, addresses, platforms and candidate groups.

use std::net::IpAddr;

use bellwether_base::{CallId, CampaignId, ContentHasher, Endpoint, HashKey};
use bellwether_enrich::PassportStatus;
use bellwether_fingerprint::PrintHash;
use smallvec::SmallVec;

use crate::LinkKind;
use crate::candidate_group::GroupKind;
use crate::invite::Invite;
use crate::reputation_record::Layer;
use crate::signal_rates::Peers;

/// Keyed hashes of call properties. Senders choose the hashed text, so all hashes are keyed.
pub(crate) struct Keys {
    /// Hash for stored keys, equal in every run.
    lasting: HashKey,
    /// Faster hash for keys in memory, of which each row needs several.
    passing: ContentHasher,
}

/// The keys of a call's properties.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) call: CallId,
    pub(crate) caller: u64,
    pub(crate) callee: u64,
    pub(crate) source: u64,
    pub(crate) agent: u64,
    /// Fingerprint and deployment, as subjects and as groups.
    pub(crate) fingerprint: u64,
    pub(crate) deployment: u64,
    /// The number blocks of callee and caller; 0 for none.
    pub(crate) dialled_block: u64,
    pub(crate) caller_block: u64,
}

impl Names {
    /// Key of the platform together with its User-Agent.
    pub(crate) const fn platform_and_agent(&self) -> u64 {
        self.fingerprint ^ self.agent.rotate_left(29)
    }
}

/// Domain separation: equal text of two kinds gets different keys.
#[derive(Clone, Copy)]
enum Kind {
    Callee,
    Address,
    Agent,
    DialledBlock,
    CallerBlock,
    OriginId,
    Subject,
    Family,
    Product,
    Trunk,
}

impl Keys {
    pub(crate) fn new(key: HashKey) -> Self {
        Self { passing: key.content_hasher(), lasting: key }
    }

    fn passing(&self, kind: Kind, parts: &[&[u8]]) -> u64 {
        self.passing.parts(parts, kind as u32)
    }

    /// All keys of a call.
    pub(crate) fn names(&self, invite: &Invite<'_>) -> Names {
        Names {
            call: invite.call,
            caller: self.user(invite.caller),
            callee: self.callee(invite.dialled),
            source: self.address(invite.source),
            agent: self.agent(invite.user_agent.unwrap_or_default()),
            fingerprint: self.subject(Layer::Fingerprint, invite.fingerprint.as_str()),
            deployment: self.subject(Layer::Deployment, invite.deployment),
            dialled_block: self.block(Kind::DialledBlock, invite.callee_block),
            caller_block: self.block(Kind::CallerBlock, invite.caller_block),
        }
    }

    /// Key of a user. It is stored, as a party in reputation records.
    pub(crate) fn user(&self, user: &str) -> u64 {
        self.lasting.parts(&[b"user", user.as_bytes()])
    }

    /// Stored key of a group in the campaign index.
    pub(crate) fn lead(&self, kind: GroupKind, name: &str) -> u64 {
        self.lasting.parts(&[b"pool", LinkKind::from(kind).name().as_bytes(), name.as_bytes()])
    }

    /// Identity of a campaign, from the evidence that found it and its first call.
    pub(crate) fn campaign(&self, by: &str, first: CallId) -> CampaignId {
        CampaignId::of(&self.lasting, &[b"campaign", by.as_bytes(), &first.get().to_le_bytes()])
    }

    /// Key of a callee, for comparison only.
    pub(crate) fn callee(&self, user: &str) -> u64 {
        self.passing(Kind::Callee, &[user.as_bytes()])
    }

    pub(crate) fn address(&self, address: IpAddr) -> u64 {
        self.passing(Kind::Address, &[&Endpoint::new(address, 0).octets()])
    }

    pub(crate) fn agent(&self, user_agent: &str) -> u64 {
        self.passing(Kind::Agent, &[user_agent.as_bytes()])
    }

    /// Key of a platform family.
    pub(crate) fn family(&self, family: PrintHash) -> u64 {
        self.passing(Kind::Family, &[family.as_str().as_bytes()])
    }

    /// Key of an exact fingerprint.
    pub(crate) fn print(&self, print: PrintHash) -> u64 {
        self.subject(Layer::Fingerprint, print.as_str())
    }

    /// Key of the product that a User-Agent names: its first word without digits. 0 without a name.
    pub(crate) fn product(&self, user_agent: &str) -> u64 {
        let word = user_agent.split([' ', '/', '(']).next().unwrap_or_default();
        let letters: SmallVec<[u8; 32]> = word
            .bytes()
            .take(32)
            .filter(|b| !b.is_ascii_digit() && *b != b'.')
            .map(|b| b.to_ascii_lowercase())
            .collect();
        if letters.is_empty() { 0 } else { self.passing(Kind::Product, &[&letters]) | 1 }
    }

    /// Stored key of a cluster of senders in the campaign index.
    pub(crate) fn cluster(&self, kind: &str, family: PrintHash, address: Option<IpAddr>) -> u64 {
        let address = address.map(|address| Endpoint::new(address, 0).octets());
        let octets: &[u8] = address.as_ref().map_or(&[], |octets| octets.as_slice());
        self.lasting.parts(&[b"senders", kind.as_bytes(), family.as_str().as_bytes(), octets])
    }

    /// Keys of the platform family and the trunk of a call.
    pub(crate) fn peers(&self, family: PrintHash, trunk: Option<&str>) -> Peers {
        let trunk = trunk.map_or(0, |trunk| self.passing(Kind::Trunk, &[trunk.as_bytes()]) | 1);
        Peers { family: self.family(family), trunk }
    }

    /// The block of a caller's number; 0 for none.
    pub(crate) fn caller_block(&self, block: Option<&str>) -> u64 {
        self.block(Kind::CallerBlock, block)
    }

    fn block(&self, kind: Kind, block: Option<&str>) -> u64 {
        block.map_or(0, |block| self.passing(kind, &[block.as_bytes()]) | 1)
    }

    /// Key of an origin identifier of a signer. A verified one differs from an unverified one, which anybody
    /// can write.
    pub(crate) fn origin_id(&self, origid: &str, signer: &str, status: PassportStatus) -> u64 {
        self.passing(Kind::OriginId, &[origid.as_bytes(), signer.as_bytes(), status.name().as_bytes()])
    }

    pub(crate) fn subject(&self, layer: Layer, name: &str) -> u64 {
        self.passing(Kind::Subject, &[layer.name().as_bytes(), name.as_bytes()])
    }
}
