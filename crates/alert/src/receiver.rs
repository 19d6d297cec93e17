use std::io;

use bellwether_base::{OutgoingAlert, Timestamp};

/// A destination of alerts.
///
/// Syslog has no acknowledgement, so sending and confirming are two steps. If either fails, the deliverer sends all alerts again that came
/// after the last successful [`Receiver::flush`].
pub trait Receiver: Send {
    /// Sends one alert.
    ///
    /// # Errors
    /// If the receiver is unreachable or refuses the alert.
    fn send(&mut self, outgoing: &OutgoingAlert, now: Timestamp) -> Result<(), Failure>;

    /// Makes sure that everything sent has arrived, as far as the transport can tell.
    ///
    /// # Errors
    /// If it has not arrived, or if that is unknown.
    fn flush(&mut self) -> Result<(), Failure>;

    /// The best number of alerts to send before a flush.
    fn batch_size(&self) -> usize;
}

impl<R: Receiver + ?Sized> Receiver for Box<R> {
    fn send(&mut self, outgoing: &OutgoingAlert, now: Timestamp) -> Result<(), Failure> {
        (**self).send(outgoing, now)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        (**self).flush()
    }

    fn batch_size(&self) -> usize {
        (**self).batch_size()
    }
}

/// Why an alert did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The receiver cannot be reached, or takes or confirms nothing now. A later try may succeed.
    #[error("{0}")]
    Unreachable(String),
    /// The receiver answers that it will never take this alert. It may take the next one.
    #[error("{0}")]
    Refused(String),
}

/// A failure of the transport, with the step that failed and the system's reason.
pub(crate) fn unreachable(step: &str, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "took too long".to_owned(),
        // The operating system's words without its error number.
        _ => error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    };
    Failure::Unreachable(format!("{step}: {why}"))
}
