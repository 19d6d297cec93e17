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
                    lines.extend(traits(list, indent + 4));
                    continue;
                }
                if let Some(table) = numbers(list, indent + 4) {
                    lines.push(name(key));
                    lines.extend(table);
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

/// The fewest objects of numbers that are shown as a table.
const FEWEST_ROWS: usize = 4;

/// A table of many objects with the same numbers. `None` for any other list.
fn numbers(list: &[Value], indent: usize) -> Option<Vec<Shown>> {
    let objects: Vec<&Map<String, Value>> = list.iter().map(Value::as_object).collect::<Option<_>>()?;
    let first = objects.first().filter(|_| objects.len() >= FEWEST_ROWS)?;
    let is_alike = |object: &&Map<String, Value>| {
        object.keys().eq(first.keys()) && object.values().all(|value| value.is_number() || value.is_null())
    };
    if !objects.iter().all(is_alike) {
        return None;
    }
    let cell = |value: &Value| if value.is_null() { "-".to_owned() } else { value.to_string() };
    let mut rows: Vec<Vec<String>> = vec![first.keys().cloned().collect()];
    rows.extend(objects.iter().map(|object| object.values().map(cell).collect()));
    let widest =
        |place: usize| rows.iter().filter_map(|row| row.get(place)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..first.len()).map(widest).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        Shown::within(&format!("{:indent$}{}", "", cells.collect::<Vec<_>>().join("  ")), LONGEST_VALUE)
    };
    Some(rows.iter().map(line).collect())
}

/// Traits, of which the ones that an author does not show are in one line.
fn traits(list: &[Value], indent: usize) -> Vec<Shown> {
    let is_empty = |item: &&Value| item.get("value").and_then(Value::as_str) == Some("");
    let mut lines: Vec<Shown> =
        list.iter().filter(|item| !is_empty(item)).flat_map(|item| trait_lines(item, indent)).collect();
    let empty: Vec<&str> =
        list.iter().filter(is_empty).filter_map(|item| item.get("key").and_then(Value::as_str)).collect();
    if !empty.is_empty() {
        lines.push(Shown::within(&format!("{:indent$}empty: {}", "", empty.join(", ")), LONGEST_VALUE));
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(object: &Value) -> String {
        let lines = fields(object.as_object().unwrap(), 0);
        lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn empty_traits_share_a_line_and_many_numbers_are_a_table() {
        let part =
            |key: &str, value: &str| json!({"key": key, "value": value, "meaning": "it", "level": "stack"});
        let text = printed(&json!({"parts": [part("m", "INVITE"), part("s", ""), part("w", "")]}));
        assert_eq!(text, "parts\n    m    INVITE\n           it (stack)\n    empty: s, w");
        let row = |n: u64| json!({"threshold": n, "recall": 0.5});
        let text = printed(&json!({"sweep": [row(5), row(10), row(15), row(100)]}));
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(text.contains("\n    threshold  recall\n            5     0.5\n"), "{text}");
        let text = printed(&json!({"few": [row(5)]}));
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
