//! Members of a report's object.

use serde_json::{Map, Value};

/// An object of a report.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The object that a value is; none for other values.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// The text, or nothing.
    pub(crate) fn word(self, name: &str) -> &'a str {
        self.text(name).unwrap_or_default()
    }

    pub(crate) fn number(self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    pub(crate) fn count(self, name: &str) -> i64 {
        self.0.get(name).and_then(Value::as_i64).unwrap_or(0)
    }

    pub(crate) fn is(self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn object(self, name: &str) -> Option<Self> {
        Self::of(self.0.get(name)?)
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn list(self, name: &str) -> &'a [Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The objects of a list.
    pub(crate) fn objects(self, name: &str) -> impl Iterator<Item = Fields<'a>> {
        self.list(name).iter().filter_map(Fields::of)
    }

    /// The texts of a list.
    pub(crate) fn texts(self, name: &str) -> impl Iterator<Item = &'a str> {
        self.list(name).iter().filter_map(Value::as_str)
    }

    /// Two numbers of a list, such as the ends of an interval.
    pub(crate) fn pair(self, name: &str) -> Option<(f64, f64)> {
        match self.list(name) {
            [low, high] => Some((low.as_f64()?, high.as_f64()?)),
            _ => None,
        }
    }
}
