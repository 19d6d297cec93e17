//! The text of a condition. A parser without look-behind: each function reads one rule of the grammar.

use bellwether_report::{Column, Kind};
use regex_lite::RegexBuilder;

use super::value::Wanted;
use super::{Comparison, Condition, Context, Test};
use crate::outcome::Failure;
use crate::report::place_of;

/// Conditions inside each other, so that a long row of parentheses does not exhaust the stack.
const MAX_DEPTH: usize = 64;

/// The signs of comparisons. Longer ones stand before their beginnings.
const SIGNS: [&str; 11] = ["!~*", "!~", "~*", "!=", "<=", ">=", "==", "=", "<", ">", "~"];

pub(super) struct Parser<'t> {
    /// The whole text, for messages.
    text: &'t str,
    /// The text that is not read yet.
    rest: &'t str,
    /// Open parentheses of groups.
    depth: usize,
    context: &'t dyn Context,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str, context: &'t dyn Context) -> Self {
        Self { text, rest: text.trim(), depth: 0, context }
    }

    pub(super) fn whole(mut self) -> Result<Condition, Failure> {
        let condition = self.any()?;
        if self.rest.is_empty() {
            Ok(condition)
        } else {
            Err(self.wrong("and, or or the end must stand after the value"))
        }
    }

    fn any(&mut self) -> Result<Condition, Failure> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(single(parts, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, Failure> {
        let mut parts = vec![self.negation()?];
        while self.takes_word("and") {
            parts.push(self.negation()?);
        }
        Ok(single(parts, Condition::All))
    }

    fn negation(&mut self) -> Result<Condition, Failure> {
        if self.depth >= MAX_DEPTH {
            return Err(self.wrong("the condition is nested too deeply"));
        }
        if self.takes_word("not") {
            self.depth += 1;
            let inner = self.negation()?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if !self.takes("(") {
            return self.test();
        }
        self.depth += 1;
        let inner = self.any()?;
        if !self.takes(")") {
            return Err(self.wrong("a closing parenthesis is missing"));
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn test(&mut self) -> Result<Condition, Failure> {
        let report = self.context.report();
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            let told = if rest.is_empty() { "a condition is missing" } else { "give COLUMN=VALUE" };
            return Err(self.wrong(told));
        }
        self.rest = rest.trim_start();
        let asks = SIGNS.iter().any(|sign| self.rest.starts_with(sign))
            || ["in", "not", "is"].iter().any(|word| self.begins_with_word(word));
        if !asks {
            return Err(self.wrong("give COLUMN=VALUE (or != < <= > >= ~, or COLUMN in (VALUE, ...))"));
        }
        let place = place_of(name, report)?;
        let Some(column) = report.columns().get(place) else {
            return Err(self.wrong("give COLUMN=VALUE"));
        };
        let (comparison, is_negated) = self.comparison(column)?;
        let test = Condition::Test(Test { column: place, comparison });
        Ok(if is_negated { Condition::Not(Box::new(test)) } else { test })
    }

    /// A comparison, and true if its opposite is asked for.
    fn comparison(&mut self, column: &Column) -> Result<(Comparison, bool), Failure> {
        if self.takes_word("is") {
            let is_negated = self.takes_word("not");
            if !self.takes_word("null") {
                return Err(self.wrong("null must stand after is"));
            }
            return Ok((Comparison::OneOf(vec![Wanted::Null]), is_negated));
        }
        let is_negated = self.takes_word("not");
        if self.takes_word("in") {
            return Ok((Comparison::OneOf(self.list(column)?), is_negated));
        }
        let Some(sign) = SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)).filter(|_| !is_negated)
        else {
            return Err(self.wrong("in must stand after not"));
        };
        self.takes(sign);
        let (text, is_quoted) = self.value(false)?;
        if sign.contains('~') {
            return Ok((self.pattern(column, &text, sign.ends_with('*'))?, sign.starts_with('!')));
        }
        let wanted = Wanted::read(column, &text, is_quoted, self.context)?;
        if matches!(sign, "=" | "==" | "!=") {
            return Ok((Comparison::OneOf(wanted), sign == "!="));
        }
        let one = match (wanted.as_slice(), column.kind) {
            ([Wanted::Null], _) => return Err(self.wrong("null has no order; compare it with = or !=")),
            (_, Kind::Bool | Kind::Json) => {
                return Err(self.wrong(&format!("{} has no order; compare it with = or !=", column.name)));
            }
            ([one @ (Wanted::Number(_) | Wanted::Text(_))], _) => one.clone(),
            _ => return Err(self.wrong(&format!("{} is no single value", column.name))),
        };
        Ok(match sign {
            "<" => (Comparison::Less(one), false),
            ">" => (Comparison::Greater(one), false),
            // A row without the value is neither below nor above, so these are not the opposites.
            "<=" => (Comparison::NotGreater(one), false),
            _ => (Comparison::NotLess(one), false),
        })
    }

    fn pattern(&self, column: &Column, text: &str, ignores_case: bool) -> Result<Comparison, Failure> {
        if column.kind == Kind::Bool {
            return Err(self.wrong(&format!("{} is true or false and has no text", column.name)));
        }
        let pattern = RegexBuilder::new(text).case_insensitive(ignores_case).build();
        pattern.map(Comparison::Matches).map_err(|e| {
            let quoted = regex_lite::escape(text);
            self.wrong(&format!(
                "\"{text}\" is no regular expression ({e}); for the text itself give {quoted}"
            ))
        })
    }

    fn list(&mut self, column: &Column) -> Result<Vec<Wanted>, Failure> {
        if !self.takes("(") {
            return Err(self.wrong("values in parentheses must stand after in"));
        }
        let mut all = Vec::new();
        loop {
            let (text, is_quoted) = self.value(true)?;
            all.extend(Wanted::read(column, &text, is_quoted, self.context)?);
            if self.takes(")") {
                return Ok(all);
            }
            if !self.takes(",") {
                return Err(self.wrong("a closing parenthesis is missing"));
            }
        }
    }

    /// A value, and true if it stood in quotation marks.
    fn value(&mut self, is_in_list: bool) -> Result<(String, bool), Failure> {
        if let Some(mark @ ('"' | '\'')) = self.rest.chars().next() {
            let inner = self.rest.get(1..).unwrap_or_default();
            let Some((text, rest)) = inner.split_once(mark) else {
                return Err(self.wrong("the closing quotation mark is missing"));
            };
            self.rest = rest.trim_start();
            return Ok((text.to_owned(), true));
        }
        let (text, rest) = self.rest.split_at(self.end_of_value(is_in_list));
        self.rest = rest.trim_start();
        match text.trim() {
            "" => {
                Err(self.wrong("a value is missing; null finds rows without one, \"\" finds an empty text"))
            }
            text => Ok((text.to_owned(), false)),
        }
    }

    /// The end of a value without quotation marks: before `and`, `or` or the end of its group. Parentheses inside of it come in pairs.
    fn end_of_value(&self, is_in_list: bool) -> usize {
        let is_inside = self.depth > 0 || is_in_list;
        let (mut open, mut is_after_space) = (0_usize, false);
        for (at, c) in self.rest.char_indices() {
            let ahead = self.rest.get(at..).unwrap_or_default();
            match c {
                '(' => open += 1,
                ')' if open == 0 && is_inside => return at,
                ')' => open = open.saturating_sub(1),
                ',' if open == 0 && is_in_list => return at,
                _ if open == 0 && is_after_space && !is_in_list && is_combination(ahead) => return at,
                _ => {}
            }
            is_after_space = c.is_whitespace();
        }
        self.rest.len()
    }

    fn takes(&mut self, sign: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn begins_with_word(&self, word: &str) -> bool {
        is_word(self.rest, word)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        if !self.begins_with_word(word) {
            return false;
        }
        self.rest = self.rest.get(word.len()..).unwrap_or_default().trim_start();
        true
    }

    fn wrong(&self, told: &str) -> Failure {
        Failure::Usage(format!("--where {}: {told}", self.text))
    }
}

/// True if a text begins with a word in letters of either case, and not with a longer one.
fn is_word(text: &str, word: &str) -> bool {
    let Some((beginning, rest)) = text.split_at_checked(word.len()) else { return false };
    beginning.eq_ignore_ascii_case(word)
        && !rest.starts_with(|c: char| c.is_alphanumeric() || "_=!<>~".contains(c))
}

fn is_combination(text: &str) -> bool {
    is_word(text, "and") || is_word(text, "or")
}

fn single(mut parts: Vec<Condition>, of: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(one) if parts.is_empty() => one,
        last => {
            parts.extend(last);
            of(parts)
        }
    }
}
