//! Changes of the operator, carried out by the one writer of the database.

use bellwether_base::{Timestamp, several};
use bellwether_enrich::{Tokeniser, stored_aor};
use bellwether_recorder::Recorder;
use bellwether_scoring::{OperatorEntry, OperatorList, OperatorSubject, is_fraud_label};
use bellwether_store::{
    Acknowledgement, AuditEntry, Comment, Effects, Labelled, Reader, StoreError, Telemetry, Writer,
};
use serde::{Deserialize, Serialize};

use crate::{FieldError, has_number};

/// A change of the operator, or of a system that acts for one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A label of a call, a fingerprint, a campaign, a recording or an incident.
    Label {
        /// The kind of its subject.
        kind: String,
        /// The subject, as reports print it; a Call-ID also as on the wire.
        id: String,
        /// fraud, legit or none.
        label: String,
        /// The author of the label.
        author: String,
        /// The reason; may be empty.
        #[serde(default)]
        reason: String,
    },
    /// An entry of the operator's lists.
    ListAdd {
        /// allow or block.
        list: String,
        /// number, peer, network, fingerprint, family or recording.
        kind: String,
        /// The subject; a number in clear text or as a token.
        value: String,
        /// The reason.
        reason: String,
        /// The author of the entry.
        author: String,
        /// Its end in nanoseconds since 1970.
        until: Option<i64>,
    },
    /// The removal of such an entry.
    ListRemove {
        /// See [`Self::ListAdd`].
        list: String,
        /// See [`Self::ListAdd`].
        kind: String,
        /// See [`Self::ListAdd`].
        value: String,
        /// The person who removes the entry.
        author: String,
    },
    /// The record of another system about a call.
    Telemetry {
        /// The Call-ID on the wire.
        call_id: String,
        /// The score of that system.
        fraud_score: Option<f64>,
        /// Its disposition.
        disposition: Option<String>,
        /// Seconds of talk.
        talk_time_seconds: Option<f64>,
        /// Its agent.
        agent_id: Option<String>,
        /// Time in nanoseconds since 1970.
        at: i64,
    },
    /// An incident or a campaign was seen.
    Acknowledge {
        /// incident or campaign.
        kind: String,
        /// Its name.
        id: String,
        /// The person who saw the subject.
        author: String,
    },
    /// A comment about a subject.
    Comment {
        /// The kind of the subject.
        kind: String,
        /// The subject.
        id: String,
        /// The comment.
        text: String,
        /// The author of the comment.
        author: String,
    },
    /// A login, for the audit log alone.
    Login {
        /// The name of the access.
        author: String,
        /// The address of the client.
        address: String,
    },
    /// The approval of a device of a subscriber.
    Approve {
        /// The address of record, in clear text or as a token.
        aor: String,
        /// The device, as reports print it.
        device: String,
        /// The person who approves.
        author: String,
    },
}

/// Kinds of entries of the operator's lists.
const KINDS_OF_ENTRIES: [&str; 6] = ["number", "peer", "network", "fingerprint", "family", "recording"];

/// The times of a change.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The time of the act, by the clock of the wall.
    pub noted_at: Timestamp,
    /// True over a finished database: no call can still change.
    pub is_over: bool,
}

impl Change {
    /// Refuses numbers in free text, which would be stored as they are.
    fn check(&self) -> Result<(), FieldError> {
        let (name, text) = match self {
            Self::Label { reason, .. } | Self::ListAdd { reason, .. } => ("reason", reason),
            Self::Comment { text, .. } => ("text", text),
            _ => return Ok(()),
        };
        if has_number(text) { Err(FieldError::new(name, "has an unmasked phone number")) } else { Ok(()) }
    }

    /// True if the scores of earlier calls may follow it: it changes labels or the operator's lists.
    fn has_effects(&self) -> bool {
        match self {
            Self::Label { .. } | Self::ListAdd { .. } | Self::ListRemove { .. } => true,
            Self::Telemetry { disposition, .. } => disposition.as_deref().and_then(is_fraud_label).is_some(),
            Self::Approve { .. } | Self::Acknowledge { .. } | Self::Comment { .. } | Self::Login { .. } => {
                false
            }
        }
    }

    /// The entry of the audit log. Telemetry of a switch is no act of a person.
    fn audit_entry(&self, at: Timestamp) -> Option<AuditEntry> {
        let (who, what, kind, id, detail) = match self {
            Self::Label { kind, id, label, author, reason } => {
                let detail = if reason.is_empty() { label.clone() } else { format!("{label}: {reason}") };
                (author, "label", kind.as_str(), id.clone(), detail)
            }
            Self::ListAdd { list, kind, value, reason, author, .. } => {
                let detail = if reason.is_empty() { list.clone() } else { format!("{list}: {reason}") };
                (author, "list_add", kind.as_str(), value.clone(), detail)
            }
            Self::ListRemove { list, kind, value, author } => {
                (author, "list_remove", kind.as_str(), value.clone(), list.clone())
            }
            Self::Acknowledge { kind, id, author } => {
                (author, "acknowledge", kind.as_str(), id.clone(), String::new())
            }
            Self::Comment { kind, id, author, .. } => {
                (author, "comment", kind.as_str(), id.clone(), String::new())
            }
            Self::Login { author, address } => {
                (author, "login", "session", author.clone(), format!("from {address}"))
            }
            Self::Approve { aor, device, author } => {
                (author, "approve", "device", aor.clone(), device.clone())
            }
            Self::Telemetry { .. } => return None,
        };
        let (who, what, kind) = (who.clone(), what.to_owned(), kind.to_owned());
        Some(AuditEntry { at, who, what, kind, id, detail })
    }

    /// The same with tokens in the place of clear numbers: what is stored has no clear number.
    fn with_tokens(&self, performer: &Performer) -> Self {
        match self {
            Self::ListAdd { list, kind, value, reason, author, until } if kind == "number" => Self::ListAdd {
                list: list.clone(),
                kind: kind.clone(),
                value: performer.token_of(value),
                reason: reason.clone(),
                author: author.clone(),
                until: *until,
            },
            Self::ListRemove { list, kind, value, author } if kind == "number" => Self::ListRemove {
                list: list.clone(),
                kind: kind.clone(),
                value: performer.token_of(value),
                author: author.clone(),
            },
            Self::Approve { aor, device, author } => Self::Approve {
                aor: stored_aor(aor, &performer.tokeniser).unwrap_or_else(|| aor.clone()),
                device: device.clone(),
                author: author.clone(),
            },
            other => other.clone(),
        }
    }
}

/// The result of a change.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// One sentence.
    pub words: String,
    /// The effects on earlier calls, a sentence each.
    pub effects: Vec<String>,
}

/// A change that was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A value is wrong.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// There is no such subject.
    #[error("{0}")]
    Missing(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries changes out.
#[derive(Clone)]
pub struct Performer {
    tokeniser: Tokeniser,
}

impl Performer {
    /// By the key of the installation.
    #[must_use]
    pub const fn new(tokeniser: Tokeniser) -> Self {
        Self { tokeniser }
    }

    /// Carries a change out. Results for earlier calls are committed with it, and the audit log names the author.
    ///
    /// # Errors
    /// If a value is wrong, the subject is unknown, or the database fails.
    pub fn perform(&self, recorder: &mut Recorder, change: &Change, when: When) -> Result<Done, ChangeError> {
        change.check()?;
        if !change.has_effects() {
            // Rows that were written before a question wait in an open transaction.
            recorder.commit(true)?;
            let (words, is_changed) = self.store(recorder.writer(), change, when.noted_at)?;
            if matches!(change, Change::Approve { .. }) {
                recorder.judge_all_devices()?;
            }
            if is_changed {
                self.audit(recorder.writer(), change, when.noted_at)?;
            }
            return Ok(Done { words, effects: Vec::new() });
        }
        recorder.writer().watch_effects()?;
        let stored =
            recorder.change_feedback(when.is_over, |writer| self.store(writer, change, when.noted_at));
        let effects = recorder.writer().effects();
        recorder.writer().end_watching()?;
        let (words, is_changed) = stored?;
        if is_changed {
            self.audit(recorder.writer(), change, when.noted_at)?;
        }
        Ok(Done { words, effects: sentences(&effects?) })
    }

    /// The effects that a change would have. The recorder is one of its own, and nothing of the change stays in the database once it is dropped.
    ///
    /// # Errors
    /// As for [`Self::perform`].
    pub fn try_out(
        &self,
        recorder: &mut Recorder,
        change: &Change,
        now: Timestamp,
    ) -> Result<Effects, ChangeError> {
        change.check()?;
        recorder.writer().try_out()?;
        self.store(recorder.writer(), change, now)?;
        recorder.apply_labels()?;
        Ok(recorder.writer().effects()?)
    }

    fn audit(&self, writer: &mut Writer, change: &Change, now: Timestamp) -> Result<(), ChangeError> {
        let Some(mut entry) = change.with_tokens(self).audit_entry(now) else { return Ok(()) };
        // A Call-ID on the wire may name a party. Reports print the masked form.
        entry.id = self.shown_id(writer.reader(), &entry.kind, &entry.id)?;
        Ok(writer.add_audit_entry(&entry)?)
    }

    /// Stores a change. Returns what was done, and false if nothing changed.
    fn store(
        &self,
        writer: &mut Writer,
        change: &Change,
        now: Timestamp,
    ) -> Result<(String, bool), ChangeError> {
        let done = |words: String| Ok((words, true));
        match change {
            Change::Label { kind, id, label, author, .. } => {
                self.label(writer, kind, id, label, author).and_then(done)
            }
            Change::ListAdd { list, kind, value, reason, author, until } => {
                let list = list_named(list)?;
                if until.is_some_and(|until| until <= now.as_nanos()) {
                    return Err(FieldError::new("until_epoch", "is over").into());
                }
                let entry = OperatorEntry {
                    list,
                    subject: self.subject(kind, value)?,
                    reason: reason.clone(),
                    author: author.clone(),
                    added_at: now,
                    until: until.map(Timestamp::from_nanos),
                };
                if let OperatorSubject::Recording(recording) = entry.subject
                    && !writer.reader().has_recording(recording)?
                {
                    return Err(ChangeError::Missing(format!("there is no recording {value}")));
                }
                let former = writer.add_to_list(&entry)?;
                let what = match former {
                    None => "is on",
                    Some(of) if of == list => "was on, and has the new reason and end on",
                    Some(_) => "was on the other list, and is on",
                };
                done(format!("the {kind} {} {what} the {} list", entry.subject.value(), list.name()))
            }
            Change::ListRemove { list, kind, value, .. } => {
                let list = list_named(list)?;
                if !KINDS_OF_ENTRIES.contains(&kind.as_str()) {
                    return Err(FieldError::new(
                        "kind",
                        format!("is none of {}", KINDS_OF_ENTRIES.join(", ")),
                    )
                    .into());
                }
                // A value of another kind is on no list.
                let Ok(subject) = self.subject(kind, value) else {
                    return Ok((format!("the {} list has no such entry", list.name()), false));
                };
                let (name, value) = (list.name(), subject.value());
                if writer.remove_from_list(list, &subject)? {
                    done(format!("the {kind} {value} is no longer on the {name} list"))
                } else {
                    // Removing twice leads to the same list.
                    Ok((format!("the {kind} {value} was not on the {name} list"), false))
                }
            }
            Change::Telemetry { call_id, fraud_score, disposition, talk_time_seconds, agent_id, at } => {
                let told = Telemetry {
                    call_id: call_id.clone(),
                    fraud_score: *fraud_score,
                    disposition: disposition.clone(),
                    talk_time_seconds: *talk_time_seconds,
                    agent_id: agent_id.clone(),
                    at: Timestamp::from_nanos(*at),
                };
                let is_known = writer.telemetry(&told, Some(self.tokeniser.wire_id(call_id)))?;
                done(if is_known { "the telemetry is stored" } else { "the call is unknown" }.to_owned())
            }
            Change::Acknowledge { kind, id, author } => {
                if !["incident", "campaign"].contains(&kind.as_str()) {
                    return Err(FieldError::new("kind", "is not incident or campaign").into());
                }
                self.check_subject(writer.reader(), kind, id)?;
                let seen = Acknowledgement { at: now, by: author.clone() };
                writer.acknowledge(kind, id, &seen)?;
                done(format!("the {kind} {id} is acknowledged"))
            }
            Change::Comment { kind, id, text, author } => {
                let id = &self.shown_id(writer.reader(), kind, id)?;
                self.check_subject(writer.reader(), kind, id)?;
                let comment = Comment { at: now, by: author.clone(), text: text.clone() };
                writer.add_comment(kind, id, &comment)?;
                done(format!("the comment about the {kind} {id} is stored"))
            }
            Change::Login { author, .. } => done(format!("{author} is logged in")),
            Change::Approve { aor, device, .. } => {
                let stored = stored_aor(aor, &self.tokeniser)
                    .ok_or_else(|| FieldError::new("aor", "is no address of record"))?;
                if !writer.reader().device_names(&stored)?.contains(device) {
                    return Err(ChangeError::Missing(format!("there is no device {device} of {stored}")));
                }
                writer.approve(&stored, device, now)?;
                done(format!("the device {device} of {stored} is approved"))
            }
        }
    }

    fn label(
        &self,
        writer: &mut Writer,
        kind: &str,
        id: &str,
        label: &str,
        author: &str,
    ) -> Result<String, ChangeError> {
        if !["call", "fingerprint", "campaign", "recording", "incident"].contains(&kind) {
            return Err(
                FieldError::new("kind", "is not call, fingerprint, campaign, recording or incident").into()
            );
        }
        let text = match label {
            "fraud" | "legit" => Some(label),
            "none" => None,
            _ => return Err(FieldError::new("label", "is not fraud, legit or none").into()),
        };
        let wire_id = (kind == "call").then(|| self.tokeniser.wire_id(id));
        let done = writer.label(kind, id, wire_id, text, author)?;
        let what = match done {
            Labelled::Missing => return Err(ChangeError::Missing(format!("there is no {kind} {id}"))),
            Labelled::Known => "had that label already",
            Labelled::Replaced => "had another label, which this one replaces",
            Labelled::Changed if text.is_some() => "is labelled",
            Labelled::Changed => "has no label any more",
        };
        Ok(format!("the {kind} {id} {what}"))
    }

    /// Refuses a subject that the database does not have.
    fn check_subject(&self, reader: &Reader, kind: &str, id: &str) -> Result<(), ChangeError> {
        if reader.has_subject(kind, id)? {
            return Ok(());
        }
        // The text may be a number: it is not repeated.
        Err(ChangeError::Missing(format!("there is no such {kind}")))
    }

    /// The name of a subject as reports print it.
    fn shown_id(&self, reader: &Reader, kind: &str, id: &str) -> Result<String, StoreError> {
        let shown = match kind {
            "call" => reader.call_on_the_wire(self.tokeniser.wire_id(id))?,
            _ => None,
        };
        Ok(shown.unwrap_or_else(|| id.to_owned()))
    }

    /// The subject of an entry. A number may be clear or a token.
    fn subject(&self, kind: &str, value: &str) -> Result<OperatorSubject, FieldError> {
        let value = value.trim();
        let is_wide = value
            .split_once('/')
            .and_then(|(host, bits)| Some((host.contains(':'), bits.parse::<u8>().ok()?)));
        if kind == "network" && is_wide.is_some_and(|(is_v6, bits)| bits < if is_v6 { 16 } else { 8 }) {
            return Err(FieldError::new("value", "is a network of too many addresses"));
        }
        let is_plain = !value.contains(|c: char| c.is_control() || c.is_whitespace());
        let value = if kind == "number" && is_plain { self.token_of(value) } else { value.to_owned() };
        if value.is_empty() {
            return Err(FieldError::new("value", "is missing"));
        }
        if value.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(FieldError::new("value", format!("is no {kind}")));
        }
        OperatorSubject::read(kind, &value).ok_or_else(|| FieldError::new("value", format!("is no {kind}")))
    }

    /// The tokens of a number that may have lost its `+`.
    #[must_use]
    pub fn tokens_of(&self, number: &str) -> Vec<String> {
        let first = self.token_of(number);
        let digits = number.trim().trim_start_matches('+');
        let is_long = digits.len() >= 7 && digits.bytes().all(|octet| octet.is_ascii_digit());
        let other = if number.trim().starts_with('+') { digits.to_owned() } else { format!("+{digits}") };
        let other = is_long.then(|| self.token_of(&other)).filter(|other| *other != first);
        [Some(first), other].into_iter().flatten().filter(|token| !token.is_empty()).collect()
    }

    /// The token of a number, which may be a URI, clear text, or a token already.
    #[must_use]
    pub fn token_of(&self, number: &str) -> String {
        let schemes = ["sip:", "sips:", "tel:"];
        let rest = schemes.iter().find_map(|scheme| number.strip_prefix(scheme)).unwrap_or(number);
        let user = rest.split(['@', ';']).next().unwrap_or_default().trim();
        let is_token = user.len() == 32 && user.bytes().all(|octet| octet.is_ascii_hexdigit());
        if is_token || user.is_empty() {
            user.to_owned()
        } else {
            self.tokeniser.user(user).as_str().to_owned()
        }
    }
}

fn list_named(name: &str) -> Result<OperatorList, FieldError> {
    OperatorList::of(name).ok_or_else(|| FieldError::new("list", "is not allow or block"))
}

/// The effects in words, a sentence each.
#[must_use]
pub fn sentences(effects: &Effects) -> Vec<String> {
    let calls = |n: u64| several(n, "call", "calls");
    let mut lines: Vec<String> = effects
        .dispositions
        .iter()
        .map(|(before, now, n)| format!("{}: {before} before, {now} now", calls(*n)))
        .collect();
    if effects.rescored > 0 {
        lines.push(format!("{} with another score and the same disposition", calls(effects.rescored)));
    }
    for (campaign, joined, left) in &effects.campaigns {
        if *joined > 0 {
            lines.push(format!("{} joined the campaign {campaign}", calls(*joined)));
        }
        if *left > 0 {
            lines.push(format!("{} left the campaign {campaign}", calls(*left)));
        }
    }
    for (kind, name, before, now) in &effects.lists {
        lines.push(format!("the {kind} {name}: list {before} before, {now} now"));
    }
    lines
}
