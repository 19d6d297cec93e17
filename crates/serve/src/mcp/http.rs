//! Agents over HTTP (streamable HTTP), under the login of the server.

use std::sync::Arc;

use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use super::agent::{Admission, AgentServer};
use super::toolbox::Toolbox;
use crate::state::State;

/// The service of the path `/mcp`. It has no sessions: each request stands alone and gets its answer as JSON.
///
/// The guard of the server has checked host, origin, rate and identity before a request arrives here.
pub(crate) fn service(
    state: &State,
    max_body: usize,
) -> StreamableHttpService<AgentServer, NeverSessionManager> {
    let admission = Admission::ByClient { is_login_on: state.clients.is_login_on() };
    let server = AgentServer::new(Toolbox::of(state), admission);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(max_body)
        .disable_allowed_hosts();
    StreamableHttpService::new(move || Ok(server.clone()), Arc::new(NeverSessionManager::default()), config)
}
