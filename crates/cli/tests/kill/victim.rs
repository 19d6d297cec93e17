//! A process for a kill test. The process is stopped, examined, and killed only at work.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::common::Running;

/// The phase of a process at its kill.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Phase {
    /// It ran, and there was no database yet.
    Before,
    /// It had read packets, and more came.
    Reading,
    /// A transaction was open.
    Commit,
    /// An alert was sent, and not answered.
    Delivery,
    /// A stop was requested, or all input was read. The rest was being scored, committed or awaited.
    Closing,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] =
        [Self::Before, Self::Reading, Self::Commit, Self::Delivery, Self::Closing];
}

/// Processor time below this may be that of being stopped.
const WORK: Duration = Duration::from_micros(200);

/// The maximum number of stops before the test gives up a phase, and the time between two stops.
const LOOKS: usize = 2000;
const BETWEEN: Duration = Duration::from_millis(1);

/// The visible work of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Look {
    /// Octets read from the input.
    pub(crate) taken: usize,
    /// Processor time of its threads.
    pub(crate) busy: Duration,
}

impl Look {
    /// True if the process worked between an earlier look and this one.
    pub(crate) fn is_beyond(self, earlier: Self) -> bool {
        self.taken > earlier.taken || self.busy.abs_diff(earlier.busy) >= WORK
    }
}

pub(crate) struct Victim {
    child: Running,
    pid: Pid,
}

impl Victim {
    pub(crate) fn new(child: Running) -> Self {
        let pid = Pid::from_child(&child);
        Self { child, pid }
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Asks for an orderly end.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid, Signal::TERM).unwrap();
    }

    /// True if the process has worked since its start.
    pub(crate) fn has_begun(&self) -> bool {
        self.busy() >= WORK
    }

    /// Kills it by SIGKILL, stopped or not. No status is given where it died of that.
    pub(crate) fn kill(mut self) -> Option<ExitStatus> {
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        (status.signal() != Some(9)).then_some(status)
    }

    /// Stops the process again and again until `phase_of` returns a phase. The argument of `phase_of` is true after work
    /// since the last look. The process then stays stopped.
    pub(crate) fn stop_at(
        &self,
        taken: impl Fn() -> usize,
        phase_of: impl Fn(&Self, bool) -> Option<Phase>,
    ) -> Option<Phase> {
        let mut last = Look { taken: taken(), busy: self.busy() };
        for _ in 0..LOOKS {
            kill_process(self.pid, Signal::STOP).ok()?;
            loop {
                match self.state()? {
                    'T' => break,
                    'Z' | 'X' => return None,
                    _ => std::thread::sleep(Duration::from_micros(50)),
                }
            }
            let look = Look { taken: taken(), busy: self.busy() };
            if let Some(phase) = phase_of(self, look.is_beyond(last)) {
                return Some(phase);
            }
            last = look;
            kill_process(self.pid, Signal::CONT).ok()?;
            std::thread::sleep(BETWEEN);
        }
        None
    }

    /// True if the process holds SQLite's write lock: octet 120 of the log's index (sqlite.org/walformat.html, section
    /// 2.3.1).
    pub(crate) fn has_transaction(&self) -> bool {
        let pid = self.pid.as_raw_nonzero().to_string();
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|lock| {
            let fields: Vec<&str> = lock.split_whitespace().collect();
            // 1: POSIX ADVISORY WRITE 4711 fe:00:1234 120 120
            let [.., kind, holder, _, from, to] = &*fields else { return false };
            let covers = from.parse().is_ok_and(|from: u64| from <= 120)
                && to.parse().is_ok_and(|to: u64| (120..1000).contains(&to));
            *kind == "WRITE" && *holder == pid && covers
        })
    }

    /// A process's state as proc(5) has it.
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// Processor time of the threads that there are.
    fn busy(&self) -> Duration {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", self.pid.as_raw_nonzero())) else {
            return Duration::ZERO;
        };
        let of = |task: std::fs::DirEntry| -> Option<u64> {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok()
        };
        Duration::from_nanos(tasks.flatten().filter_map(of).sum())
    }
}

/// Numbers of kills of a program at work, and of other kills, which are repeated.
#[derive(Default)]
pub(crate) struct Tally(Mutex<(BTreeMap<Phase, u64>, u64)>);

impl Tally {
    pub(crate) fn count(&self, phase: Phase) {
        *self.0.lock().unwrap().0.entry(phase).or_insert(0) += 1;
    }

    pub(crate) fn miss(&self) {
        self.0.lock().unwrap().1 += 1;
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.lock().unwrap().0.values().sum()
    }

    /// The phase with the fewest kills, of those given.
    pub(crate) fn rarest(&self, of: &[Phase]) -> Phase {
        let tally = self.0.lock().unwrap();
        *of.iter().min_by_key(|phase| tally.0.get(phase).copied().unwrap_or(0)).unwrap()
    }

    /// Every phase was hit; of a few kills chance decides which are.
    pub(crate) fn expect_all(&self) {
        const MANY: u64 = 100;
        if self.sum() < MANY {
            let phases = self.0.lock().unwrap().0.len();
            assert!(phases >= 3, "kills fell into {phases} phases: {self}");
            return;
        }
        for phase in Phase::ALL {
            assert!(self.0.lock().unwrap().0.contains_key(&phase), "no kill fell into {phase:?}: {self}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phases, misses) = &*self.0.lock().unwrap();
        write!(f, "{} kills at work:", phases.values().sum::<u64>())?;
        let count = |phase| phases.get(&phase).copied().unwrap_or(0);
        write!(
            f,
            " {} before the database, {} reading, {} within a commit, {} with an alert unanswered, {} closing; \
             {misses} missed and were repeated",
            count(Phase::Before),
            count(Phase::Reading),
            count(Phase::Commit),
            count(Phase::Delivery),
            count(Phase::Closing)
        )
    }
}
