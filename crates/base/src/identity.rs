use std::fmt;

use crate::HashKey;

/// Defines an identity: a keyed hash of what makes a thing the same thing in every run, as a positive number that the database uses as key.
macro_rules! identity {
    ($(#[$doc:meta])* pub struct $name:ident;) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i64);

        impl $name {
            /// The identity of the thing that these parts describe.
            #[must_use]
            pub fn of(key: &HashKey, parts: &[&[u8]]) -> Self {
                Self(key.identity(parts))
            }

            /// From the number that the database holds.
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// The number that the database holds.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }

            /// The key of a table. The identity is a keyed hash already, so no other hash is needed.
            #[must_use]
            pub const fn key(self) -> u64 {
                self.0.cast_unsigned()
            }

            /// From the key of a table.
            #[must_use]
            pub const fn from_key(key: u64) -> Self {
                Self(key.cast_signed())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

identity! {
    /// A call: Call-ID, From tag and the time of its first INVITE (RFC 3261 section 12).
    pub struct CallId;
}

identity! {
    /// A registration: address of record and contact binding or instance (RFC 3261 section 10, RFC 5626).
    pub struct RegistrationId;
}

identity! {
    /// A media stream: source, destination, SSRC and the time of its first packet (RFC 3550).
    pub struct StreamId;
}

identity! {
    /// A recurring message of a device other than REGISTER, such as OPTIONS.
    pub struct TimerId;
}

identity! {
    /// A recording: the stream that was the first to play it.
    pub struct RecordingId;
}

impl RecordingId {
    /// Its name in reports and commands: 16 hexadecimal digits.
    #[must_use]
    pub fn name(self) -> String {
        format!("{:016x}", self.0)
    }

    /// The recording with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_name =
            name.len() == 16 && name.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        i64::from_str_radix(name, 16).ok().filter(|_| is_name).map(Self)
    }
}

identity! {
    /// A campaign: what it was found by, and its first call.
    pub struct CampaignId;
}

identity! {
    /// An incident: its kind, and the call that opened it.
    pub struct IncidentId;
}

impl IncidentId {
    const PREFIX: &str = "inc-";

    /// Its name in reports and commands: `inc-` and 16 hexadecimal digits.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{:016x}", Self::PREFIX, self.0)
    }

    /// The incident with this name; the prefix may be left out.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(Self::PREFIX).unwrap_or(name);
        RecordingId::named(digits).map(|id| Self(id.0))
    }
}

identity! {
    /// A call or a registration, as the subject of evidence about a process or a wall clock.
    pub struct SubjectId;
}

impl From<CallId> for SubjectId {
    fn from(call: CallId) -> Self {
        Self(call.0)
    }
}

impl From<RegistrationId> for SubjectId {
    fn from(registration: RegistrationId) -> Self {
        Self(registration.0)
    }
}

impl SubjectId {
    /// The call that the subject may be. A registration's number is no call's: no table of calls holds it.
    #[must_use]
    pub const fn as_call(self) -> CallId {
        CallId(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_key_of_a_table_and_reads_as_its_number() {
        for number in [0, 7, i64::MAX, -1] {
            let call = CallId::new(number);
            assert_eq!(CallId::from_key(call.key()), call);
            assert_eq!((call.get(), format!("{call:?} {call}")), (number, format!("{number} {number}")));
        }
        assert_eq!(SubjectId::from(RegistrationId::new(5)), SubjectId::new(5));
    }
}
