//! A validator for the part of JSON Schema (draft 2020-12) that the schemas in `docs/schema` use. It is stricter than the standard: a member
//! that an object's `properties` do not name is a violation, so that a schema cannot lag behind the output.

use serde_json::Value;

/// Every departure of a value from a schema, each with its JSON pointer. A keyword that this validator does not know is one too.
#[must_use]
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Validator { root: schema }.check(schema, value, "", &mut found);
    found
}

struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let Some(keywords) = schema.as_object() else {
            found.push(format!("{at}: the schema is no object"));
            return;
        };
        for (keyword, rule) in keywords {
            let is_kept = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" | "additionalProperties" => true,
                "$ref" => {
                    match rule.as_str().and_then(|name| self.root.pointer(name.trim_start_matches('#'))) {
                        Some(schema) => {
                            self.check(schema, value, at, found);
                            true
                        }
                        None => false,
                    }
                }
                "type" => match rule {
                    Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                    kind => is_of(kind, value),
                },
                "enum" => rule.as_array().is_some_and(|words| words.contains(value)),
                "format" => rule == "date-time" && value.as_str().is_none_or(is_moment),
                "minItems" => limit(rule, value, |count, limit| count >= limit),
                "maxItems" => limit(rule, value, |count, limit| count <= limit),
                "minimum" => value.as_f64().zip(rule.as_f64()).is_none_or(|(n, least)| n >= least),
                "maximum" => value.as_f64().zip(rule.as_f64()).is_none_or(|(n, most)| n <= most),
                "required" => {
                    let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                    value.as_object().is_none_or(|object| names.into_iter().all(|n| object.contains_key(n)))
                }
                "items" => {
                    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{i}"), found);
                    }
                    true
                }
                "properties" => {
                    self.members(rule, schema.get("additionalProperties"), value, at, found);
                    true
                }
                other => {
                    found.push(format!("{at}: the keyword {other} is not known here"));
                    true
                }
            };
            if !is_kept {
                found.push(format!("{at}: {value} breaks {keyword} {rule}"));
            }
        }
        if !keywords.contains_key("properties") && keywords.contains_key("additionalProperties") {
            self.members(&Value::Null, schema.get("additionalProperties"), value, at, found);
        }
    }

    fn members(
        &self,
        properties: &Value,
        others: Option<&Value>,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) {
        for (name, member) in value.as_object().into_iter().flatten() {
            match properties.get(name).or(others) {
                Some(schema) => self.check(schema, member, &format!("{at}/{name}"), found),
                None => found.push(format!("{at}: no schema for the member {name}")),
            }
        }
    }
}

fn limit(rule: &Value, value: &Value, is_kept: fn(usize, usize) -> bool) -> bool {
    let limit = rule.as_u64().and_then(|n| usize::try_from(n).ok());
    value.as_array().is_none_or(|items| limit.is_some_and(|limit| is_kept(items.len(), limit)))
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

/// RFC 3339 in UTC, with or without a fraction of a second.
fn is_moment(text: &str) -> bool {
    let Some((date, fraction)) = text.strip_suffix('Z').map(|text| text.split_at(text.len().min(19))) else {
        return false;
    };
    let fits = |(c, model): (char, char)| if model == '0' { c.is_ascii_digit() } else { c == model };
    date.len() == 19
        && date.chars().zip("0000-00-00T00:00:00".chars()).all(fits)
        && (fraction.is_empty()
            || fraction.strip_prefix('.').is_some_and(|digits| {
                !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit())
            }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_departure_is_found_where_it_is() {
        let schema = json!({
            "$schema": "x", "type": "array", "items": { "$ref": "#/$defs/row" },
            "$defs": { "row": {
                "type": "object",
                "required": ["a", "t"],
                "properties": {
                    "a": { "type": ["integer", "null"], "minimum": 0, "maximum": 9 },
                    "t": { "type": "string", "format": "date-time" },
                    "w": { "enum": ["x", null] },
                    "p": { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
                    "c": { "type": "object", "additionalProperties": { "type": "integer" } }
                }
            } }
        });
        let moment = "2026-11-21T03:43:01.123456789Z";
        let sound = json!([
            { "a": 1, "t": moment, "w": null, "p": [1, 2.5], "c": { "y": 1 } },
            { "a": null, "t": "2026-11-21T03:43:01Z" }
        ]);
        assert_eq!(violations(&schema, &sound), Vec::<String>::new());
        for (row, place, rule) in [
            (json!({ "t": moment }), "/0", "required"),
            (json!({ "a": 1.5, "t": moment }), "/0/a", "type"),
            (json!({ "a": 10, "t": moment }), "/0/a", "maximum"),
            (json!({ "a": -1, "t": moment }), "/0/a", "minimum"),
            (json!({ "a": 1, "t": "yesterday" }), "/0/t", "format"),
            (json!({ "a": 1, "t": "2026-11-21T03:43:01.Z" }), "/0/t", "format"),
            (json!({ "a": 1, "t": moment, "w": "y" }), "/0/w", "enum"),
            (json!({ "a": 1, "t": moment, "p": [1] }), "/0/p", "minItems"),
            (json!({ "a": 1, "t": moment, "p": [1, 2, 3] }), "/0/p", "maxItems"),
            (json!({ "a": 1, "t": moment, "p": [1, "2"] }), "/0/p/1", "type"),
            (json!({ "a": 1, "t": moment, "c": { "y": "z" } }), "/0/c/y", "type"),
            (json!({ "a": 1, "t": moment, "z": 1 }), "/0", "no schema for the member z"),
        ] {
            let found = violations(&schema, &json!([row]));
            assert_eq!(found.len(), 1, "{row}: {found:?}");
            assert!(found[0].starts_with(&format!("{place}: ")) && found[0].contains(rule), "{found:?}");
        }
    }

    #[test]
    fn a_keyword_or_reference_that_is_not_known_is_a_violation() {
        for schema in [json!({ "oneOf": [] }), json!({ "$ref": "#/$defs/none" }), json!({ "format": "uri" })]
        {
            assert_eq!(violations(&schema, &json!("x")).len(), 1, "{schema}");
        }
    }
}
