//! Lists that a switch can act on by itself, and the operator's entries.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bellwether_answers::{Change, FieldError, Fields};
use bellwether_base::Shown;
use bellwether_report::{Reports, SwitchEntry, SwitchList};
use serde_json::json;

use super::feedback::{answered, author, order};
use super::json_of;
use crate::guard::Client;
use crate::headers::{etag_of, has_content};
use crate::pages::pairs;
use crate::problem::Problem;
use crate::state::State;

/// Longest value of an entry, in characters.
const MAX_VALUE: usize = 2048;

/// Kinds of entries.
const KINDS: [&str; 7] = ["address", "network", "number", "user_agent", "fingerprint", "family", "recording"];

/// `GET /api/v1/lists/{allow|block}`
pub(crate) async fn list(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let which = match name.as_str() {
        "allow" => SwitchList::Allow,
        "block" => SwitchList::Block,
        _ => return Err(Problem::not_found()),
    };
    // format: json, csv, text (values only) or kamailio (rows of a htable); kind: all if absent.
    let query = pairs(uri.query().unwrap_or_default());
    // A misspelt filter must not hand a switch the whole list.
    if let Some((name, _)) = query.iter().find(|(name, _)| !["format", "kind"].contains(&name.as_str())) {
        return Err(FieldError::new(name, "is none of format, kind").into());
    }
    let of = |name: &str| query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut entries = {
        let (is_own, now) = (Arc::clone(&state.is_own), (state.now)());
        state.readers.read(move |reader| Reports::of(reader).switch_list(which, now, &*is_own)).await?
    };
    if let Some(kind) = of("kind") {
        if !KINDS.contains(&kind) {
            let why = format!("is none of {}", KINDS.join(", "));
            return Err(FieldError::new("kind", why).into());
        }
        entries.retain(|entry| entry.kind == kind);
    }
    let (media, body) = match of("format").unwrap_or("json") {
        "json" => ("application/json", json!(entries).to_string()),
        "csv" => ("text/csv; charset=utf-8", csv(&entries)),
        "text" => {
            ("text/plain; charset=utf-8", entries.iter().map(|entry| format!("{}\n", entry.value)).collect())
        }
        "kamailio" => ("text/plain; charset=utf-8", entries.iter().map(htable).collect()),
        _ => {
            return Err(FieldError::new("format", "is not json, csv, text or kamailio").into());
        }
    };
    let etag = etag_of(body.as_bytes());
    let mut response = if has_content(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (StatusCode::OK, [(header::CONTENT_TYPE, media)], body).into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=30"));
    Ok(response)
}

/// `POST /api/v1/lists/{allow|block}`
pub(crate) async fn add(
    Shared(state): Shared<Arc<State>>,
    Extension(client): Extension<Client>,
    Path(list): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let value = json_of(&headers, &body)?;
    let fields = Fields::of(&value)?;
    let change = Change::ListAdd {
        list,
        kind: fields.needed("kind")?,
        value: fields.needed("value")?,
        reason: fields.text("reason")?.unwrap_or_default(),
        author: author(&client),
        until: fields.number("until_epoch")?.map(|seconds| (seconds * 1e9) as i64),
    };
    let done = order(&state, change).await?;
    Ok(answered(StatusCode::CREATED, &json!({ "result": done.words, "effects": done.effects })))
}

/// `DELETE /api/v1/lists/{allow|block}/{kind}/{value}`
pub(crate) async fn remove(
    Shared(state): Shared<Arc<State>>,
    Extension(client): Extension<Client>,
    Path((list, kind, value)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    if value.chars().count() > MAX_VALUE {
        let why = format!("is longer than {MAX_VALUE} characters");
        return Err(FieldError::new("value", why).into());
    }
    let change = Change::ListRemove { list, kind, value, author: author(&client) };
    let done = order(&state, change).await?;
    Ok(answered(StatusCode::OK, &json!({ "result": done.words, "effects": done.effects })))
}

/// A row of a Kamailio htable: the key is the kind and what Kamailio computes, the value is the reason's number of calls.
fn htable(entry: &SwitchEntry) -> String {
    format!("{}:{}={}\n", entry.kind, entry.value.replace(['\r', '\n', '='], " "), entry.calls)
}

fn csv(entries: &[SwitchEntry]) -> String {
    let mut out = String::from("kind,value,because,calls,honest_calls,until\n");
    for entry in entries {
        let until = entry.until.as_deref().unwrap_or_default();
        let cells = [entry.kind, &entry.value, &entry.because].map(Shown::csv_text);
        let cells = cells.each_ref().map(Shown::as_str).join(",");
        out.push_str(&format!("{cells},{},{},{until}\n", entry.calls, entry.honest_calls));
    }
    out
}
