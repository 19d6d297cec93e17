//! Steps of the sensor's clock, as many devices show them at the same time.

use bellwether_base::Timestamp;
use bellwether_clock::{CommonStep, SegmentStats, common_steps, unknown_steps};
use rusqlite::{Connection, params};

use crate::StoreError;
use crate::timelines::REGISTRATIONS;

/// Devices that are asked: those with the most refreshes. A step of the sensor's clock shows in each of them.
const ASKED: i64 = 2000;

/// Refreshes below which a device cannot show one.
const FEWEST: i64 = 8;

/// Looks for steps that devices show together, and writes them down.
pub(crate) fn find_steps(db: &Connection) -> Result<(), StoreError> {
    let mut select = db.prepare(
        "SELECT registration FROM segments GROUP BY registration HAVING sum(refreshes) >= ?1
         ORDER BY sum(refreshes) DESC, registration LIMIT ?2",
    )?;
    let ids: Vec<i64> =
        select.query_map([FEWEST, ASKED], |r| r.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
    let devices: Vec<Vec<SegmentStats>> =
        ids.into_iter().map(|id| REGISTRATIONS.read(db, id)).collect::<Result<_, _>>()?;
    let known = steps(db)?;
    for CommonStep { from, to, seconds, devices, of } in unknown_steps(common_steps(&devices), &known) {
        db.execute(
            "INSERT OR REPLACE INTO sensor_clock (from_at, to_at, kind, amount, devices, of)
             VALUES (?1, ?2, 'common_step', ?3, ?4, ?5)",
            params![from.as_nanos(), to.as_nanos(), seconds, devices, of],
        )?;
    }
    Ok(())
}

/// Between which moments the clock was stepped or changed its rate.
pub(crate) fn steps(db: &Connection) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
    let mut select = db.prepare_cached("SELECT from_at, to_at FROM sensor_clock ORDER BY from_at")?;
    let at = |nanos| Timestamp::from_nanos(nanos);
    let rows: Result<Vec<_>, rusqlite::Error> =
        select.query_map([], |r| Ok((at(r.get(0)?), at(r.get(1)?))))?.collect();
    Ok(rows?)
}
