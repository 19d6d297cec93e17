//! One object as lines of fields.

use std::io;

use bellwether_base::Shown;
use serde_json::{Map, Value};

use super::LONGEST_VALUE;
use crate::out::Out;

/// The maximum width of a field name. Some names come from traffic.
const LONGEST_NAME: usize = 48;

/// Prints one object with a line per field; lists and objects are indented below their name.
pub(crate) fn print_object(object: &Map<String, Value>) -> io::Result<()> {
    let mut out = Out::new();
    fields(object, 0).iter().try_for_each(|line| out.line(line))?;
    out.finish()
}

/// The lines of an object.
fn fields(object: &Map<String, Value>, indent: usize) -> Vec<Shown> {
    let name = |name: &str| {
        let mut line = Shown::default();
        line.pad(indent);
        line.push(&Shown::within(name, LONGEST_NAME));
        line
    };
    let widest = object.keys().map(|key| name(key).width()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let field = |mut line: Shown, value: &Shown| {
        line.pad(widest + 2);
        line.push(value);
        line
    };
    for (key, value) in object {
        match value {
            Value::Null => {}
            Value::Object(inner) if inner.is_empty() => {}
            Value::Array(list) if list.is_empty() => {}
            Value::Object(inner) if inner.values().all(Value::is_number) => {
                let parts: Vec<String> = inner.iter().map(|(k, v)| format!("{k} {v}")).collect();
                lines.push(field(name(key), &Shown::within(&parts.join(", "), LONGEST_VALUE)));
            }
            Value::Object(inner) => {
                lines.push(name(key));
                lines.extend(fields(inner, indent + 4));
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                if list.iter().all(|item| item.get("meaning").is_some()) {
                    lines.push(name(key));
                    lines.extend(list.iter().flat_map(|item| trait_lines(item, indent + 4)));
                    continue;
                }
                for inner in list.iter().filter_map(Value::as_object) {
                    let mut line = name(key);
                    line.own(":");
                    lines.push(line);
                    lines.extend(fields(inner, indent + 4));
                }
            }
            Value::Array(list) => {
                for (i, item) in list.iter().enumerate() {
                    lines.push(field(name(if i == 0 { key } else { "" }), &plain(item)));
                }
            }
            value => lines.push(field(name(key), &plain(value))),
        }
    }
    lines
}

/// A trait in two lines: key with value, and meaning.
fn trait_lines(item: &Value, indent: usize) -> [Shown; 2] {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or("-");
    let value = match item.get("value") {
        Some(Value::Array(list)) => list.iter().map(text_of).collect::<Vec<_>>().join(" | "),
        Some(value) => text_of(value),
        None => String::new(),
    };
    let line = |indent: usize, text: &str| {
        let mut line = Shown::default();
        line.pad(indent);
        line.push(&Shown::within(text, LONGEST_VALUE));
        line
    };
    [
        line(indent, &format!("{:<4} {value}", text("key"))),
        line(indent + 7, &format!("{} ({})", text("meaning"), text("level"))),
    ]
}

fn plain(value: &Value) -> Shown {
    Shown::within(&text_of(value), LONGEST_VALUE)
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
