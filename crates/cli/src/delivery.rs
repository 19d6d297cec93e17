//! Alerts on their way to receivers, beside whatever makes them: a thread for each, so that none waits for another.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bellwether_alert::{
    Deliverer, Delivery, Limits, Notice, Receiver, Sender, Severity, Spool, Throttle, ThrottleLimits,
    TlsFiles, Wait,
};
use bellwether_base::{Span, Timestamp};
use bellwether_store::{AlertSpool, SpooledAlert, StoreError};

use crate::config::{AlertSettings, ReceiverSettings};
use crate::outcome::{Failure, no_thread};

/// How often is looked for news, and for the end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long what is left may take once the run is over: what does not go out then waits in the database for the next.
const LEAVE_WITHIN: Span = Span::from_secs(10);

type Post = Deliverer<Box<dyn Receiver>>;

/// Receivers that are ready, each with its place in the spool.
pub(crate) struct Deliveries {
    couriers: Vec<(Post, AlertSpool)>,
    least: Severity,
    db: PathBuf,
    key_id: String,
}

/// Puts other receivers in the place of those that are served: all of them, or none if one cannot be opened.
pub(crate) type Exchange<'a> = dyn Fn(&AlertSettings) -> Result<(), Failure> + 'a;

/// Threads that were started together, until others take their place.
#[derive(Default)]
struct Shift {
    is_over: AtomicBool,
    at_work: AtomicUsize,
}

/// One thread of a shift, however it ends.
struct AtWork(Arc<Shift>);

impl AtWork {
    fn new(shift: &Arc<Shift>) -> Self {
        shift.at_work.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shift))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Release);
    }
}

impl Deliveries {
    /// Opens the receivers of the configuration. A new one begins with the next alert.
    pub(crate) fn open(settings: &AlertSettings, db: &Path, key_id: &str) -> Result<Self, Failure> {
        let mut couriers = Vec::new();
        let least = settings.min_severity.into();
        if db != Path::new(":memory:") {
            for receiver in &settings.receivers {
                let mut spool = AlertSpool::open(db, key_id)?;
                spool.register(&receiver.name)?;
                couriers.push((courier(settings, receiver)?, spool));
            }
        }
        Ok(Self { couriers, least, db: db.to_path_buf(), key_id: key_id.to_owned() })
    }

    /// Runs `work` while alerts go out, and what is left of them behind it. What befalls receivers goes to `tell`; `work` may exchange them.
    pub(crate) fn beside<T>(
        self,
        tell: impl Fn(&str) + Sync,
        work: impl FnOnce(&Exchange<'_>) -> T,
    ) -> Result<T, Failure> {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (is_over, tell) = (&is_over, &tell);
            let (db, key_id) = (self.db.clone(), self.key_id.clone());
            let present = RefCell::new(Arc::new(Shift::default()));
            let begin = |deliveries: Self, before: Arc<Shift>, shift: &Arc<Shift>| {
                let least = deliveries.least;
                deliveries.couriers.into_iter().try_for_each(|(courier, spool)| {
                    let (spooled, before, at_work) =
                        (Spooled { spool, least }, Arc::clone(&before), AtWork::new(shift));
                    std::thread::Builder::new()
                        .name(format!("alerts-{}", courier.name()))
                        .spawn_scoped(scope, move || {
                            // Two that serve one receiver would send everything twice.
                            while before.at_work.load(Ordering::Acquire) > 0 {
                                std::thread::sleep(LOOK_EVERY);
                            }
                            deliver(courier, spooled, is_over, &at_work.0.is_over, tell);
                        })
                        .map_err(no_thread)?;
                    Ok(())
                })
            };
            let exchange = |settings: &AlertSettings| {
                let deliveries = Self::open(settings, &db, &key_id)?;
                let next = Arc::new(Shift::default());
                let before = present.replace(Arc::clone(&next));
                before.is_over.store(true, Ordering::Relaxed);
                begin(deliveries, before, &next)
            };
            let first = Arc::clone(&present.borrow());
            let started: Result<(), Failure> = begin(self, Arc::default(), &first);
            let done = started.map(|()| work(&exchange));
            is_over.store(true, Ordering::Relaxed);
            done
        })
    }
}

/// Serves a receiver until the run is over and what is left was sent, or until others take over.
fn deliver(
    mut courier: Post,
    mut spool: Spooled,
    is_over: &AtomicBool,
    is_relieved: &AtomicBool,
    tell: &dyn Fn(&str),
) {
    let mut leaves_at: Option<Timestamp> = None;
    let mut told_away = false;
    // The spool fails the same way again and again while somebody holds the database locked.
    let mut told_failure = String::new();
    let (mut skipped, mut refused) = (0, 0);
    loop {
        if is_relieved.load(Ordering::Relaxed) {
            return;
        }
        if is_over.load(Ordering::Relaxed) && leaves_at.is_none() {
            leaves_at = Some(now() + LEAVE_WITHIN);
        }
        let wait = match courier.turn(&mut spool, now()) {
            Ok(wait) => {
                told_failure.clear();
                wait
            }
            Err(e) => {
                let failure = e.to_string();
                if failure != told_failure {
                    tell(&format!("alerts for {} wait: {failure}", courier.name()));
                }
                told_failure = failure;
                Wait::Until(now() + Span::from_secs(5))
            }
        };
        match courier.away() {
            Some((_, why)) if !told_away => {
                tell(&format!("alerts for {} wait: {why}", courier.name()));
                told_away = true;
            }
            None if told_away => {
                tell(&format!("{} takes alerts again", courier.name()));
                told_away = false;
            }
            _ => {}
        }
        let counts = courier.counts();
        if (counts.skipped, counts.refused) != (skipped, refused) {
            let name = courier.name().to_owned();
            tell(&format!("alerts for {name}: {} passed over, {} refused", counts.skipped, counts.refused));
            if let Err(e) = spool.spool.lost(&name, counts.skipped - skipped, counts.refused - refused) {
                tell(&format!("alerts for {name}: {e}"));
            }
            (skipped, refused) = (counts.skipped, counts.refused);
        }
        let until = match wait {
            Wait::Again => continue,
            Wait::Until(at) => Some(at),
            Wait::News => None,
        };
        match leaves_at {
            Some(at) if until.is_none() || now() >= at => return,
            Some(_) => std::thread::sleep(Duration::from_millis(100)),
            None => std::thread::sleep(LOOK_EVERY),
        }
        // A receiver that is away is left alone until its time has come, or the end.
        while let Some(at) = until
            && now() < at
            && !is_over.load(Ordering::Relaxed)
            && !is_relieved.load(Ordering::Relaxed)
        {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// The spool as a courier sees it.
struct Spooled {
    spool: AlertSpool,
    least: Severity,
}

impl Spool for Spooled {
    type Error = StoreError;

    fn after(&mut self, id: i64, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let mut from = id;
        // What is of too little weight is passed over; a portion without any that counts is no end.
        loop {
            let rows = self.spool.after(from, limit)?;
            let Some(last) = rows.last().map(|row| row.id) else { return Ok(Vec::new()) };
            let notices: Vec<Notice> =
                rows.into_iter().map(notice).filter(|notice| notice.severity >= self.least).collect();
            if !notices.is_empty() {
                return Ok(notices);
            }
            from = last;
        }
    }

    fn newest(&mut self) -> Result<i64, StoreError> {
        self.spool.newest()
    }

    fn cursor(&mut self, receiver: &str) -> Result<i64, StoreError> {
        self.spool.cursor(receiver)
    }

    fn sent(&mut self, receiver: &str, id: i64) -> Result<(), StoreError> {
        self.spool.sent(receiver, id)
    }
}

fn notice(row: SpooledAlert) -> Notice {
    Notice {
        id: row.id,
        at: row.at,
        kind: row.kind,
        severity: severity(&row.severity),
        subject: row.subject,
        message: row.message,
        call_id: row.call_id,
        campaign: row.campaign,
        fingerprint: row.fingerprint,
        score: row.score,
        more: 0,
    }
}

fn severity(name: &str) -> Severity {
    match name {
        "critical" => Severity::Critical,
        "warning" => Severity::Warning,
        _ => Severity::Notice,
    }
}

fn courier(settings: &AlertSettings, receiver: &ReceiverSettings) -> Result<Post, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::Usage(format!("receiver {}: {e}", receiver.name));
    let host = if settings.host.is_empty() { host_name() } else { settings.host.clone() };
    let mut sender = Sender::new(host, env!("CARGO_PKG_VERSION"));
    sender.facility = receiver.facility.0;
    let mut delivery = Delivery::new(sender);
    delivery.format = receiver.format.into();
    delivery.confirm = receiver.confirm;
    let file = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
    delivery.tls = TlsFiles {
        ca: file(&receiver.ca_file),
        server_name: (!receiver.server_name.is_empty()).then(|| receiver.server_name.clone()),
        client: file(&receiver.certificate_file).zip(file(&receiver.key_file)),
    };
    if let Some(path) = file(&receiver.secret_file) {
        let secret = std::fs::read(&path).map_err(|e| wrong(&format!("{}: {e}", path.display())))?;
        delivery.secret = Some(secret.trim_ascii().to_vec());
    }
    let opened = receiver.target.0.open(&delivery).map_err(|e| wrong(&e))?;
    let throttle = Throttle::new(ThrottleLimits {
        quiet: settings.quiet_s.span(),
        per_minute: settings.per_minute,
        ..ThrottleLimits::default()
    });
    let limits = Limits { backlog: settings.backlog, ..Limits::default() };
    // Receivers that went away together shall not all come back in one moment.
    let seed = now().as_nanos().cast_unsigned();
    Ok(Deliverer::new(receiver.name.clone(), opened, Some(throttle), limits, seed))
}

fn now() -> Timestamp {
    Timestamp::from_nanos(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "-".to_owned() } else { name }
}
