//! The table `alerts` of the configuration, as options of the delivery.

use std::path::PathBuf;

use bellwether_alert::{Limits, ThrottleLimits, TlsFiles};
use bellwether_app::{AlertOptions, ReceiverOptions};

use crate::config::{AlertSettings, ReceiverSettings};

/// The options. Parsing of the file has already refused wrong settings.
pub(crate) fn alert_options(settings: &AlertSettings) -> AlertOptions {
    let (quiet, per_minute) = (settings.quiet_s.span(), settings.per_minute);
    AlertOptions {
        throttle: ThrottleLimits { quiet, per_minute, ..ThrottleLimits::default() },
        limits: Limits { backlog: settings.backlog, ..Limits::default() },
        least: settings.min_severity.into(),
        host: some(&settings.host),
        receivers: settings.receivers.iter().map(receiver_options).collect(),
    }
}

fn receiver_options(receiver: &ReceiverSettings) -> ReceiverOptions {
    let file = |path: &str| some(path).map(PathBuf::from);
    ReceiverOptions {
        name: receiver.name.clone(),
        target: receiver.target.0.clone(),
        format: receiver.format.into(),
        facility: receiver.facility.0,
        confirm: receiver.confirm,
        tls: TlsFiles {
            ca: file(&receiver.ca_file),
            server_name: some(&receiver.server_name),
            client: file(&receiver.certificate_file).zip(file(&receiver.key_file)),
        },
        secret_file: file(&receiver.secret_file),
    }
}

/// An empty setting gives `None`.
fn some(setting: &str) -> Option<String> {
    (!setting.is_empty()).then(|| setting.to_owned())
}
