//! A world of devices drawn at random: families of relatives, softphones with several modes, and strangers.

use bellwether_acoustics::{Pauses, SilenceAnalysis};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{DeviceMode, Impairment, Rng, Speaker, Surroundings, spoken_call};

/// Calls that teach a device, and that test it.
const LESSONS: usize = 10;
const TESTED: usize = 5;

/// Energy of the smallest step of the laws.
const STEP: f64 = 4e-8;

/// Seconds of a call.
const SECONDS: usize = 20;

/// How a device sounds in a call.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Pausing {
    /// Its noise, always.
    Noise,
    /// Digital silence, always.
    Digital,
    /// One or the other by turns: voice activity detection, a mute button, noise suppression of a computer.
    Mixed,
}

#[derive(Clone, Copy, Debug)]
struct Model {
    noise: DeviceMode,
    pausing: Pausing,
    /// Standard deviation of the level between calls, in natural units of amplitude.
    wander: f64,
}

/// A device that is taught.
pub(crate) struct Taught {
    pub(crate) class: String,
    model: Model,
    /// Classes that sound alike: closer than units of one model are to each other.
    alike: Vec<String>,
    pub(crate) lessons: Vec<Option<Pauses>>,
    pub(crate) tested: Vec<Option<Pauses>>,
}

impl Taught {
    /// True for its own class and for those that sound alike.
    pub(crate) fn is_right(&self, class: &str) -> bool {
        self.class == class || self.alike.iter().any(|other| other == class)
    }
}

/// A device that nobody taught.
pub(crate) struct Stranger {
    pub(crate) is_near: bool,
    pub(crate) calls: Vec<Option<Pauses>>,
}

/// Devices and their calls.
pub(crate) struct World {
    pub(crate) taught: Vec<Taught>,
    pub(crate) strangers: Vec<Stranger>,
}

fn noise(dc: f64, energy: f64, colour: f64, hum: f64) -> DeviceMode {
    DeviceMode { device: "", mode: "", dc_offset: dc, energy, colour, hum, gain: 1.0 }
}

/// A maker's first model.
fn founder(rng: &mut Rng) -> Model {
    let energy = 10_f64.powf(-7.6 + 3.1 * rng.uniform());
    let sign = if rng.uniform() < 0.5 { -1.0 } else { 1.0 };
    let dc = if rng.uniform() < 0.15 { 0.0 } else { sign * 10_f64.powf(-6.0 + 2.7 * rng.uniform()) };
    let hum = if rng.uniform() < 0.4 { 0.3 * rng.uniform() } else { 0.0 };
    Model {
        noise: noise(dc, energy, 0.8 * rng.uniform(), hum),
        pausing: Pausing::Noise,
        wander: if rng.uniform() < 0.2 { 0.25 } else { 0.03 },
    }
}

/// Another model of a maker: its offset or its level, or both, are others.
fn relative(of: Model, least: f64, most: f64, rng: &mut Rng) -> Model {
    let mut model = of;
    let step = |rng: &mut Rng| {
        let size = least + (most - least) * rng.uniform();
        if rng.uniform() < 0.5 { 1.0 + size } else { 1.0 / (1.0 + size) }
    };
    let which = rng.uniform();
    if which < 0.67 {
        model.noise.dc_offset *= step(rng);
    }
    if which > 0.33 {
        model.noise.energy *= step(rng).powi(2);
    }
    if rng.uniform() < 0.3 {
        model.noise.colour = (model.noise.colour + 0.3 * (rng.uniform() - 0.5)).clamp(0.0, 0.9);
    }
    model
}

/// True if two models differ by less than their units do.
fn is_alike(one: &Model, other: &Model) -> bool {
    if one.pausing == Pausing::Digital && other.pausing == Pausing::Digital {
        return true;
    }
    let (a, b) = (&one.noise, &other.noise);
    let dc = (a.dc_offset - b.dc_offset).abs() < 0.08 * a.dc_offset.abs().max(b.dc_offset.abs()) + 2e-6;
    // The steps of the laws hide the level of fainter noise.
    let level = 0.5 * ((a.energy + STEP) / (b.energy + STEP)).ln();
    one.pausing == other.pausing
        && dc
        && level.abs() < 0.2 + one.wander.max(other.wander)
        && (a.colour - b.colour).abs() < 0.1
        && (a.hum - b.hum).abs() < 0.1
}

fn call(
    model: &Model,
    unit: DeviceMode,
    is_digital: bool,
    surroundings: Surroundings,
    law: Law,
    rng: &mut Rng,
) -> Option<Pauses> {
    let mut own = unit.call(rng);
    own.gain *= (model.wander * rng.normal()).exp();
    if is_digital {
        (own.energy, own.dc_offset) = (0.0, 0.0);
    }
    let how = Impairment {
        surroundings,
        loss: if rng.uniform() < 0.3 { 0.03 * rng.uniform() } else { 0.0 },
        is_dtx: rng.uniform() < 0.15,
        is_transcoded: false,
    };
    let mut analysis = SilenceAnalysis::new(law);
    spoken_call(own, Speaker::drawn(rng), law, SECONDS, how, rng)
        .iter()
        .for_each(|packet| analysis.packet(packet));
    analysis.pauses()
}

const fn law_of(seed: u64) -> Law {
    if seed.is_multiple_of(2) { Law::A } else { Law::Mu }
}

/// Calls of one device: the first ones of three units, the others of further units.
fn calls(model: &Model, first: usize, more: usize, law: Law, rng: &mut Rng) -> Vec<Option<Pauses>> {
    let units: Vec<DeviceMode> = (0..3).map(|_| model.noise.unit(rng)).collect();
    let mut out = Vec::new();
    for number in 0..first + more {
        let unit = if number < first { units[number % units.len()] } else { model.noise.unit(rng) };
        let is_digital = match model.pausing {
            Pausing::Noise => false,
            Pausing::Digital => true,
            Pausing::Mixed => number % 2 == 1,
        };
        out.push(call(model, unit, is_digital, Surroundings::Quiet, law, rng));
    }
    out
}

impl World {
    /// Calls of the taught devices with noise in some surroundings: the number of the device, and its pauses.
    pub(crate) fn calls_in(&self, surroundings: Surroundings, seed: u64) -> Vec<(usize, Option<Pauses>)> {
        let mut rng = Rng::new(seed * 104_729 + surroundings as u64);
        let law = law_of(seed);
        let with_noise = self.taught.iter().enumerate().filter(|(_, of)| of.model.pausing == Pausing::Noise);
        let mut out = Vec::new();
        for (number, device) in with_noise {
            for _ in 0..2 {
                let unit = device.model.noise.unit(&mut rng);
                out.push((number, call(&device.model, unit, false, surroundings, law, &mut rng)));
            }
        }
        out
    }

    /// The world of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed * 7919 + 13);
        let law = law_of(seed);
        let mut models: Vec<(String, Model)> = Vec::new();
        for maker in 0..8 {
            let mut model = founder(&mut rng);
            for number in 0..1 + (rng.uniform() * 4.0) as usize {
                models.push((format!("maker {maker} model {number}"), model));
                model = relative(model, 0.15, 1.5, &mut rng);
            }
        }
        let mut faint = founder(&mut rng);
        (faint.noise.energy, faint.noise.dc_offset) = (3e-9, 0.0);
        models.push(("softphone of a PC".to_owned(), Model { pausing: Pausing::Mixed, ..faint }));
        models.push(("muted softphone".to_owned(), Model { pausing: Pausing::Digital, ..faint }));
        let taught = models
            .iter()
            .map(|(class, model)| {
                let heard = calls(model, LESSONS, TESTED, law, &mut rng);
                let (lessons, tested) = heard.split_at(LESSONS);
                let alike = models.iter().filter(|(_, other)| is_alike(model, other));
                Taught {
                    class: class.clone(),
                    model: *model,
                    alike: alike.map(|(class, _)| class.clone()).collect(),
                    lessons: lessons.to_vec(),
                    tested: tested.to_vec(),
                }
            })
            .collect::<Vec<_>>();
        let mut strangers = Vec::new();
        while strangers.len() < 10 {
            let is_near = strangers.len() >= 5;
            let of = models[(rng.uniform() * (models.len() - 2) as f64) as usize].1;
            let model = if is_near { relative(of, 0.25, 1.0, &mut rng) } else { founder(&mut rng) };
            // Nobody tells devices apart that differ by less than units of one model.
            if taught.iter().any(|known| is_alike(&known.model, &model)) {
                continue;
            }
            strangers.push(Stranger { is_near, calls: calls(&model, 0, 4, law, &mut rng) });
        }
        Self { taught, strangers }
    }
}
