use bellwether_base::{Span, Timestamp};
use bellwether_rtp::{Bursts, ReceptionReport, SenderReport, VoipMetrics};

/// A longer round trip is none: the report answers another one.
const MAX_ROUND_TRIP: Span = Span::from_secs(10);

/// What receivers report about a stream (RTCP). A stream without reports has none.
#[derive(Debug, Default)]
pub(crate) struct Feedback {
    /// Middle 32 bits of the wall clock in the sender's last report, and the time when it passed.
    last_report: u32,
    reported_at: Timestamp,
    /// Round trips from here to the receiver and back, and their sum in ms.
    round_trips: u32,
    sum_ms: f32,
    metrics: Option<VoipMetrics>,
}

/// The quality of a stream, as far as the network shows it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct StreamQuality {
    /// How the losses cluster.
    pub bursts: Bursts,
    /// Mean round trip from the sensor to the receiver and back.
    pub receiver_rtt_ms: Option<f64>,
    /// Round trip between both ends that the receiver reported (RFC 3611 section 4.7.3).
    pub xr_round_trip_ms: Option<f64>,
    /// Mean opinion score that the receiver reported (RFC 3611 section 4.7.5).
    pub xr_mos: Option<f64>,
}

impl Feedback {
    /// Notes a report of the sender.
    pub(crate) const fn sent(&mut self, report: &SenderReport, at: Timestamp) {
        (self.last_report, self.reported_at) = ((report.ntp >> 16) as u32, at);
    }

    /// Measures the round trip to the receiver by its answer to the last report (RFC 3550 section 6.4.1).
    pub(crate) fn answered(&mut self, report: &ReceptionReport, at: Timestamp) {
        if report.last_report == 0 || report.last_report != self.last_report {
            return;
        }
        let held = Span::from_nanos(i64::from(report.delay) * 1_000_000_000 / 65_536);
        let round_trip = at.since(self.reported_at) - held;
        if (Span::from_nanos(0)..MAX_ROUND_TRIP).contains(&round_trip) {
            self.round_trips += 1;
            self.sum_ms += (round_trip.as_secs_f64() * 1e3) as f32;
        }
    }

    /// Notes the receiver's own metrics. They count from the start of the stream, so the last ones hold.
    pub(crate) const fn measured(&mut self, metrics: VoipMetrics) {
        self.metrics = Some(metrics);
    }

    /// Adds the reports to how the losses cluster.
    pub(crate) fn quality(feedback: Option<&Self>, bursts: Bursts) -> StreamQuality {
        let Some(feedback) = feedback else { return StreamQuality { bursts, ..StreamQuality::default() } };
        let mean = f64::from(feedback.sum_ms) / f64::from(feedback.round_trips.max(1));
        StreamQuality {
            bursts,
            receiver_rtt_ms: (feedback.round_trips > 0).then_some(mean),
            xr_round_trip_ms: feedback.metrics.and_then(|of| of.round_trip_ms).map(f64::from),
            xr_mos: feedback.metrics.and_then(|of| of.mos_tenths).map(|tenths| f64::from(tenths) / 10.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_trip_is_the_time_between_report_and_answer_without_the_receivers_own() {
        let at = |ms: i64| Timestamp::from_nanos(1_700_000_000_000_000_000 + ms * 1_000_000);
        let mut feedback = Feedback::default();
        let report = |ntp| SenderReport { ssrc: 1, ntp, ticks: 0, packets: 0 };
        let answer = |last_report, delay| ReceptionReport { source: 1, last_report, delay };
        feedback.answered(&answer(0, 0), at(0));
        feedback.sent(&report(0x1111_2222_3333_4444), at(1000));
        feedback.answered(&answer(0x1111_2222, 65_536), at(2030));
        feedback.answered(&answer(0x2222_3333, 2 * 65_536), at(3050));
        feedback.answered(&answer(0x2222_3333, 2 * 65_536), at(2999));
        feedback.answered(&answer(0x2222_3333, 0), at(60_000));
        let quality = Feedback::quality(Some(&feedback), Bursts::default());
        assert_eq!(quality.receiver_rtt_ms, Some(50.0), "one answer of four fits");
        assert_eq!((quality.xr_mos, quality.xr_round_trip_ms), (None, None));
    }
}
