//! Everything about one name of which nothing more is known.

use serde_json::{Map, json};

use super::answer::Answer;
use super::names::Context;
use super::schema::{Arguments, ToolError};

/// `find`
pub(crate) fn find(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    let name = arguments.text("name").unwrap_or_default();
    let found =
        context.reports.find::<ToolError>(name, || Ok(context.call_id(name)?), || context.tokens(name))?;
    context.reports.reader().is_whole()?;
    let Some((kind, mut found)) = found else {
        return Err(ToolError::refused("the database knows nothing about this name"));
    };
    let mut shown = Map::new();
    shown.insert("found".to_owned(), json!(kind));
    shown.append(&mut found);
    Ok(Answer::of(shown, "list_calls with caller, dialled or source pages through all calls"))
}
