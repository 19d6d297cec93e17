use std::fmt::Write as _;

use bellwether_base::Shown;
use serde_json::{Map, Value};

use crate::svg::{self, BOTTOM, Frame, LEFT, RIGHT, TOP};

/// The names of the axes.
const ACROSS: &str = "sample value (16 bit)";
const UP: &str = "share of samples (%)";

/// Width of the longest bar in the terminal, in characters.
const BAR: usize = 50;

/// Louder samples are left out of a picture, because silence is near zero.
const WIDEST: i32 = 800;

/// The frequency of each sample value in a stream's noise, as in the paper's figures 5 and 10.
pub(crate) struct Noise {
    title: Vec<Shown>,
    /// Sample values of 16 bits and their shares, in order of the value.
    shares: Vec<(i32, f64)>,
    mean: f64,
}

/// The coding of the samples, in words.
fn coding(name: &str) -> &str {
    match name {
        "mu" => "mu-law",
        "a" => "A-law",
        "g722" => "G.722, lower band",
        other => other,
    }
}

impl Noise {
    pub(crate) fn of(stream: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| stream.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
        let number = |name: &str| stream.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let law =
            if text("law") == "a" { bellwether_rtp::g711::Law::A } else { bellwether_rtp::g711::Law::Mu };
        let counts: Vec<(i32, f64)> = stream
            .get("codes")?
            .as_object()?
            .iter()
            .filter_map(|(code, n)| {
                let sample = law.linear().get(usize::from(code.parse::<u8>().ok()?))?;
                Some((i32::from(*sample), n.as_f64()?))
            })
            .collect();
        let total: f64 = counts.iter().map(|(_, n)| n).sum();
        let mut shares: Vec<(i32, f64)> = Vec::new();
        // Both zeros of mu-law are the same sample.
        for (sample, n) in counts.into_iter().filter(|(sample, _)| sample.abs() <= WIDEST) {
            match shares.iter_mut().find(|(other, _)| *other == sample) {
                Some((_, share)) => *share += n / total.max(1.0),
                None => shares.push((sample, n / total.max(1.0))),
            }
        }
        shares.sort_by_key(|(sample, _)| *sample);
        let class =
            stream.get("class").and_then(Value::as_str).map_or_else(String::new, |c| format!(", {c}"));
        let title = vec![
            format!("Noise in the pauses of the {}, {}", text("direction"), text("src")),
            format!(
                "{} packets of noise, energy {:.3e}, DC offset {:.3e}, {}{class}",
                number("packets"),
                number("energy"),
                number("dc_offset"),
                coding(&text("law")),
            ),
        ];
        let title = title.into_iter().map(Shown::from).collect();
        Some(Self { title, shares, mean: number("dc_offset") * 32768.0 })
    }

    fn most(&self) -> f64 {
        self.shares.iter().map(|(_, share)| *share).fold(1e-9, f64::max)
    }

    pub(crate) fn text(&self) -> Shown {
        let mut out: String = self.title.iter().map(|line| format!("{line}\n")).collect();
        out.push_str(&format!("{ACROSS}, {UP}\n"));
        for (sample, share) in &self.shares {
            let bar = "#".repeat((share / self.most() * BAR as f64).round() as usize);
            // Writing to a string does not fail.
            let _ = writeln!(out, "{sample:>6} {:>6.2} % |{bar}", share * 100.0);
        }
        Shown::lines(&out)
    }

    /// The picture, for a file with several.
    pub(crate) fn svg(&self) -> String {
        let reach = self.shares.iter().map(|(sample, _)| sample.abs()).max().unwrap_or(0).max(16);
        let x_of = |x: f64| LEFT + (x / f64::from(reach) + 1.0) / 2.0 * (RIGHT - LEFT);
        let y_of = |y: f64| BOTTOM - y / self.most() * (BOTTOM - TOP);
        let title = [self.title.as_slice(), &[Shown::from("the dashed line is the DC offset")]].concat();
        let mut out = svg::begin(&Frame { title: &title, across: ACROSS, up: UP });
        for value in [-reach, -reach / 2, 0, reach / 2, reach] {
            svg::label_across(&mut out, x_of(f64::from(value)), &value.to_string());
        }
        for share in [0.5 * self.most(), self.most()] {
            svg::label_up(&mut out, y_of(share), &format!("{:.1}", share * 100.0));
        }
        for (sample, share) in &self.shares {
            let (x, y) = (x_of(f64::from(*sample)), y_of(*share));
            let _ = writeln!(
                out,
                "<rect class=\"value\" x=\"{:.1}\" y=\"{y:.1}\" width=\"3\" height=\"{:.1}\" fill=\"#0072b2\"/>",
                x - 1.5,
                BOTTOM - y
            );
        }
        let _ = writeln!(
            out,
            "<path d=\"M{0:.1} {BOTTOM}V{TOP}\" stroke=\"#d55e00\" stroke-dasharray=\"4 3\"/>",
            x_of(self.mean.clamp(f64::from(-reach), f64::from(reach)))
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_drawn_once_and_both_zeros_are_one() {
        let stream = serde_json::json!({
            "direction": "caller", "src": "a", "law": "mu", "packets": 5, "energy": 1e-7, "dc_offset": 1e-4,
            "codes": {"255": 50, "127": 25, "254": 20, "126": 5},
        });
        let noise = Noise::of(stream.as_object().unwrap()).unwrap();
        assert_eq!(noise.shares, [(-8, 0.05), (0, 0.75), (8, 0.2)]);
        assert_eq!(noise.svg().matches("class=\"value\"").count(), 3);
        assert!(svg::cut_texts(&noise.svg()).is_empty(), "{:?}", svg::cut_texts(&noise.svg()));
        assert!(noise.svg().contains(ACROSS) && noise.svg().contains(UP));
        assert!(noise.text().as_str().contains("     0  75.00 % |#####"), "{}", noise.text());
    }
}
