//! The score of a call, for a switch that asks while the call rings.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_answers::{Basis, DeskError, Question, Reply, ScoreAnswer, ScoreRequest};
use serde_json::Value;

use super::json_of;
use crate::auth;
use crate::guard::Client;
use crate::headers::{etag_of, has_content};
use crate::problem::Problem;
use crate::state::State;

/// Time between two looks for the packets of a call.
const LOOKS_EVERY: Duration = Duration::from_millis(5);

/// Longest request identifier that is taken over from a client.
const MAX_ID: usize = 64;

/// `POST /api/v1/score`
pub(crate) async fn ask(
    Shared(state): Shared<Arc<State>>,
    Extension(_): Extension<Client>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let request = ScoreRequest::parse(&json_of(&headers, &body)?)?;
    let answer = answer(&state, request).await?;
    Ok(told(&answer, &headers, None))
}

/// `GET /api/v1/score/{fingerprint}`
pub(crate) async fn of_fingerprint(
    Shared(state): Shared<Arc<State>>,
    Path(fingerprint): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let request = ScoreRequest::parse(&serde_json::json!({ "fingerprint": fingerprint }))?;
    let answer = answer(&state, request).await?;
    let etag = etag_of_answer(&answer);
    if has_content(&headers, &etag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        cache(&mut response, &answer, &etag);
        return Ok(response);
    }
    Ok(told(&answer, &headers, Some(&etag)))
}

/// Asks the desks. Without a sensor behind them, the last answer about the subject or the neutral one does: a switch must never fail
/// for want of a score.
pub(crate) async fn answer(state: &State, request: ScoreRequest) -> Result<ScoreAnswer, Problem> {
    let key = key_of(&request);
    let until = Instant::now() + Duration::from_millis(request.wait_ms);
    let may_wait = request.call_id.is_some() && request.wait_ms > 0;
    // Only the packets of the call are waited for. The rest of the question is for the case that they do not come.
    let call_only = ScoreRequest {
        call_id: request.call_id.clone(),
        from_tag: request.from_tag.clone(),
        source_ip: request.source_ip,
        ..ScoreRequest::default()
    };
    while may_wait && Instant::now() < until {
        // A fault is told by the last question.
        let Ok(answer) = once(state, Question::ScoreOfSeen(Box::new(call_only.clone()))).await else { break };
        if answer.known {
            return Ok(count(state, key, answer));
        }
        tokio::time::sleep(LOOKS_EVERY).await;
    }
    let answer = once(state, Question::Score(Box::new(request))).await;
    match answer {
        Ok(answer) => Ok(count(state, key, answer)),
        Err(Failed::Unavailable(why)) => {
            let kept = key.and_then(|key| state.recall(key));
            let answer = kept.unwrap_or_else(|| ScoreAnswer { reasons_text: why, ..ScoreAnswer::neutral() });
            state.counters.answer(answer.basis);
            Ok(answer)
        }
        Err(Failed::Problem(problem)) => Err(problem),
    }
}

enum Failed {
    Unavailable(String),
    Problem(Problem),
}

async fn once(state: &State, question: Question) -> Result<ScoreAnswer, Failed> {
    match state.desks.ask(question).await {
        Ok(Reply::Score(answer)) => Ok(*answer),
        Ok(Reply::Refused(DeskError::Unavailable(why))) => Err(Failed::Unavailable(why)),
        Ok(Reply::Refused(error)) => Err(Failed::Problem(error.into())),
        Ok(_) => Err(Failed::Unavailable("the sensor gave another answer".to_owned())),
        Err(problem) => Err(Failed::Problem(problem)),
    }
}

fn count(state: &State, key: Option<u64>, answer: ScoreAnswer) -> ScoreAnswer {
    state.counters.answer(answer.basis);
    if let Some(key) = key.filter(|_| answer.basis != Basis::Neutral) {
        state.keep(key, &answer);
    }
    answer
}

/// The subject of a question, for answers that are kept: the call or the platform.
fn key_of(request: &ScoreRequest) -> Option<u64> {
    let subject = (request.call_id.as_deref(), request.fingerprint.as_deref());
    let is_subject = request.call_id.is_some() || request.fingerprint.is_some();
    is_subject.then(|| BuildHasherDefault::<DefaultHasher>::default().hash_one(subject))
}

/// A name of the answer's content. Times and identifiers of the request are no content.
fn etag_of_answer(answer: &ScoreAnswer) -> String {
    let content = ScoreAnswer { age_ms: 0, ..answer.clone() };
    etag_of(&serde_json::to_vec(&content).unwrap_or_default())
}

fn told(answer: &ScoreAnswer, headers: &HeaderMap, etag: Option<&str>) -> Response {
    let mut body = serde_json::to_value(answer).unwrap_or_default();
    let id = request_id(headers);
    if let Value::Object(members) = &mut body {
        members.insert("request_id".to_owned(), id.clone().into());
    }
    let mut response = body.to_string().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    match etag {
        Some(etag) => cache(&mut response, answer, etag),
        None => {
            let value = HeaderValue::from_static("no-store");
            response.headers_mut().insert(header::CACHE_CONTROL, value);
        }
    }
    response
}

fn cache(response: &mut Response, answer: &ScoreAnswer, etag: &str) {
    let values = [
        (header::ETAG, HeaderValue::from_str(etag)),
        (header::CACHE_CONTROL, HeaderValue::from_str(&format!("private, max-age={}", answer.ttl_s))),
    ];
    for (name, value) in values {
        if let Ok(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
}

/// The client's name for the request, if it is harmless, or a random one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let is_plain = |text: &&str| {
        !text.is_empty()
            && text.len() <= MAX_ID
            && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet))
    };
    match given.filter(is_plain) {
        Some(given) => given.to_owned(),
        None => auth::random_text().get(..16).unwrap_or_default().to_owned(),
    }
}
