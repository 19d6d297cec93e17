use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::stack::{Fields, fill};
use super::*;

fn small(kind: Kind) -> World {
    World::new(WorldOptions { media: Media::None, hours: 0.4, scale: 0.1, ..WorldOptions::new(kind, 7) })
}

fn capture(world: &World) -> Vec<u8> {
    let mut out = Vec::new();
    world.write_capture(&mut out).unwrap();
    out
}

/// Times and UDP payloads of a capture's records.
fn records(capture: &[u8]) -> Vec<(u64, &[u8])> {
    let mut rest = &capture[24..];
    let mut out = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(16) {
        let word = |i: usize| u64::from(u32::from_le_bytes(head[4 * i..4 * i + 4].try_into().unwrap()));
        let (frame, after) = after.split_at(word(2) as usize);
        out.push((word(0) * 1_000_000_000 + word(1), &frame[42..]));
        rest = after;
    }
    out
}

#[test]
fn the_same_seed_makes_the_same_world_and_another_seed_another() {
    let hash = |seed| {
        let world =
            World::new(WorldOptions { hours: 0.2, scale: 0.02, ..WorldOptions::new(Kind::Shared, seed) });
        let mut hasher = DefaultHasher::new();
        (capture(&world), world.truth(), world.inventory()).hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn frames_are_in_order_of_time() {
    for kind in Kind::ALL {
        let capture = capture(&small(kind));
        let records = records(&capture);
        assert!(records.len() > 5000, "{}: {}", kind.name(), records.len());
        assert!(records.is_sorted_by_key(|(at, _)| *at));
    }
}

#[test]
fn truth_knows_the_call_of_every_invite_and_no_other() {
    for kind in Kind::ALL {
        let world = small(kind);
        let capture = capture(&world);
        let mut on_the_wire = BTreeSet::new();
        for (_, payload) in records(&capture) {
            if payload.starts_with(b"INVITE ") {
                let text = std::str::from_utf8(payload).unwrap();
                let line = text.lines().find(|l| {
                    let name = l.split(':').next().unwrap_or_default();
                    name.eq_ignore_ascii_case("call-id") || name == "i"
                });
                on_the_wire.insert(line.unwrap().split_once(": ").unwrap().1.to_owned());
            }
        }
        let truth: Vec<serde_json::Value> =
            world.truth().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let known: BTreeSet<String> =
            truth.iter().map(|t| t["call_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(known.len(), truth.len(), "Call-IDs are unique");
        assert_eq!(known, on_the_wire);
    }
}

#[test]
fn every_message_ends_where_its_length_says() {
    for kind in Kind::ALL {
        let capture = capture(&small(kind));
        for (_, payload) in records(&capture) {
            let Ok(text) = std::str::from_utf8(payload) else { continue };
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.split("\r\n").find_map(|l| {
                let (name, value) = l.split_once(':')?;
                (name.eq_ignore_ascii_case("content-length") || name == "l").then(|| value.trim())
            });
            assert_eq!(length, Some(&*body.len().to_string()), "{text}");
            assert!(!text.contains(['{', '}']) || text.contains("Identity"), "{text}");
        }
    }
}

#[test]
fn actors_make_the_calls_that_they_are_there_for() {
    let world = World::new(WorldOptions::new(Kind::Shared, 3));
    let actors = world.actors();
    let of = |name: &str| actors.iter().find(|(actor, ..)| actor == name).map(|(_, n, a)| (*n, *a)).unwrap();
    for (name, calls, answered) in
        [("elm", 400, 0.4), ("fern", 400, 0.5), ("gale", 110, 0.35), ("call-centre", 760, 0.35)]
    {
        let (n, a) = of(name);
        assert_eq!(n, calls, "{name}");
        let share = a as f64 / n as f64;
        assert!((share - answered).abs() < 0.15, "{name}: {share}");
    }
    assert!(actors.iter().filter(|(actor, ..)| actor.starts_with("pbx-harbour")).count() == 10);
    let people = of("subscriber");
    assert!((1000..1700).contains(&people.0), "{people:?}");
    let total: usize = actors.iter().map(|(_, n, _)| n).sum();
    assert!((3000..10_000).contains(&total), "{total}");
}

#[test]
fn no_number_of_a_robocaller_is_shown_by_anybody_else() {
    for kind in Kind::ALL {
        let world = World::new(WorldOptions::new(kind, 11));
        let mut actors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for call in world.calls().filter(|call| call.actor != "thief") {
            let who = if call.is_fraud { &*call.actor } else { "honest" };
            actors.entry(&call.caller.number).or_default().insert(who);
        }
        assert!(actors.values().all(|who| who.len() == 1));
    }
}

#[test]
fn shared_robocallers_are_outnumbered_by_honest_users_of_their_program() {
    let world = World::new(WorldOptions::new(Kind::Shared, 5));
    let mut honest: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
    for item in &world.items {
        if let Item::Register(refresh) = item {
            honest.entry(refresh.device.stack.name).or_default().insert(&refresh.device.number);
        }
    }
    assert!(honest["kestrel"].len() >= 300);
    let robots: BTreeSet<&str> = world.calls().filter(|c| c.is_fraud).map(|c| c.caller.stack.name).collect();
    assert_eq!(robots, BTreeSet::from(["harbour", "kestrel"]));
}

#[test]
fn places_are_filled_and_drawn() {
    let fields = Fields { pairs: vec![("user", "ada")], ..Fields::default() };
    let text = fill("<{user}>{dec:4}-{hex:3}", &fields, &mut crate::Rng::new(1));
    assert!(text.starts_with("<ada>") && text.len() == 13, "{text}");
}
