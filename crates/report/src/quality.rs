//! The quality of a stream as users of telephony expect it.

use bellwether_rtp::emodel::{DEFAULT_ROUND_TRIP_MS, Network, Rating, TERMINALS_MS, rate};
use bellwether_store::StoreError;
use rusqlite::Row;

/// Values of one stream; none where something needed is unknown.
pub(crate) struct Quality {
    /// Lost packets of all that were expected.
    pub(crate) loss_percent: Option<f64>,
    /// Lost packets of those in bursts (burst density of RFC 3611 section 4.7.2); 0 without a burst.
    pub(crate) burst_loss_percent: Option<f64>,
    /// Round trip between both ends, if it was reported or measured.
    pub(crate) round_trip_ms: Option<f64>,
    /// The rating of the E-model.
    pub(crate) rating: Option<Rating>,
}

impl Quality {
    pub(crate) fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let count = |column: &str| row.get::<_, i64>(column).map(|n| n as f64);
        let (packets, duplicates, lost) = (count("packets")?, count("duplicates")?, count("lost")?);
        let expected = packets - duplicates + lost;
        let loss_percent = (expected > 0.0).then(|| 100.0 * lost / expected);
        let number = |column: &str| row.get::<_, Option<f64>>(column);
        // Versions before 22 did not count bursts.
        let bursts = number("burst_lost")?.zip(number("burst_packets")?);
        let burst_loss_percent = bursts.map(|(lost, of)| if of > 0.0 { 100.0 * lost / of } else { 0.0 });
        let round_trip_ms =
            round_trip(number("xr_round_trip_ms")?, number("receiver_rtt_ms")?, number("sender_rtt_ms")?);
        let codec: Option<String> = row.get("codec")?;
        let runs = number("loss_runs")?;
        let rating = loss_percent.zip(codec).and_then(|(loss_percent, codec)| {
            let delay_ms = round_trip_ms.unwrap_or(DEFAULT_ROUND_TRIP_MS) / 2.0 + TERMINALS_MS;
            let burst_ratio = burst_ratio(lost, runs, loss_percent);
            rate(&codec, Network { loss_percent, burst_ratio, delay_ms })
        });
        Ok(Self { loss_percent, burst_loss_percent, round_trip_ms, rating })
    }
}

/// The receiver knows the whole way. The sensor sees the way to each end, and the sum of both.
fn round_trip(reported: Option<f64>, to_receiver: Option<f64>, to_sender: Option<f64>) -> Option<f64> {
    reported.or_else(|| Some(to_receiver? + to_sender.unwrap_or(0.0)))
}

/// Mean length of lost sequences over that of random loss, which is 1 / (1 - loss) (G.107 section 7.5).
fn burst_ratio(lost: f64, runs: Option<f64>, loss_percent: f64) -> f64 {
    let runs = runs.filter(|runs| *runs > 0.0);
    runs.map_or(1.0, |runs| (lost / runs * (1.0 - loss_percent / 100.0)).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_trip_is_the_receivers_or_the_sum_of_both_ways() {
        assert_eq!(round_trip(Some(90.0), Some(10.0), Some(20.0)), Some(90.0));
        assert_eq!(round_trip(None, Some(10.0), Some(20.0)), Some(30.0));
        assert_eq!(round_trip(None, Some(10.0), None), Some(10.0));
        assert_eq!(round_trip(None, None, Some(20.0)), None);
    }

    #[test]
    fn random_loss_has_the_ratio_1_and_rows_of_losses_more() {
        assert_eq!(burst_ratio(10.0, Some(10.0), 2.0), 1.0);
        assert_eq!(burst_ratio(100.0, Some(20.0), 10.0), 4.5);
        assert_eq!(burst_ratio(0.0, Some(0.0), 0.0), 1.0);
        assert_eq!(burst_ratio(5.0, None, 1.0), 1.0);
    }
}
