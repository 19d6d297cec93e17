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
    /// A fault of a member.
    #[must_use]
    pub fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into() }
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The members of a value.
    ///
    /// # Errors
    /// If the value is no object.
    pub fn of(value: &'a Value) -> Result<Self, FieldError> {
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

    /// A text of at most 2048 characters; none if it is absent.
    ///
    /// # Errors
    /// If the member is no text, or a longer one.
    pub fn text(self, name: &str) -> Result<Option<String>, FieldError> {
        Ok(self.text_of(name, MAX_TEXT)?.map(str::to_owned))
    }

    /// A text that must be there, and must not be empty.
    ///
    /// # Errors
    /// If it is missing, empty, no text or too long.
    pub fn needed(self, name: &str) -> Result<String, FieldError> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| FieldError::new(name, "is missing"))
    }

    /// A finite number; none if it is absent.
    ///
    /// # Errors
    /// If the member is no number.
    pub fn number(self, name: &str) -> Result<Option<f64>, FieldError> {
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

/// True for a text with an unmasked phone number: seven digits of any script, with no letter between them. Dates and addresses of
/// hosts are no numbers.
#[must_use]
pub fn has_number(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| !is_date_or_address(word));
    let mut digits = 0;
    for c in words.flat_map(|word| word.chars().chain([' '])) {
        if c.is_numeric() {
            digits += 1;
        } else if c.is_alphabetic() {
            digits = 0;
        }
        if digits >= 7 {
            return true;
        }
    }
    false
}

/// True for an ISO date, with a time or without, and for an IP address or network.
fn is_date_or_address(word: &str) -> bool {
    let word = word.trim_matches(|c: char| ",;()[]".contains(c));
    let is_date = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        let is_plain = parts.iter().all(|part| part.bytes().all(|octet| octet.is_ascii_digit()));
        is_plain && parts.iter().map(|part| part.len()).eq([4, 2, 2])
    };
    let host = word.split('/').next().unwrap_or_default();
    is_date(word.split('T').next().unwrap_or_default()) || host.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::has_number;

    #[test]
    fn a_number_is_found_whatever_separates_its_digits() {
        for text in [
            "+49 30 1234567",
            "a493_0991_234567",
            "4/9/3/0/9/9/1",
            "493\u{2013}099\u{2013}123",
            "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}",
            "caller 212 555 0188 said",
        ] {
            assert!(has_number(text), "{text}");
        }
        for text in [
            "a-17",
            "seen on 2026-11-30",
            "from 192.0.2.117, 198.51.100.0/24",
            "until 2026-11-30T12:00:00Z",
            "12 calls of 34",
        ] {
            assert!(!has_number(text), "{text}");
        }
    }
}
