//! The common part of all tests at the edge: a spool in memory and a clock.
#![expect(clippy::disallowed_types, reason = "a test at the edge waits by the clock")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bellwether_alert::{Deliverer, Delivery, Receiver, Sender, Spool, Timeouts, Wait};
use bellwether_base::{Alert, AlertKind, OutgoingAlert, Severity, Span, Timestamp};

/// Numbered alerts.
pub(crate) struct Numbered {
    pub(crate) newest: i64,
    pub(crate) cursor: i64,
}

impl Spool for Numbered {
    type Error = std::convert::Infallible;

    fn after(&mut self, id: i64, limit: usize) -> Result<Vec<OutgoingAlert>, Self::Error> {
        Ok((id + 1..=self.newest).take(limit).map(numbered).collect())
    }

    fn newest(&mut self) -> Result<i64, Self::Error> {
        Ok(self.newest)
    }

    fn cursor(&mut self, _receiver: &str) -> Result<i64, Self::Error> {
        Ok(self.cursor)
    }

    fn sent(&mut self, _receiver: &str, id: i64) -> Result<(), Self::Error> {
        self.cursor = id;
        Ok(())
    }
}

pub(crate) fn numbered(id: i64) -> OutgoingAlert {
    OutgoingAlert {
        id,
        alert: Alert {
            at: Timestamp::from_nanos(1_772_368_496_789_012_345),
            kind: AlertKind::DeviceShared,
            severity: Severity::Warning,
            subject: format!("sip:t-{id}@example.net"),
            message: format!("number {id}, \"schön\" \\ ]"),
            call: None,
            campaign: None,
            incident: None,
        },
        call_id: Some("a\"b\\c]d".into()),
        fingerprint: Some("2:9ac1".into()),
        score: Some(0.5),
        more: 0,
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap())
}

/// A delivery with short timeouts.
pub(crate) fn delivery() -> Delivery {
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        write: Duration::from_secs(2),
        confirm: Duration::from_secs(5),
    };
    Delivery {
        timeouts,
        ..Delivery::new(Sender { process: 4711, ..Sender::new("sensor.example.net", "0.1.0") })
    }
}

/// Polls until the spool is empty, as the program's loop does.
pub(crate) fn run<R: Receiver>(deliverer: &mut Deliverer<R>, spool: &mut Numbered, within: Duration) {
    let start = now();
    loop {
        assert!(
            now().since(start).as_secs_f64() < within.as_secs_f64(),
            "not sent within {within:?}: {:?}, {:?}",
            deliverer.outage(),
            deliverer.counts()
        );
        match deliverer.poll(spool, now()).unwrap() {
            Wait::Again => {}
            Wait::Until(then) => {
                let wait = then.since(now()).as_nanos().max(0).cast_unsigned();
                std::thread::sleep(Duration::from_nanos(wait));
            }
            Wait::NewAlert => return,
        }
    }
}

/// Short waits, so that a test need not wait long.
pub(crate) fn limits() -> bellwether_alert::Limits {
    bellwether_alert::Limits {
        shortest_wait: Span::from_millis(50),
        longest_wait: Span::from_millis(400),
        ..bellwether_alert::Limits::default()
    }
}
