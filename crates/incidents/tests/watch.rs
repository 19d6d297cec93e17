//! The watch, from calls to incidents.

use std::net::IpAddr;

use bellwether_base::{CallId, HashKey, Timestamp};
use bellwether_incidents::{
    CallEnd, CallStart, Device, IncidentKind, IncidentSettings, Number, NumberClass, Readings, Watch,
};

const DAY: i64 = 86_400;
const HOME: [u8; 4] = [192, 0, 2, 1];
const ELSEWHERE: [u8; 4] = [198, 51, 100, 7];

fn at(secs: i64) -> Timestamp {
    Timestamp::from_nanos(secs * 1_000_000_000)
}

fn number(country: u16, class: NumberClass, range: u64) -> Readings {
    Readings {
        told: Some(Number { country, class, range }),
        is_dialled: true,
        is_number: true,
        ..Readings::default()
    }
}

/// A provider in country 43.
struct Site {
    watch: Watch,
    calls: i64,
}

impl Site {
    fn new() -> Self {
        let settings = IncidentSettings { home: Some(43), ..IncidentSettings::default() };
        Self { watch: Watch::new(settings, HashKey::new([7; 16])), calls: 0 }
    }

    fn call(&mut self, start: CallStart<'_>) -> CallId {
        self.calls += 1;
        let call = CallId::new(self.calls);
        self.watch.begin(&CallStart { call, ..start });
        call
    }

    /// A call of two minutes.
    fn talk(&mut self, start: CallStart<'_>) -> CallId {
        let call = self.call(start);
        let (answered, ended) = (start.at + bellwether_base::Span::from_secs(5), 125);
        self.watch.end(&CallEnd {
            call,
            at: start.at + bellwether_base::Span::from_secs(ended),
            answered_at: Some(answered),
            status: Some(200),
            is_cancelled: false,
            is_answered_elsewhere: false,
        });
        call
    }

    fn kinds(&self) -> Vec<IncidentKind> {
        let all = (1..=self.calls).filter_map(|call| self.watch.of_call(CallId::new(call)));
        let all: std::collections::BTreeSet<_> = all.collect();
        all.into_iter().filter_map(|id| Some(self.watch.incident(id)?.kind)).collect()
    }
}

/// A call of account 1 to a number abroad.
fn abroad(secs: i64, country: u16, callee: u64, source: [u8; 4]) -> CallStart<'static> {
    let class = if country > 200 { NumberClass::Risky } else { NumberClass::Plain };
    CallStart {
        call: CallId::new(0),
        at: at(secs),
        account: 1,
        name: "sip:1@pbx.example",
        devices: &[],
        caller: number(43, NumberClass::Plain, 1),
        callee,
        called: number(country, class, callee / 100),
        source: IpAddr::from(source),
        platform: 7,
        is_registered: false,
        is_from_trunk: false,
    }
}

/// Somebody elsewhere calls four costly countries on the password of an account that was registered for days and has
/// never called: the account is no new one, and the place is not its own.
#[test]
fn an_account_that_only_registered_has_a_past() {
    let calls_until_found = |devices: &[Device]| {
        let mut site = Site::new();
        (0..40).find(|n| {
            let start = abroad(3 * DAY + 30 * n, 220 + *n as u16, 5_000 + *n as u64, ELSEWHERE);
            let call = site.call(CallStart { devices, ..start });
            site.watch.of_call(call).is_some()
        })
    };
    let address = IpAddr::from(HOME);
    let device = Device { address, first: at(0), last: at(3 * DAY) };
    // An account without a past may be a call shop.
    let (known, unknown) = (calls_until_found(&[device]), calls_until_found(&[]));
    assert!(known.is_some_and(|calls| unknown.is_none_or(|later| calls < later)), "{known:?} {unknown:?}");
}

/// A call centre that calls one country goes on while its system is driven to others: its own calls are no members.
#[test]
fn calls_to_countries_of_the_past_are_no_members() {
    let mut site = Site::new();
    for n in 0..60 {
        site.talk(abroad(n * 3_000, 66, 1_000 + n as u64, HOME));
    }
    let start = 3 * DAY;
    let (mut own, mut fraud) = (Vec::new(), Vec::new());
    for n in 0..40 {
        let country = 220 + (n % 16) as u16;
        fraud.push(site.call(abroad(start + 40 * n, country, 9_000 + 7 * n as u64, HOME)));
        if n % 8 == 7 {
            own.push(site.talk(abroad(start + 40 * n + 20, 66, 2_000 + n as u64, HOME)));
        }
    }
    assert_eq!(site.kinds(), [IncidentKind::TollFraud]);
    let members = |calls: &[CallId]| calls.iter().filter(|call| site.watch.of_call(**call).is_some()).count();
    assert_eq!(members(&own), 0);
    assert!(members(&fraud) >= 30, "{}", members(&fraud));
}

/// Relatives beep, and are called back. Strangers that ring once are not, or rarely.
#[test]
fn those_who_are_called_back_only_beep() {
    let rings = |calls_back: bool| {
        let mut site = Site::new();
        for n in 0..12 {
            let person = 100 + n;
            // The people of the site call at home, so that the watch knows them.
            site.talk(CallStart {
                account: person,
                called: number(43, NumberClass::Plain, 2),
                ..abroad(n as i64 * 60, 43, 50, HOME)
            });
        }
        for n in 0..12_u64 {
            let (person, relative, secs) = (100 + n, 700 + n, DAY + n as i64 * 400);
            let call = site.call(CallStart {
                account: relative,
                name: "sip:relative@carrier.example",
                caller: number(252, NumberClass::Risky, relative),
                callee: person,
                called: number(43, NumberClass::Plain, 1),
                ..abroad(secs, 43, person, ELSEWHERE)
            });
            site.watch.end(&CallEnd {
                call,
                at: at(secs + 4),
                answered_at: None,
                status: Some(487),
                is_cancelled: true,
                is_answered_elsewhere: false,
            });
            if calls_back {
                site.talk(CallStart {
                    account: person,
                    called: number(252, NumberClass::Risky, relative),
                    ..abroad(secs + 300, 252, relative, HOME)
                });
            }
        }
        site.kinds()
    };
    assert_eq!(rings(false), [IncidentKind::OneRing]);
    assert_eq!(rings(true), []);
}
