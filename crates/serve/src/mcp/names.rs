//! Names in arguments: a number in clear text becomes its tokens, a Call-ID of the wire the one of reports.

use bellwether_report::Reports;
use bellwether_store::StoreError;

use super::schema::ToolError;
use crate::state::Numbers;

/// Digits of a token, and the fewest digits of one that a table shortened.
const TOKEN: usize = 32;
const MIN_DIGITS: usize = 4;

/// Reports and key for one use of a tool.
pub(crate) struct Context<'r> {
    pub(crate) reports: Reports<'r>,
    pub(crate) numbers: &'r Numbers,
}

impl Context<'_> {
    /// The Call-ID as it stands in reports; none if no call has it.
    pub(crate) fn call_id(&self, id: &str) -> Result<Option<String>, StoreError> {
        let reader = self.reports.reader();
        if reader.has_call(id)? {
            return Ok(Some(id.to_owned()));
        }
        reader.call_on_the_wire((self.numbers.wire_id_of)(id))
    }

    /// The same for a call that must be there.
    pub(crate) fn known_call_id(&self, id: &str) -> Result<String, ToolError> {
        self.call_id(id)?.ok_or_else(|| ToolError::refused("there is no call with this Call-ID"))
    }

    /// The tokens that a number, a user part, an address or a token may have in the database.
    pub(crate) fn tokens(&self, text: &str) -> Result<Vec<String>, ToolError> {
        let is_hexadecimal = |text: &str| text.bytes().all(|octet| octet.is_ascii_hexdigit());
        if text.len() == TOKEN && is_hexadecimal(text) {
            return Ok(vec![text.to_ascii_lowercase()]);
        }
        let beginning = text.strip_suffix("..").or_else(|| text.strip_suffix('…'));
        if let Some(digits) = beginning.filter(|text| text.len() >= MIN_DIGITS && is_hexadecimal(text)) {
            let found = self.reports.tokens_beginning(&digits.to_ascii_lowercase())?;
            return match found.len() {
                0 | 1 => Ok(found),
                _ => Err(ToolError::refused("several tokens begin with these digits; give the whole token")),
            };
        }
        Ok((self.numbers.tokens_in)(text, &self.reports.hosts()?))
    }

    /// The one token of a party by which calls are filtered: the first that the database has.
    pub(crate) fn token(&self, text: &str) -> Result<String, ToolError> {
        let tokens = self.tokens(text)?;
        for token in &tokens {
            if !self.reports.tokens_beginning(token)?.is_empty() {
                return Ok(token.clone());
            }
        }
        // A name of which nothing is known is no fault: no call has it.
        tokens.into_iter().next().ok_or_else(|| {
            ToolError::refused("a party is a number, a token or an address, and known if it is shortened")
        })
    }

    /// The address of record or contact as the database has it; none if no registration has it.
    pub(crate) fn device(&self, text: &str) -> Result<Option<String>, ToolError> {
        if self.reports.has_device(text)? {
            return Ok(Some(text.to_owned()));
        }
        let host = text.rsplit_once('@').map(|(_, host)| host.to_ascii_lowercase());
        let mut found = Vec::new();
        for token in self.tokens(text)? {
            found.extend(self.reports.addresses_of_user(&token)?);
        }
        if let Some(host) = host {
            found.retain(|address| address.rsplit_once('@').is_some_and(|(_, of)| of == host));
        }
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => Err(ToolError::refused(
                "several addresses of record have this user part; list_devices has them, or give the host too",
            )),
        }
    }
}
