//! The schematic map: one tile for each country, shaded by a number of calls.

use maud::Markup;

use super::{Anchor, Canvas, Paint};
use crate::countries;
use crate::link;

const TILE: f64 = 25.0;

/// Steps of the shade.
const SHADES: [&str; 5] = ["1", "2", "3", "4", "5"];

/// The picture. `calls` gives the calls to a calling code; a tile with calls leads to them.
pub(crate) fn draw(title: &str, calls: impl Fn(&str) -> u64) -> Markup {
    let columns = countries::all().map(|country| country.column).max().unwrap_or(0);
    let rows = countries::all().map(|country| country.row).max().unwrap_or(0);
    let most = countries::all().map(|country| calls(country.code)).max().unwrap_or(0);
    let mut canvas = Canvas::new(f64::from(columns + 1) * TILE, f64::from(rows + 1) * TILE, title);
    for country in countries::all() {
        let n = calls(country.code);
        let at = (f64::from(country.column) * TILE, f64::from(country.row) * TILE);
        let draw = |canvas: &mut Canvas| {
            let shade = shade(n, most);
            let paint = if shade.is_some() { Paint::Bad } else { Paint::Track };
            canvas.tile(
                at,
                TILE - 2.0,
                paint,
                shade,
                &format!("{}, +{}: {n} calls", country.name, country.code),
            );
            let ink = if shade.is_some() { Paint::Ink } else { Paint::Muted };
            canvas.small((at.0 + TILE / 2.0 - 1.0, at.1 + 15.0), Anchor::Middle, ink, country.sign);
        };
        if n == 0 {
            draw(&mut canvas);
        } else {
            canvas.link(&link::with_query("/calls", &[("country", country.code)]), draw);
        }
    }
    canvas.element()
}

/// The shade of a number of calls on a logarithmic scale; none without calls.
fn shade(n: u64, most: u64) -> Option<&'static str> {
    if n == 0 {
        return None;
    }
    let share = (n as f64).ln_1p() / (most.max(1) as f64).ln_1p();
    let place = (share * SHADES.len() as f64).ceil() as usize;
    SHADES.get(place.clamp(1, SHADES.len()) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_with_calls_is_a_link_and_the_most_called_is_the_darkest() {
        let picture = draw("x", |code| match code {
            "676" => 100,
            "49" => 1,
            _ => 0,
        });
        let text = picture.into_string();
        assert_eq!(text.matches("<a href").count(), 2);
        assert!(text.contains("/calls?country=676") && text.contains("Tonga, +676: 100 calls"));
        assert_eq!((shade(0, 9), shade(9, 9), shade(1, 10_000)), (None, Some("5"), Some("1")));
    }
}
