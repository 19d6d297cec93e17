//! The way of each request to its handler: host, identity, rate, and headers of the answer.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bellwether_base::{LruTable, Timestamp};

use crate::auth::{Identity, Scope};
use crate::problem::Problem;
use crate::state::State;

/// The name of the session's cookie.
pub(crate) const COOKIE: &str = "bellwether_session";

/// Clients whose rates are followed. Beyond it the ones that asked least lately are forgotten.
const MAX_CLIENTS: usize = 4096;

/// Logins of one address in a row, and the time after which one more is let in.
const LOGINS: f64 = 5.0;
const LOGINS_PER_SECOND: f64 = 0.5;

/// Longest time from the head of a request to the head of its answer.
const ANSWERED_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The client of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The client certificate, whose chain was checked.
    pub(crate) certificate: Option<Arc<[u8]>>,
}

/// A bucket of tokens that fills with time.
#[derive(Clone, Copy)]
struct Bucket {
    level: f64,
    at: Instant,
}

/// The rates of all clients.
pub(crate) struct Rates {
    per_second: f64,
    requests: Mutex<Buckets<String>>,
    logins: Mutex<Buckets<IpAddr>>,
    /// Keyed, so that no client can choose addresses of one hash.
    hasher: RandomState,
}

type Buckets<K> = LruTable<K, Bucket, 1>;

impl Rates {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            requests: Mutex::new(LruTable::new(MAX_CLIENTS)),
            logins: Mutex::new(LruTable::new(MAX_CLIENTS)),
            hasher: RandomState::new(),
        }
    }

    /// Returns false if a client asks too often.
    pub(crate) fn admits(&self, client: &str) -> bool {
        let hash = self.hasher.hash_one(client);
        take(&self.requests, hash, client.to_owned(), self.per_second, self.per_second)
    }

    /// Returns false if an address tries too many logins.
    pub(crate) fn admits_login(&self, address: IpAddr) -> bool {
        take(&self.logins, self.hasher.hash_one(address), address, LOGINS, LOGINS_PER_SECOND)
    }
}

fn take<K: Eq>(buckets: &Mutex<Buckets<K>>, hash: u64, key: K, most: f64, per_second: f64) -> bool {
    let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let slot = match buckets.find(hash, &key) {
        Some(slot) => slot,
        None => buckets.insert(hash, key, Bucket { level: most, at: now }, 0, Timestamp::MIN).0,
    };
    buckets.touch(slot, 0, Timestamp::MIN);
    // The slot was found or made above.
    let Some((_, bucket)) = buckets.get_mut(slot) else { return false };
    bucket.level = (bucket.level + now.duration_since(bucket.at).as_secs_f64() * per_second).min(most);
    bucket.at = now;
    let is_admitted = bucket.level >= 1.0;
    if is_admitted {
        bucket.level -= 1.0;
    }
    is_admitted
}

/// The right that a route needs. None for one that is open.
fn needed(method: &Method, path: &str) -> Option<Scope> {
    let is_change = method != Method::GET && method != Method::HEAD;
    match path {
        "/healthz" | "/readyz" | "/openapi.json" | "/login" | "/act/login" | "/act/logout" => None,
        path if path.starts_with("/assets/") => None,
        path if path.starts_with("/api/v1/score") || path.starts_with("/api/v1/lists") => {
            Some(if is_change && !path.starts_with("/api/v1/score") { Scope::Label } else { Scope::Score })
        }
        path if path.starts_with("/api/v1/telemetry") => Some(Scope::Telemetry),
        path if path.starts_with("/api/v1/label") || path.starts_with("/act/") => Some(Scope::Label),
        _ => Some(Scope::Read),
    }
}

/// Checks a request, and hands it on with the client's identity.
pub(crate) async fn guard(Shared(state): Shared<Arc<State>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = route_of(&request);
    let is_page = !request.uri().path().starts_with("/api/");
    let mut response = match admit(&state, &mut request) {
        // A body that trickles in must not hold its place for ever. The stream of events begins its answer at once.
        Ok(()) => match tokio::time::timeout(ANSWERED_WITHIN, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response(),
        },
        Err(refused) => *refused,
    };
    protect(response.headers_mut(), state.is_tls, is_page);
    state.counters.request(route, response.status().as_u16(), began.elapsed());
    response
}

/// Routes that are counted by their own names. All others are pages.
const ROUTES: [&str; 13] = [
    "/api/v1/score",
    "/api/v1/score/{fingerprint}",
    "/api/v1/telemetry/call",
    "/api/v1/label",
    "/api/v1/lists/{list}",
    "/api/v1/lists/{list}/{kind}/{value}",
    "/api/v1/events",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/act/{what}",
    "/assets/{*path}",
];

/// The route as the router names it, which is text of the program.
fn route_of(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    ROUTES.into_iter().find(|route| Some(*route) == matched).unwrap_or("page")
}

fn admit(state: &State, request: &mut Request) -> Result<(), Box<Response>> {
    let headers = request.headers();
    // A page of another site that reaches this server by a name of its own (DNS rebinding) is no client.
    if !is_own_host(state, headers) {
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "this is no name of this server")
            .into_response()
            .into());
    }
    if is_foreign_origin(request.method(), headers) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "the request comes from a page of another site")
            .into_response()
            .into());
    }
    let peer = request.extensions().get::<Peer>().cloned();
    let identity = identify(state, headers, peer.as_ref());
    let client = match (&identity, &peer) {
        (Some(identity), _) if state.clients.is_login_on() => identity.name.clone(),
        (_, Some(peer)) => peer.address.ip().to_string(),
        _ => String::new(),
    };
    if !state.rates.admits(&client) {
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests").into_response().into());
    }
    if let Some(scope) = needed(request.method(), request.uri().path()) {
        match &identity {
            Some(identity) if identity.scopes.has(scope) => {}
            Some(_) => {
                let text = format!("this access has no scope \"{}\"", scope.name());
                return Err(Problem::new(StatusCode::FORBIDDEN, text).into_response().into());
            }
            None => return Err(login_needed(request).into()),
        }
    }
    request.extensions_mut().insert(Client { identity, address: peer.map(|peer| peer.address.ip()) });
    Ok(())
}

/// The client of a request, for handlers.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) identity: Option<Identity>,
    pub(crate) address: Option<IpAddr>,
}

/// Browsers go to the login page, programs get the status.
fn login_needed(request: &Request) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    if is_browser && request.method() == Method::GET {
        return Redirect::to("/login").into_response();
    }
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, "a bearer token is needed").into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn identify(state: &State, headers: &HeaderMap, peer: Option<&Peer>) -> Option<Identity> {
    if !state.clients.is_login_on() {
        return peer.filter(|peer| peer.address.ip().is_loopback()).map(|_| state.clients.anyone());
    }
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let of_scheme = token.and_then(|text| text.split_once(' '));
    if let Some((_, token)) = of_scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        return state.clients.by_token(token.trim());
    }
    if let Some(certificate) = peer.and_then(|peer| peer.certificate.as_deref()) {
        return state.clients.by_certificate(certificate);
    }
    cookie(headers).and_then(|cookie| state.clients.by_cookie(cookie))
}

/// The value of the session's cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

fn is_own_host(state: &State, headers: &HeaderMap) -> bool {
    if state.hosts.is_empty() {
        return true;
    }
    let Some(host) = headers.get(header::HOST).and_then(|value| value.to_str().ok()) else { return false };
    state.hosts.iter().any(|own| own.eq_ignore_ascii_case(without_port(host)))
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// True for a change that a page of another site asks the browser for.
fn is_foreign_origin(method: &Method, headers: &HeaderMap) -> bool {
    if method == Method::GET || method == Method::HEAD {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, of)| !of.eq_ignore_ascii_case(host))
}

/// Headers that keep a browser from doing more than the page needs.
fn protect(headers: &mut HeaderMap, is_tls: bool, is_page: bool) {
    let mut set = |name: header::HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    );
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    if is_tls {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if is_page {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_needs_its_scope_and_an_unknown_one_needs_reading() {
        let get = |path| needed(&Method::GET, path);
        let post = |path| needed(&Method::POST, path);
        assert_eq!(post("/api/v1/score"), Some(Scope::Score));
        assert_eq!(get("/api/v1/score/f2-x"), Some(Scope::Score));
        assert_eq!(get("/api/v1/lists/block"), Some(Scope::Score));
        assert_eq!(post("/api/v1/lists/block"), Some(Scope::Label));
        assert_eq!(post("/api/v1/label"), Some(Scope::Label));
        assert_eq!(post("/act/label"), Some(Scope::Label));
        assert_eq!(post("/api/v1/telemetry/call"), Some(Scope::Telemetry));
        assert_eq!([get("/"), get("/metrics"), get("/anything")], [Some(Scope::Read); 3]);
        assert_eq!([get("/healthz"), get("/login"), get("/assets/x.css")], [None; 3]);
    }

    #[test]
    fn hosts_are_compared_without_port_and_brackets() {
        for (host, bare) in
            [("a.example:8480", "a.example"), ("[::1]:8480", "::1"), ("127.0.0.1", "127.0.0.1")]
        {
            assert_eq!(without_port(host), bare);
        }
    }

    #[test]
    fn a_bucket_empties_and_clients_do_not_share_it() {
        let rates = Rates::new(3);
        let admitted = (0..10).filter(|_| rates.admits("a")).count();
        assert!((3..=4).contains(&admitted), "{admitted}");
        assert!(rates.admits("b"));
        for n in 0..2 * MAX_CLIENTS {
            rates.admits(&n.to_string());
        }
        assert!(rates.requests.lock().unwrap().len() <= MAX_CLIENTS);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; bellwether_session=xyz; c=d"));
        assert_eq!(cookie(&headers), Some("xyz"));
    }

    #[test]
    fn a_change_from_another_site_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8480"));
        assert!(!is_foreign_origin(&Method::POST, &headers));
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://127.0.0.1:8480"));
        assert!(!is_foreign_origin(&Method::POST, &headers));
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert!(is_foreign_origin(&Method::POST, &headers) && !is_foreign_origin(&Method::GET, &headers));
        headers.insert(header::ORIGIN, HeaderValue::from_static("null"));
        assert!(is_foreign_origin(&Method::POST, &headers));
    }
}
