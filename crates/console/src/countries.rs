//! Countries by their calling code, with their places on a schematic map.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A country or a service with a calling code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Country {
    pub(crate) code: &'static str,
    /// The sign of its tile: two letters of ISO 3166, or the code.
    pub(crate) sign: &'static str,
    pub(crate) name: &'static str,
    pub(crate) column: u8,
    pub(crate) row: u8,
}

static COUNTRIES: LazyLock<BTreeMap<&'static str, Country>> = LazyLock::new(|| {
    let lines = include_str!("countries.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(country).map(|country| (country.code, country)).collect()
});

fn country(line: &'static str) -> Option<Country> {
    let mut columns = line.split('\t');
    Some(Country {
        code: columns.next()?,
        sign: columns.next()?,
        name: columns.next()?,
        column: columns.next()?.parse().ok()?,
        row: columns.next()?.parse().ok()?,
    })
}

/// The country of a calling code.
pub(crate) fn find(code: &str) -> Option<&'static Country> {
    COUNTRIES.get(code)
}

/// All countries in the order of their codes.
pub(crate) fn all() -> impl Iterator<Item = &'static Country> {
    COUNTRIES.values()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_country_has_a_tile_of_its_own() {
        let tiles: BTreeSet<(u8, u8)> = all().map(|country| (country.column, country.row)).collect();
        assert_eq!(tiles.len(), all().count());
        assert_eq!(include_str!("countries.tsv").lines().count(), tiles.len() + 1);
        assert_eq!(find("49").map(|country| country.sign), Some("DE"));
    }
}
