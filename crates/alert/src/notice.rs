use bellwether_base::Timestamp;

/// What somebody is told, complete: nothing has to be looked up to send it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Its number in the spool; later ones have higher numbers.
    pub id: i64,
    /// When it came about.
    pub at: Timestamp,
    /// What, as one word.
    pub kind: String,
    /// How soon somebody should look.
    pub severity: Severity,
    /// What it is about: a subscriber, a system.
    pub subject: String,
    /// In words.
    pub message: String,
    /// The call it was found in.
    pub call_id: Option<String>,
    /// The campaign it belongs to.
    pub campaign: Option<String>,
    /// The fingerprint it was found by.
    pub fingerprint: Option<String>,
    /// How strong the evidence is.
    pub score: Option<f64>,
    /// How many other notices it speaks for, that were held back ([`crate::Throttle`]).
    pub more: u64,
}

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// When there is time.
    Notice,
    /// Today.
    Warning,
    /// Now.
    Critical,
}

impl Severity {
    /// RFC 5424 section 6.2.1, table 2.
    pub(crate) const fn syslog(self) -> u8 {
        match self {
            Self::Critical => 2,
            Self::Warning => 4,
            Self::Notice => 5,
        }
    }

    /// CEF's scale from 0 to 10: 9 and 10 are very high, 4 to 6 medium, 0 to 3 low.
    pub(crate) const fn cef(self) -> u8 {
        match self {
            Self::Critical => 10,
            Self::Warning => 6,
            Self::Notice => 3,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 2026-03-01 12:34:56.789012345 UTC.
    pub(crate) const MOMENT: i64 = 1_772_368_496_789_012_345;

    pub(crate) fn notice(id: i64) -> Notice {
        Notice {
            id,
            at: Timestamp::from_nanos(MOMENT),
            kind: "device_unauthorised".into(),
            severity: Severity::Critical,
            subject: "sip:t-5f2c@example.net".into(),
            message: "call from a device that is none of the subscriber's".into(),
            call_id: Some("a84b4c76e66710@pc33".into()),
            campaign: None,
            fingerprint: Some("2:9ac1".into()),
            score: Some(0.9375),
            more: 0,
        }
    }

    #[test]
    fn critical_is_the_highest() {
        assert!(Severity::Critical > Severity::Warning && Severity::Warning > Severity::Notice);
    }
}
