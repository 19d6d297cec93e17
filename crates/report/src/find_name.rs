//! Everything about one name of which nothing more is known.

use bellwether_store::StoreError;
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use crate::{Address, Reports};

/// The kind of a name, and everything about it.
pub type Found = (&'static str, Map<String, Value>);

impl Reports<'_> {
    /// Everything about a name: an address, a network, a Call-ID, the name of a thing, or a party. None if nothing is known.
    ///
    /// What needs the key is asked for only where it is needed: `call_id` returns the Call-ID as it stands in the database, and `tokens`
    /// the tokens that a party of this name may have.
    ///
    /// # Errors
    /// If the database fails, or `call_id` or `tokens` does.
    pub fn find<E: From<StoreError>>(
        &self,
        name: &str,
        call_id: impl FnOnce() -> Result<Option<String>, E>,
        tokens: impl FnOnce() -> Result<Vec<String>, E>,
    ) -> Result<Option<Found>, E> {
        if let Some(address) = Address::read(name) {
            return Ok(self.find_address(address)?.map(|found| ("address", found)));
        }
        if let Ok(network) = name.parse::<IpNet>() {
            return Ok(self.find_network(network.trunc())?.map(|found| ("network", found)));
        }
        if let Some(id) = call_id()?
            && let Some(found) = self.find_call(&id)?
        {
            return Ok(Some(("call", found)));
        }
        Ok(match self.find_thing(name)? {
            Some(found) => Some(found),
            None => self.find_user(&tokens()?)?,
        })
    }

    /// The fingerprint, campaign, recording or incident of a name.
    fn find_thing(&self, name: &str) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.show_fingerprint(name)? {
            return Ok(Some(("fingerprint", found)));
        }
        if let Some(found) = self.show_campaign(name)? {
            return Ok(Some(("campaign", found)));
        }
        if let Some(found) = self.show_recording(name)? {
            return Ok(Some(("recording", found)));
        }
        Ok(self.show_incident(name)?.map(|found| ("incident", found)))
    }

    /// The party, with those of its tokens of which something is known: an extension has a token in each domain.
    fn find_user(&self, tokens: &[String]) -> Result<Option<Found>, StoreError> {
        let Some(mut found) = self.find_party(tokens)? else { return Ok(None) };
        let mut shown = Map::new();
        shown.insert("tokens".to_owned(), json!(self.known_among(tokens)?));
        shown.append(&mut found);
        Ok(Some(("party", shown)))
    }

    /// The known ones of some tokens, of which at least one is known. There are as many tokens as domains, and few are known: whole
    /// halves are left out at once.
    fn known_among<'t>(&self, tokens: &'t [String]) -> Result<Vec<&'t String>, StoreError> {
        if tokens.len() <= 1 {
            return Ok(tokens.iter().collect());
        }
        let mut known = Vec::new();
        for half in tokens.chunks(tokens.len().div_ceil(2)) {
            if self.find_party(half)?.is_some() {
                known.extend(self.known_among(half)?);
            }
        }
        Ok(known)
    }
}
