//! Clients and their rights: bearer tokens, client certificates, sessions of browsers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{Access, ServeError};

/// Sessions at once. The oldest leaves for a new one.
const MAX_SESSIONS: usize = 1024;

/// A session ends after this time.
const SESSION_LASTS: Duration = Duration::from_secs(8 * 3600);

/// A right of a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Ask for scores and lists.
    Score,
    /// Send telemetry.
    Telemetry,
    /// Read reports, pages, events and metrics.
    Read,
    /// Label, change lists, approve devices.
    Label,
}

impl Scope {
    const ALL: [Self; 4] = [Self::Score, Self::Telemetry, Self::Read, Self::Label];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Telemetry => "telemetry",
            Self::Read => "read",
            Self::Label => "label",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Several scopes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub const ALL: Self = Self(0b1111);

    /// True if a scope is among them.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }
}

impl FromStr for Scopes {
    type Err = ServeError;

    fn from_str(text: &str) -> Result<Self, ServeError> {
        let mut scopes = 0;
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let scope = Scope::ALL.into_iter().find(|scope| scope.name() == name);
            let wrong =
                || ServeError::Option(format!("\"{name}\" is no scope: score, telemetry, read, label"));
            scopes |= scope.ok_or_else(wrong)?.bit();
        }
        if scopes == 0 {
            return Err(ServeError::Option(
                "a token needs a scope: score, telemetry, read, label".to_owned(),
            ));
        }
        Ok(Self(scopes))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            Scope::ALL.into_iter().filter(|scope| self.has(*scope)).map(Scope::name).collect();
        f.write_str(&names.join(","))
    }
}

/// A token that was made just now. Only its hash is stored.
#[derive(Debug)]
pub struct NewToken {
    /// The token.
    pub token: String,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl NewToken {
    /// A token of 256 random bits.
    #[must_use]
    pub fn random() -> Self {
        let token = format!("bw_{}", random_text());
        Self { sha256: sha256(token.as_bytes()), token }
    }
}

/// 256 random bits as text.
pub(crate) fn random_text() -> String {
    let mut octets = [0; 32];
    // The system's generator fails only before the kernel is ready; an empty secret must never be used.
    while SystemRandom::new().fill(&mut octets).is_err() {
        std::thread::sleep(Duration::from_millis(100));
    }
    URL_SAFE_NO_PAD.encode(octets)
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(octets: &[u8]) -> String {
    digest(&SHA256, octets).as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A client that was recognised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// The name in the audit log.
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    /// Hash of the token or the certificate of its login; empty where login is off.
    login: String,
    /// The secret of its forms; empty for a client that is no browser.
    pub(crate) csrf: String,
    /// True for a browser's session: its changes need the secret of the form.
    pub(crate) is_session: bool,
}

struct Session {
    identity: Identity,
    began: Instant,
}

/// Names and scopes by hash: of tokens, and of certificates.
struct Logins {
    tokens: BTreeMap<String, (String, Scopes)>,
    certificates: BTreeMap<String, (String, Scopes)>,
}

impl Logins {
    fn new(access: &[Access]) -> Self {
        let of = |is_certificate: bool| {
            let these = access.iter().filter(|one| one.is_certificate == is_certificate);
            these.map(|one| (one.sha256.to_ascii_lowercase(), (one.name.clone(), one.scopes))).collect()
        };
        Self { tokens: of(false), certificates: of(true) }
    }

    /// True if the token or certificate of a client still opens what it opened, under the same name. A new token under an
    /// old name is another login: the old one may have been stolen.
    fn have(&self, identity: &Identity) -> bool {
        [&self.tokens, &self.certificates]
            .into_iter()
            .filter_map(|of| of.get(&identity.login))
            .any(|(name, scopes)| *name == identity.name && scopes.0 & identity.scopes.0 == identity.scopes.0)
    }
}

/// All clients that may log in, and the sessions of browsers.
pub(crate) struct Clients {
    logins: RwLock<Logins>,
    /// True if there is a login. It stays as it was at the start.
    is_login_on: bool,
    /// By hash of the cookie.
    sessions: Mutex<BTreeMap<String, Session>>,
    /// The secret of forms where login is off.
    csrf: String,
}

impl Clients {
    pub(crate) fn new(access: &[Access]) -> Self {
        Self {
            logins: RwLock::new(Logins::new(access)),
            is_login_on: !access.is_empty(),
            sessions: Mutex::default(),
            csrf: random_text(),
        }
    }

    /// Takes other logins. Sessions of those who lost theirs, or a scope, end.
    pub(crate) fn replace(&self, access: &[Access]) {
        *self.logins.write().unwrap_or_else(PoisonError::into_inner) = Logins::new(access);
        // A session that begins meanwhile was checked against the former logins, and stands here then.
        self.sessions().retain(|_, session| self.logins().have(&session.identity));
    }

    pub(crate) const fn is_login_on(&self) -> bool {
        self.is_login_on
    }

    /// Everyone on the loopback interface, where login is off.
    pub(crate) fn anyone(&self) -> Identity {
        Identity {
            name: "local".to_owned(),
            scopes: Scopes::ALL,
            login: String::new(),
            csrf: self.csrf.clone(),
            is_session: true,
        }
    }

    /// The client with a bearer token. Hashes are compared, so that the time of the comparison says nothing about the token.
    pub(crate) fn by_token(&self, token: &str) -> Option<Identity> {
        let hash = sha256(token.as_bytes());
        self.logins().tokens.get(&hash).map(|of| of_access(of, hash))
    }

    /// The client with a certificate, whose chain was checked before.
    pub(crate) fn by_certificate(&self, der: &[u8]) -> Option<Identity> {
        let hash = sha256(der);
        self.logins().certificates.get(&hash).map(|of| of_access(of, hash))
    }

    /// The client of a session's cookie.
    pub(crate) fn by_cookie(&self, cookie: &str) -> Option<Identity> {
        let mut sessions = self.sessions();
        let key = sha256(cookie.as_bytes());
        if sessions.get(&key).is_some_and(|session| session.began.elapsed() > SESSION_LASTS) {
            sessions.remove(&key);
        }
        sessions.get(&key).map(|session| session.identity.clone())
    }

    /// True until the client's session ends. A client without a session stays as long as its login.
    pub(crate) fn is_still_in(&self, identity: &Identity) -> bool {
        if !identity.is_session {
            return self.logins().have(identity);
        }
        identity.csrf == self.csrf
            || self.sessions().values().any(|session| {
                session.identity.csrf == identity.csrf && session.began.elapsed() <= SESSION_LASTS
            })
    }

    /// Begins a session for a client. Returns the cookie's value; none if the client has lost its login meanwhile.
    pub(crate) fn begin_session(&self, identity: Identity) -> Option<String> {
        let cookie = random_text();
        let identity = Identity { csrf: random_text(), is_session: true, ..identity };
        let mut sessions = self.sessions();
        if !self.logins().have(&identity) {
            return None;
        }
        if sessions.len() >= MAX_SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.began).map(|(key, _)| key.clone());
            oldest.map(|key| sessions.remove(&key));
        }
        sessions.insert(sha256(cookie.as_bytes()), Session { identity, began: Instant::now() });
        Some(cookie)
    }

    /// Ends a session.
    pub(crate) fn end_session(&self, cookie: &str) {
        self.sessions().remove(&sha256(cookie.as_bytes()));
    }

    fn logins(&self) -> std::sync::RwLockReadGuard<'_, Logins> {
        self.logins.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_access((name, scopes): &(String, Scopes), login: String) -> Identity {
    Identity { name: name.clone(), scopes: *scopes, login, csrf: String::new(), is_session: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> (Clients, String) {
        let token = NewToken::random();
        let access = Access {
            name: "pbx".into(),
            sha256: token.sha256.clone(),
            is_certificate: false,
            scopes: "score".parse().unwrap(),
        };
        (Clients::new(&[access]), token.token)
    }

    #[test]
    fn only_the_token_itself_opens_and_only_its_scopes() {
        let (clients, token) = clients();
        let identity = clients.by_token(&token).unwrap();
        assert!(identity.scopes.has(Scope::Score) && !identity.scopes.has(Scope::Read));
        for wrong in ["", "bw_", &token[1..], &token.to_ascii_uppercase(), &sha256(token.as_bytes())] {
            assert_eq!(clients.by_token(wrong), None, "{wrong}");
        }
        assert_eq!(clients.by_certificate(token.as_bytes()), None, "a token is no certificate");
    }

    #[test]
    fn who_loses_a_login_or_a_scope_is_out_at_once() {
        let (clients, token) = clients();
        let identity = clients.by_token(&token).unwrap();
        let cookie = clients.begin_session(identity.clone()).unwrap();
        let access = |scopes: &str| Access {
            name: "pbx".into(),
            sha256: sha256(token.as_bytes()),
            is_certificate: false,
            scopes: scopes.parse().unwrap(),
        };
        for more in ["score", "score,read"] {
            clients.replace(&[access(more)]);
            assert!(clients.is_still_in(&identity) && clients.by_cookie(&cookie).is_some(), "{more}");
        }
        clients.replace(&[access("read")]);
        assert!(clients.by_token(&token).unwrap().scopes.has(Scope::Read));
        assert!(!clients.is_still_in(&identity) && clients.by_cookie(&cookie).is_none());
        // A token that was stolen is replaced under its name.
        clients.replace(&[access("score")]);
        let cookie = clients.begin_session(identity.clone()).unwrap();
        clients.replace(&[Access { sha256: "0".repeat(64), ..access("score") }]);
        assert_eq!((clients.by_token(&token), clients.by_cookie(&cookie)), (None, None));
        assert!(!clients.is_still_in(&identity) && clients.begin_session(identity).is_none());
    }

    #[test]
    fn a_session_has_a_cookie_and_another_secret_for_its_forms() {
        let (clients, token) = clients();
        let cookie = clients.begin_session(clients.by_token(&token).unwrap()).unwrap();
        let identity = clients.by_cookie(&cookie).unwrap();
        assert!(identity.is_session && identity.csrf.len() > 40 && identity.csrf != cookie);
        assert_eq!(clients.by_cookie(&identity.csrf), None);
        assert!(clients.is_still_in(&identity));
        clients.end_session(&cookie);
        assert_eq!(clients.by_cookie(&cookie), None);
        assert!(!clients.is_still_in(&identity));
        assert!(
            clients.is_still_in(&clients.by_token(&token).unwrap()) && clients.is_still_in(&clients.anyone())
        );
    }

    #[test]
    fn sessions_are_bounded() {
        let (clients, token) = clients();
        for _ in 0..MAX_SESSIONS + 10 {
            clients.begin_session(clients.by_token(&token).unwrap()).unwrap();
        }
        assert_eq!(clients.sessions().len(), MAX_SESSIONS);
    }
}
