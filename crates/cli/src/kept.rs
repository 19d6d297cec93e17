//! The ring of signalling packets: a thread of a run that writes it, and its segments for commands that read it.

use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::thread::JoinHandle;

use bellwether_app::InstallationKey;
use bellwether_base::{Span, Timestamp};
use bellwether_enrich::Privacy;
use bellwether_evidence::Source;
use bellwether_evidence::ring::{RingKey, RingOptions, segments, segments_between, write_ring};
use bellwether_sensor::{SignallingTap, signalling_tap};

use crate::args::Common;
use crate::config::Config;
use crate::notes::{note, tell_operator};
use crate::outcome::Failure;

/// Time around a thing in which its segments are searched: clocks of agents differ from the sensor's.
const AROUND: Span = Span::from_secs(3600);

/// The ring of a run before its thread starts.
pub(crate) struct Ring(Option<RingOptions>);

impl Ring {
    /// Makes the folder, and reads the key. The installation exists already.
    pub(crate) fn prepare(common: &Common, config: &Config) -> Result<Self, Failure> {
        let Some(folder) = config.ring_folder() else { return Ok(Self(None)) };
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|e| Failure::Usage(format!("ring.folder {}: {e}", folder.display())))?;
        let key = match config.privacy() {
            Privacy::Clear => None,
            Privacy::Tokens => Some(
                key(common, config)?.ok_or_else(|| InstallationKey::missing(&config.key_file, &common.db))?,
            ),
        };
        let (max_bytes, max_age) = config.ring_bounds();
        Ok(Self(Some(RingOptions { folder, max_bytes, max_age, key, tunnels: config.tunnels() })))
    }

    /// Starts the thread. The run gets the tap, and the thread ends when the run has ended.
    pub(crate) fn start(self) -> Result<(Option<SignallingTap>, RingThread), Failure> {
        let Some(options) = self.0 else { return Ok((None, RingThread(None))) };
        let (tap, frames) = signalling_tap();
        let body = move || {
            if let Err(e) = write_ring(&frames, &options) {
                tell_operator(&format!(
                    "the ring in {} cannot be written: {e}; packets are counted as packet_not_kept",
                    options.folder.display()
                ));
            }
        };
        let thread = std::thread::Builder::new().name("ring".to_owned()).spawn(body);
        let thread = thread.map_err(|e| Failure::Work(format!("no thread for the ring: {e}")))?;
        Ok((Some(tap), RingThread(Some(thread))))
    }
}

/// The thread of a ring. A drop waits for its end, so the run must have ended before.
pub(crate) struct RingThread(Option<JoinHandle<()>>);

impl Drop for RingThread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn key(common: &Common, config: &Config) -> Result<Option<RingKey>, Failure> {
    let mut warn = |warning: String| note(common, &warning);
    let key = InstallationKey::read(&config.key_file, &common.db, &mut warn)?;
    Ok(key.map(|key| RingKey::new(key.secret())))
}

/// The segments of the ring with frames of a time; none without a ring.
pub(crate) fn kept_between(
    common: &Common,
    config: &Config,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Source>, Failure> {
    let Some(folder) = config.ring_folder() else { return Ok(Vec::new()) };
    let all = match segments(&folder) {
        Ok(all) => all,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Failure::Work(format!("ring.folder {}: {e}", folder.display()))),
    };
    let key = key(common, config)?.map(Arc::new);
    let wanted = segments_between(&all, from - AROUND, to + AROUND);
    Ok(wanted.into_iter().map(|segment| Source::Segment(segment, key.clone())).collect())
}
