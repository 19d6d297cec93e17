//! Prints each target's name and the length of its longest input.
#![expect(clippy::disallowed_methods, reason = "a tool that prints no traffic content")]

use std::io::Write;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    bellwether_fuzz::TARGETS.iter().try_for_each(|target| writeln!(out, "{} {}", target.name, target.longest))
}
