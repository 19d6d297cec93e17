//! Bypass gateways.

use std::net::IpAddr;

use bellwether_base::{IncidentId, Span};

use super::{Call, CallStart, Watch};
use crate::alarm::Alarm;
use crate::pool::{PoolKey, address_key};
use crate::{IncidentKind, gateway};

impl Watch {
    pub(super) fn watch_gateway(&mut self, call: &Call, talked: Option<Span>) {
        if call.is_from_trunk {
            return;
        }
        let Some(source) = self.sources.value(address_key(call.source)) else { return };
        if source.numbers() < gateway::NUMBERS || source.again() < gateway::AGAIN {
            return;
        }
        let hours = source.hours();
        let (callee, nth) = call.of_source;
        let marks = gateway::Marks {
            callee,
            is_answered: talked.is_some(),
            is_long: talked.is_some_and(|talked| talked >= Span::from_secs(60)),
            nth,
            sees_back: self.sees_back(),
        };
        let at = self.now;
        let key = PoolKey::Source(call.source);
        let Some(slot) = self.pool((key, IncidentKind::Gateway), gateway::LOGS, true, at) else { return };
        self.pools.touch(slot, 0, at);
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        gateway::step(&mut pool.logs, &marks);
        pool.remember(call.call, call.account, at);
        let (ln_m, rival) = gateway::ln_m(&pool.logs);
        if ln_m >= self.threshold {
            let calls = pool.take_calls();
            let also = Some("declare it as a trunk, or refuse it".to_owned());
            self.alarm(&Alarm {
                kind: IncidentKind::Gateway,
                key,
                ln_m,
                threshold: self.threshold,
                calls,
                rival,
                also,
            });
        }
        if hours >= gateway::HOURS {
            let of_source: Vec<IncidentId> = self
                .incidents
                .of_key(key)
                .filter(|incident| {
                    incident.kind == IncidentKind::Gateway && !incident.facts.is_round_the_clock
                })
                .map(|incident| incident.id)
                .collect();
            for id in of_source {
                if let Some(incident) = self.incidents.get_mut(id) {
                    incident.facts.is_round_the_clock = true;
                    incident.facts.say(&format!("it has called in {hours} hours of the day"));
                }
                self.incidents.refresh(id, false, &self.settings);
            }
        }
    }

    /// Visibility of calls to the site's own numbers on the mirror.
    fn sees_back(&self) -> f64 {
        (self.inward.mean() / 0.2).min(1.0)
    }

    /// A called person calls a number of a source.
    pub(super) fn call_back_to_gateway(&mut self, start: &CallStart<'_>) {
        let Some(account) = self.accounts.value(start.callee) else { return };
        let of: Vec<IpAddr> = account.addresses.iter().map(|known| known.address).collect();
        for source in of {
            let has_called =
                self.sources.value(address_key(source)).is_some_and(|of| of.has_called(start.account));
            let hash = PoolKey::Source(source).hash(IncidentKind::Gateway as u64);
            if has_called && let Some(pool) = self.pools.value_mut(hash) {
                gateway::step_back(&mut pool.logs);
            }
        }
    }
}
