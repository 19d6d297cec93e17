//! Conditions on the rows of a report: `--where`.
//!
//! ```text
//! condition  = test | not condition | condition and condition | condition or condition | (condition)
//! test       = COLUMN = VALUE | COLUMN in (VALUE, ...), also with != < <= > >= ~ !~ ~* and not in
//! ```
//!
//! A value is `null`, a text in quotation marks, or all up to the next `and`, `or` or closing parenthesis. The kind of the column
//! says how a value is read, so that `score<abc` is an error.

mod parser;
mod value;

use bellwether_report::{Column, Report};
use regex_lite::Regex;
use serde_json::Value;

use crate::outcome::Failure;

pub(crate) use value::Wanted;

/// A condition on a row.
#[derive(Debug)]
pub(crate) enum Condition {
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Test),
}

/// A comparison of one column.
#[derive(Debug)]
pub(crate) struct Test {
    column: usize,
    comparison: Comparison,
}

#[derive(Debug)]
enum Comparison {
    /// The value is one of these.
    OneOf(Vec<Wanted>),
    Less(Wanted),
    NotGreater(Wanted),
    Greater(Wanted),
    NotLess(Wanted),
    Matches(Regex),
}

/// What conditions ask of the program: columns, the time, names of people.
pub(crate) trait Context {
    /// The report with the columns.
    fn report(&self) -> Report;
    /// The moment from which ages count back.
    fn now(&self) -> jiff::Timestamp;
    /// The values of a column that a name in clear text or a shortened token stands for. None if the column has no names.
    fn names(&self, column: &Column, text: &str) -> Result<Option<Vec<Wanted>>, Failure>;
}

impl Condition {
    /// Reads the text of a `--where`.
    pub(crate) fn parse(text: &str, context: &dyn Context) -> Result<Self, Failure> {
        parser::Parser::new(text, context).whole()
    }

    /// True if the condition holds for a row.
    pub(crate) fn holds(&self, values: &[Value]) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(values)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(values)),
            Self::Not(part) => !part.holds(values),
            Self::Test(test) => test.holds(values.get(test.column).unwrap_or(&Value::Null)),
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match &self.comparison {
            Comparison::OneOf(wanted) => wanted.iter().any(|wanted| wanted.is_met_by(value)),
            Comparison::Less(wanted) => wanted.compare(value) == Some(Less),
            Comparison::NotGreater(wanted) => matches!(wanted.compare(value), Some(Less | Equal)),
            Comparison::NotLess(wanted) => matches!(wanted.compare(value), Some(Greater | Equal)),
            Comparison::Greater(wanted) => wanted.compare(value) == Some(Greater),
            Comparison::Matches(pattern) => match value {
                Value::Null => false,
                Value::String(text) => pattern.is_match(text),
                other => pattern.is_match(&other.to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Exit;
    use serde_json::json;

    struct Fixed;

    impl Context for Fixed {
        fn report(&self) -> Report {
            Report::Calls
        }

        fn now(&self) -> jiff::Timestamp {
            "2026-11-21T12:00:00Z".parse().unwrap()
        }

        fn names(&self, column: &Column, text: &str) -> Result<Option<Vec<Wanted>>, Failure> {
            let is_name = column.name == "caller";
            Ok(is_name.then(|| vec![Wanted::Text(format!("token of {text}"))]))
        }
    }

    fn row(fields: Value) -> Vec<Value> {
        Report::Calls.columns().iter().map(|c| fields.get(c.name).cloned().unwrap_or(Value::Null)).collect()
    }

    fn holds(text: &str, fields: Value) -> bool {
        Condition::parse(text, &Fixed).unwrap().holds(&row(fields))
    }

    #[test]
    fn numbers_times_and_truths_are_compared_as_such() {
        for (condition, fields, expected) in [
            ("score<9", json!({"score": 10.0}), false),
            ("score <= 10", json!({"score": 10}), true),
            ("score=10.0", json!({"score": 10}), true),
            ("score>1", json!({}), false),
            ("score!=1", json!({}), true),
            ("score=null", json!({}), true),
            ("campaign is not null", json!({"campaign": "c-1"}), true),
            ("started_at>2026-11-21", json!({"started_at": "2026-11-21T00:00:00.000000001Z"}), true),
            ("started_at>=1h", json!({"started_at": "2026-11-21T10:59:59.000000000Z"}), false),
            (
                "started_at < 2026-11-21T13:00:00+01:00",
                json!({"started_at": "2026-11-21T11:59:59.000000000Z"}),
                true,
            ),
            ("cancelled=true", json!({"cancelled": true}), true),
            ("cancelled=no", json!({"cancelled": true}), false),
            ("linked_call_ids=b@h", json!({"linked_call_ids": ["a@h", "b@h"]}), true),
            ("signals=scanner_tool", json!({"signals": [{"name": "scanner_tool", "points": -45.0}]}), true),
        ] {
            assert_eq!(holds(condition, fields), expected, "{condition}");
        }
    }

    #[test]
    fn conditions_combine_with_and_or_not_in_and_parentheses() {
        let call =
            json!({"final_status": 200, "score": 62, "stack": "libre (baresip)", "disposition": "monitor"});
        for (condition, expected) in [
            ("final_status=200 and score>50", true),
            ("final_status=486 or score>50", true),
            ("final_status=486 or score>50 and score<60", false),
            ("(final_status=486 or score>50) and not score<60", true),
            ("not (final_status=200)", false),
            ("final_status in (200, 486)", true),
            ("final_status not in (200, 486)", false),
            ("stack in (\"libre (baresip)\", PJSIP)", true),
            ("disposition=monitor AND final_status=200", true),
        ] {
            assert_eq!(holds(condition, call.clone()), expected, "{condition}");
        }
    }

    #[test]
    fn a_value_of_earlier_versions_needs_no_quotation_marks() {
        for (condition, fields) in [
            ("stack=libre (baresip)", json!({"stack": "libre (baresip)"})),
            ("user_agent= Linphone Desktop/4 ", json!({"user_agent": "Linphone Desktop/4"})),
            ("stack~bare", json!({"stack": "libre (baresip)"})),
            ("user_agent=a=b", json!({"user_agent": "a=b"})),
            ("user_agent=order", json!({"user_agent": "order"})),
        ] {
            assert!(holds(condition, fields), "{condition}");
        }
    }

    #[test]
    fn a_pattern_is_a_regular_expression_and_a_name_is_made_a_token() {
        let call = json!({"stack": "PJSIP", "user_agent": "Z 3.2", "caller": "token of +49 30 1", "final_status": 486});
        for (condition, expected) in [
            ("stack~^PJ(SIP|NATH)$", true),
            ("stack~pjsip", false),
            ("stack~*pjsip", true),
            ("stack!~pjsip", true),
            ("final_status~^4", true),
            ("caller=+49 30 1", true),
            ("caller!='+49 30 1' or score>1", false),
        ] {
            assert_eq!(holds(condition, call.clone()), expected, "{condition}");
        }
    }

    #[test]
    fn nonsense_is_a_usage_error_that_says_what_is_wrong() {
        for (condition, expected) in [
            ("size=3", "there is no column size"),
            ("score", "give COLUMN=VALUE"),
            ("score<abc", "score is a number, and \"abc\" is none"),
            ("score>=null", "null has no order"),
            ("started_at>soon", "\"soon\" is not a time"),
            ("cancelled=perhaps", "cancelled is true or false"),
            ("cancelled>true", "cancelled has no order"),
            ("disposition=quarantined", "disposition is one of quarantine, monitor, standard, not_judged"),
            ("stack~(", "is no regular expression"),
            ("stack=", "a value is missing"),
            ("(score>1", "a closing parenthesis is missing"),
            ("score>1 and", "a condition is missing"),
            ("score>1) or score<2", "score is a number"),
            ("stack='x", "the closing quotation mark is missing"),
            ("stack='x' y", "after the value"),
            ("final_status in 3", "after in"),
            ("", "a condition is missing"),
        ] {
            let failure = Condition::parse(condition, &Fixed).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.to_string().contains(expected), "{condition}: {failure}");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let pieces =
            ["score", "=", "<", "~", "(", ")", "'", "é", " and ", " not ", " in ", ",", "null", "9", " "];
        let count = pieces.len();
        for number in 0..count.pow(4) {
            let text: String = (0..4).map(|place| pieces[number / count.pow(place) % count]).collect();
            if let Ok(condition) = Condition::parse(&text, &Fixed) {
                let _ = condition.holds(&row(json!({"score": 9})));
            }
        }
        let deep = "(".repeat(100_000);
        assert!(Condition::parse(&deep, &Fixed).unwrap_err().to_string().contains("nested too deeply"));
    }
}
