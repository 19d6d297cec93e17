use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a receiver, as a configuration writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `udp://host:514`: syslog over UDP (RFC 5426).
    Udp(HostPort),
    /// `tcp://host:601`: syslog over TCP with octet counting (RFC 6587 section 3.4.1).
    Tcp(HostPort),
    /// `tls://host:6514`: syslog over TLS (RFC 5425).
    Tls(HostPort),
    /// `unix:/dev/log`: the log server of this host.
    Unix(PathBuf),
    /// `https://...` or `http://...`: each alert is posted as JSON.
    Webhook(String),
}

/// A host by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The name or the address, an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The fault in the text of a [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It begins with none of the known schemes.
    #[error("must begin with udp://, tcp://, tls://, unix:, https:// or http://")]
    Scheme,
    /// There is no host.
    #[error("names no host")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("has a port that is no number from 1 to 65535")]
    Port,
    /// An IPv6 address without brackets, or with one only.
    #[error("has an IPv6 address that does not stand in brackets")]
    Brackets,
    /// Something follows the port of a syslog server.
    #[error("has something behind the host and port")]
    Trailing,
    /// A local socket's path does not begin at the root.
    #[error("needs the socket's whole path, as in unix:/dev/log")]
    Path,
    /// The text holds a user or a password, and reports and logs would show it.
    #[error("may hold no user or password: a webhook is authenticated by its signature")]
    Credentials,
    /// There are blanks, control characters or letters outside ASCII in it.
    #[error("holds blanks, control characters or letters outside ASCII")]
    Characters,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///dev/log` is common too.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(TargetError::Path) };
        }
        let (scheme, rest) = text.split_once("://").ok_or(TargetError::Scheme)?;
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(TargetError::Characters);
        }
        match scheme {
            "udp" => server(rest, 514).map(Self::Udp),
            "tcp" => server(rest, 601).map(Self::Tcp),
            "tls" => server(rest, 6514).map(Self::Tls),
            "http" | "https" => {
                host_port(authority(rest), 443)?;
                Ok(Self::Webhook(text.to_owned()))
            }
            _ => Err(TargetError::Scheme),
        }
    }
}

/// A syslog server: host and port, and a slash at most.
fn server(rest: &str, port: u16) -> Result<HostPort, TargetError> {
    let authority = authority(rest);
    if !matches!(&rest[authority.len()..], "" | "/") {
        return Err(TargetError::Trailing);
    }
    host_port(authority, port)
}

/// RFC 3986 section 3.2: up to the path, the query or the fragment.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn host_port(authority: &str, otherwise: u16) -> Result<HostPort, TargetError> {
    if authority.contains('@') {
        return Err(TargetError::Credentials);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(TargetError::Brackets)?;
            match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if port.is_empty() => (host, None),
                None => return Err(TargetError::Trailing),
            }
        }
        None if authority.matches(':').count() > 1 => return Err(TargetError::Brackets),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err(TargetError::Host);
    }
    let port = match port {
        None => otherwise,
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(TargetError::Port)?,
    };
    Ok(HostPort { host: host.to_owned(), port })
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The form for reports. It leaves out the path of a webhook, because services put secrets there.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(at) => write!(f, "udp://{at}"),
            Self::Tcp(at) => write!(f, "tcp://{at}"),
            Self::Tls(at) => write!(f, "tls://{at}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Webhook(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or_default();
                write!(f, "{scheme}://{}", authority(rest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> HostPort {
        HostPort { host: host.into(), port }
    }

    #[test]
    fn targets_are_read_as_they_are_written() {
        for (text, target, shown) in [
            ("udp://log", Target::Udp(at("log", 514)), "udp://log:514"),
            ("tcp://10.0.0.1:10514/", Target::Tcp(at("10.0.0.1", 10514)), "tcp://10.0.0.1:10514"),
            ("tls://[2001:db8::1]", Target::Tls(at("2001:db8::1", 6514)), "tls://[2001:db8::1]:6514"),
            ("tls://[::1]:99", Target::Tls(at("::1", 99)), "tls://[::1]:99"),
            ("unix:/dev/log", Target::Unix("/dev/log".into()), "unix:/dev/log"),
            ("unix:///dev/log", Target::Unix("/dev/log".into()), "unix:/dev/log"),
            (
                "https://hooks.example.net/a/secret?b=c",
                Target::Webhook("https://hooks.example.net/a/secret?b=c".into()),
                "https://hooks.example.net",
            ),
        ] {
            let read: Target = text.parse().unwrap();
            assert_eq!((&read, read.to_string().as_str()), (&target, shown));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, error) in [
            ("log:514", TargetError::Scheme),
            ("ftp://log", TargetError::Scheme),
            ("udp://", TargetError::Host),
            ("udp://:514", TargetError::Host),
            ("udp://log:0", TargetError::Port),
            ("udp://log:syslog", TargetError::Port),
            ("tcp://2001:db8::1", TargetError::Brackets),
            ("tcp://[2001:db8::1", TargetError::Brackets),
            ("tcp://log:601/path", TargetError::Trailing),
            ("tcp://log:601?a", TargetError::Trailing),
            ("tcp://[::1]601", TargetError::Trailing),
            ("unix:dev/log", TargetError::Path),
            ("https://me:secret@hooks.example.net/", TargetError::Credentials),
            ("https:///path", TargetError::Host),
            ("https://hooks.example.net/a b", TargetError::Characters),
        ] {
            assert_eq!(text.parse::<Target>(), Err(error), "{text}");
        }
    }
}
