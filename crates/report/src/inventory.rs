//! The inventory as a list.

use bellwether_store::StoreError;
use serde_json::json;

use crate::Reports;
use crate::cells::{int, text};
use crate::columns::{Column, Kind, Values};

/// Columns of the list of the inventory.
pub const INVENTORY_COLUMNS: &[Column] = &[
    Column { name: "aor", kind: Kind::Text },
    Column { name: "device_class", kind: Kind::Text },
    Column { name: "max_devices", kind: Kind::Int },
    Column { name: "policy", kind: Kind::Text },
    Column { name: "note", kind: Kind::Text },
    Column { name: "approved", kind: Kind::Json },
];

impl Reports<'_> {
    /// The inventory, in the order of [`INVENTORY_COLUMNS`].
    ///
    /// # Errors
    /// If the database fails.
    pub fn inventory_list(&self) -> Result<Vec<Values>, StoreError> {
        let entries = self.reader.known_inventory()?;
        let mut select = self.db().prepare(
            "SELECT aor, device_class, max_devices, policy, note FROM inventory ORDER BY aor, device_class",
        )?;
        let rows: Result<Vec<Values>, StoreError> = select
            .query_and_then([], |row| {
                let aor: String = row.get("aor")?;
                let approved = entries.get(&aor).map(|entry| entry.approved.clone()).unwrap_or_default();
                Ok(vec![
                    text(row, "aor")?,
                    text(row, "device_class")?,
                    int(row, "max_devices")?,
                    text(row, "policy")?,
                    text(row, "note")?,
                    json!(approved),
                ])
            })?
            .collect();
        rows
    }
}
