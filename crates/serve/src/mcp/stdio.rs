//! One agent on standard input and output, which belong to the protocol alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellwether_base::Timestamp;
use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::{RoleServer, ServiceExt};

use super::agent::{Admission, AgentServer};
use super::toolbox::{Rights, Toolbox};
use crate::desks::Desks;
use crate::readers::Readers;
use crate::state::Numbers;
use crate::{MakeDesk, OpenReader, ServeError, TokensIn, TryOut};

/// Longest line of the agent, in octets. Longer ones are left out.
const MAX_LINE: usize = 192 * 1024;

/// Time between two looks at the stop.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// The parts of a server for one agent.
pub struct McpOptions {
    /// Opens readers.
    pub open_reader: OpenReader,
    /// Makes desks.
    pub make_desk: MakeDesk,
    /// Turns a name in clear text into tokens.
    pub tokens_in: TokensIn,
    /// The keyed hash of a Call-ID as it was on the wire.
    pub wire_id_of: Box<dyn Fn(&str) -> i64 + Send + Sync>,
    /// Tries labels out.
    pub try_out: TryOut,
    /// The present time.
    pub now: fn() -> Timestamp,
    /// True if the agent may label.
    pub may_label: bool,
    /// The version of the program.
    pub version: &'static str,
}

/// Answers the agent until it closes its end, or until the stop.
///
/// # Errors
/// If the database cannot be read, the system refuses a thread, or the agent does not speak the protocol.
pub fn serve_stdio(options: McpOptions, stop: &AtomicBool) -> Result<(), ServeError> {
    let wrong = |e| ServeError::Io("no runtime".to_owned(), e);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wrong)?;
    let toolbox = Toolbox {
        readers: Readers::start(1, Arc::new(options.open_reader))?,
        desks: Desks::start(vec![(options.make_desk)()?], "desk")?,
        changes: Desks::start(vec![(options.make_desk)()?], "changes")?,
        numbers: Arc::new(Numbers {
            tokens_of: Box::new(|_| Vec::new()),
            tokens_in: options.tokens_in,
            wire_id_of: options.wire_id_of,
        }),
        try_out: Arc::new(options.try_out),
        now: options.now,
        version: options.version,
    };
    let rights = Rights { may_label: options.may_label, author: "agent".to_owned() };
    let server = AgentServer::new(toolbox, Admission::Fixed(rights));
    let served = runtime.block_on(async {
        tokio::select! {
            served = serve(server) => served,
            () = stopped(stop) => Ok(()),
        }
    });
    // A read of standard input cannot be interrupted.
    runtime.shutdown_background();
    served
}

async fn serve(server: AgentServer) -> Result<(), ServeError> {
    let (input, output) = rmcp::transport::stdio();
    let transport = AsyncRwTransport::<RoleServer, _, _>::new(input, output).with_max_line_length(MAX_LINE);
    match server.serve(transport).await {
        Ok(running) => {
            // The reason of the end is the agent's.
            let _ = running.waiting().await;
            Ok(())
        }
        // The agent left before it began.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => Ok(()),
        // The library's words repeat the message.
        Err(_) => {
            let text = "the first message on standard input is no beginning of the Model Context Protocol";
            Err(ServeError::Option(text.to_owned()))
        }
    }
}

async fn stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}
