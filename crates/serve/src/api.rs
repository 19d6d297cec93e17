//! Handlers of the API.

pub(crate) mod events;
pub(crate) mod feedback;
pub(crate) mod health;
pub(crate) mod lists;
pub(crate) mod openapi;
pub(crate) mod score;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::headers::has_media_type;
use crate::problem::Problem;

/// The JSON of a body. A browser's form cannot have this media type without asking first.
pub(crate) fn json_of(headers: &HeaderMap, body: &Bytes) -> Result<Value, Problem> {
    if !has_media_type(headers, "application/json") {
        let text = "the Content-Type is not application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    serde_json::from_slice(body)
        .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON: {e}")))
}
