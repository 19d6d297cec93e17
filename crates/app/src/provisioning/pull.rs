//! The inventory of a provisioning system, over HTTP.

use std::path::Path;
use std::time::Duration;

use ureq::http::{StatusCode, header};

/// The largest inventory in octets: half a million rows.
const MAX_LEN: u64 = 64 << 20;

/// An inventory as the system sent it.
pub(super) struct Pulled {
    pub(super) text: String,
    pub(super) is_json: bool,
    /// The version by the system (ETag).
    pub(super) version: Option<String>,
}

/// Reads an access token from a file that holds nothing else.
pub(super) fn token(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(format!("{} contains no token", path.display()));
    }
    Ok(token.to_owned())
}

/// Gets the inventory; none if it still has the known version.
pub(super) fn pull(
    url: &str,
    token: Option<&str>,
    known: Option<&str>,
    timeout: Duration,
) -> Result<Option<Pulled>, String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        // The token is for the configured system, not for one that it redirects to.
        .max_redirects(0)
        .build();
    let agent = bellwether_alert::agent(config);
    let mut request = agent.get(url).header(header::ACCEPT, "application/json, text/csv");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(known) = known {
        request = request.header(header::IF_NONE_MATCH, known);
    }
    let mut response = request.call().map_err(|e| e.to_string())?;
    match response.status() {
        StatusCode::NOT_MODIFIED => {
            tracing::debug!("inventory unchanged on the server");
            return Ok(None);
        }
        StatusCode::OK => {}
        other => return Err(format!("the system responds with {other}")),
    }
    let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let version = field(header::ETAG).map(str::to_owned);
    let is_json = match field(header::CONTENT_TYPE) {
        Some(kind) => kind.contains("json"),
        None => url.split('?').next().is_some_and(|path| path.ends_with(".json")),
    };
    let text =
        response.body_mut().with_config().limit(MAX_LEN).read_to_string().map_err(|e| e.to_string())?;
    tracing::debug!(octets = text.len(), is_json, is_versioned = version.is_some(), "inventory pulled");
    Ok(Some(Pulled { text, is_json, version }))
}
