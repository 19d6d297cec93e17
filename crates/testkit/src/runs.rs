//! What a run of an example is asked for: kinds of worlds, and seeds.

use std::num::ParseIntError;

/// The kinds with the given names, in the order of the names; all kinds without a name.
///
/// # Errors
/// A sentence that lists all names, if no kind has one of the given names.
pub fn chosen<'a, K>(
    all: impl Iterator<Item = &'a K>,
    name_of: impl Fn(&K) -> &str,
    names: &[String],
) -> Result<Vec<&'a K>, String> {
    let all: Vec<&K> = all.collect();
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        let found = all.iter().copied().find(|kind| name_of(kind) == name);
        found.ok_or_else(|| {
            let all: Vec<&str> = all.iter().map(|kind| name_of(kind)).collect();
            format!("no kind {name}; there are {}", all.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// The number of the first seed: `FIRST_SEED` of the environment, or 1.
///
/// # Errors
/// The variable is no number.
pub fn first_seed() -> Result<u64, ParseIntError> {
    std::env::var("FIRST_SEED").map_or(Ok(1), |first| first.parse())
}
