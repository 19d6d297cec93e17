//! Kills of a working program: the database stays sound, and the next run continues.
//!
//! A kill counts only where the program was stopped first and seen to have begun its work, to be at it, and not to be through;
//! others are repeated. `BELLWETHER_KILLS` is how many are to count in each test, `just kill` takes 200.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_types,
    reason = "a test fails by panicking and says why on standard error; moments of a process are the machine's time"
)]

#[path = "../common/mod.rs"]
mod common;
mod hook;
mod kept;
mod replay;
mod sense;
mod traffic;
mod victim;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}
