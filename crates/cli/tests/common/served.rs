//! `bellwether serve` over `x.db` of a room, and its clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::{Room, Running, text};

/// A server that runs, and its address.
pub(crate) struct Served {
    running: Running,
    pub(crate) address: SocketAddr,
}

/// An answer: status, head and body.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        let value = serde_json::from_str(&self.body);
        assert!(value.is_ok(), "{value:?}: {}", self.body);
        value.unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Served {
    pub(crate) fn start(room: &Room, args: &[&str]) -> Self {
        let mut all = vec!["--db", "x.db", "serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut command = room.command(&all);
        let mut running = Running::start(command.stderr(Stdio::piped()));
        let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, url)) = line.split_once("listening on http://") {
                break url.to_owned();
            }
        };
        // What follows on standard error must not block the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { running, address: url.parse().unwrap() }
    }

    /// Asks the server to read certificates and logins again.
    pub(crate) fn hang_up(&self) {
        let id = rustix::process::Pid::from_raw(self.running.id() as i32).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    }

    pub(crate) fn send(&self, head: &str, body: &[u8]) -> Answered {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let host = self.address;
        write!(
            stream,
            "{head}\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        // A server that refuses by the head may close before it has read the body.
        let _ = stream.write_all(body);
        answered(&mut stream)
    }

    pub(crate) fn get(&self, path: &str) -> Answered {
        self.send(&format!("GET {path} HTTP/1.1"), b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answered {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/json");
        self.send(&head, body.to_string().as_bytes())
    }

    pub(crate) fn score(&self, request: &Value) -> Value {
        let answered = self.post("/api/v1/score", request);
        assert_eq!(answered.status, 200, "{}", answered.body);
        answered.json()
    }
}

pub(crate) fn answered(stream: &mut TcpStream) -> Answered {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let text = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answered { status, head: head.to_owned(), body: body.to_owned() }
}

/// A new token of `serve --new-token`, and its entry in the configuration.
pub(crate) fn new_token(room: &Room, name: &str, scopes: &str) -> (String, String) {
    let output = room.run(&["serve", "--new-token", name, "--scopes", scopes]);
    let told = text(&output.stderr);
    let token = told.split_whitespace().find(|word| word.starts_with("bw_")).unwrap();
    let lines = text(&output.stdout);
    let entry = lines.find("[[").map(|at| lines[at..].to_owned());
    (token.to_owned(), entry.unwrap())
}
