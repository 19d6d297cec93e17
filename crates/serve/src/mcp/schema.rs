//! Arguments of tools: one definition, from which the schema is made and by which arguments are checked.

use std::borrow::Cow;

use bellwether_base::Timestamp;
use bellwether_report::parse_time;
use bellwether_store::StoreError;
use serde_json::{Map, Value, json};

/// Longest text of an argument, in characters.
const MAX_TEXT: usize = 2048;

/// Longest INVITE in an argument, in characters: the largest UDP datagram in Base64.
const MAX_LONG_TEXT: usize = 131_070;

/// The reason why a tool gives no answer.
#[derive(Debug)]
pub(crate) enum ToolError {
    /// One sentence for the agent. It repeats no argument.
    Refused(Cow<'static, str>),
    /// The database cannot be read.
    Store(StoreError),
}

impl ToolError {
    pub(crate) fn refused(words: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(words.into())
    }
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The kind of an argument's value.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// An INVITE.
    LongText,
    /// RFC 3339, or a day.
    Time,
    /// A whole number from the first to the second.
    Whole(i64, i64),
    Number,
    Bool,
    OneOf(&'static [&'static str]),
}

/// An argument of a tool.
#[derive(Clone, Copy)]
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) description: &'static str,
    pub(crate) is_needed: bool,
}

impl Argument {
    pub(crate) const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { name, kind, description, is_needed: false }
    }

    pub(crate) const fn needed(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { name, kind, description, is_needed: true }
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Text => json!({"type": "string", "maxLength": MAX_TEXT}),
            Kind::LongText => json!({"type": "string", "maxLength": MAX_LONG_TEXT}),
            Kind::Time => json!({"type": "string"}),
            Kind::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Kind::Number => json!({"type": "number"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::OneOf(values) => json!({"type": "string", "enum": values}),
        };
        if let Some(members) = schema.as_object_mut() {
            members.insert("description".to_owned(), self.description.into());
        }
        schema
    }

    /// The fault of a value, as the rest of a sentence.
    fn fault(&self, value: &Value) -> Option<String> {
        let is_within = |most: usize| value.as_str().is_some_and(|text| text.chars().count() <= most);
        match self.kind {
            Kind::Text | Kind::LongText if !value.is_string() => Some("is not text".to_owned()),
            Kind::Text if !is_within(MAX_TEXT) => Some(format!("is longer than {MAX_TEXT} characters")),
            Kind::LongText if !is_within(MAX_LONG_TEXT) => {
                Some(format!("is longer than {MAX_LONG_TEXT} characters"))
            }
            Kind::Text | Kind::LongText => None,
            Kind::Time => {
                let is_time = value.as_str().and_then(parse_time).is_some();
                (!is_time).then(|| "is no time such as 2026-05-01T12:00:00Z, and no day".to_owned())
            }
            Kind::Whole(least, most) => {
                let is_one = value.as_i64().is_some_and(|n| (least..=most).contains(&n));
                (!is_one).then(|| format!("is no whole number from {least} to {most}"))
            }
            Kind::Number => (!value.is_number()).then(|| "is not a number".to_owned()),
            Kind::Bool => (!value.is_boolean()).then(|| "is not true or false".to_owned()),
            Kind::OneOf(values) => {
                let is_one = value.as_str().is_some_and(|text| values.contains(&text));
                (!is_one).then(|| format!("is none of {}", values.join(", ")))
            }
        }
    }
}

/// The schema of a tool's arguments (JSON Schema).
pub(crate) fn schema(arguments: &[Argument]) -> Map<String, Value> {
    let members: Map<String, Value> =
        arguments.iter().map(|one| (one.name.to_owned(), one.schema())).collect();
    let needed: Vec<&str> = arguments.iter().filter(|one| one.is_needed).map(|one| one.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), members.into());
    if !needed.is_empty() {
        schema.insert("required".to_owned(), json!(needed));
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    schema
}

/// Arguments that were checked.
pub(crate) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Checks the arguments of a call. A null is an absence.
    pub(crate) fn checked(known: &[Argument], given: Option<Map<String, Value>>) -> Result<Self, ToolError> {
        let mut given = given.unwrap_or_default();
        given.retain(|_, value| !value.is_null());
        if given.keys().any(|name| known.iter().all(|one| one.name != name)) {
            let names: Vec<&str> = known.iter().map(|one| one.name).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(ToolError::refused(format!("the tool has no such argument; its arguments: {names}")));
        }
        for one in known {
            let fault = match given.get(one.name) {
                None => one.is_needed.then(|| "is missing".to_owned()),
                Some(Value::String(text)) if text.trim().is_empty() && one.is_needed => {
                    Some("is empty".to_owned())
                }
                Some(value) => one.fault(value),
            };
            if let Some(fault) = fault {
                return Err(ToolError::refused(format!("{} {fault}", one.name)));
            }
        }
        Ok(Self(given))
    }

    /// A text; none if it is absent or empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(parse_time)
    }

    pub(crate) fn whole(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// All of them as an object.
    pub(crate) fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Argument] = &[
        Argument::needed("name", Kind::Text, "A name."),
        Argument::new("since", Kind::Time, "A time."),
        Argument::new("limit", Kind::Whole(1, 100), "A number."),
        Argument::new("kind", Kind::OneOf(&["a", "b"]), "A kind."),
        Argument::new("dry_run", Kind::Bool, "Yes or no."),
    ];

    fn fault(given: Value) -> String {
        match Arguments::checked(KNOWN, given.as_object().cloned()) {
            Err(ToolError::Refused(words)) => words.into_owned(),
            _ => String::new(),
        }
    }

    #[test]
    fn a_fault_names_the_argument_and_never_its_value() {
        for (given, words) in [
            (json!({}), "name is missing"),
            (json!({"name": 7}), "name is not text"),
            (json!({"name": " "}), "name is empty"),
            (json!({"name": "a", "since": "+4930555"}), "since is no time"),
            (json!({"name": "a", "limit": 101}), "limit is no whole number"),
            (json!({"name": "a", "limit": "5"}), "limit is no whole number"),
            (json!({"name": "a", "kind": "+4930555"}), "kind is none of a, b"),
            (json!({"name": "a", "dry_run": "yes"}), "dry_run is not true or false"),
            (json!({"name": "a", "+4930555": 1}), "no such argument"),
        ] {
            let fault = fault(given);
            assert!(fault.contains(words) && !fault.contains("4930555"), "{fault}");
        }
        assert_eq!(fault(json!({"name": "a", "kind": null, "since": "2026-05-01"})), "");
    }

    #[test]
    fn the_schema_has_each_argument_and_forbids_others() {
        let schema = schema(KNOWN);
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["properties"].as_object().unwrap().len(), KNOWN.len());
    }
}
