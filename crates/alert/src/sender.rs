/// The sender in the header of each message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The sensor's host name, fully qualified if it has one (RFC 5424 section 6.2.4).
    pub host: String,
    /// The process (section 6.2.6).
    pub process: u32,
    /// The program's version, for CEF.
    pub version: String,
    /// The facility, by which a log server sorts it (section 6.2.1).
    pub facility: Facility,
}

impl Sender {
    /// This process on a host, under [`Facility::default`].
    #[must_use]
    pub fn new(host: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            process: std::process::id(),
            version: version.into(),
            facility: Facility::default(),
        }
    }
}

/// A facility by its number (RFC 5424 section 6.2.1, table 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// The names as log servers' configurations have them, in order of their numbers.
    pub const NAMES: [&'static str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
        "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
    ];

    /// By its name, `local0` or `authpriv`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|n| *n == name).and_then(|n| u8::try_from(n).ok()).map(Self)
    }

    /// PRI's facility.
    pub(crate) const fn number(self) -> u8 {
        self.0
    }
}

/// `local0`: a site can sort it freely. `authpriv` would fit by its name, but distributions write it to the file of logins, which other programs
/// read and act on.
impl Default for Facility {
    fn default() -> Self {
        Self(16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_go_by_the_names_of_log_servers() {
        assert_eq!(Facility::named("local0"), Some(Facility::default()));
        assert_eq!(Facility::named("authpriv").map(Facility::number), Some(10));
        assert_eq!(Facility::named("local7").map(Facility::number), Some(23));
        assert_eq!(Facility::named("local8"), None);
    }
}
