use std::io;

use bellwether_base::Timestamp;

use crate::Notice;

/// Somebody who is told.
///
/// Syslog knows no answer, so handing over and knowing that it arrived are two steps: what was sent since the
/// last [`Receiver::settle`] that succeeded is sent again if anything fails.
pub trait Receiver: Send {
    /// Hands one notice over.
    ///
    /// # Errors
    /// If the receiver is away or wants none of it.
    fn send(&mut self, notice: &Notice, now: Timestamp) -> Result<(), Failure>;

    /// Makes sure that everything sent has arrived, as far as the transport can tell.
    ///
    /// # Errors
    /// If it has not, or it cannot be known.
    fn settle(&mut self) -> Result<(), Failure>;

    /// How many notices are best sent before settling.
    fn portion(&self) -> usize;
}

impl<R: Receiver + ?Sized> Receiver for Box<R> {
    fn send(&mut self, notice: &Notice, now: Timestamp) -> Result<(), Failure> {
        (**self).send(notice, now)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        (**self).settle()
    }

    fn portion(&self) -> usize {
        (**self).portion()
    }
}

/// Why a notice did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The receiver cannot be reached, or does not take or confirm anything now: it is tried again.
    #[error("{0}")]
    Away(String),
    /// The receiver answers that it will never take this notice: the next one may be another matter.
    #[error("{0}")]
    Refused(String),
}

/// Away, with what was tried and what the system says.
pub(crate) fn away(doing: &str, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "took too long".to_owned(),
        // The operating system's words without its error number.
        _ => error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    };
    Failure::Away(format!("{doing}: {why}"))
}
