//! The console: pages, their files, and what their forms do.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use bellwether_answers::{Change, Question};
use bellwether_base::percent_decoded;
use bellwether_console::{
    Action, Answer, Form, PageRequest, Session, assets, error_page, page as render, preview,
};
use bellwether_report::Reports;

use crate::api::feedback::{author, order};
use crate::auth::{Identity, Scope};
use crate::guard::{COOKIE, Client, cookie};
use crate::headers::{has_content, has_media_type};
use crate::problem::Problem;
use crate::state::State;

/// Longest query of a page, in octets.
const MAX_QUERY: usize = 4096;

/// `GET` of any path that is no API.
pub(crate) async fn page(
    Shared(state): Shared<Arc<State>>,
    Extension(client): Extension<Client>,
    uri: Uri,
) -> Result<Response, Response> {
    let session = session_of(&state, client.identity.as_ref());
    if uri.path().starts_with("/api/") {
        return Err(Problem::not_found().into_response());
    }
    let query = uri.query().unwrap_or_default();
    if query.len() > MAX_QUERY {
        return Err(failed(&session, StatusCode::URI_TOO_LONG, "The address is too long."));
    }
    let (path, query) = (uri.path().to_owned(), pairs(query));
    let (lookup, now, seen) = (Arc::clone(&state.lookup), (state.now)(), session.clone());
    let answer = state
        .readers
        .read(move |reader| {
            let request = PageRequest { path: &path, query: &query, session: &seen, now };
            render(&Reports::of(reader), &*lookup, &request)
        })
        .await;
    match answer {
        Ok(Answer::Html(text)) => Ok(Html(text).into_response()),
        Ok(Answer::Svg(text)) => Ok(([(header::CONTENT_TYPE, "image/svg+xml")], text).into_response()),
        Ok(Answer::NotFound(text)) => Ok((StatusCode::NOT_FOUND, Html(text)).into_response()),
        Ok(Answer::BadRequest(text)) => Ok((StatusCode::BAD_REQUEST, Html(text)).into_response()),
        Err(_) => {
            let words =
                "The database cannot be read now, or too many pages are asked for. Try again in a moment.";
            Err(failed(&session, StatusCode::SERVICE_UNAVAILABLE, words))
        }
    }
}

/// `GET /assets/...`
pub(crate) async fn asset(uri: Uri, headers: HeaderMap) -> Response {
    let Some(asset) = assets().iter().find(|asset| asset.path == uri.path()) else {
        return Problem::not_found().into_response();
    };
    let etag = asset.etag();
    let mut response = if has_content(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.media_type)], asset.bytes).into_response()
    };
    // The address of a file has its version.
    let lasts = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, lasts);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// `POST /act/...`
pub(crate) async fn act(
    Shared(state): Shared<Arc<State>>,
    Extension(client): Extension<Client>,
    Path(what): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let session = session_of(&state, client.identity.as_ref());
    if !has_media_type(&headers, "application/x-www-form-urlencoded") {
        return failed(&session, StatusCode::UNSUPPORTED_MEDIA_TYPE, "This is no form of the console.");
    }
    let fields = pairs(&String::from_utf8_lossy(&body));
    if what == "login" {
        return login(&state, &client, &session, &fields).await;
    }
    if !has_secret(client.identity.as_ref(), &fields) {
        let words = "The form is too old, or it is none of this console. Load the page again.";
        return failed(&session, StatusCode::FORBIDDEN, words);
    }
    if what == "logout" {
        return logout(&state, &headers);
    }
    let path = format!("/act/{what}");
    let form = match Form::read(&path, &fields, &*state.lookup) {
        Ok(form) => form,
        Err(e) => return failed(&session, StatusCode::BAD_REQUEST, &e.to_string()),
    };
    let change = change_of(&form.action, author(&client));
    if form.action.wants_preview() && !form.is_confirmed {
        let (try_out, tried) = (Arc::clone(&state.try_out), change.clone());
        let effects = tokio::task::spawn_blocking(move || try_out(&tried)).await;
        return match effects {
            Ok(Ok(effects)) => Html(preview(&session, &form, effects.as_ref())).into_response(),
            Ok(Err(why)) => failed(&session, StatusCode::UNPROCESSABLE_ENTITY, &why),
            Err(_) => failed(&session, StatusCode::INTERNAL_SERVER_ERROR, "The preview failed."),
        };
    }
    match order(&state, change).await {
        Ok(_) => Redirect::to(&form.return_to).into_response(),
        Err(problem) => failed(&session, problem.status(), problem.detail()),
    }
}

/// True if a form of the session's own pages was sent. A program with a token needs none: no browser adds a token by itself.
fn has_secret(identity: Option<&Identity>, fields: &[(String, String)]) -> bool {
    let Some(identity) = identity else { return false };
    let sent = fields.iter().find(|(name, _)| name == "csrf").map(|(_, value)| value.as_str());
    !identity.is_session || sent == Some(identity.csrf.as_str())
}

async fn login(state: &State, client: &Client, session: &Session, fields: &[(String, String)]) -> Response {
    if let Some(address) = client.address
        && !state.rates.admits_login(address)
    {
        return failed(session, StatusCode::TOO_MANY_REQUESTS, "Too many logins. Wait some seconds.");
    }
    let token = fields.iter().find(|(name, _)| name == "token").map_or("", |(_, value)| value.trim());
    let refused = || {
        tracing::warn!(address = ?client.address, "a login was refused");
        failed(session, StatusCode::UNAUTHORIZED, "This is no token of this server.")
    };
    let Some(identity) = state.clients.by_token(token) else { return refused() };
    if !identity.scopes.has(Scope::Read) {
        return failed(session, StatusCode::FORBIDDEN, "This token has no scope \"read\".");
    }
    let address = client.address.map(|address| address.to_string()).unwrap_or_default();
    let noted = Change::Login { author: identity.name.clone(), address };
    // Who cannot be noted in the audit log may still read.
    if state.changes.order(Question::Change(Box::new(noted))).await.is_err() {
        tracing::warn!("a login could not be noted in the audit log");
    }
    // The logins may have been read again meanwhile.
    let Some(value) = state.clients.begin_session(identity) else { return refused() };
    let mut response = Redirect::to("/").into_response();
    set_cookie(&mut response, &value, state.is_tls, "");
    response
}

fn logout(state: &State, headers: &HeaderMap) -> Response {
    if let Some(cookie) = cookie(headers) {
        state.clients.end_session(cookie);
    }
    let mut response = Redirect::to("/login").into_response();
    set_cookie(&mut response, "", state.is_tls, "; Max-Age=0");
    response
}

fn set_cookie(response: &mut Response, value: &str, is_tls: bool, more: &str) {
    let secure = if is_tls { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}");
    if let Ok(text) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::SET_COOKIE, text);
    }
}

fn failed(session: &Session, status: StatusCode, words: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    (status, Html(error_page(session, title, words))).into_response()
}

fn session_of(state: &State, identity: Option<&Identity>) -> Session {
    let is_login_on = state.clients.is_login_on();
    Session {
        user: identity.filter(|_| is_login_on).map(|identity| identity.name.clone()),
        may_label: identity.is_some_and(|identity| identity.scopes.has(Scope::Label)),
        csrf: identity.map(|identity| identity.csrf.clone()).unwrap_or_default(),
        is_login_on,
    }
}

fn change_of(action: &Action, author: String) -> Change {
    match action.clone() {
        Action::Label { kind, id, label, reason } => {
            Change::Label { kind, id, label: label.unwrap_or_else(|| "none".to_owned()), author, reason }
        }
        Action::Acknowledge { kind, id } => Change::Acknowledge { kind, id, author },
        Action::Comment { kind, id, text } => Change::Comment { kind, id, text, author },
        Action::ListAdd { list, kind, value, reason, until } => Change::ListAdd {
            list,
            kind,
            value,
            reason,
            author,
            until: until.map(bellwether_base::Timestamp::as_nanos),
        },
        Action::ListRemove { list, kind, value } => Change::ListRemove { list, kind, value, author },
        Action::Approve { aor, device } => Change::Approve { aor, device, author },
    }
}

/// The decoded names and values of a query or a form (WHATWG URL, application/x-www-form-urlencoded).
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let all = text.split('&').filter(|pair| !pair.is_empty());
    all.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
    .collect()
}

fn decoded(text: &str) -> String {
    // An escaped plus is no space.
    let spaced = text.replace('+', " ");
    String::from_utf8_lossy(&percent_decoded(spaced.as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_nonsense_stays_as_it_is() {
        assert_eq!(
            pairs("a=b+c&d=%C3%A4&e&=f&g=%zz%4"),
            [("a", "b c"), ("d", "\u{e4}"), ("e", ""), ("", "f"), ("g", "%zz%4")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(pairs("a=%FF"), [("a".to_owned(), "\u{fffd}".to_owned())]);
    }
}
