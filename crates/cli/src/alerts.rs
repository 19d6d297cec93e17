//! The table `alerts` of the configuration, as options of the delivery.

use std::path::PathBuf;

use bellwether_alert::{Facility, Format, Limits, ThrottleLimits, TlsFiles};
use bellwether_app::{AlertOptions, ReceiverOptions};
use bellwether_base::Span;

use crate::config::{AlertSettings, ReceiverSettings};
use crate::outcome::Failure;

/// The options, or what is wrong with the settings.
pub(crate) fn alert_options(settings: &AlertSettings) -> Result<AlertOptions, Failure> {
    let quiet = Span::from_secs(i64::from(settings.quiet_s));
    Ok(AlertOptions {
        throttle: ThrottleLimits { quiet, per_minute: settings.per_minute, ..ThrottleLimits::default() },
        limits: Limits { backlog: settings.backlog, ..Limits::default() },
        least: settings.least.parse().map_err(|e| Failure::Usage(format!("alerts.least: {e}")))?,
        host: some(&settings.host),
        receivers: settings.receivers.iter().map(receiver_options).collect::<Result<_, _>>()?,
    })
}

fn receiver_options(receiver: &ReceiverSettings) -> Result<ReceiverOptions, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::Usage(format!("receiver {}: {e}", receiver.name));
    let facility = &receiver.facility;
    let file = |path: &str| some(path).map(PathBuf::from);
    Ok(ReceiverOptions {
        name: receiver.name.clone(),
        target: receiver.target.parse().map_err(|e: bellwether_alert::TargetError| wrong(&e))?,
        format: match receiver.format.as_str() {
            "" => None,
            "rfc5424" => Some(Format::Rfc5424),
            "cef" => Some(Format::Cef),
            "local" => Some(Format::Local),
            other => return Err(wrong(&format!("the format is rfc5424, cef or local, not {other}"))),
        },
        facility: Facility::named(facility)
            .ok_or_else(|| wrong(&format!("there is no facility {facility}")))?,
        confirm: receiver.confirm,
        tls: TlsFiles {
            ca: file(&receiver.ca_file),
            server_name: some(&receiver.server_name),
            client: file(&receiver.certificate_file).zip(file(&receiver.key_file)),
        },
        secret_file: file(&receiver.secret_file),
    })
}

/// An empty setting is none.
fn some(setting: &str) -> Option<String> {
    (!setting.is_empty()).then(|| setting.to_owned())
}
