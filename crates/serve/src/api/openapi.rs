//! The description of the API (OpenAPI 3.1).

use axum::response::{IntoResponse, Response};

/// The document. A test holds its paths to the router's, and a schema-driven tester runs against it.
const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`
pub(crate) async fn document() -> Response {
    ([("content-type", "application/json")], DOCUMENT).into_response()
}
