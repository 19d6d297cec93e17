//! Everything about one name of which nothing more is known.

use std::net::{IpAddr, SocketAddr};

use bellwether_report::Address;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::names::Context;
use super::schema::{Arguments, ToolError};

/// The kind of a name, and everything about it.
type Found = (&'static str, Map<String, Value>);

/// `find`
pub(crate) fn find(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    let found = found(context, arguments.text("name").unwrap_or_default())?;
    context.reports.reader().is_whole()?;
    let Some((kind, mut found)) = found else {
        return Err(ToolError::refused("the database knows nothing about this name"));
    };
    let mut shown = Map::new();
    shown.insert("found".to_owned(), json!(kind));
    shown.append(&mut found);
    Ok(Answer::of(shown, "list_calls with caller, dialled or source pages through all calls"))
}

fn found(context: &Context<'_>, name: &str) -> Result<Option<Found>, ToolError> {
    let reports = context.reports;
    if let Some(address) = address(name) {
        return Ok(reports.find_address(address)?.map(|found| ("address", found)));
    }
    if let Some(id) = context.call_id(name)?
        && let Some(found) = reports.find_call(&id)?
    {
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
    let tokens = context.tokens(name)?;
    let Some(mut found) = reports.find_party(&tokens)? else { return Ok(None) };
    // An extension has a token in each domain: those of which nothing is known are left out.
    let mut known = Vec::new();
    for token in &tokens {
        if tokens.len() == 1 || reports.find_party(std::slice::from_ref(token))?.is_some() {
            known.push(token);
        }
    }
    let mut shown = Map::new();
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
