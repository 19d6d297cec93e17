//! `bellwether find`: everything about one number, token, network address or Call-ID.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};

use bellwether_report::{Address, Reports};
use serde_json::{Map, Value, json};

use crate::args::{Common, FindArgs, Format};
use crate::calls::CallIds;
use crate::config::Config;
use crate::names::Names;
use crate::outcome::{Exit, Failure};
use crate::render::in_one_line;
use crate::show::{open_reader, print};

/// Octets of the longest name on standard input.
const LONGEST_NAME: u64 = 4096;

/// Finds a name. No message repeats the name: it may be a number in clear text.
pub(crate) fn run(common: &Common, args: &FindArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader(common)?;
    let ids = CallIds::new(common, &config, &reader);
    let name = if args.name == "-" { from_standard_input()? } else { args.name.trim().to_owned() };
    let found = find(&ids, &name)?;
    reader.is_whole()?;
    let Some((kind, mut found)) = found else {
        return Err(Failure::Work(format!("{} knows nothing about it", common.db.display())));
    };
    let mut shown = Map::new();
    shown.insert("found".to_owned(), json!(kind));
    shown.append(&mut found);
    if common.format == Format::Table && matches!(kind, "party" | "address" | "call") {
        shown = for_people(shown);
    }
    print(common.format, &shown)?;
    Ok(Exit::Done)
}

/// The same with one line for each thing of a list.
fn for_people(object: Map<String, Value>) -> Map<String, Value> {
    let line = |item: Value| match item.as_object() {
        Some(object) => Value::String(in_one_line(object)),
        None => item,
    };
    let fields = object.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Array(items) => items.into_iter().map(line).collect(),
            Value::Object(inner) => Value::Object(for_people(inner)),
            other => other,
        };
        (name, value)
    });
    fields.collect()
}

/// The kind of a name, and everything about it.
type Found = (&'static str, Map<String, Value>);

fn find(ids: &CallIds<'_>, name: &str) -> Result<Option<Found>, Failure> {
    let reports = Reports::of(ids.reader());
    if let Some(address) = address(name) {
        return Ok(reports.find_address(address)?.map(|found| ("address", found)));
    }
    if let Some(found) = reports.find_call(&ids.stored(name)?)? {
        return Ok(Some(("call", found)));
    }
    for (kind, found) in [
        ("fingerprint", reports.show_fingerprint(name)?),
        ("campaign", reports.show_campaign(name)?),
        ("recording", reports.show_recording(name)?),
        ("incident", reports.show_incident(name)?),
    ] {
        if let Some(found) = found {
            return Ok(Some((kind, found)));
        }
    }
    let tokens = Names::new(ids).users(name)?;
    let Some(mut found) = reports.find_party(&tokens)? else { return Ok(None) };
    let mut shown = Map::new();
    // An extension has a token in each domain: those that say nothing are left out.
    let mut known = Vec::new();
    for token in &tokens {
        if tokens.len() == 1 || reports.find_party(std::slice::from_ref(token))?.is_some() {
            known.push(token);
        }
    }
    shown.insert("tokens".to_owned(), json!(known));
    shown.append(&mut found);
    Ok(Some(("party", shown)))
}

fn address(name: &str) -> Option<Address> {
    let end = |end: SocketAddr| Address { ip: end.ip(), port: Some(end.port()) };
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let ip = |ip: IpAddr| Address { ip, port: None };
    name.parse().map(end).or_else(|_| bare.parse().map(ip)).ok()
}

fn from_standard_input() -> Result<String, Failure> {
    let mut name = String::new();
    let read = std::io::stdin().lock().take(LONGEST_NAME).read_to_string(&mut name);
    read.map_err(|e| Failure::Work(format!("cannot read standard input: {e}")))?;
    Ok(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_port_and_brackets() {
        let of = |text| address(text).map(|found| (found.ip.to_string(), found.port));
        assert_eq!(of("10.0.0.1"), Some(("10.0.0.1".to_owned(), None)));
        assert_eq!(of("10.0.0.1:5060"), Some(("10.0.0.1".to_owned(), Some(5060))));
        assert_eq!(of("[2001:db8::1]"), Some(("2001:db8::1".to_owned(), None)));
        assert_eq!(of("[2001:db8::1]:5060"), Some(("2001:db8::1".to_owned(), Some(5060))));
        assert_eq!((of("101"), of("sip:101@10.0.0.1")), (None, None));
    }
}
