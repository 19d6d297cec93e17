//! The server: address, TLS, and who may log in.

use std::net::SocketAddr;
use std::path::PathBuf;

use bellwether_serve::{Access, RedirectRules, Scopes, TlsFiles};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::{Config, distinct};

/// `[serve]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServeSettings {
    #[serde(deserialize_with = "listening_at")]
    pub(crate) listen: SocketAddr,
    certificate_file: String,
    key_file: String,
    client_ca_file: String,
    pub(crate) host_names: Vec<String>,
    pub(crate) requests_per_second: u32,
    access: Vec<AccessSettings>,
    pub(crate) redirect: RedirectSettings,
}

/// Reads an address and a port to listen on. `localhost` is 127.0.0.1; no other name is looked up.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let at_home = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let wrong = |_| format!("\"{text}\" is no address with a port, such as 127.0.0.1:8480");
    at_home.as_deref().unwrap_or(text).parse().map_err(wrong)
}

fn listening_at<'de, D: Deserializer<'de>>(value: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(value)?).map_err(serde::de::Error::custom)
}

/// `[[serve.access]]`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AccessSettings {
    name: String,
    token_sha256: String,
    certificate_sha256: String,
    scopes: Vec<String>,
}

/// `[serve.redirect]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RedirectSettings {
    listen: String,
    peers: Vec<IpNet>,
    pass: u16,
    quarantine: u16,
    divert_to: String,
    redress: String,
}

impl Default for RedirectSettings {
    fn default() -> Self {
        let RedirectRules { peers, pass, quarantine, .. } = RedirectRules::default();
        Self {
            listen: String::new(),
            peers,
            pass,
            quarantine,
            divert_to: String::new(),
            redress: String::new(),
        }
    }
}

impl RedirectSettings {
    fn rules(&self) -> RedirectRules {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        RedirectRules {
            peers: self.peers.clone(),
            pass: self.pass,
            quarantine: self.quarantine,
            divert_to: given(&self.divert_to),
            redress: given(&self.redress),
        }
    }

    fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        listen_address(&self.listen).map(Some).map_err(|wrong| format!("serve.redirect: {wrong}"))
    }
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            certificate_file: String::new(),
            key_file: String::new(),
            client_ca_file: String::new(),
            host_names: Vec::new(),
            requests_per_second: 5000,
            access: Vec::new(),
            redirect: RedirectSettings::default(),
        }
    }
}

impl ServeSettings {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.certificate_file.is_empty() != self.key_file.is_empty() {
            return Err("serve: certificate_file and key_file belong together".to_owned());
        }
        if self.requests_per_second == 0 {
            return Err("serve.requests_per_second: 0 answers nobody".to_owned());
        }
        distinct("serve.access", self.access.iter().map(|access| access.name.as_str()))?;
        self.redirect.rules().check().map_err(|why| format!("serve.redirect: {why}"))?;
        self.redirect.address()?;
        self.access().map(drop)
    }

    fn access(&self) -> Result<Vec<Access>, String> {
        self.access.iter().map(AccessSettings::access).collect()
    }
}

impl AccessSettings {
    fn access(&self) -> Result<Access, String> {
        let wrong = |why: String| format!("serve.access \"{}\": {why}", self.name);
        if self.name.is_empty() {
            return Err(wrong("it has no name".to_owned()));
        }
        let (sha256, is_certificate) = match (self.token_sha256.as_str(), self.certificate_sha256.as_str()) {
            (token, "") => (token, false),
            ("", certificate) => (certificate, true),
            _ => return Err(wrong("give token_sha256 or certificate_sha256, not both".to_owned())),
        };
        let digits: String = sha256.chars().filter(|c| *c != ':').collect();
        if digits.len() != 64 || !digits.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return Err(wrong("the SHA-256 has not 64 hexadecimal digits".to_owned()));
        }
        let scopes: Scopes = self.scopes.join(",").parse().map_err(|e| wrong(format!("{e}")))?;
        Ok(Access { name: self.name.clone(), sha256: digits, is_certificate, scopes })
    }
}

impl Config {
    /// Who may log in.
    pub(crate) fn access(&self) -> Vec<Access> {
        // The configuration was checked when it was read.
        self.serve.access().unwrap_or_default()
    }

    /// The address of the redirect server, and its rules; none if it is off.
    pub(crate) fn redirect(&self) -> Option<(SocketAddr, RedirectRules)> {
        let address = self.serve.redirect.address().ok().flatten()?;
        Some((address, self.serve.redirect.rules()))
    }

    /// The files of TLS.
    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        let serve = &self.serve;
        (!serve.certificate_file.is_empty()).then(|| TlsFiles {
            certificates: PathBuf::from(&serve.certificate_file),
            key: PathBuf::from(&serve.key_file),
            client_authorities: (!serve.client_ca_file.is_empty())
                .then(|| PathBuf::from(&serve.client_ca_file)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_has_a_port_and_no_name_but_localhost() {
        let read = |text: &str| listen_address(text).map(|address| address.to_string());
        assert_eq!(read("localhost:8480").unwrap(), "127.0.0.1:8480");
        assert_eq!(read("[::1]:80").unwrap(), "[::1]:80");
        for wrong in ["localhost", "localhost:", "example.org:80", "8480", ""] {
            assert!(read(wrong).unwrap_err().contains("127.0.0.1:8480"), "{wrong}");
        }
    }
}
