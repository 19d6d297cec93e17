//! Quality of a stream by the E-model: ITU-T G.107 (06/2015) for narrowband codecs, G.107.1 (06/2019) for wideband ones.
//!
//! The network gives codec, loss and delay. All other parameters have the default values of the recommendations: nobody
//! sees a handset or an echo in a capture.

/// Time that both ends add to the network's delay in ms: a packet of 20 ms and a jitter buffer of two packets.
pub const TERMINALS_MS: f64 = 60.0;

/// Round trip of the network in ms where nobody reported one.
pub const DEFAULT_ROUND_TRIP_MS: f64 = 80.0;

/// The parts of a call that a network shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Network {
    /// Packets lost, in percent.
    pub loss_percent: f64,
    /// Mean length of lost sequences over the length that random loss has (G.107 section 7.5); 1 for random loss.
    pub burst_ratio: f64,
    /// Delay from mouth to ear in ms.
    pub delay_ms: f64,
}

/// The rating of a stream.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rating {
    /// Transmission rating factor R: up to 93.2 for narrowband, up to 129 for wideband.
    pub r: f64,
    /// Mean opinion score of conversation, 1 to 4.5.
    pub mos: f64,
}

/// Impairment of a codec.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Codec {
    /// Equipment impairment factor without loss.
    ie: f64,
    /// Packet-loss robustness factor; none if no value is published.
    bpl: Option<f64>,
    is_wideband: bool,
}

/// Values of G.113 (09/2024): tables I.1 and I.4 for narrowband, IV.1 for wideband. AMR, AMR-WB without a known mode, Opus, EVS and
/// iLBC have no value there.
fn codec(name: &str) -> Option<Codec> {
    let narrow = |ie, bpl| Some(Codec { ie, bpl, is_wideband: false });
    match name {
        // With the concealment of G.711 Appendix I, as today's receivers have.
        "PCMU" | "PCMA" => narrow(0.0, Some(25.1)),
        // G.729A with Annex B, which is in use unless a description says otherwise (RFC 4856 section 2.1.9).
        "G729" | "G729A" | "G729AB" => narrow(11.0, Some(19.0)),
        // At 6.3 kbit/s with silence suppression.
        "G723" | "G7231" => narrow(15.0, Some(16.1)),
        "GSM-EFR" => narrow(5.0, Some(10.0)),
        "GSM" | "GSM-FR" => narrow(20.0, None),
        "GSM-HR-08" => narrow(23.0, None),
        "G728" => narrow(7.0, None),
        "G726-40" | "AAL2-G726-40" => narrow(2.0, None),
        "G726-32" | "AAL2-G726-32" => narrow(7.0, None),
        "G726-24" | "AAL2-G726-24" => narrow(25.0, None),
        "G726-16" | "AAL2-G726-16" => narrow(50.0, None),
        // At 64 kbit/s.
        "G722" => Some(Codec { ie: 13.0, bpl: None, is_wideband: true }),
        _ => None,
    }
}

/// Rates a stream; none if no values of its codec are published, or none for its loss.
#[must_use]
pub fn rate(codec_name: &str, network: Network) -> Option<Rating> {
    let codec = codec(codec_name)?;
    let ie = effective_impairment(codec, network)?;
    let r =
        if codec.is_wideband { wideband(network.delay_ms) - ie } else { narrowband(network.delay_ms) - ie };
    // The scale of wideband is longer (G.107.1 Annex A).
    let r = r.max(0.0);
    Some(Rating { r, mos: mos(if codec.is_wideband { r / 1.29 } else { r }) })
}

/// Ie,eff of G.107 equation 7-29.
fn effective_impairment(codec: Codec, network: Network) -> Option<f64> {
    let loss = network.loss_percent.clamp(0.0, 100.0);
    if loss == 0.0 {
        return Some(codec.ie);
    }
    let ratio = network.burst_ratio.max(1.0);
    Some(codec.ie + (95.0 - codec.ie) * loss / (loss / ratio + codec.bpl?))
}

/// The mean opinion score of a rating (G.107 Annex B). The polynomial falls below 1 for small ratings.
fn mos(r: f64) -> f64 {
    match r {
        r if r <= 0.0 => 1.0,
        r if r >= 100.0 => 4.5,
        r => (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0),
    }
}

/// Default values of G.107 table 3: loudness, sidetone, room noise, circuit noise, echo.
mod default {
    pub(super) const SLR: f64 = 8.0;
    pub(super) const RLR: f64 = 2.0;
    pub(super) const STMR: f64 = 15.0;
    pub(super) const LSTR: f64 = 18.0;
    pub(super) const DS: f64 = 3.0;
    pub(super) const TELR: f64 = 65.0;
    pub(super) const WEPL: f64 = 110.0;
    pub(super) const QDU: f64 = 1.0;
    pub(super) const NC: f64 = -70.0;
    pub(super) const NFOR: f64 = -64.0;
    pub(super) const PS: f64 = 35.0;
    pub(super) const PR: f64 = 35.0;
}

use default::{DS, LSTR, NC, NFOR, PR, PS, QDU, RLR, SLR, STMR, TELR, WEPL};

fn power(decibels: f64) -> f64 {
    10_f64.powf(decibels / 10.0)
}

/// Ro - Is - Id of G.107 with default values, at a delay.
fn narrowband(delay: f64) -> f64 {
    let olr = SLR + RLR;
    // Sum of all noise, equations 7-3 to 7-7.
    let nos = PS - SLR - DS - 100.0 + 0.004 * (PS - olr - DS - 14.0).powi(2);
    let pre = PR + 10.0 * (1.0 + power(10.0 - LSTR)).log10();
    let nor = RLR - 121.0 + pre + 0.008 * (pre - 35.0).powi(2);
    let nfo = NFOR + RLR;
    let no = 10.0 * (power(NC) + power(nos) + power(nor) + power(nfo)).log10();
    let ro = 15.0 - 1.5 * (SLR + no);
    // Simultaneous impairments, equations 7-8 to 7-17.
    let xolr = olr + 0.2 * (64.0 + no - RLR);
    let iolr = 20.0 * ((1.0 + (xolr / 8.0).powi(8)).powf(1.0 / 8.0) - xolr / 8.0);
    let stmr = -10.0 * (power(-STMR) + (-delay / 4.0).exp() * power(-TELR)).log10();
    let ist = 12.0 * (1.0 + ((stmr - 13.0) / 6.0).powi(8)).powf(1.0 / 8.0)
        - 28.0 * (1.0 + ((stmr + 1.0) / 19.4).powi(35)).powf(1.0 / 35.0)
        - 13.0 * (1.0 + ((stmr - 3.0) / 33.0).powi(13)).powf(1.0 / 13.0)
        + 29.0;
    let q = 37.0 - 15.0 * QDU.log10();
    let g = 1.07 + 0.258 * q + 0.0602 * q * q;
    let iq = 15.0
        * (1.0
            + 10_f64.powf((ro - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0)
            + 10_f64.powf(46.0 / 30.0 - g / 40.0))
        .log10();
    let terv = TELR - echo_growth(delay);
    let idte = talker_echo(-1.5 * (no - RLR), 80.0 + 2.5 * (terv - 14.0), delay);
    ro - (iolr + ist + iq) - (idte + listener_echo(ro, delay) + pure_delay(delay))
}

/// Ro - Id of G.107.1 with default values, at a delay. Is is 0.
fn wideband(delay: f64) -> f64 {
    const RO: f64 = 129.0;
    let gain = if delay < 100.0 { 0.08 * delay + 10.0 } else { 18.0 };
    let terv = TELR + gain - echo_growth(delay);
    let idte = talker_echo(RO, 80.0 + 3.0 * (terv - 14.0), delay);
    RO - (idte + listener_echo(RO, delay) + pure_delay(delay))
}

/// How much worse an echo is for its delay (G.107 equation 7-22).
fn echo_growth(delay: f64) -> f64 {
    40.0 * ((1.0 + delay / 10.0) / (1.0 + delay / 150.0)).log10() - 6.0 * (-0.3 * delay * delay).exp()
}

/// Idte of G.107 equation 7-20.
fn talker_echo(roe: f64, re: f64, delay: f64) -> f64 {
    let half = (roe - re) / 2.0;
    (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-delay).exp())
}

/// Idle of G.107 equation 7-25; the round trip is twice the delay.
fn listener_echo(ro: f64, delay: f64) -> f64 {
    let half = (ro - 10.5 * (WEPL + 7.0) * (2.0 * delay + 1.0).powf(-0.25)) / 2.0;
    half + (half * half + 169.0).sqrt()
}

/// Idd of G.107 equation 7-27, for ordinary sensitivity to delay.
fn pure_delay(delay: f64) -> f64 {
    if delay <= 100.0 {
        return 0.0;
    }
    let x = (delay / 100.0).log2();
    let sixth = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
    25.0 * (sixth(x) - 3.0 * sixth(x / 3.0) + 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64, by: f64) {
        assert!((found - wanted).abs() <= by, "{found} is not {wanted}");
    }

    fn network(loss_percent: f64, delay_ms: f64) -> Network {
        Network { loss_percent, burst_ratio: 1.0, delay_ms }
    }

    #[test]
    fn the_default_connection_has_the_published_rating() {
        // G.107 section 7.7: all parameters at their default give R = 93.2, and Annex B then MOS = 4.41.
        let rating = rate("PCMA", network(0.0, 0.0)).unwrap();
        near(rating.r, 93.2, 0.05);
        near(rating.mos, 4.41, 0.005);
    }

    #[test]
    fn scores_are_those_of_annex_b() {
        // G.107 table B.1: lower limits of R and MOS.
        for (r, wanted) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            near(mos(r), wanted, 0.011);
        }
        assert_eq!((mos(-3.0), mos(3.0), mos(100.0), mos(120.0)), (1.0, 1.0, 4.5, 4.5));
    }

    #[test]
    fn delay_costs_what_the_recommendation_says() {
        // Idd by equation 7-27 at 200 ms. At 150 ms with the default echo Ro is 94.77, Is 1.41 and Id 3.8.
        near(pure_delay(200.0), 3.04, 0.01);
        near(narrowband(150.0), 94.77 - 1.41 - 3.8, 0.06);
        near(rate("G729", network(2.0, 150.0)).unwrap().r, 70.5, 0.1);
    }

    #[test]
    fn loss_costs_what_the_tables_of_impairments_say() {
        // G.113 Appendix I (1999), tables I.2 and I.3: Ie at a random loss. The formula is a fit to them.
        let tables: [(&str, &[(f64, f64)]); 3] = [
            ("G729", &[(0.0, 11.0), (2.0, 19.0), (8.0, 36.0), (16.0, 49.0)]),
            ("PCMU", &[(0.0, 0.0), (1.0, 5.0), (2.0, 7.0), (5.0, 15.0), (10.0, 25.0)]),
            ("GSM-EFR", &[(0.0, 5.0), (5.0, 33.0)]),
        ];
        let free = narrowband(0.0);
        for (name, values) in tables {
            for (loss, ie) in values {
                near(free - rate(name, network(*loss, 0.0)).unwrap().r, *ie, 2.2);
            }
        }
    }

    #[test]
    fn bursts_cost_more_and_what_is_not_published_has_no_rating() {
        let burst = Network { burst_ratio: 2.0, ..network(2.0, 0.0) };
        assert!(rate("PCMU", burst).unwrap().r < rate("PCMU", network(2.0, 0.0)).unwrap().r - 0.2);
        assert_eq!(rate("opus", network(0.0, 0.0)), None);
        assert_eq!(rate("G722", network(1.0, 0.0)), None);
    }

    #[test]
    fn wideband_has_its_own_scale() {
        // G.107.1: R = 129 and Ie,WB = 13 give R = 116, and MOS 4.34 by Annex A.
        let rating = rate("G722", network(0.0, 0.0)).unwrap();
        near(rating.r, 116.0, 1.0);
        near(rating.mos, 4.34, 0.02);
        assert!(rate("G722", network(0.0, 300.0)).unwrap().r < rating.r - 10.0);
    }

    #[test]
    fn no_rating_leaves_its_scale() {
        for name in ["PCMU", "G729", "G726-16", "G722"] {
            for loss in [0.0, 0.1, 50.0, 100.0, 1e9, -1.0] {
                for delay in [0.0, 1.0, 99.0, 500.0, 1e6] {
                    if let Some(rating) = rate(name, network(loss, delay)) {
                        assert!((1.0..=4.5).contains(&rating.mos) && (0.0..=129.0).contains(&rating.r));
                    }
                }
            }
        }
    }
}
