//! The inventory as a provisioning system tells it, over HTTP.

use std::path::Path;
use std::time::Duration;

use ureq::http::{StatusCode, header};

/// The largest inventory that is taken: half a million rows.
const LARGEST: u64 = 64 << 20;

/// What was pulled.
pub(crate) struct Pulled {
    pub(crate) text: String,
    pub(crate) is_json: bool,
    /// The version that the system gives it (ETag).
    pub(crate) version: Option<String>,
}

/// Reads a token from a file that holds nothing else.
pub(crate) fn token(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(format!("{} holds no token", path.display()));
    }
    Ok(token.to_owned())
}

/// Gets an inventory; none if it is still of the version that is known.
pub(crate) fn pull(
    url: &str,
    token: Option<&str>,
    known: Option<&str>,
    timeout: Duration,
) -> Result<Option<Pulled>, String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        // A token is for the system that was named, not for one that it names.
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
            tracing::debug!("inventory not pulled: it has not changed");
            return Ok(None);
        }
        StatusCode::OK => {}
        other => return Err(format!("the system answers {other}")),
    }
    let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let version = field(header::ETAG).map(str::to_owned);
    let is_json = match field(header::CONTENT_TYPE) {
        Some(kind) => kind.contains("json"),
        None => url.split('?').next().is_some_and(|path| path.ends_with(".json")),
    };
    let text =
        response.body_mut().with_config().limit(LARGEST).read_to_string().map_err(|e| e.to_string())?;
    tracing::debug!(octets = text.len(), is_json, is_versioned = version.is_some(), "inventory pulled");
    Ok(Some(Pulled { text, is_json, version }))
}
