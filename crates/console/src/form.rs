//! Forms of the pages: their fields as acts of an operator.

use bellwether_report::parse_time;

use crate::link::local;
use crate::{Action, Lookup, link};

/// Characters of a field that are read.
const MAX_CHARS: usize = 4096;

/// A form that a browser sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// The act.
    pub action: Action,
    /// The secret of the session that the form had.
    pub csrf: String,
    /// The path of the console to return to.
    pub return_to: String,
    /// True if the operator saw the preview.
    pub is_confirmed: bool,
}

/// A form cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FormError {
    /// No form goes to this path.
    Path,
    /// A field is missing, or its value is none of the possible ones.
    Field(&'static str),
}

impl std::fmt::Display for FormError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path => f.write_str("No form goes to this address."),
            Self::Field(name) => write!(f, "The field \"{name}\" is missing, or its value is not possible."),
        }
    }
}

impl std::error::Error for FormError {}

/// The decoded fields of a form.
struct FormFields<'a>(&'a [(String, String)]);

impl FormFields<'_> {
    fn optional(&self, name: &str) -> String {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim().chars().take(MAX_CHARS).collect()).unwrap_or_default()
    }

    fn text(&self, name: &'static str) -> Result<String, FormError> {
        Some(self.optional(name)).filter(|text| !text.is_empty()).ok_or(FormError::Field(name))
    }

    fn one_of(&self, name: &'static str, words: &[&str]) -> Result<String, FormError> {
        self.text(name).and_then(|text| {
            if words.contains(&text.as_str()) { Ok(text) } else { Err(FormError::Field(name)) }
        })
    }

    /// The value of an entry of a list. A number becomes its token.
    fn value(&self, kind: &str, lookup: &dyn Lookup) -> Result<String, FormError> {
        let value = self.text("value")?;
        if kind != "number" || is_token(&value) {
            return Ok(value);
        }
        lookup.tokens_of(&value).into_iter().next().ok_or(FormError::Field("value"))
    }
}

/// True for the token of a number.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// Kinds of subjects that take labels and comments.
const KINDS: [&str; 5] = ["call", "fingerprint", "campaign", "recording", "incident"];

/// Kinds of entries of a list.
pub(crate) const LIST_KINDS: [&str; 6] = ["number", "peer", "network", "fingerprint", "family", "recording"];

impl Form {
    /// Reads the fields of a form that was sent to `path`. A clear number becomes its token and is not part of the result.
    ///
    /// # Errors
    /// If there is no such form, or a field is wrong.
    pub fn read(path: &str, fields: &[(String, String)], lookup: &dyn Lookup) -> Result<Self, FormError> {
        let of = FormFields(fields);
        let action = match path {
            "/act/label" => Action::Label {
                kind: of.one_of("kind", &KINDS)?,
                id: of.text("id")?,
                label: Some(of.one_of("label", &["fraud", "legit", "none"])?).filter(|label| label != "none"),
                reason: of.optional("reason"),
            },
            "/act/acknowledge" => Action::Acknowledge {
                kind: of.one_of("kind", &["incident", "campaign"])?,
                id: of.text("id")?,
            },
            "/act/comment" => Action::Comment {
                kind: of.one_of("kind", &KINDS)?,
                id: of.text("id")?,
                text: of.text("text")?,
            },
            "/act/list-add" => {
                let kind = of.one_of("kind", &LIST_KINDS)?;
                let until = of.optional("until");
                Action::ListAdd {
                    list: of.one_of("list", &["allow", "block"])?,
                    value: of.value(&kind, lookup)?,
                    kind,
                    reason: of.optional("reason"),
                    until: match until.as_str() {
                        "" => None,
                        text => Some(parse_time(text).ok_or(FormError::Field("until"))?),
                    },
                }
            }
            "/act/list-remove" => {
                let kind = of.one_of("kind", &LIST_KINDS)?;
                Action::ListRemove {
                    list: of.one_of("list", &["allow", "block"])?,
                    value: of.value(&kind, lookup)?,
                    kind,
                }
            }
            "/act/approve" => Action::Approve { aor: of.text("aor")?, device: of.text("device")? },
            _ => return Err(FormError::Path),
        };
        Ok(Self {
            action,
            csrf: of.optional("csrf"),
            return_to: local(&of.optional("return_to")).to_owned(),
            is_confirmed: of.optional("confirm") == "yes",
        })
    }
}

/// The page of a subject; none for a subject without a page.
pub(crate) fn page_of(kind: &str, id: &str) -> Option<String> {
    KINDS.contains(&kind).then(|| link::to(kind, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Key;
    impl Lookup for Key {
        fn tokens_of(&self, clear: &str) -> Vec<String> {
            vec![format!("{:032x}", clear.len())]
        }
    }

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_clear_number_becomes_its_token() {
        let sent = fields(&[
            ("list", "block"),
            ("kind", "number"),
            ("value", " +4930123 "),
            ("until", "2027-01-01"),
        ]);
        let form = Form::read("/act/list-add", &sent, &Key).unwrap();
        assert!(!format!("{form:?}").contains("4930123"));
        let token = format!("{:032x}", 8);
        let until = parse_time("2027-01-01T00:00:00Z");
        let expected = Action::ListAdd {
            list: "block".into(),
            kind: "number".into(),
            value: token,
            reason: String::new(),
            until,
        };
        assert_eq!(form.action, expected);
    }

    #[test]
    fn the_fields_of_an_act_give_the_act_again() {
        let (kind, id) = ("call".to_owned(), "a\u{202e}<b>".to_owned());
        for action in [
            Action::Label { kind: kind.clone(), id: id.clone(), label: None, reason: "r".into() },
            Action::Acknowledge { kind: "incident".into(), id: id.clone() },
            Action::Comment { kind, id: id.clone(), text: "x".into() },
            Action::ListRemove { list: "allow".into(), kind: "peer".into(), value: "192.0.2.1".into() },
            Action::Approve { aor: id, device: "d-1".into() },
        ] {
            let sent: Vec<(String, String)> =
                action.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert_eq!(Form::read(action.path(), &sent, &Key).unwrap().action, action);
        }
    }

    #[test]
    fn a_wrong_form_names_its_field() {
        let sent = fields(&[("kind", "call"), ("id", "x"), ("label", "maybe")]);
        assert_eq!(Form::read("/act/label", &sent, &Key), Err(FormError::Field("label")));
        assert_eq!(Form::read("/act/nothing", &sent, &Key), Err(FormError::Path));
        let sent =
            fields(&[("kind", "call"), ("id", "x"), ("label", "fraud"), ("return_to", "//evil.example")]);
        assert_eq!(Form::read("/act/label", &sent, &Key).unwrap().return_to, "/");
    }
}
