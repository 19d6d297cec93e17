//! The server: one thread with the runtime, which accepts connections and answers requests.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::api::events::Feed;
use crate::api::{events, feedback, health, lists, openapi, score};
use crate::auth::Clients;
use crate::counters::Counters;
use crate::desks::Desks;
use crate::guard::{Peer, Rates, guard};
use crate::options::check;
use crate::patient::Patient;
use crate::readers::Readers;
use crate::state::{Numbers, State};
use crate::{
    Access, RedirectDoor, Renew, Renewed, ServeError, ServeOptions, TlsFiles, mcp, metrics, pages, tls,
};

/// Threads that answer about scores, and threads that read for pages.
const DESKS: usize = 2;
const READERS: usize = 2;

/// Connections at once. Further ones are closed at once and counted.
const MAX_CONNECTIONS: usize = 1024;

/// Connections of one address at once, so that one client cannot take all places.
const MAX_OF_ONE: u32 = 256;

/// Time for a TLS handshake, and for the head of a request; also the longest idle time of a connection.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Largest body of a request: an INVITE of 64 KiB in Base64 and JSON.
const MAX_BODY: usize = 192 * 1024;

/// Time between two looks at the stop.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// A server that listens.
pub struct Server {
    socket: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    has_agents: bool,
    state: Arc<State>,
    redirect: Option<RedirectDoor>,
    renew: Renew,
}

impl Server {
    /// Opens the socket. Nothing is answered yet, so that the process can give up rights before its first thread.
    ///
    /// # Errors
    /// If a stranger could reach the address without login or TLS, or the address is taken.
    pub fn bind(
        listen: std::net::SocketAddr,
        access: &[Access],
        tls: Option<&TlsFiles>,
    ) -> Result<std::net::TcpListener, ServeError> {
        check(listen, access, tls)?;
        std::net::TcpListener::bind(listen)
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .map_err(|e| ServeError::Io(format!("cannot listen on {listen}"), e))
    }

    /// Starts desks and readers behind a socket.
    ///
    /// # Errors
    /// If an option cannot be used, or the database cannot be read.
    pub fn open(socket: std::net::TcpListener, options: ServeOptions) -> Result<Self, ServeError> {
        let acceptor = options.tls.as_ref().map(tls::config).transpose()?.map(TlsAcceptor::from);
        let listen =
            socket.local_addr().map_err(|e| ServeError::Io("the socket has no address".to_owned(), e))?;
        let open = Arc::new(options.open_reader);
        let desks = (0..DESKS).map(|_| (options.make_desk)()).collect::<Result<Vec<_>, _>>()?;
        let has_agents = options.tokens_in.is_some();
        let hosts = hosts_of(listen.ip(), &options.host_names);
        let state = State {
            desks: Desks::start(desks, "desk")?,
            changes: Desks::start(vec![(options.make_desk)()?], "changes")?,
            readers: Readers::start(READERS, Arc::clone(&open))?,
            clients: Clients::new(&options.access),
            rates: Rates::new(options.requests_per_second),
            counters: Counters::default(),
            feed: Feed::start(&open)?,
            kept: State::kept(),
            lookup: Arc::new(Numbers {
                tokens_of: options.tokens_of,
                tokens_in: options.tokens_in.unwrap_or_else(|| Box::new(|_, _| Vec::new())),
                wire_id_of: options.wire_id_of,
            }),
            is_own: options.is_own,
            try_out: Arc::new(options.try_out),
            now: options.now,
            hosts,
            is_tls: acceptor.is_some(),
            is_beside_sensor: options.is_beside_sensor,
            db: options.db,
            version: options.version,
            metrics: Default::default(),
        };
        let (redirect, renew) = (options.redirect, options.renew);
        Ok(Self { socket, acceptor, has_agents, state: Arc::new(state), redirect, renew })
    }

    /// The address that clients use.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.state.is_tls { "https" } else { "http" };
        let address = self.socket.local_addr().map(|address| address.to_string()).unwrap_or_default();
        format!("{scheme}://{address}")
    }

    /// Answers until the stop.
    ///
    /// # Errors
    /// If the system refuses the runtime.
    pub fn run(self, stop: &AtomicBool, is_ready: impl FnOnce(&str)) -> Result<(), ServeError> {
        let url = self.url();
        let wrong = |e| ServeError::Io("no runtime".to_owned(), e);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wrong)?;
        let Self { socket, mut acceptor, has_agents, state, redirect, mut renew } = self;
        runtime.block_on(async move {
            let socket = TcpListener::from_std(socket).map_err(wrong)?;
            let router = router(&state, has_agents);
            let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
            let hosts = Hosts::default();
            if let Some(door) = redirect {
                tokio::spawn(door.run(Arc::clone(&state)));
            }
            is_ready(&url);
            while !stop.load(Ordering::Relaxed) {
                if let Some(renewed) = renew() {
                    take(renewed, &mut acceptor, &state);
                }
                let accepted = tokio::time::timeout(LOOKS_EVERY, socket.accept()).await;
                let Ok(accepted) = accepted else { continue };
                let Ok((stream, address)) = accepted else {
                    // The process has no descriptor left: connections that end give some back.
                    tokio::time::sleep(LOOKS_EVERY).await;
                    continue;
                };
                let ours = hosts.enter(address.ip());
                let (Some(ours), Ok(place)) = (ours, Arc::clone(&room).try_acquire_owned()) else {
                    if state
                        .counters
                        .refused_connections
                        .fetch_add(1, Ordering::Relaxed)
                        .is_multiple_of(10_000)
                    {
                        tracing::warn!("a connection of {} is refused: too many are open", address.ip());
                    }
                    continue;
                };
                let (router, acceptor, state) = (router.clone(), acceptor.clone(), Arc::clone(&state));
                tokio::spawn(async move {
                    state.counters.connections.fetch_add(1, Ordering::Relaxed);
                    connection(stream, address, acceptor, router).await;
                    state.counters.connections.fetch_sub(1, Ordering::Relaxed);
                    drop((place, ours));
                });
            }
            Ok::<(), ServeError>(())
        })?;
        runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(())
    }
}

/// Takes other options, all or none. Connections that are open go on.
fn take(renewed: Result<Renewed, String>, acceptor: &mut Option<TlsAcceptor>, state: &State) {
    let taken = renewed.and_then(|new| {
        if new.tls.is_some() != acceptor.is_some() {
            return Err("TLS is turned on and off by a restart only".to_owned());
        }
        if new.access.is_empty() == state.clients.is_login_on() {
            return Err("login is turned on and off by a restart only".to_owned());
        }
        let tls = new.tls.as_ref().map(tls::config).transpose().map_err(|e| e.to_string())?;
        *acceptor = tls.map(TlsAcceptor::from);
        state.clients.replace(&new.access);
        Ok(new.access.len())
    });
    match taken {
        Ok(logins) => tracing::warn!(logins, "certificates and logins were read again"),
        Err(why) => tracing::warn!("certificates and logins stay as they were: {why}"),
    }
}

/// Open connections by address.
#[derive(Clone, Default)]
struct Hosts(Arc<Mutex<BTreeMap<IpAddr, u32>>>);

/// One connection. It is counted until it is dropped.
struct OfHost {
    hosts: Hosts,
    address: IpAddr,
}

impl Hosts {
    fn enter(&self, address: IpAddr) -> Option<OfHost> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= MAX_OF_ONE {
            return None;
        }
        *count += 1;
        Some(OfHost { hosts: self.clone(), address })
    }
}

impl Drop for OfHost {
    fn drop(&mut self) {
        let mut open = self.hosts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// Names that the Host header may have. A server on an open address has names that only the operator knows.
fn hosts_of(listen: IpAddr, names: &[String]) -> Vec<String> {
    if !listen.is_loopback() && names.is_empty() {
        return Vec::new();
    }
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    own.into_iter().chain([listen.to_string()]).chain(names.iter().cloned()).collect()
}

fn router(state: &Arc<State>, has_agents: bool) -> Router {
    let agents = if has_agents {
        Router::new().route_service("/mcp", mcp::service(state, MAX_BODY))
    } else {
        Router::new()
    };
    agents
        .route("/api/v1/score", post(score::ask))
        .route("/api/v1/score/{fingerprint}", get(score::of_fingerprint))
        .route("/api/v1/telemetry/call", post(feedback::telemetry))
        .route("/api/v1/label", post(feedback::label))
        .route("/api/v1/lists/{list}", get(lists::list).post(lists::add))
        .route("/api/v1/lists/{list}/{kind}/{value}", delete(lists::remove))
        .route("/api/v1/events", get(events::subscribe))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/assets/{*path}", get(pages::asset))
        .route("/act/{what}", post(pages::act))
        .fallback(get(pages::page))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(state), guard))
        .with_state(Arc::clone(state))
}

async fn connection(
    stream: TcpStream,
    address: std::net::SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
) {
    // Answers are small, and a switch waits for each.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return speak(stream, Peer { address, certificate: None }, router).await;
    };
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await else {
        return;
    };
    let chain = stream.get_ref().1.peer_certificates();
    let certificate = chain.and_then(|chain| chain.first()).map(|first| Arc::from(first.as_ref()));
    speak(stream, Peer { address, certificate }, router).await;
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, peer: Peer, router: Router) {
    let service = TowerToHyperService::new(router.layer(axum::Extension(peer)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .await;
    if let Err(e) = served {
        tracing::debug!("a connection ended: {e}");
    }
}
