//! Values of a condition, read by the kind of their column.

use std::cmp::Ordering;

use bellwether_report::{Column, Kind, rfc3339};
use serde_json::Value;

use super::Context;
use crate::outcome::Failure;
use crate::schema::words;
use crate::when::moment;

/// A value that a row is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    Null,
    Number(f64),
    Bool(bool),
    /// A text, or a time as reports print it.
    Text(String),
    /// An address with this user, whatever its host.
    User(String),
}

impl Wanted {
    /// Reads the values that a text stands for. Clear text may stand for several tokens.
    pub(super) fn read(
        column: &Column,
        text: &str,
        is_quoted: bool,
        context: &dyn Context,
    ) -> Result<Vec<Self>, Failure> {
        if text == "null" && !is_quoted {
            return Ok(vec![Self::Null]);
        }
        let one = match column.kind {
            Kind::Int | Kind::Real => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Self::Number(number),
                _ => return Err(wrong(format!("{} is a number, and \"{text}\" is none", column.name))),
            },
            Kind::Time => Self::Text(rfc3339(moment(text, context.now())?)),
            Kind::Bool => match text {
                "true" | "yes" | "1" => Self::Bool(true),
                "false" | "no" | "0" => Self::Bool(false),
                _ => return Err(wrong(format!("{} is true or false, not \"{text}\"", column.name))),
            },
            Kind::Text | Kind::Json => {
                if let Some(found) = context.names(column, text)? {
                    return Ok(found);
                }
                if let Some(words) =
                    words(context.report(), column.name).filter(|words| !words.contains(&text))
                {
                    let words = words.join(", ");
                    return Err(wrong(format!("{} is one of {words}, not \"{text}\"", column.name)));
                }
                Self::Text(text.to_owned())
            }
        };
        Ok(vec![one])
    }

    /// True if the value of a row is this one. A list is one of its items.
    pub(super) fn is_met_by(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, value) => value.is_null(),
            (Self::Bool(wanted), value) => value.as_bool() == Some(*wanted),
            (Self::User(user), Value::String(text)) => has_user(text, user),
            (Self::Text(wanted), Value::String(text)) => text == wanted,
            (_, Value::Array(items)) => {
                let name = |item: &Value| item.get("name").or_else(|| item.get("kind")).cloned();
                items.iter().any(|item| self.is_met_by(&name(item).unwrap_or_else(|| item.clone())))
                    || self.is_written(value)
            }
            (_, Value::Object(_)) => self.is_written(value),
            _ => self.compare(value) == Some(Ordering::Equal),
        }
    }

    /// True for the JSON of a value.
    fn is_written(&self, value: &Value) -> bool {
        let json = value.to_string();
        matches!(self, Self::Text(wanted) if *wanted == json)
    }

    /// The order of a row's value against this one, if both are of one kind.
    pub(super) fn compare(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Number(wanted), value) => value.as_f64()?.partial_cmp(wanted),
            (Self::Text(wanted), Value::String(text)) => Some(text.as_str().cmp(wanted)),
            _ => None,
        }
    }
}

/// True if an address, a number or a lone token has this user.
fn has_user(address: &str, user: &str) -> bool {
    let rest = ["sip:", "sips:", "tel:"].iter().find_map(|scheme| address.strip_prefix(scheme));
    let rest = rest.unwrap_or(address);
    rest.rsplit_once('@').map_or(rest, |(user, _)| user) == user
}

fn wrong(text: String) -> Failure {
    Failure::Usage(format!("--where: {text}"))
}
