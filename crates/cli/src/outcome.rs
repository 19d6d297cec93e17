use std::fmt;
use std::io;
use std::process::ExitCode;

use bellwether_app::AppError;
use bellwether_base::Shown;
use bellwether_capture::LiveError;
use bellwether_sensor::SensorError;
use bellwether_store::StoreError;

/// The exit code of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: the work failed.
    Failed,
    /// 2: usage or configuration error.
    Usage,
    /// 3: done, but some input was unreadable or cut.
    Partial,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
        })
    }
}

/// Columns of the longest message.
const LONGEST_MESSAGE: usize = 4096;

/// The reason why a command did not do its work, in one sentence for a person.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call or the configuration is wrong.
    Usage(String),
    /// The configuration is wrong, in lines of which some quote it.
    Config(String),
    /// The work failed.
    Work(String),
    /// The reader of the output closed it.
    BrokenPipe,
}

impl Failure {
    /// A filter that does not compile is the caller's mistake; the rest is the machine's.
    pub(crate) fn from_live(error: &LiveError) -> Self {
        match error {
            LiveError::Filter(..) | LiveError::NoInterface(..) | LiveError::NoStamps(_) => {
                Self::Usage(error.to_string())
            }
            LiveError::NotPermitted(_)
            | LiveError::ClocksApart(..)
            | LiveError::Down(_)
            | LiveError::Replaced(..)
            | LiveError::Other(..) => Self::Work(error.to_string()),
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Config(_) => Exit::Usage,
            Self::Work(_) => Exit::Failed,
            Self::BrokenPipe => Exit::Done,
        }
    }

    /// For the operator's eyes: a name in it may be one that traffic chose.
    pub(crate) fn shown(&self) -> Shown {
        match self {
            Self::Config(text) => Shown::lines(text),
            other => Shown::within(&other.to_string(), LONGEST_MESSAGE),
        }
    }

    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Usage(_) | Self::Config(_) => {
                Some("`bellwether help` shows the commands and their options.")
            }
            Self::Work(_) | Self::BrokenPipe => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Config(text) | Self::Work(text) => f.write_str(text),
            Self::BrokenPipe => f.write_str("the output was closed"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Work(format!("cannot write the output: {e}"))
        }
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        if e.is_usage() { Self::Usage(e.to_string()) } else { Self::Work(e.to_string()) }
    }
}

impl From<AppError> for Failure {
    fn from(e: AppError) -> Self {
        match e {
            AppError::Option(text) => Self::Usage(text),
            AppError::Work(text) => Self::Work(text),
            AppError::Store(e) => e.into(),
            AppError::Sensor(e) => e.into(),
        }
    }
}

impl From<SensorError> for Failure {
    fn from(e: SensorError) -> Self {
        match e {
            SensorError::Store(e) => e.into(),
            e => Self::Work(e.to_string()),
        }
    }
}
