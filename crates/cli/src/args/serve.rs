//! Arguments of `serve`.

use std::net::SocketAddr;

use clap::Args;

use crate::config::listen_address;

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address to listen on [default: serve.listen of the configuration, 127.0.0.1:8480]
    #[arg(long, value_name = "ADDR:PORT", env = "BELLWETHER_LISTEN", value_parser = listen_address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Print a new bearer token and the lines for the configuration that admit it, and end
    #[arg(long, value_name = "NAME", conflicts_with = "listen")]
    pub(crate) new_token: Option<String>,
    /// What the new token opens: score, telemetry, read, label
    #[arg(long, value_name = "SCOPES", default_value = "score,read", requires = "new_token")]
    pub(crate) scopes: String,
    /// Stop after this time, such as 90s, 15m or 24h
    #[arg(long, value_name = "TIME", value_parser = crate::when::duration)]
    pub(crate) duration: Option<std::time::Duration>,
}
