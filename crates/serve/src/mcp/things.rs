//! One thing with all its evidence, and two calls side by side.

use bellwether_store::StoreError;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::names::Context;
use super::schema::{Arguments, ToolError};

/// Devices of the same fingerprint whose clocks are compared, the newest.
const MAX_COMPARED: usize = 250;

/// The way to the parts of a thing that an answer leaves out.
const MEMBERS: &str =
    "list_calls with this campaign, incident, fingerprint or recording pages through all its calls";

/// `summary`
pub(crate) fn summary(context: &Context<'_>, _: &Arguments) -> Result<Answer, ToolError> {
    Ok(Answer::of(context.reports.summary()?, "report summary on the command line has the rest"))
}

/// `show_call`
pub(crate) fn show_call(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    let id = context.known_call_id(arguments.text("call_id").unwrap_or_default())?;
    let calls = context.reports.show_call(&id)?;
    context.reports.reader().is_whole()?;
    Ok(Answer::of_several("calls", calls, "show call on the command line has the rest"))
}

/// `show_campaign`
pub(crate) fn show_campaign(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    one(context, context.reports.show_campaign(arguments.text("campaign").unwrap_or_default()), "campaign")
}

/// `show_incident`
pub(crate) fn show_incident(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    one(context, context.reports.show_incident(arguments.text("incident").unwrap_or_default()), "incident")
}

/// `show_fingerprint`
pub(crate) fn show_fingerprint(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    let hash = arguments.text("fingerprint").unwrap_or_default();
    one(context, context.reports.show_fingerprint(hash), "fingerprint")
}

/// `show_device`
pub(crate) fn show_device(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    let unknown = || ToolError::refused("there is no device of this address of record or contact");
    let id = context.device(arguments.text("aor").unwrap_or_default())?.ok_or_else(unknown)?;
    let devices = context.reports.show_device(&id, MAX_COMPARED)?;
    context.reports.reader().is_whole()?;
    Ok(Answer::of_several("devices", devices, "show device on the command line has the rest"))
}

/// `compare_calls`
pub(crate) fn compare_calls(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    let id = |name: &str| {
        let known = context.call_id(arguments.text(name).unwrap_or_default())?;
        known.ok_or_else(|| ToolError::refused(format!("there is no call with the Call-ID {name}")))
    };
    let (first, second) = (id("first")?, id("second")?);
    one(context, context.reports.diff(&first, &second), "pair of calls")
}

/// A thing that must be there.
fn one(
    context: &Context<'_>,
    found: Result<Option<Map<String, Value>>, StoreError>,
    kind: &str,
) -> Result<Answer, ToolError> {
    let found = found?.ok_or_else(|| ToolError::refused(format!("there is no such {kind}")))?;
    context.reports.reader().is_whole()?;
    Ok(Answer::of(found, MEMBERS))
}
