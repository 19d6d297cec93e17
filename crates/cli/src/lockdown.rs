//! The needs of a run behind the lock, from the arguments and the configuration, and the messages about the lock.

use std::path::PathBuf;

use bellwether_app::{LockOptions, Walls, close_lock};
use bellwether_confine::{Finding, State, User};

use crate::args::Common;
use crate::config::{AlertSettings, Config};
use crate::outcome::Failure;

/// The needs of a run when the lock is closed.
pub(crate) struct Needs<'a> {
    /// The captures to read.
    pub(crate) captures: Vec<PathBuf>,
    /// Files that are read again on request, beside the configuration. Other files may stand in their places then.
    pub(crate) reads_again: Vec<PathBuf>,
    /// A folder to write to, beside the database's.
    pub(crate) writes: Option<PathBuf>,
    /// True if the run opens sockets, and reads the configuration and its files again on request.
    pub(crate) is_lasting: bool,
    /// True if alerts go out.
    pub(crate) is_networked: bool,
    /// True if the run serves connections over HTTP.
    pub(crate) is_server: bool,
    /// The user to become.
    pub(crate) user: Option<&'a str>,
}

/// Closes the lock before any thread is started. `tell` gets messages about missing parts and gaps.
pub(crate) fn close(
    common: &Common,
    config: &Config,
    needs: Needs<'_>,
    tell: &dyn Fn(&str),
) -> Result<Walls, Failure> {
    let user = match needs.user {
        None => None,
        Some(name) => Some(User::named(name).map_err(|e| Failure::Usage(format!("sense.user: {e}")))?),
    };
    let mut reads_again = needs.reads_again;
    if needs.is_lasting {
        reads_again.extend(common.config.clone());
        reads_again.extend(files_of(&config.alerts));
    }
    let options = LockOptions {
        db: &common.db,
        key_file: &config.key_file,
        wishes: config.confine(),
        user: user.clone(),
        reads: needs.captures,
        reads_again,
        writes: needs.writes.into_iter().collect(),
        is_networked: needs.is_networked || needs.is_lasting,
        is_server: needs.is_server,
    };
    let (walls, findings) = close_lock(options, tell)?;
    let is_held = |finding: &&Finding| matches!(finding.state, State::Held(_));
    // An ordinary user who replays captures has no right to close all parts, and needs none of them.
    if needs.is_lasting || common.is_verbose() {
        for finding in findings.iter().filter(|finding| !is_held(finding)) {
            tell(&format!("the lock has a gap; {finding}"));
        }
    }
    if needs.is_lasting {
        let closed: Vec<String> = findings.iter().filter(is_held).map(ToString::to_string).collect();
        let user = user.as_ref().map(|user| format!(", as the user {user}")).unwrap_or_default();
        tracing::info!(parts = closed.len(), "behind the lock{user}: {}", closed.join("; "));
    }
    Ok(walls)
}

/// The files of all receivers of alerts.
pub(crate) fn files_of(alerts: &AlertSettings) -> Vec<PathBuf> {
    let named = |receiver: &crate::config::ReceiverSettings| {
        [&receiver.ca_file, &receiver.certificate_file, &receiver.key_file, &receiver.secret_file]
            .map(PathBuf::from)
    };
    alerts.receivers.iter().flat_map(named).filter(|path| !path.as_os_str().is_empty()).collect()
}
