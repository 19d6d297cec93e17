use std::fmt::Write as _;

use bellwether_app::private;
use bellwether_base::Shown;
use bellwether_report::Reports;
use serde_json::Value;

use crate::args::{Common, PlotArgs, PlotWhat};
use crate::calls::CallIds;
use crate::config::Config;
use crate::names::{Names, repeatable};
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::plot_silence::Noise;
use crate::render::shorten;
use crate::show::open_reader_with;
use crate::svg::{self, BOTTOM, Frame, LEFT, RIGHT, TOP};

/// Size of a drawing in the terminal, in characters.
const COLUMNS: usize = 72;
const LINES: usize = 20;

/// Pictures of one call in a file.
const MOST_PICTURES: usize = 8;

/// The names of the axes of a clock's picture.
const ACROSS: &str = "time since the first refresh (s)";
const UP: &str = "offset from the nominal refresh times (ms)";

/// Offsets of one device: a line of points per segment, seconds and milliseconds.
struct Picture {
    title: Vec<Shown>,
    segments: Vec<Vec<(f64, f64)>>,
    slope_ppm: Option<f64>,
}

/// `bellwether plot`.
pub(crate) fn run(common: &Common, args: &PlotArgs) -> Result<Exit, Failure> {
    match args.what {
        PlotWhat::Clock => clock(common, args),
        PlotWhat::Silence => silence(common, args),
    }
}

fn silence(common: &Common, args: &PlotArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let streams =
        Reports::of(&reader).silence_of(&CallIds::new(common, &config, &reader).stored(&args.id)?)?;
    let noises: Vec<Noise> = streams.iter().filter_map(Noise::of).collect();
    if noises.is_empty() {
        let text = format!("{1} has no silence of a call {0}", args.id, common.db.display());
        return Err(Failure::Work(text));
    }
    match &args.output {
        Some(path) => {
            let pictures: Vec<String> = noises.iter().take(MOST_PICTURES).map(Noise::svg).collect();
            write_svg(common, path, &svg::document(&pictures))?;
        }
        None => {
            for noise in &noises {
                out::page(&noise.text())?;
            }
        }
    }
    Ok(Exit::Done)
}

fn write_svg(common: &Common, path: &std::path::Path, svg: &str) -> Result<(), Failure> {
    Ok(private::write(path, svg.as_bytes(), &mut |told| note(common, &told))?)
}

fn clock(common: &Common, args: &PlotArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let ids = CallIds::new(common, &config, &reader);
    let devices = Reports::of(&reader).device_clocks(&Names::new(&ids).device(&args.id)?)?;
    let pictures: Vec<Picture> = devices.iter().filter_map(Picture::of).collect();
    if pictures.is_empty() {
        let text = format!("{1} has no clock of {0}", repeatable(&args.id), common.db.display());
        return Err(Failure::Work(text));
    }
    match &args.output {
        Some(path) => {
            // One file has one picture, from the device with most refreshes.
            let widest = pictures.iter().max_by_key(|p| p.points().count());
            let svg = widest.map(Picture::svg).unwrap_or_default();
            write_svg(common, path, &svg)?;
            if pictures.len() > 1 {
                let text =
                    format!("the picture is of the device with most refreshes, one of {}", pictures.len());
                note(common, &text);
            }
        }
        None => {
            for picture in &pictures {
                out::page(&picture.text())?;
            }
        }
    }
    Ok(Exit::Done)
}

impl Picture {
    fn of(device: &serde_json::Map<String, Value>) -> Option<Self> {
        let text = |name: &str| device.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
        let number = |name: &str| device.get(name).and_then(Value::as_f64);
        let clock = device.get("clock")?;
        let segments: Vec<Vec<(f64, f64)>> = clock
            .get("points_s_ms")?
            .as_array()?
            .iter()
            .map(|segment| {
                let points = segment.as_array().into_iter().flatten();
                points.filter_map(|p| Some((p.get(0)?.as_f64()?, p.get(1)?.as_f64()?))).collect()
            })
            .filter(|points: &Vec<_>| points.len() > 1)
            .collect();
        if segments.is_empty() {
            return None;
        }
        let slope_ppm = clock.get("slope_ppm").and_then(Value::as_f64);
        let title = vec![
            format!("Refresh clock of {}", shorten(&text("aor"))),
            match slope_ppm {
                Some(slope) => format!("slope of the line {slope:.1} ppm, with the network path"),
                None => "no line fits".to_owned(),
            },
            {
                let ends = device.get("skew_ci95_ppm").and_then(Value::as_array);
                let ends = ends.and_then(|ends| Some((ends.first()?.as_f64()?, ends.get(1)?.as_f64()?)));
                let skew = match (number("skew_ppm"), ends) {
                    (Some(skew), Some((low, high))) => {
                        format!("skew of the clock alone {skew:.1} ppm (95 %: {low:.1} to {high:.1})")
                    }
                    _ => format!("no skew of the clock alone: {}", text("no_fit")),
                };
                let period = number("period_s").map_or_else(|| "?".to_owned(), |p| p.to_string());
                format!("{skew}; timer {}, period {period} s", text("discipline"))
            },
        ];
        Some(Self { title: title.into_iter().map(Shown::from).collect(), segments, slope_ppm })
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.segments.iter().flatten().copied()
    }

    /// The ends of both axes.
    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) =
                values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
            if high - low > 1e-9 { (low, high) } else { (low - 1.0, high + 1.0) }
        };
        (range(&mut self.points().map(|p| p.0)), range(&mut self.points().map(|p| p.1)))
    }

    fn text(&self) -> Shown {
        let ((left, right), (bottom, top)) = self.ranges();
        let mut grid = vec![vec![' '; COLUMNS]; LINES];
        for (x, y) in self.points() {
            let column = ((x - left) / (right - left) * (COLUMNS - 1) as f64).round() as usize;
            let line = ((top - y) / (top - bottom) * (LINES - 1) as f64).round() as usize;
            if let Some(cell) = grid.get_mut(line).and_then(|line| line.get_mut(column)) {
                *cell = if *cell == ' ' { '.' } else { 'o' };
            }
        }
        let mut out: String = self.title.iter().map(|line| format!("{line}\n")).collect();
        out.push_str(&format!("{:>10} {UP}\n", ""));
        for (i, line) in grid.into_iter().enumerate() {
            let label = match i {
                0 => format!("{top:>10.1}"),
                _ if i + 1 == LINES => format!("{bottom:>10.1}"),
                _ => " ".repeat(10),
            };
            let line: String = line.into_iter().collect();
            out.push_str(&format!("{label} |{}\n", line.trim_end()));
        }
        let name = format!("{ACROSS:^width$}", width = COLUMNS);
        out.push_str(&format!("{:>11}+{}\n{:>12}{left:<10.0}{:>62.0}\n", "", "-".repeat(COLUMNS), "", right));
        out.push_str(&format!("{:>12}{}\n", "", name.trim_end()));
        Shown::lines(&out)
    }

    fn svg(&self) -> String {
        let ((left, right), (bottom, top)) = self.ranges();
        let x_of = |x: f64| LEFT + (x - left) / (right - left) * (RIGHT - LEFT);
        let y_of = |y: f64| TOP + (top - y) / (top - bottom) * (BOTTOM - TOP);
        let mut out = svg::begin(&Frame { title: &self.title, across: ACROSS, up: UP });
        for share in [0.0, 0.5, 1.0] {
            let (x, y) = (left + share * (right - left), bottom + share * (top - bottom));
            svg::label_across(&mut out, x_of(x), &format!("{x:.0}"));
            svg::label_up(&mut out, y_of(y), &format!("{y:.1}"));
        }
        // Writing to a string does not fail.
        let mut put = |text: std::fmt::Arguments<'_>| {
            let _ = writeln!(out, "{text}");
        };
        for points in &self.segments {
            for (x, y) in points {
                put(format_args!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"#0072b2\"/>",
                    x_of(*x),
                    y_of(*y)
                ));
            }
            if let (Some(slope), Some((a, b))) = (self.slope_ppm, ends(points)) {
                // The line goes through the middle of the points.
                let n = points.len() as f64;
                let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
                let at = |x: f64| my + (x - mx) * slope * 1e-3;
                put(format_args!(
                    "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#d55e00\" fill=\"none\"/>",
                    x_of(a),
                    y_of(at(a)),
                    x_of(b),
                    y_of(at(b))
                ));
            }
        }
        svg::document(&[out])
    }
}

fn ends(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    Some((points.first()?.0, points.last()?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture {
            title: vec!["a < b".into(), "slope of the line -40.0 ppm".into(), "x".repeat(200).into()],
            segments: vec![vec![(0.0, 0.0), (25.0, -1.0), (50.0, -2.0)]],
            slope_ppm: Some(-40.0),
        }
    }

    #[test]
    fn no_text_is_cut_and_the_title_has_the_slope_of_the_line() {
        let device = serde_json::json!({
            "aor": "sip:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f@a.rather.long.name.of.a.host.example.net", "discipline": "restart",
            "period_s": 27, "skew_ppm": -126.667, "skew_ci95_ppm": [-1594.323, 3183.286],
            "clock": {"slope_ppm": -593.25, "points_s_ms": [[[0.0, -1_000_000.5], [351.0, -9_999_999.9]]]},
        });
        let picture = Picture::of(device.as_object().unwrap()).unwrap();
        let svg = picture.svg();
        assert!(svg::cut_texts(&svg).is_empty(), "{:?}", svg::cut_texts(&svg));
        assert!(svg.contains(">-9999999.9<") && svg.contains("slope of the line -593.2 ppm"), "{svg}");
        for name in [ACROSS, UP] {
            assert!(svg.contains(name) && picture.text().as_str().contains(name), "{name}");
        }
        assert!(picture.text().as_str().contains("-9999999.9 |"), "{}", picture.text());
    }

    #[test]
    fn every_point_is_drawn_once() {
        let svg = picture().svg();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"), "{svg}");
        let text = picture().text().to_string();
        assert_eq!(text.lines().skip(4).map(|l| l.matches('.').count()).sum::<usize>(), 3 + 2, "{text}");
    }
}
