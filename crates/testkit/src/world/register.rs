use bellwether_base::{Span, Timestamp};

use crate::{Frame, Rng, udp_frame};

use super::party::{DOMAIN, PROXY, Party};
use super::sip::{Leg, refusal, register};
use super::stack::fill;

/// A planned refresh of a registration.
#[derive(Debug)]
pub(super) struct RegisterPlan {
    pub(super) at: Timestamp,
    pub(super) device: Party,
    pub(super) call_id: String,
    pub(super) tag: String,
    pub(super) cseq: u32,
    pub(super) expires: u32,
    /// True if the registrar challenges the request.
    pub(super) is_challenged: bool,
    pub(super) round_trip: Span,
    pub(super) nonce: String,
    pub(super) seed: u64,
}

impl RegisterPlan {
    pub(super) fn frames(&self) -> Vec<Frame> {
        let mut rng = Rng::new(self.seed);
        let (device, stack) = (&self.device, self.device.stack);
        let expires = self.expires.to_string();
        let target = format!("sip:{DOMAIN}");
        let mut leg = Leg {
            call_id: self.call_id.clone(),
            tag: self.tag.clone(),
            to: device.number.clone(),
            cseq: self.cseq,
            branch: fill(stack.branch, &Default::default(), &mut rng),
            ..Leg::default()
        };
        let mut frames = Vec::new();
        let mut at = self.at;
        if self.is_challenged {
            let first = register(device, &leg, &expires, &mut rng);
            frames.push(udp_frame(at, device.at, PROXY, 0, first.as_bytes()));
            let challenge = format!("WWW-Authenticate: Digest realm=\"{DOMAIN}\", nonce=\"{}\"", self.nonce);
            let denied = refusal(&first, "401 Unauthorized", &challenge, &mut rng);
            at = at + Span::from_nanos(900_000);
            frames.push(udp_frame(at, PROXY, device.at, 0, denied.as_bytes()));
            at = at + self.round_trip;
            leg.cseq += 1;
            leg.branch = fill(stack.branch, &Default::default(), &mut rng);
        }
        leg.auth = device.credentials("Authorization", &device.number, &self.nonce, &target, &mut rng);
        let request = register(device, &leg, &expires, &mut rng);
        frames.push(udp_frame(at, device.at, PROXY, 0, request.as_bytes()));
        let contact = request.split("\r\n").find(|line| line.starts_with("Contact:")).unwrap_or_default();
        let granted = format!("{contact};expires={expires}");
        let accepted = refusal(&request, "200 OK", &granted, &mut rng);
        frames.push(udp_frame(at + Span::from_nanos(1_100_000), PROXY, device.at, 0, accepted.as_bytes()));
        frames
    }
}
