//! Members of a JSON object, with errors that name the member.

use serde_json::{Map, Value};

/// Longest text of a member, in characters. A Call-ID or a User-Agent is shorter.
const MAX_TEXT: usize = 2048;

/// A member that is missing or wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} {why}")]
pub struct FieldError {
    /// The name of the member; empty if the whole is wrong.
    pub field: String,
    /// The fault, as the rest of a sentence that begins with the name.
    pub why: String,
}

impl FieldError {
    pub(crate) fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into() }
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn of(value: &'a Value) -> Result<Self, FieldError> {
        value.as_object().map(Self).ok_or_else(|| FieldError::new("", "the body is not a JSON object"))
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most `most` characters.
    pub(crate) fn text_of(self, name: &str, most: usize) -> Result<Option<&'a str>, FieldError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| FieldError::new(name, "is not text"))?;
        if text.chars().count() > most {
            return Err(FieldError::new(name, format!("is longer than {most} characters")));
        }
        Ok(Some(text))
    }

    pub(crate) fn text(self, name: &str) -> Result<Option<String>, FieldError> {
        Ok(self.text_of(name, MAX_TEXT)?.map(str::to_owned))
    }

    pub(crate) fn needed(self, name: &str) -> Result<String, FieldError> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| FieldError::new(name, "is missing"))
    }

    pub(crate) fn number(self, name: &str) -> Result<Option<f64>, FieldError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().filter(|n| n.is_finite());
        number.map(Some).ok_or_else(|| FieldError::new(name, "is not a number"))
    }

    pub(crate) fn parsed<T: std::str::FromStr>(
        self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text_of(name, MAX_TEXT)? else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| FieldError::new(name, format!("is not {what}")))
    }

    /// A text without a phone number.
    pub(crate) fn masked(self, name: &str) -> Result<Option<String>, FieldError> {
        let found = self.text(name)?;
        let is_number = found.as_deref().is_some_and(has_number);
        if is_number { Err(FieldError::new(name, "is an unmasked phone number")) } else { Ok(found) }
    }
}

/// True if a text has a phone number: seven digits with nothing but separators between them.
#[must_use]
pub fn has_number(text: &str) -> bool {
    let parts = text.split(|c: char| !(c.is_ascii_digit() || " +-().".contains(c)));
    parts.map(|part| part.chars().filter(char::is_ascii_digit).count()).any(|digits| digits >= 7)
}
