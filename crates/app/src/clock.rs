use bellwether_base::Timestamp;

/// The time of day by the system's clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_nanos(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}
