//! The population of each kind of world.

use super::Kind;
use super::builder::Builder;
use super::companies::{Through, call_centre, callers_elsewhere, exchanges};
use super::robots::{Dials, From, MASKS, Robot, Shows, Tokens};
use super::scanner::scans;
use super::stacks::{CICADA, CITADEL, DUNLIN, HARBOUR, KESTREL, LARK, MERLIN, ROWAN, TERN, THRUSH, VOLLEY};
use super::subscribers::{subscribe, subscribers_call};
use super::thief::steals;

/// Fills a world.
pub(super) fn populate(kind: Kind, world: &mut Builder) {
    let (kestrel, merlin, rowan, lark) = match kind {
        Kind::Specific => (150, 90, 60, 50),
        Kind::Shared => (340, 50, 40, 30),
        Kind::Trunk => (70, 40, 30, 20),
        Kind::Thief => (130, 80, 60, 50),
    };
    subscribe(world, &KESTREL, kestrel, 0.6);
    subscribe(world, &MERLIN, merlin, 0.3);
    subscribe(world, &ROWAN, rowan, 0.3);
    subscribe(world, &LARK, lark, 0.8);
    match kind {
        Kind::Specific => {
            subscribers_call(world, 3.6);
            exchanges(world, &HARBOUR, 7, 60);
            exchanges(world, &TERN, 3, 60);
            call_centre(world, Through::Itself(&HARBOUR), 760);
            callers_elsewhere(world, 500);
        }
        Kind::Shared => {
            subscribers_call(world, 2.8);
            exchanges(world, &HARBOUR, 10, 55);
            exchanges(world, &TERN, 3, 50);
            call_centre(world, Through::Itself(&HARBOUR), 760);
            callers_elsewhere(world, 450);
        }
        Kind::Trunk => {
            subscribers_call(world, 2.2);
            exchanges(world, &HARBOUR, 3, 40);
            call_centre(world, Through::Carrier, 700);
            callers_elsewhere(world, 2500);
        }
        Kind::Thief => {
            subscribers_call(world, 5.0);
            exchanges(world, &HARBOUR, 5, 50);
            exchanges(world, &TERN, 3, 50);
            call_centre(world, Through::Itself(&TERN), 500);
            callers_elsewhere(world, 700);
            steals(world, 12, 16);
        }
    }
    robots(kind).iter().for_each(|robot| robot.runs(world));
    scans(world);
}

/// The robocallers of a kind of world, each with its own tactics.
pub(super) fn robots(kind: Kind) -> Vec<Robot> {
    let usual = Robot {
        name: "amber",
        stack: &VOLLEY,
        agents: MASKS,
        campaigns: &["amber"],
        calls: 500,
        every: 25.0,
        begins: 0.06,
        shows: Shows::Any,
        dials: Dials::AtRandom,
        from: From::Pool(12),
        tokens: Tokens::ManyOrigins('C'),
        answered: 0.4,
    };
    let neighbour = Robot {
        name: "basalt",
        stack: &CICADA,
        campaigns: &["basalt"],
        calls: 450,
        every: 27.0,
        begins: 0.1,
        shows: Shows::Neighbour,
        dials: Dials::InSequence,
        from: From::Pool(6),
        tokens: Tokens::OneOrigin('B'),
        answered: 0.5,
        ..usual
    };
    // One call in two minutes.
    let slow = Robot {
        name: "cobalt",
        stack: &THRUSH,
        campaigns: &["cobalt"],
        calls: 110,
        every: 122.0,
        begins: 0.03,
        from: From::Pool(4),
        tokens: Tokens::None,
        answered: 0.35,
        ..usual
    };
    match kind {
        Kind::Specific => {
            let many = Robot {
                name: "dune",
                stack: &DUNLIN,
                campaigns: &["dune-1", "dune-2"],
                calls: 360,
                every: 33.0,
                begins: 0.12,
                tokens: Tokens::Replayed,
                answered: 0.3,
                from: From::Pool(9),
                ..usual
            };
            vec![usual, neighbour, slow, many]
        }
        Kind::Shared => vec![
            Robot {
                name: "elm",
                stack: &KESTREL,
                agents: &[],
                campaigns: &["elm"],
                calls: 400,
                every: 31.0,
                from: From::Homes(14),
                tokens: Tokens::None,
                ..usual
            },
            Robot {
                name: "fern",
                stack: &HARBOUR,
                campaigns: &["fern"],
                calls: 400,
                every: 30.0,
                ..neighbour
            },
            Robot {
                name: "gale",
                stack: &KESTREL,
                agents: &[],
                campaigns: &["gale"],
                from: From::Homes(5),
                ..slow
            },
        ],
        Kind::Trunk => vec![
            Robot {
                name: "hazel",
                stack: &CITADEL,
                campaigns: &["hazel"],
                calls: 400,
                every: 31.0,
                from: From::Carriers,
                tokens: Tokens::OneOrigin('C'),
                ..usual
            },
            Robot {
                name: "iris",
                stack: &CITADEL,
                campaigns: &["iris"],
                calls: 350,
                every: 34.0,
                from: From::Carriers,
                tokens: Tokens::ManyOrigins('C'),
                ..neighbour
            },
            Robot {
                name: "juno",
                stack: &CITADEL,
                campaigns: &["juno"],
                from: From::Carriers,
                tokens: Tokens::OneOrigin('B'),
                ..slow
            },
        ],
        Kind::Thief => vec![
            Robot { name: "kite", campaigns: &["kite"], calls: 300, every: 40.0, ..usual },
            Robot { name: "larch", campaigns: &["larch"], calls: 250, every: 45.0, ..neighbour },
        ],
    }
}
