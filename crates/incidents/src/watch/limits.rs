//! Limits that are told even where no fraud is proven.

use bellwether_base::{Span, Timestamp};

use super::{Call, Watch};
use crate::IncidentKind;
use crate::account::day;
use crate::alarm::Alarm;
use crate::number::NumberClass;
use crate::pool::PoolKey;

/// An account is young for this long.
const YOUNG: Span = Span::from_secs(7 * 86_400);

impl Watch {
    /// Counts the talk of a call abroad against the limits of its account's day.
    pub(super) fn spend(&mut self, call: &Call, talked: Span, at: Timestamp) {
        let Some(place) = call.destination.place() else { return };
        let limits = self.settings.limits;
        let minutes = talked.as_secs_f64() / 60.0;
        let money = minutes * self.settings.rates.of(call.destination.rate());
        if self.is_toll_exempt(call) {
            return;
        }
        let Some(account) = self.accounts.value_mut(call.account) else { return };
        let is_young = at.since(account.first) < YOUNG;
        let spent = &mut account.spent;
        if spent.day != day(at) {
            *spent = crate::account::Spent { day: day(at), ..Default::default() };
        }
        match place.class {
            NumberClass::Satellite => spent.satellite += minutes as f32,
            NumberClass::Risky | NumberClass::Premium => spent.risky += minutes as f32,
            _ => {}
        }
        spent.money += money as f32;
        let over = |limit: f64, spent: f32| limit > 0.0 && f64::from(spent) > limit;
        let why = if is_young && over(limits.new_account_risky_minutes, spent.risky) {
            Some((
                "minutes to costly countries by a new account",
                limits.new_account_risky_minutes,
                spent.risky,
            ))
        } else if is_young && over(limits.new_account_satellite_minutes, spent.satellite) {
            Some((
                "minutes to satellites by a new account",
                limits.new_account_satellite_minutes,
                spent.satellite,
            ))
        } else if over(limits.account_money_day, spent.money) {
            Some(("in money of one account", limits.account_money_day, spent.money))
        } else {
            None
        };
        let Some((what, limit, sum)) = why.filter(|_| !spent.is_told) else { return };
        spent.is_told = true;
        let calls = account.calls_of_today(call.call);
        if self.is_member(call.call) {
            return;
        }
        let also = Some(format!("the limit of {limit} a day is passed: {sum:.1} {what}"));
        self.alarm(&Alarm {
            kind: IncidentKind::TollFraud,
            key: PoolKey::Account(call.account),
            ln_m: f64::NEG_INFINITY,
            threshold: self.threshold,
            calls,
            rival: "",
            also,
        });
    }
}
