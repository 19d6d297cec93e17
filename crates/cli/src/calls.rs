//! Calls by a Call-ID, and the key with which clear text is found again.

use std::cell::OnceCell;

use bellwether_app::InstallationKey;
use bellwether_enrich::Tokeniser;
use bellwether_store::Reader;

use crate::args::Common;
use crate::config::Config;
use crate::notes::note;
use crate::outcome::Failure;

/// Calls by a Call-ID from the operator, in clear text or in the masked form of reports.
pub(crate) struct CallIds<'a> {
    common: &'a Common,
    config: &'a Config,
    reader: &'a Reader,
    /// Asked for where it is needed: reports on a copy of the database need no key.
    tokeniser: OnceCell<Option<Tokeniser>>,
}

impl<'a> CallIds<'a> {
    pub(crate) const fn new(common: &'a Common, config: &'a Config, reader: &'a Reader) -> Self {
        Self { common, config, reader, tokeniser: OnceCell::new() }
    }

    /// The Call-ID as it stands in reports. One that is not known stays.
    pub(crate) fn stored(&self, id: &str) -> Result<String, Failure> {
        if self.reader.has_call(id)? {
            return Ok(id.to_owned());
        }
        let Some(wire_id) = self.wire_id(id)? else { return Ok(id.to_owned()) };
        Ok(self.reader.call_on_the_wire(wire_id)?.unwrap_or_else(|| id.to_owned()))
    }

    /// The token of a Call-ID on the wire; none where the key is not at hand.
    pub(crate) fn wire_id(&self, id: &str) -> Result<Option<i64>, Failure> {
        Ok(self.tokeniser()?.map(|tokeniser| tokeniser.wire_id(id)))
    }

    /// The tokeniser of the installation; none where the key is not at hand.
    pub(crate) fn tokeniser(&self) -> Result<Option<&Tokeniser>, Failure> {
        if self.tokeniser.get().is_none() {
            let mut warn = |warning: String| note(self.common, &warning);
            let key = InstallationKey::read(&self.config.key_file, &self.common.db, &mut warn)?;
            let tokeniser = key.map(|key| {
                let apart = self.config.numbering.local_numbers.into();
                Tokeniser::new(key.secret(), self.config.privacy()).telling_apart(apart)
            });
            let _ = self.tokeniser.set(tokeniser);
        }
        Ok(self.tokeniser.get().and_then(Option::as_ref))
    }

    /// The tokeniser that made the tokens of the database.
    pub(crate) fn tokeniser_of_database(&self) -> Result<&Tokeniser, Failure> {
        let missing = || InstallationKey::missing(&self.config.key_file, &self.common.db);
        let tokeniser = self.tokeniser()?.ok_or_else(missing)?;
        match bellwether_store::key_id(&self.common.db)? {
            Some(id) if id != tokeniser.key_id() => {
                let text = format!(
                    "{} was made with another key, which is needed to find a name",
                    self.common.db.display()
                );
                Err(Failure::Usage(text))
            }
            _ => Ok(tokeniser),
        }
    }

    pub(crate) const fn reader(&self) -> &'a Reader {
        self.reader
    }
}
