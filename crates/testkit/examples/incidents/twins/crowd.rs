//! Numbers that many people call, or devices.

use std::ops::Range;

use crate::kinds::Kind;
use crate::site::{a_regular, talk};
use crate::world::{Caller, Conduct, DAY, END, End, HOUR, Host, Identity, MINUTE, Place, World};

pub(crate) const KINDS: &[Kind] = &[
    Kind::twin("conference_in", conference_in),
    Kind::twin("conference_out", conference_out),
    Kind::twin("webinar", webinar),
    Kind::twin("radio_quiz", radio_quiz),
    Kind::twin("charity_evening", charity_evening),
    Kind::twin("hotline", hotline),
    Kind::twin("hotline_by_trunk", hotline_by_trunk),
    Kind::twin("ticket_line", ticket_line),
    Kind::twin("alarm_panels", alarm_panels),
    Kind::twin("lifts", lifts),
    Kind::twin("terminals", terminals),
    Kind::twin("telehealth", telehealth),
];

/// A number of the site that belongs to nobody else.
fn a_number(world: &mut World) -> String {
    let number = match world.draw.chance(0.5) {
        true => world.plan.toll_free(&mut world.draw),
        false => world.plan.local(&mut world.draw),
    };
    world.plan.own(&number)
}

/// Somebody new: of another carrier, or one of the site's accounts.
fn somebody(world: &mut World, at: f64) -> Option<Caller> {
    if world.draw.chance(0.12) {
        let account = world.any_account();
        return world.own_device(account, at);
    }
    let number = world.plan.local(&mut world.draw);
    Some(world.outside(&number))
}

/// Calls of many people to a number.
fn many_call(world: &mut World, number: &str, during: Range<f64>, count: u64, conduct: &Conduct) {
    let mut before: Vec<Caller> = Vec::new();
    let again = world.draw.within(0.02..0.2);
    for _ in 0..count {
        let at = world.busy_time(during.clone());
        let place = world.draw.count(0..=before.len().max(1) as u64 - 1) as usize;
        let caller = match before.get(place) {
            Some(caller) if world.draw.chance(again) => caller.clone(),
            _ => match somebody(world, at) {
                Some(caller) => caller,
                None => return,
            },
        };
        let end = world.end(conduct);
        world.add(at, &caller, number, end);
        before.push(caller);
    }
}

/// Meetings that people call into, each day many of the same.
fn conference_in(world: &mut World) {
    world.begin_group("conference");
    let number = a_number(world);
    let mut people: Vec<Caller> = Vec::new();
    for _ in 0..world.draw.count(30..=200) {
        people.extend(somebody(world, 0.0));
    }
    let conduct =
        Conduct { answered: 0.97, talk: world.draw.within(900.0..2400.0), spread: 0.4, gives_up: 0.5 };
    for _ in 0..world.draw.count(8..=40) {
        let begin = world.busy_time(0.0..END - HOUR);
        for _ in 0..world.draw.count(4..=20) {
            let place = world.draw.count(0..=people.len() as u64 - 1) as usize;
            let Some(caller) = people.get(place).cloned() else { return };
            let (at, end) = (begin + world.draw.within(-120.0..400.0), world.end(&conduct));
            world.add(at.max(1.0), &caller, &number, end);
        }
    }
}

/// A conference that calls its members.
fn conference_out(world: &mut World) {
    world.begin_group("conference");
    let account = a_regular(world);
    let people = world.draw.count(30..=150);
    let people: Vec<String> = (0..people).map(|_| world.plan.local(&mut world.draw)).collect();
    let conduct =
        Conduct { answered: 0.8, talk: world.draw.within(600.0..2400.0), spread: 0.4, gives_up: 0.8 };
    for _ in 0..world.draw.count(5..=20) {
        let begin = world.busy_time(0.0..END - HOUR);
        for _ in 0..world.draw.count(4..=20) {
            let (at, number) = (begin + world.draw.within(0.0..20.0), world.draw.one_of(&people));
            world.add_own(at, account, &number, &conduct);
        }
    }
}

/// A lecture that hundreds of new people call into within minutes.
fn webinar(world: &mut World) {
    world.begin_group("webinar");
    let number = a_number(world);
    let begin = 2.0 * DAY + world.draw.within(9.0..19.0) * HOUR;
    let (count, lasts) = (world.draw.size(100..=600), world.draw.within(1500.0..4500.0));
    let people = world.draw.within(0.6..0.95);
    for _ in 0..count {
        let at = begin + world.draw.around(240.0, 0.8) - 300.0;
        // Some leave early, the others at the end.
        let left = lasts + begin - at;
        let talk =
            if world.draw.chance(people) { left.max(60.0) } else { world.draw.within(20.0..left.max(30.0)) };
        if let Some(caller) = somebody(world, at) {
            let (ring, is_by_caller) = (world.draw.within(1.0..5.0), world.draw.chance(0.7));
            world.add(at, &caller, &number, End::Talk { ring, talk, is_by_caller });
        }
    }
}

/// A quiz of a radio station: many call again and again, and few get through.
fn radio_quiz(world: &mut World) {
    world.begin_group("quiz");
    let number = a_number(world);
    for _ in 0..world.draw.count(1..=4) {
        let begin = 2.0 * DAY + world.draw.within(6.0..21.0) * HOUR;
        let minutes = world.draw.within(3.0..20.0) * MINUTE;
        for _ in 0..world.draw.size(40..=250) {
            let mut at = begin + world.draw.within(0.0..minutes);
            let Some(caller) = somebody(world, at) else { return };
            for _ in 0..world.draw.count(1..=4) {
                let end = match world.draw.chance(0.12) {
                    true => End::Talk { ring: 2.0, talk: world.draw.within(8.0..60.0), is_by_caller: false },
                    false => End::Refused { status: 486, ring: 0.0 },
                };
                world.add(at, &caller, &number, end);
                at += end.length() + world.draw.within(4.0..60.0);
            }
        }
    }
}

/// An evening on which people promise money by telephone.
fn charity_evening(world: &mut World) {
    world.begin_group("charity");
    let number = a_number(world);
    let begin = 2.0 * DAY + world.draw.within(17.0..20.0) * HOUR;
    let conduct =
        Conduct { answered: world.draw.within(0.7..0.95), ..talk(0.8, world.draw.within(60.0..160.0)) };
    let (count, hours) = (world.draw.size(150..=700), world.draw.within(2.0..4.0));
    for _ in 0..count {
        let at = begin + world.draw.within(0.0..hours) * HOUR;
        if let Some(caller) = somebody(world, at) {
            let end = world.end(&conduct);
            world.add(at, &caller, &number, end);
        }
    }
}

/// A firm's hotline.
fn hotline(world: &mut World) {
    world.begin_group("hotline");
    let number = a_number(world);
    let conduct =
        Conduct { talk: world.draw.within(60.0..300.0), ..talk(world.draw.within(0.7..0.97), 100.0) };
    let count = world.draw.size(150..=800);
    many_call(world, &number, 0.0..END, count, &conduct);
}

/// A hotline whose calls come by a trunk of its own, under the callers' numbers.
fn hotline_by_trunk(world: &mut World) {
    world.begin_group("hotline");
    let (number, stack) = (a_number(world), world.new_stack());
    let trunk = world.host(Place::Servers, stack);
    let conduct =
        Conduct { talk: world.draw.within(60.0..240.0), ..talk(world.draw.within(0.75..0.95), 100.0) };
    for _ in 0..world.draw.size(150..=600) {
        let (at, from) = (world.busy_time(0.0..END), world.plan.local(&mut world.draw));
        let mut end = world.end(&conduct);
        // Some chose the wrong line.
        if let End::Talk { ring, .. } = end
            && world.draw.chance(0.15)
        {
            end = End::Talk { ring, talk: world.draw.within(3.0..30.0), is_by_caller: true };
        }
        let caller = world.caller_at(&from, trunk);
        world.add(at, &caller, &number, end);
    }
}

/// A line that sells tickets: callers wait in a queue, so that nobody has a short call.
fn ticket_line(world: &mut World) {
    world.begin_group("tickets");
    let number = a_number(world);
    let begin = 2.0 * DAY + world.draw.within(8.0..12.0) * HOUR;
    let hours = world.draw.within(3.0..9.0) * HOUR;
    let conduct = Conduct {
        answered: world.draw.within(0.85..0.99),
        talk: world.draw.within(200.0..700.0),
        spread: world.draw.within(0.4..0.9),
        gives_up: 0.6,
    };
    let count = world.draw.size(150..=600);
    many_call(world, &number, begin..begin + hours, count, &conduct);
}

/// Devices that report to a number.
struct Devices {
    devices: u64,
    period: f64,
    talk: (f64, f64),
    answered: f64,
}

fn report(world: &mut World, of: &Devices) {
    let (number, stack) = (a_number(world), world.new_stack());
    let has_accounts = world.draw.chance(0.3);
    for _ in 0..of.devices {
        let from = world.plan.local(&mut world.draw);
        let host: Host = world.host(Place::Home, stack);
        let mut caller = world.caller_at(&from, host);
        if has_accounts {
            let (user, first) = (world.plan.own(&from), world.draw.within(0.0..HOUR));
            world.register(&user, host, first..END, 2.0 * HOUR);
            caller = Caller { identity: Identity::Account(user.clone()), user, host };
        }
        let mut at = world.draw.within(0.0..of.period);
        while at < END {
            let end = match world.draw.chance(of.answered) {
                true => End::Talk {
                    ring: world.draw.within(0.5..3.0),
                    talk: world.draw.around(of.talk.0, of.talk.1),
                    is_by_caller: world.draw.chance(0.8),
                },
                false => End::Refused { status: 486, ring: 0.0 },
            };
            world.add(at, &caller, &number, end);
            at += of.period * world.draw.within(0.98..1.02);
        }
    }
}

fn alarm_panels(world: &mut World) {
    world.begin_group("panels");
    let (devices, period) = (world.draw.size(60..=250), world.draw.within(6.0..30.0) * HOUR);
    report(world, &Devices { devices, period, talk: (14.0, 0.4), answered: 0.97 });
}

fn lifts(world: &mut World) {
    world.begin_group("lifts");
    let (devices, period) = (world.draw.size(60..=250), world.draw.within(20.0..72.0) * HOUR);
    report(world, &Devices { devices, period, talk: (35.0, 0.5), answered: 0.95 });
}

fn terminals(world: &mut World) {
    world.begin_group("terminals");
    let (devices, period) = (world.draw.size(40..=150), world.draw.within(3.0..20.0) * HOUR);
    let talk = (world.draw.within(8.0..60.0), 0.5);
    report(world, &Devices { devices, period, talk, answered: 0.93 });
}

/// Doctors who talk to patients by telephone: patients call in, or are called at their time.
fn telehealth(world: &mut World) {
    world.begin_group("telehealth");
    let (number, stack) = (a_number(world), world.new_stack());
    let clinic = world.host(Place::Home, stack);
    let doctors: Vec<String> =
        (0..world.draw.count(4..=25)).map(|_| world.plan.local(&mut world.draw)).collect();
    let conduct =
        Conduct { answered: 0.8, talk: world.draw.within(300.0..800.0), spread: 0.5, gives_up: 0.7 };
    let calls_in = world.draw.within(0.1..0.7);
    for _ in 0..world.draw.size(200..=600) {
        let (at, patient) = (world.busy_time(0.0..END), world.plan.local(&mut world.draw));
        let end = world.end(&conduct);
        if world.draw.chance(calls_in) {
            let caller = world.outside(&patient);
            world.add(at, &caller, &number, end);
            continue;
        }
        let doctor = world.draw.one_of(&doctors);
        let (caller, own) = (world.caller_at(&doctor, clinic), world.plan.own(&doctor));
        let to = world.plan.dialled(&patient, Default::default());
        world.add(at, &caller, &to, end);
        if world.draw.chance(0.12) {
            let (person, later) = (world.outside(&patient), at + world.draw.within(300.0..9000.0));
            let end = world.end(&conduct);
            world.add(later, &person, &own, end);
        }
    }
}
