//! Subscribers as the database holds them, loaded for an assessment of their devices.

use std::collections::BTreeSet;
use std::sync::Arc;

use bellwether_acoustics::Pauses;
use bellwether_base::{CallId, Span, Timestamp};
use bellwether_devices::{
    CallVerdict, CallView, Inventory, Population, RegistrationView, Rules, SubscriberView, evaluate,
    user_and_host,
};
use rusqlite::params;

use crate::StoreError;
use crate::reader::Reader;
use crate::registration::Registration;
use crate::subscriber::Subscriber;

/// Calls of one subscriber that are looked at: the latest.
const MAX_CALLS: i64 = 500;

/// Other owners of a device that are named.
const MAX_OWNERS: usize = 10;

/// Subscribers remembered while a report is made.
const MAX_SUBSCRIBERS: usize = 10_000;

/// The usual length of a packet of voice: noise was known that many packets after the first.
const PACKET: Span = Span::from_millis(20);

/// The SQL condition for the calls, as `c`, that an address of record of the user `?1` at the host `?2` made. Some agents write
/// another host into From than into the address that they register.
pub const MADE_BY: &str =
    "c.caller = ?1 AND (c.caller_host IS NULL OR c.caller_host = ?2 OR NOT EXISTS
    (SELECT 1 FROM registrations AS r WHERE r.aor =
        CASE c.caller_host WHEN '' THEN 'tel:' || c.caller ELSE 'sip:' || c.caller || '@' || c.caller_host END))";

impl Reader {
    /// The verdict about the device of a call.
    ///
    /// # Errors
    /// If the database fails.
    pub fn call_verdict(
        &self,
        call: CallId,
        caller: &str,
        host: Option<&str>,
    ) -> Result<CallVerdict, StoreError> {
        let inventory = self.known_inventory()?;
        let Some(aor) = inventory.aor_of(caller, host) else { return Ok(CallVerdict::default()) };
        Ok(self.subscriber(aor)?.verdict.of_call(call))
    }

    /// The names of an address of record's devices.
    ///
    /// # Errors
    /// If the database fails.
    pub fn device_names(&self, aor: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.subscriber(aor)?.verdict.devices.iter().map(|device| device.name.clone()).collect())
    }

    /// The inventory: read once.
    ///
    /// # Errors
    /// If the database fails.
    pub fn known_inventory(&self) -> Result<Arc<Inventory>, StoreError> {
        if let Some(known) = self.inventory.get() {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(self.inventory()?);
        Ok(Arc::clone(self.inventory.get_or_init(|| known)))
    }

    /// The SIP authors of all subscribers: read once, as that takes a look at all calls.
    fn known_population(&self) -> Result<Arc<Population>, StoreError> {
        if let Some(known) = self.population.get() {
            return Ok(Arc::clone(known));
        }
        let inventory = self.known_inventory()?;
        let mut population = Population::default();
        let mut select = self.db.prepare("SELECT DISTINCT caller, caller_host, sip_author FROM calls")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (caller, host, author): (String, Option<String>, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            population.add(&author, inventory.class_of(&caller, host.as_deref()));
        }
        let population = Arc::new(population);
        Ok(Arc::clone(self.population.get_or_init(|| population)))
    }

    /// A subscriber by the address of record: assessed once.
    ///
    /// # Errors
    /// If the database fails.
    pub fn subscriber(&self, aor: &str) -> Result<Arc<Subscriber>, StoreError> {
        if let Some(known) = self.subscribers.borrow().get(aor) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(self.assessed_subscriber(aor)?);
        if self.subscribers.borrow().len() >= MAX_SUBSCRIBERS {
            self.subscribers.borrow_mut().clear();
        }
        self.subscribers.borrow_mut().insert(aor.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    /// Forgets a subscriber. All subscribers together would fill the memory.
    pub fn forget_subscriber(&self, aor: &str) {
        self.subscribers.borrow_mut().remove(aor);
    }

    fn assessed_subscriber(&self, aor: &str) -> Result<Subscriber, StoreError> {
        let registrations: Vec<Registration> = self
            .registrations("r.aor = ?1", [aor])?
            .into_iter()
            .map(|(registration, _)| registration)
            .collect();
        let view = self.load_subscriber(aor, &registrations)?;
        let population = if view.needs_population() { self.known_population()? } else { Arc::default() };
        let rules = Rules { strictness: self.strictness, tolerance: self.tolerance };
        Ok(Subscriber { verdict: evaluate(&view, &population, &rules), registrations })
    }

    /// Loads the input of an assessment.
    fn load_subscriber(
        &self,
        aor: &str,
        registrations: &[Registration],
    ) -> Result<SubscriberView, StoreError> {
        let views: Result<Vec<RegistrationView>, StoreError> = registrations
            .iter()
            .map(|registration| Ok(registration.view(self.other_owners(registration, aor)?)))
            .collect();
        Ok(SubscriberView {
            aor: aor.to_owned(),
            entry: self.known_inventory()?.get(aor).cloned(),
            calls: self.calls_of(aor)?,
            registrations: views?,
        })
    }

    /// The calls that a subscriber made, oldest first.
    fn calls_of(&self, aor: &str) -> Result<Vec<CallView>, StoreError> {
        let Some((user, host)) = user_and_host(aor) else { return Ok(Vec::new()) };
        let classes = self.known_classes()?;
        let mut select = self.db.prepare_cached(&format!(
            "SELECT c.call, c.source, c.sip_author, c.user_agent, c.is_sensitive, s.pauses, c.started_at, s.first_seen,
                 s.last_seen
             FROM calls AS c LEFT JOIN streams AS s ON s.id = (SELECT id FROM streams WHERE call = c.call
                 AND direction = 'caller' AND pauses IS NOT NULL ORDER BY packets DESC LIMIT 1)
             WHERE {MADE_BY} ORDER BY c.started_at DESC, c.call LIMIT ?3",
        ))?;
        let rows: Result<Vec<CallView>, rusqlite::Error> = select
            .query_map(params![user, host, MAX_CALLS], |r| {
                let octets: Option<Vec<u8>> = r.get(5)?;
                let noise = octets.and_then(|o| Pauses::from_octets(&o)).filter(|p| !p.is_transcoded());
                let seen = r.get::<_, Option<i64>>(7)?.zip(r.get::<_, Option<i64>>(8)?);
                let known_at = noise.as_ref().zip(seen).map(|(noise, (first, last))| {
                    last.min(first + i64::from(noise.observed_packets) * PACKET.as_nanos())
                });
                Ok(CallView {
                    call: CallId::new(r.get(0)?),
                    started_at: Timestamp::from_nanos(r.get(6)?),
                    noise_known_at: known_at.map(Timestamp::from_nanos),
                    source: r.get(1)?,
                    author: r.get(2)?,
                    user_agent: r.get(3)?,
                    is_sensitive: r.get(4)?,
                    comparison: noise.map(|pauses| classes.compare(&pauses)),
                })
            })?
            .collect();
        let mut calls = rows?;
        calls.reverse();
        Ok(calls)
    }

    /// Further addresses of record with the instance of this registration. The instance is its `+sip.instance`, or another identifier of
    /// the process or device. Private addresses are no identifiers, because they repeat. The list is bounded: an operator reads no list of
    /// thousands, and each entry costs comparisons with all others.
    fn other_owners(&self, registration: &Registration, aor: &str) -> Result<Vec<String>, StoreError> {
        let mut owners = BTreeSet::new();
        let mut by_name = self.db.prepare_cached(
            "SELECT aor FROM registrations WHERE instance_id = ?1 AND aor <> ?2 ORDER BY aor LIMIT 10",
        )?;
        if let Some(instance) = &registration.instance_id {
            for owner in by_name.query_map(params![instance, aor], |r| r.get(0))? {
                owners.insert(owner?);
            }
        }
        // The order of the joins keeps the query short: from the few instances of this registration to the first others with
        // one of them.
        let mut by_traits = self.db.prepare_cached(
            "SELECT r.aor FROM (SELECT o.subject FROM instances AS i
                 CROSS JOIN instances AS o ON o.kind = i.kind AND o.instance = i.instance AND o.instance <> ''
                 WHERE i.subject = ?1 AND i.kind <> 'lan' LIMIT 64) AS o
             CROSS JOIN registrations AS r ON r.registration = o.subject WHERE r.aor <> ?2",
        )?;
        for owner in by_traits.query_map(params![registration.registration.get(), aor], |r| r.get(0))? {
            owners.insert(owner?);
        }
        Ok(owners.into_iter().take(MAX_OWNERS).collect())
    }
}
