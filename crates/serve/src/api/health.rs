//! Health: the server lives, and its answers are worth asking for.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use bellwether_answers::{Question, Reply};
use serde_json::json;

use super::feedback::answered;
use crate::state::State;

/// `GET /healthz`
pub(crate) async fn alive() -> Response {
    answered(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /readyz`: 503 while the database cannot be read or the sensor does not answer.
pub(crate) async fn ready(Shared(state): Shared<Arc<State>>) -> Response {
    let desk = state.desks.ask(Question::Vitals).await;
    let (has_desk, is_live) = match desk {
        Ok(Reply::Vitals(vitals)) => (true, vitals.is_live),
        _ => (false, state.is_beside_sensor),
    };
    let has_database = state.readers.read(|reader| reader.moment().map(drop)).await.is_ok();
    let is_ready = has_desk && has_database;
    let word = |is: bool| if is { "ok" } else { "unavailable" };
    let body = json!({
        "status": word(is_ready),
        "database": word(has_database),
        "scores": word(has_desk),
        "beside": if is_live { "sensor" } else { "database" },
    });
    answered(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body)
}
