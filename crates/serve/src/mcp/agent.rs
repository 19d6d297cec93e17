//! The protocol: what an agent asks, and the answers of the tools.

use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest, CustomResult,
    ErrorCode, Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::INSTRUCTIONS;
use super::schema::schema;
use super::toolbox::{Rights, Toolbox};
use super::tools::{TOOLS, Tool, Work};
use crate::auth::Scope;
use crate::guard::Client;

/// The rights of agents.
#[derive(Clone)]
pub(crate) enum Admission {
    /// The rights of the one agent on standard input and output.
    Fixed(Rights),
    /// The rights of the client of each request.
    ByClient {
        /// True if the server asks for a login. Without one nobody may label: each program of the machine could.
        is_login_on: bool,
    },
}

/// Answers agents.
#[derive(Clone)]
pub(crate) struct AgentServer {
    toolbox: Arc<Toolbox>,
    admission: Admission,
}

impl AgentServer {
    pub(crate) fn new(toolbox: Toolbox, admission: Admission) -> Self {
        Self { toolbox: Arc::new(toolbox), admission }
    }

    fn rights(&self, context: &RequestContext<RoleServer>) -> Rights {
        match &self.admission {
            Admission::Fixed(rights) => rights.clone(),
            Admission::ByClient { is_login_on } => {
                let client =
                    context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Client>());
                let identity = client.and_then(|client| client.identity.as_ref());
                Rights {
                    may_label: *is_login_on
                        && identity.is_some_and(|identity| identity.scopes.has(Scope::Label)),
                    author: identity.map_or_else(|| "unknown".to_owned(), |identity| identity.name.clone()),
                }
            }
        }
    }
}

impl ServerHandler for AgentServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("bellwether", self.toolbox.version))
            .with_instructions(INSTRUCTIONS)
    }

    /// The library's words would repeat the name of the method.
    async fn on_custom_request(
        &self,
        _: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "there is no such method", None))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let may_label = self.rights(&context).may_label;
        let tools = TOOLS.iter().filter(|tool| may_label || !matches!(tool.work, Work::Label));
        Ok(ListToolsResult::with_all_items(tools.map(described).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let rights = self.rights(&context);
        let answer = match Tool::named(&request.name) {
            Some(tool) => self.toolbox.call(tool, request.arguments, &rights).await,
            None => Err("there is no such tool; tools/list has the names".to_owned()),
        };
        Ok(match answer {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(words) => CallToolResult::error(vec![ContentBlock::text(words)]),
        }
        .into())
    }
}

fn described(tool: &Tool) -> rmcp::model::Tool {
    let is_label = matches!(tool.work, Work::Label);
    let hints =
        ToolAnnotations::new().read_only(!is_label).destructive(is_label).idempotent(true).open_world(false);
    rmcp::model::Tool::new(tool.name, tool.description, schema(tool.arguments)).with_annotations(hints)
}
