use std::path::PathBuf;

use bellwether_alert::{
    Deliverer, Delivery, Facility, Format, Limits, Receiver, Sender, Target, Throttle, ThrottleLimits,
    TlsFiles,
};
use bellwether_base::Severity;

use crate::AppError;
use crate::clock::now;

/// The choice and the limits of outgoing alerts, and their receivers.
#[derive(Clone, Debug)]
pub struct AlertOptions {
    /// The limits of each receiver's throttle.
    pub throttle: ThrottleLimits,
    /// The limits of each receiver's delivery.
    pub limits: Limits,
    /// The lowest severity that goes out.
    pub least: Severity,
    /// The host name in messages; the system's if none.
    pub host: Option<String>,
    /// The receivers.
    pub receivers: Vec<ReceiverOptions>,
}

impl Default for AlertOptions {
    /// The default limits, and no receiver.
    fn default() -> Self {
        Self {
            throttle: ThrottleLimits::default(),
            limits: Limits::default(),
            least: Severity::Notice,
            host: None,
            receivers: Vec::new(),
        }
    }
}

/// One receiver of alerts.
#[derive(Clone, Debug)]
pub struct ReceiverOptions {
    /// The name in messages. The spool keeps the receiver's cursor under it.
    pub name: String,
    /// The address.
    pub target: Target,
    /// The format of syslog messages; the target's default if none.
    pub format: Option<Format>,
    /// The facility of syslog messages.
    pub facility: Facility,
    /// True if the server confirms each batch ([`Delivery::confirm`]).
    pub confirm: bool,
    /// Certificates.
    pub tls: TlsFiles,
    /// The file with the secret that signs webhooks.
    pub secret_file: Option<PathBuf>,
}

/// A deliverer for any kind of receiver.
pub(super) type AnyDeliverer = Deliverer<Box<dyn Receiver>>;

impl ReceiverOptions {
    /// Opens the receiver: reads its files, and connects to nothing yet.
    pub(super) fn open(&self, alerts: &AlertOptions) -> Result<AnyDeliverer, AppError> {
        let wrong = |e: &dyn std::fmt::Display| AppError::Option(format!("receiver {}: {e}", self.name));
        let mut sender =
            Sender::new(alerts.host.clone().unwrap_or_else(host_name), env!("CARGO_PKG_VERSION"));
        sender.facility = self.facility;
        let mut delivery = Delivery::new(sender);
        (delivery.format, delivery.confirm, delivery.tls) = (self.format, self.confirm, self.tls.clone());
        if let Some(path) = &self.secret_file {
            let secret = std::fs::read(path).map_err(|e| wrong(&format!("{}: {e}", path.display())))?;
            delivery.secret = Some(secret.trim_ascii().to_vec());
        }
        let receiver = self.target.open(&delivery).map_err(|e| wrong(&e))?;
        let throttle = Throttle::new(alerts.throttle);
        // Different seeds, so that receivers that failed together are not all tried again in one moment.
        let seed = now().as_nanos().cast_unsigned();
        Ok(Deliverer::new(self.name.clone(), receiver, Some(throttle), alerts.limits, seed))
    }
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "-".to_owned() } else { name }
}
