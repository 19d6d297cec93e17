//! The inventory of subscribers, from files and from a provisioning system.

mod pull;
mod rows;

use std::path::Path;
use std::time::Duration;

use bellwether_base::{Alert, AlertKind, Severity};
use bellwether_enrich::Tokeniser;
use bellwether_recorder::Recorder;
use bellwether_store::{InventoryRow, StoreError, Writer};

pub use rows::inventory_rows;

use crate::AppError;
use crate::clock::now;
use pull::Pulled;

/// A provisioning system.
#[derive(Clone, Copy, Debug)]
pub struct Provisioning<'a> {
    /// The address of the inventory.
    pub url: &'a str,
    /// The file with the access token, if the system asks for one.
    pub token_file: Option<&'a Path>,
    /// The time limit for the whole request.
    pub timeout: Duration,
}

/// Why there is no new inventory.
enum NotPulled {
    /// The fault of the system or of its inventory.
    System(String),
    /// The database fails.
    Store(StoreError),
}

impl From<String> for NotPulled {
    fn from(fault: String) -> Self {
        Self::System(fault)
    }
}

impl From<StoreError> for NotPulled {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl Provisioning<'_> {
    /// Downloads the inventory, stores it and computes all device verdicts again. Returns the rows, or `None` for an
    /// unchanged inventory.
    ///
    /// # Errors
    /// If the database fails. If the system gives no inventory: an alert is stored, and the inventory stays as it was.
    pub fn pull(
        &self,
        tokeniser: &Tokeniser,
        recorder: &mut Recorder,
    ) -> Result<Option<Vec<InventoryRow>>, AppError> {
        match self.try_pull(tokeniser, recorder.writer()) {
            Ok(None) => Ok(None),
            Ok(Some(rows)) => {
                recorder.judge_all_devices()?;
                Ok(Some(rows))
            }
            Err(NotPulled::System(fault)) => {
                recorder.writer().alert(&self.alert(&fault))?;
                Err(AppError::Work(format!("{}: {fault}; the inventory is unchanged", self.url)))
            }
            Err(NotPulled::Store(e)) => Err(e.into()),
        }
    }

    fn try_pull(
        &self,
        tokeniser: &Tokeniser,
        writer: &mut Writer,
    ) -> Result<Option<Vec<InventoryRow>>, NotPulled> {
        let token = self.token_file.map(pull::token).transpose()?;
        let known = writer.inventory_version(self.url)?;
        let pulled = pull::pull(self.url, token.as_deref(), known.as_deref(), self.timeout)?;
        let Some(Pulled { text, is_json, version }) = pulled else { return Ok(None) };
        let rows = inventory_rows(&text, is_json, tokeniser)?;
        writer.put_inventory(&rows)?;
        writer.set_inventory_version(self.url, version.as_deref())?;
        Ok(Some(rows))
    }

    fn alert(&self, fault: &str) -> Alert {
        // Some operators write a password or a token into the address.
        let address = self.url.split(['?', '#']).next().unwrap_or_default();
        let subject = match address.split_once("://").zip(address.rsplit_once('@')) {
            Some(((scheme, _), (_, place))) => format!("{scheme}://{place}"),
            None => address.to_owned(),
        };
        Alert {
            at: now(),
            kind: AlertKind::ProvisioningFailed,
            severity: Severity::Warning,
            subject,
            message: format!("{fault}; the inventory is unchanged"),
            call: None,
            campaign: None,
            incident: None,
        }
    }
}
