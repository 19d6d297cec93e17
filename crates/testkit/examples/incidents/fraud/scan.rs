//! Senders that try extensions and prefixes.

use crate::kinds::{Goal, Kind};
use crate::world::{Caller, DAY, END, End, HOUR, Host, Identity, Lanes, MINUTE, Place, World};

use super::drive::{By, a_system, drive, paying, paying_numbers, quick, registers, thief};

const SCAN: &[Goal] = &[Goal::new("scan", 0.1, 4)];

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("scanned_system", &[Goal::new("scan", 0.1, 4), Goal::new("toll", 0.1, 4)], scanned_system),
    Kind::fraud("fast_scan", SCAN, fast_scan),
    Kind::fraud("slow_scan", SCAN, slow_scan),
    Kind::fraud("dial_plan_probe", SCAN, dial_plan_probe),
];

/// The calls of a scan.
struct Scan {
    host: Host,
    from: f64,
    count: u64,
    pause: f64,
}

fn scanner(world: &mut World) -> Host {
    let stack = world.new_stack();
    world.host(Place::Servers, stack)
}

/// Extensions as scanners try them: in order, or frequent ones, or numbers of the site.
fn extensions(world: &mut World, count: u64) -> Vec<String> {
    let own: Vec<String> = world.accounts.iter().map(|of| of.user.clone()).collect();
    match world.draw.count(0..=2) {
        0 => {
            let first = world.draw.one_of(&[100_u64, 1000, 200, 1, 2000]);
            (0..count).map(|n| (first + n).to_string()).collect()
        }
        1 => (0..count)
            .map(|_| {
                let digits = world.draw.count(2..=5) as usize;
                format!("{}{}", world.draw.count(1..=9), world.draw.digits(digits))
            })
            .collect(),
        _ => (0..count)
            .map(|_| {
                let near = world.draw.one_of(&own);
                let kept = near.len().saturating_sub(3);
                format!("{}{}", near.get(..kept).unwrap_or_default(), world.draw.digits(3))
            })
            .collect(),
    }
}

/// The answers of a site to strangers: one for unknown extensions, one for known ones.
fn answers(world: &mut World) -> (u16, u16) {
    let unknown = world.draw.one_of(&[404_u16, 404, 403, 401, 407, 484, 604]);
    (unknown, if unknown == 404 { world.draw.one_of(&[407_u16, 401, 403]) } else { unknown })
}

fn scan(world: &mut World, of: &Scan, targets: &[String]) {
    world.begin_fraud("scan");
    let (unknown, known) = answers(world);
    let as_whom = world.draw.count(0..=2);
    let fixed = world.draw.digits(3);
    let mut at = of.from;
    for n in 0..of.count {
        let target = targets.get(n as usize % targets.len().max(1)).cloned().unwrap_or_default();
        let user = match as_whom {
            0 => target.clone(),
            1 => fixed.clone(),
            _ => world.draw.digits(4),
        };
        let identity = if as_whom == 0 { Identity::Claimed } else { Identity::Outside };
        let is_known = world.accounts.iter().any(|a| a.user == target) || world.draw.chance(0.03);
        let status = if is_known { known } else { unknown };
        world.add(at, &Caller { user, host: of.host, identity }, &target, End::Refused { status, ring: 0.0 });
        at += world.draw.wait(of.pause) + 0.01;
    }
}

/// A scan of extensions, and then calls through the account of a telephone system.
fn scanned_system(world: &mut World) {
    let host = scanner(world);
    let count = world.draw.size(100..=600);
    let from = 2.0 * DAY + world.draw.within(-4.0..8.0) * HOUR;
    let pause = world.draw.within(0.05..4.0);
    let targets = extensions(world, count);
    scan(world, &Scan { host, from, count, pause }, &targets);
    let account = a_system(world);
    let host = if world.draw.chance(0.6) { host } else { thief(world) };
    world.begin_fraud("toll");
    let after = world.draw.within(5.0..300.0) * MINUTE;
    let start = from + pause * count as f64 + after;
    let of = Lanes { start, count: world.draw.size(30..=100), ..quick(world) };
    let (numbers, conduct) = (paying_numbers(world), paying(world));
    if world.draw.chance(0.6) {
        registers(world, account, host, &of);
    }
    drive(world, &By::Thief(account, host), &numbers, &of, &conduct);
}

/// A scan within minutes.
fn fast_scan(world: &mut World) {
    let (host, count) = (scanner(world), world.draw.size(80..=800));
    let (from, pause) = (world.third_day(), world.draw.within(0.03..3.0));
    let targets = extensions(world, count);
    scan(world, &Scan { host, from, count, pause }, &targets);
}

/// A scan over a day and more.
fn slow_scan(world: &mut World) {
    let (host, count) = (scanner(world), world.draw.size(60..=200));
    let from = world.draw.within(0.9..1.6) * DAY;
    let pause = world.draw.within(0.6..0.95) * (END - from) / count as f64;
    let targets = extensions(world, count);
    scan(world, &Scan { host, from, count, pause }, &targets);
}

/// A sender that tries prefixes before one number abroad or a few.
fn dial_plan_probe(world: &mut World) {
    let (host, count) = (scanner(world), world.draw.size(25..=300));
    let numbers = paying_numbers(world);
    let numbers = world.draw.some(&numbers, 3);
    let starts = [
        "", "0", "00", "000", "011", "9", "90", "900", "9011", "+", "1011", "810", "8", "99", "*", "#",
        "0011",
    ];
    let targets: Vec<String> = (0..count)
        .map(|n| {
            let extra = if n < 30 { String::new() } else { world.draw.digits(2) };
            format!("{extra}{}{}", world.draw.one_of(&starts), world.draw.favourite(&numbers))
        })
        .collect();
    let (from, pause) = (world.third_day(), world.draw.size(1..=180) as f64);
    scan(world, &Scan { host, from, count, pause }, &targets);
}
