//! Feedback of other systems and of people: telemetry of calls, and labels.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bellwether_answers::{Change, Fields, Question, Reply, parse_telemetry};
use serde_json::{Value, json};

use super::json_of;
use crate::guard::Client;
use crate::problem::Problem;
use crate::state::State;

/// `POST /api/v1/telemetry/call`
pub(crate) async fn telemetry(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let told = parse_telemetry(&json_of(&headers, &body)?)?;
    let done = order(
        &state,
        Change::Telemetry {
            call_id: told.call_id,
            fraud_score: told.fraud_score,
            disposition: told.disposition,
            talk_time_seconds: told.talk_time_seconds,
            agent_id: told.agent_id,
            at: told.at.as_nanos(),
        },
    )
    .await?;
    Ok(answered(StatusCode::ACCEPTED, &json!({ "result": done.words })))
}

/// `POST /api/v1/label`
pub(crate) async fn label(
    Shared(state): Shared<Arc<State>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let value = json_of(&headers, &body)?;
    let fields = Fields::of(&value)?;
    let change = Change::Label {
        kind: fields.needed("kind")?,
        id: fields.needed("id")?,
        label: fields.needed("label")?,
        author: author(&client),
        reason: fields.text("reason")?.unwrap_or_default(),
    };
    let done = order(&state, change).await?;
    Ok(answered(StatusCode::OK, &json!({ "result": done.words, "effects": done.effects })))
}

/// Hands a change to the writer.
pub(crate) async fn order(state: &State, change: Change) -> Result<bellwether_answers::Done, Problem> {
    match state.changes.order(Question::Change(Box::new(change))).await? {
        Reply::Changed(done) => Ok(done),
        Reply::Refused(error) => Err(error.into()),
        Reply::Score(_) | Reply::Vitals(_) => {
            Err(Problem::new(StatusCode::BAD_GATEWAY, "the sensor gave another answer"))
        }
    }
}

/// The name under which a change stands in the database.
pub(crate) fn author(client: &Client) -> String {
    client.identity.as_ref().map_or_else(|| "unknown".to_owned(), |identity| identity.name.clone())
}

pub(crate) fn answered(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
