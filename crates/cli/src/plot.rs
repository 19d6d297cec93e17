use std::fmt::Write as _;

use bellwether_app::private;
use bellwether_base::Shown;
use bellwether_report::Reports;
use serde_json::Value;

use crate::args::{Common, PlotArgs, PlotWhat};
use crate::calls::CallIds;
use crate::config::Config;
use crate::names::Names;
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::plot_silence::Noise;
use crate::show::open_reader;
use crate::svg::{self, HEIGHT, MARGIN, WIDTH};

/// Size of a drawing in the terminal, in characters.
const COLUMNS: usize = 72;
const LINES: usize = 20;

/// Offsets of one device: a line of points per segment, seconds and milliseconds.
struct Picture {
    title: Shown,
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
    let reader = open_reader(common)?;
    let streams =
        Reports::of(&reader).silence_of(&CallIds::new(common, &config, &reader).stored(&args.id)?)?;
    let noises: Vec<Noise> = streams.iter().filter_map(Noise::of).collect();
    let Some(first) = noises.first() else {
        let text = format!("{1} has no silence of a call {0}", args.id, common.db.display());
        return Err(Failure::Work(text));
    };
    match &args.output {
        // One file has one picture, from the first stream, which is the caller's.
        Some(path) => write_svg(common, path, &first.svg())?,
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
    let reader = open_reader(common)?;
    let ids = CallIds::new(common, &config, &reader);
    let devices = Reports::of(&reader).device_clocks(&Names::new(&ids).device(&args.id)?)?;
    let pictures: Vec<Picture> = devices.iter().filter_map(Picture::of).collect();
    if pictures.is_empty() {
        let text = format!("{1} has no clock of {0}", args.id, common.db.display());
        return Err(Failure::Work(text));
    }
    match &args.output {
        Some(path) => {
            // One file has one picture, from the device with most refreshes.
            let widest = pictures.iter().max_by_key(|p| p.points().count());
            let svg = widest.map(Picture::svg).unwrap_or_default();
            write_svg(common, path, &svg)?;
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
        let skew = match (number("skew_ppm"), device.get("skew_ci95_ppm")) {
            (Some(skew), Some(ends)) => format!("skew {skew} ppm {ends}"),
            _ => format!("no skew: {}", text("no_fit")),
        };
        let period = number("period_s").map_or_else(|| "?".to_owned(), |p| p.to_string());
        let title =
            Shown::of(&format!("{}, {}: period {period} s, {skew}", text("contact"), text("discipline")));
        Some(Self { title, segments, slope_ppm: clock.get("slope_ppm").and_then(Value::as_f64) })
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
        let mut out = format!("{}\noffset in ms against seconds since the first refresh\n", self.title);
        for (i, line) in grid.into_iter().enumerate() {
            let label = match i {
                0 => format!("{top:>10.1}"),
                _ if i + 1 == LINES => format!("{bottom:>10.1}"),
                _ => " ".repeat(10),
            };
            let line: String = line.into_iter().collect();
            out.push_str(&format!("{label} |{}\n", line.trim_end()));
        }
        out.push_str(&format!("{:>11}+{}\n{:>12}{left:<10.0}{:>62.0}\n", "", "-".repeat(COLUMNS), "", right));
        Shown::lines(&out)
    }

    fn svg(&self) -> String {
        let ((left, right), (bottom, top)) = self.ranges();
        let x_of = |x: f64| MARGIN + (x - left) / (right - left) * (WIDTH - 2.0 * MARGIN);
        let y_of = |y: f64| MARGIN + (top - y) / (top - bottom) * (HEIGHT - 2.0 * MARGIN);
        let mut out = svg::begin(&self.title);
        // Writing to a string does not fail.
        let mut put = |text: std::fmt::Arguments<'_>| {
            let _ = writeln!(out, "{text}");
        };
        let (x0, x1, y0, y1) = (MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN, MARGIN);
        put(format_args!("<path d=\"M{x0} {y1}V{y0}H{x1}\" fill=\"none\" stroke=\"black\"/>"));
        for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
            let (x, y) = (left + share * (right - left), bottom + share * (top - bottom));
            put(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{x:.0} s</text>",
                x_of(x),
                y0 + 18.0
            ));
            put(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{y:.1} ms</text>",
                x0 - 4.0,
                y_of(y) + 4.0
            ));
        }
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
        svg::end(out)
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
            title: "a < b".into(),
            segments: vec![vec![(0.0, 0.0), (25.0, -1.0), (50.0, -2.0)]],
            slope_ppm: Some(-40.0),
        }
    }

    #[test]
    fn every_point_is_drawn_once() {
        let svg = picture().svg();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("a &lt; b") && svg.trim_end().ends_with("</svg>"), "{svg}");
        let text = picture().text().to_string();
        assert_eq!(text.lines().skip(2).map(|l| l.matches('.').count()).sum::<usize>(), 3 + 2, "{text}");
    }
}
