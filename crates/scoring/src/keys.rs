//! How callers, addresses, platforms and pools are known in the tables.

use std::net::IpAddr;

use bellwether_base::{ContentHasher, Endpoint, HashKey};
use bellwether_enrich::PassportStatus;

use crate::LinkKind;
use crate::candidate_group::GroupKind;
use crate::invite::Invite;
use crate::reputation_record::Layer;

/// Hashes of what calls show. Whoever sends the traffic chooses it, so that all are keyed.
pub(crate) struct Keys {
    /// Of what is kept: the same in every run.
    lasting: HashKey,
    /// Of what stays in memory: several for each row, and so by a faster hash.
    passing: ContentHasher,
}

/// Who is named in a call.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) call: i64,
    pub(crate) caller: u64,
    pub(crate) callee: u64,
    pub(crate) source: u64,
    pub(crate) agent: u64,
    /// Fingerprint and deployment, as subjects and as pools.
    pub(crate) fingerprint: u64,
    pub(crate) deployment: u64,
    /// The blocks of the called number and of the caller's; 0 is none.
    pub(crate) dialled_block: u64,
    pub(crate) caller_block: u64,
}

impl Names {
    /// Of the platform together with what it calls itself.
    pub(crate) const fn platform_and_agent(&self) -> u64 {
        self.fingerprint ^ self.agent.rotate_left(29)
    }
}

/// What a passing hash is of: equal words of two kinds shall not be taken for each other.
#[derive(Clone, Copy)]
enum Kind {
    Callee,
    Address,
    Agent,
    DialledBlock,
    CallerBlock,
    OriginId,
    Subject,
}

impl Keys {
    pub(crate) fn new(key: HashKey) -> Self {
        Self { passing: key.content_hasher(), lasting: key }
    }

    /// For a table that makes its own hashes of what stays in memory.
    pub(crate) fn hasher(&self) -> ContentHasher {
        self.passing.clone()
    }

    fn passing(&self, kind: Kind, parts: &[&[u8]]) -> u64 {
        self.passing.parts(parts, kind as u32)
    }

    /// Of whom a call names.
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

    /// Kept as the party that it may be to a platform.
    pub(crate) fn user(&self, user: &str) -> u64 {
        self.lasting.parts(&[b"user", user.as_bytes()])
    }

    /// Of a pool as it is kept with the campaign that it leads to.
    pub(crate) fn lead(&self, kind: GroupKind, name: &str) -> u64 {
        self.lasting.parts(&[b"pool", LinkKind::from(kind).name().as_bytes(), name.as_bytes()])
    }

    /// The identity of a campaign that was found by something, from a first call on.
    pub(crate) fn campaign(&self, by: &str, first: i64) -> i64 {
        self.lasting.identity(&[b"campaign", by.as_bytes(), &first.to_le_bytes()])
    }

    /// Of who is called: only compared with others.
    fn callee(&self, user: &str) -> u64 {
        self.passing(Kind::Callee, &[user.as_bytes()])
    }

    pub(crate) fn address(&self, address: IpAddr) -> u64 {
        self.passing(Kind::Address, &[&Endpoint::new(address, 0).octets()])
    }

    fn agent(&self, user_agent: &str) -> u64 {
        self.passing(Kind::Agent, &[user_agent.as_bytes()])
    }

    fn block(&self, kind: Kind, block: Option<&str>) -> u64 {
        block.map_or(0, |block| self.passing(kind, &[block.as_bytes()]) | 1)
    }

    /// Of an origin as a signer names it. One that was verified is another than one that anybody may have written.
    pub(crate) fn origin_id(&self, origid: &str, signer: &str, status: PassportStatus) -> u64 {
        self.passing(Kind::OriginId, &[origid.as_bytes(), signer.as_bytes(), status.name().as_bytes()])
    }

    pub(crate) fn subject(&self, layer: Layer, name: &str) -> u64 {
        self.passing(Kind::Subject, &[layer.name().as_bytes(), name.as_bytes()])
    }
}
