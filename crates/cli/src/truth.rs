//! Labels from files: what is known of calls.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::outcome::Failure;

/// One line of truth.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) call_id: String,
    /// Fraud, or honest; none where only other things are known.
    pub(crate) is_fraud: Option<bool>,
    pub(crate) campaign: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) class: Option<String>,
}

/// Octets of the longest line: more is no label.
const LONGEST_LINE: u64 = 1 << 20;

/// A file of labels, read line by line: it may be longer than memory.
pub(crate) struct Truths {
    from: BufReader<File>,
    path: PathBuf,
    number: u64,
    line: String,
}

impl Truths {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file =
            File::open(path).map_err(|e| Failure::Work(format!("cannot read {}: {e}", path.display())))?;
        Ok(Self { from: BufReader::new(file), path: path.to_path_buf(), number: 0, line: String::new() })
    }

    /// The next line that says anything; none at the end.
    fn read(&mut self) -> Result<Option<Truth>, String> {
        loop {
            self.number += 1;
            self.line.clear();
            let read =
                (&mut self.from).take(LONGEST_LINE).read_line(&mut self.line).map_err(|e| e.to_string())?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LONGEST_LINE && !self.line.ends_with('\n') {
                return Err(format!("the line is longer than {LONGEST_LINE} octets"));
            }
            if !self.line.trim().is_empty() {
                return parse(self.line.trim_end()).map(Some);
            }
        }
    }
}

impl Iterator for Truths {
    type Item = Result<Truth, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(truth) => truth.map(Ok),
            Err(why) => {
                let told = |why: String| {
                    Failure::Work(format!("{}, line {}: {why}", self.path.display(), self.number))
                };
                Some(Err(told(why)))
            }
        }
    }
}

/// Reads a file of labels: a JSON object on each line.
pub(crate) fn read(path: &Path) -> Result<Vec<Truth>, Failure> {
    Truths::open(path)?.collect()
}

/// The labels of a text, or the first line that is none and why.
pub(crate) fn lines(text: &str) -> Result<Vec<Truth>, String> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| parse(line).map_err(|why| format!("line {number}: {why}"))).collect()
}

fn parse(line: &str) -> Result<Truth, String> {
    let value: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let text = |key: &str| -> Result<Option<String>, String> {
        match value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!("{key} is {other}, not text")),
        }
    };
    let is_fraud = match text("label")?.as_deref() {
        None => None,
        Some("fraud") => Some(true),
        Some("legit") => Some(false),
        Some(other) => return Err(format!("the label must be fraud or legit, not {other:?}")),
    };
    Ok(Truth {
        call_id: text("call_id")?.ok_or("call_id is missing")?,
        is_fraud,
        campaign: text("campaign")?,
        device: text("device")?,
        class: text("class")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_a_call_and_what_it_says_must_be_text() {
        let truth =
            parse(r#"{"call_id": "a", "label": "fraud", "campaign": "x", "device": null, "actor": 3}"#)
                .unwrap();
        assert_eq!((truth.is_fraud, truth.campaign.as_deref(), truth.device), (Some(true), Some("x"), None));
        assert!(parse(r#"{"label": "fraud"}"#).unwrap_err().contains("call_id"));
        assert!(parse(r#"{"call_id": "a", "label": "bad"}"#).unwrap_err().contains("fraud or legit"));
        assert!(parse(r#"{"call_id": 5}"#).unwrap_err().contains("not text"));
        assert!(parse("nonsense").is_err());
    }
}
