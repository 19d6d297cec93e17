//! The inventory in the database: who may use which device, and which devices the operator approved.

use bellwether_base::Timestamp;
use bellwether_devices::{Inventory, Policy};
use rusqlite::{OptionalExtension, params};

use crate::reader::Reader;
use crate::{StoreError, Writer};

/// One row of the inventory. Several of one address of record are shared call appearance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InventoryRow {
    /// The address of record as reports print it.
    pub aor: String,
    /// The class of device; empty where any may be used (`learn`).
    pub device_class: String,
    /// The number of devices that it may use at once.
    pub max_devices: Option<u32>,
    /// The policy of their assessment.
    pub policy: Policy,
    /// The operator's own words.
    pub note: Option<String>,
}

impl Reader {
    /// The entries of all addresses of record.
    pub(crate) fn inventory(&self) -> Result<Inventory, StoreError> {
        let mut inventory = Inventory::default();
        let mut select =
            self.db.prepare("SELECT aor, device_class, max_devices, policy FROM inventory ORDER BY aor")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let policy = Policy::of(&row.get::<_, String>(3)?);
            inventory.entry(row.get(0)?).add(row.get(1)?, row.get(2)?, policy);
        }
        let mut select =
            self.db.prepare("SELECT aor, device FROM approvals ORDER BY aor, approved_at, device")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            inventory.entry(row.get(0)?).approved.push(row.get(1)?);
        }
        Ok(inventory)
    }
}

/// The key of an inventory's version in the table `meta`, by the address that it came from.
fn version_key(url: &str) -> String {
    format!("inventory_version {url}")
}

impl Writer {
    /// Replaces the inventory.
    ///
    /// # Errors
    /// If the database refuses; the old one stays then.
    pub fn put_inventory(&mut self, rows: &[InventoryRow]) -> Result<(), StoreError> {
        let tx = self.reader.db.transaction()?;
        tx.execute("DELETE FROM inventory", [])?;
        // The inventory is none of the versions that were taken from elsewhere before.
        tx.execute("DELETE FROM meta WHERE key LIKE 'inventory_version %'", [])?;
        for row in rows {
            tx.execute(
                "INSERT INTO inventory (aor, device_class, max_devices, policy, note) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![row.aor, row.device_class, row.max_devices, row.policy.name(), row.note],
            )?;
        }
        tx.commit()?;
        Ok(())
    }

    /// The version of the inventory that was taken from an address last (HTTP's ETag).
    ///
    /// # Errors
    /// If the database fails.
    pub fn inventory_version(&self, url: &str) -> Result<Option<String>, StoreError> {
        let mut select = self.reader.db.prepare("SELECT value FROM meta WHERE key = ?1")?;
        Ok(select.query_row([version_key(url)], |r| r.get(0)).optional()?)
    }

    /// Notes which version was taken; none forgets it.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn set_inventory_version(&mut self, url: &str, version: Option<&str>) -> Result<(), StoreError> {
        let key = version_key(url);
        match version {
            Some(version) => self
                .reader
                .db
                .execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [&key, version])?,
            None => self.reader.db.execute("DELETE FROM meta WHERE key = ?1", [&key])?,
        };
        Ok(())
    }

    /// Notes that the operator approves a device of an address of record.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn approve(&mut self, aor: &str, device: &str, at: Timestamp) -> Result<(), StoreError> {
        self.reader.db.execute(
            "INSERT OR REPLACE INTO approvals (aor, device, approved_at) VALUES (?1, ?2, ?3)",
            params![aor, device, at.as_nanos()],
        )?;
        Ok(())
    }
}
