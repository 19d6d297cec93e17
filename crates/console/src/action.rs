//! Acts of an operator.

use bellwether_base::Timestamp;
use bellwether_store::AuditEntry;

/// An act of an operator. `kind` and `id` name the subject as in `bellwether label`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A label is given, or taken back by `None`.
    Label {
        /// `call`, `fingerprint`, `campaign`, `recording` or `incident`.
        kind: String,
        /// Name of the subject.
        id: String,
        /// `fraud`, `legit` or nothing.
        label: Option<String>,
        /// The operator's reason; may be empty.
        reason: String,
    },
    /// An incident or a campaign was seen.
    Acknowledge {
        /// `incident` or `campaign`.
        kind: String,
        /// Name of the subject.
        id: String,
    },
    /// A comment is added.
    Comment {
        /// Kind of the subject.
        kind: String,
        /// Name of the subject.
        id: String,
        /// The comment.
        text: String,
    },
    /// An entry is added to a list of the operator.
    ListAdd {
        /// `allow` or `block`.
        list: String,
        /// `number`, `peer`, `network`, `fingerprint`, `family` or `recording`.
        kind: String,
        /// The value; a number as its token.
        value: String,
        /// The operator's reason; may be empty.
        reason: String,
        /// The end of the entry.
        until: Option<Timestamp>,
    },
    /// An entry is removed from a list of the operator.
    ListRemove {
        /// `allow` or `block`.
        list: String,
        /// Kind of the entry.
        kind: String,
        /// The value; a number as its token.
        value: String,
    },
    /// A device of a subscriber is approved.
    Approve {
        /// Address of record.
        aor: String,
        /// Device.
        device: String,
    },
}

impl Action {
    /// The path that forms of this act go to.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Label { .. } => "/act/label",
            Self::Acknowledge { .. } => "/act/acknowledge",
            Self::Comment { .. } => "/act/comment",
            Self::ListAdd { .. } => "/act/list-add",
            Self::ListRemove { .. } => "/act/list-remove",
            Self::Approve { .. } => "/act/approve",
        }
    }

    /// True if the act changes scores and has to be confirmed on the page of [`crate::preview()`].
    #[must_use]
    pub const fn wants_preview(&self) -> bool {
        matches!(self, Self::Label { .. } | Self::ListAdd { .. } | Self::ListRemove { .. })
    }

    /// The entry of the audit about this act.
    #[must_use]
    pub fn audit_entry(&self, who: &str, at: Timestamp) -> AuditEntry {
        let (what, kind, id, detail) = match self {
            Self::Label { kind, id, label, reason } => {
                ("label", kind.as_str(), id, joined(label.as_deref().unwrap_or("none"), reason))
            }
            Self::Acknowledge { kind, id } => ("acknowledge", kind.as_str(), id, String::new()),
            Self::Comment { kind, id, .. } => ("comment", kind.as_str(), id, String::new()),
            Self::ListAdd { list, kind, value, reason, .. } => {
                ("list_add", kind.as_str(), value, joined(list, reason))
            }
            Self::ListRemove { list, kind, value } => ("list_remove", kind.as_str(), value, list.clone()),
            Self::Approve { aor, device } => ("approve", "device", aor, device.clone()),
        };
        AuditEntry {
            at,
            who: who.to_owned(),
            what: what.to_owned(),
            kind: kind.to_owned(),
            id: id.clone(),
            detail,
        }
    }

    /// The names and values of the form that gives this act again.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let own = |text: &String| text.clone();
        match self {
            Self::Label { kind, id, label, reason } => vec![
                ("kind", own(kind)),
                ("id", own(id)),
                ("label", label.clone().unwrap_or_else(|| "none".to_owned())),
                ("reason", own(reason)),
            ],
            Self::Acknowledge { kind, id } => vec![("kind", own(kind)), ("id", own(id))],
            Self::Comment { kind, id, text } => {
                vec![("kind", own(kind)), ("id", own(id)), ("text", own(text))]
            }
            Self::ListAdd { list, kind, value, reason, until } => vec![
                ("list", own(list)),
                ("kind", own(kind)),
                ("value", own(value)),
                ("reason", own(reason)),
                ("until", until.map(bellwether_report::rfc3339).unwrap_or_default()),
            ],
            Self::ListRemove { list, kind, value } => {
                vec![("list", own(list)), ("kind", own(kind)), ("value", own(value))]
            }
            Self::Approve { aor, device } => vec![("aor", own(aor)), ("device", own(device))],
        }
    }
}

fn joined(first: &str, reason: &str) -> String {
    if reason.is_empty() { first.to_owned() } else { format!("{first}: {reason}") }
}
