//! A webhook server for alerts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// Takes posts under a path for each life. It outlives all processes.
pub(crate) struct Hook {
    port: u16,
    posts: Mutex<BTreeMap<String, Posts>>,
}

/// The posts of one life.
#[derive(Clone, Default)]
pub(crate) struct Posts {
    taken: Arc<Mutex<Vec<Value>>>,
    /// Taken, and not answered yet.
    open: Arc<AtomicUsize>,
    /// The delay of each response, in milliseconds.
    pause: Arc<AtomicU64>,
}

impl Posts {
    /// Every post, in the order of arrival.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// True if a post waits for its response.
    pub(crate) fn is_one_open(&self) -> bool {
        self.open.load(Ordering::SeqCst) > 0
    }

    /// Delays responses by this number of milliseconds from now on.
    pub(crate) fn answer_after(&self, millis: u64) {
        self.pause.store(millis, Ordering::SeqCst);
    }
}

impl Hook {
    pub(crate) fn new() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let hook = Arc::new(Self { port, posts: Mutex::default() });
        let of = Arc::clone(&hook);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let of = Arc::clone(&of);
                // A killed sender ends its connection in the middle, which is no error here.
                std::thread::spawn(move || of.serve(&connection.unwrap()));
            }
        });
        hook
    }

    pub(crate) fn of(&self, life: &str) -> Posts {
        self.posts.lock().unwrap().entry(life.to_owned()).or_default().clone()
    }

    /// The part of a configuration that sends a life's alerts here, one by one.
    pub(crate) fn configuration(&self, life: &str) -> String {
        format!(
            "\n[alerts]\nquiet_s = 0\nper_minute = 1000000\n\
             [[alerts.receivers]]\nname = \"hook\"\ntarget = \"http://127.0.0.1:{}/{life}\"\n",
            self.port
        )
    }

    fn serve(&self, mut connection: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(connection);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let posts = self.of(line.split(' ').nth(1)?.trim_start_matches('/'));
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let alert = serde_json::from_slice(&body).ok()?;
        posts.taken.lock().unwrap().push(alert);
        posts.open.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(posts.pause.load(Ordering::SeqCst)));
        posts.open.fetch_sub(1, Ordering::SeqCst);
        connection.write_all(b"HTTP/1.1 204 Thanks\r\nConnection: close\r\n\r\n").ok()
    }
}
