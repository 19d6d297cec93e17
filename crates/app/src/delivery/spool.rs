use bellwether_alert::Spool;
use bellwether_base::{OutgoingAlert, Severity};
use bellwether_store::{AlertSpool, StoreError};

/// The spool without the alerts below a severity.
pub(super) struct SevereSpool {
    pub(super) spool: AlertSpool,
    pub(super) least: Severity,
}

impl Spool for SevereSpool {
    type Error = StoreError;

    fn after(&mut self, id: i64, limit: usize) -> Result<Vec<OutgoingAlert>, StoreError> {
        let mut from = id;
        // A batch without any severe alert is not the end of the spool.
        loop {
            let rows = self.spool.after(from, limit)?;
            let Some(last) = rows.last().map(|row| row.id) else { return Ok(Vec::new()) };
            let severe: Vec<OutgoingAlert> =
                rows.into_iter().filter(|row| row.alert.severity >= self.least).collect();
            if !severe.is_empty() {
                return Ok(severe);
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
