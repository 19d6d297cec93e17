//! Shows the pages of a database without the server: over a loopback address, or as `index.html` in a folder for each page.
//!
//! `cargo run -p bellwether-console --example static -- DATABASE 127.0.0.1:8599`, or a folder in place of the address.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_base::percent_decoded;
use bellwether_console::{Answer, Form, Lookup, PageRequest, Session, assets, error_page, page, preview};
use bellwether_report::Reports;
use bellwether_store::{Effects, Reader};

/// Pages that are written of each kind.
const MAX_OF_A_KIND: usize = 4;

struct NoKey;

impl Lookup for NoKey {
    fn tokens_of(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, folder] = arguments.as_slice() else {
        println!("usage: static DATABASE FOLDER|ADDRESS");
        return;
    };
    let reader = Reader::open(Path::new(database)).unwrap();
    let reports = Reports::of(&reader);
    let session =
        Session { user: Some("ada".into()), may_label: true, csrf: "secret".into(), is_login_on: true };
    if let Ok(address) = folder.parse() {
        return serve(address, &reports, &session);
    }
    let folder = Path::new(folder);
    for asset in assets() {
        write(folder.join(&asset.path[1..]), asset.bytes);
    }
    // The newest row stands for the present.
    let now = reader.moment().unwrap();
    let mut waiting: VecDeque<String> = ["/", "/login", "/search"].map(str::to_owned).into();
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen: Vec<String> = Vec::new();
    while let Some(path) = waiting.pop_front() {
        let kind = path.split('/').nth(1).unwrap_or_default().to_owned();
        let count = written.entry(kind).or_default();
        if seen.contains(&path) || *count == MAX_OF_A_KIND {
            continue;
        }
        *count += 1;
        seen.push(path.clone());
        let request = PageRequest { path: &path, query: &[], session: &session, now };
        let Answer::Html(text) = page(&reports, &NoKey, &request).unwrap() else { continue };
        let links = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let links =
            links.filter(|href| href.starts_with('/') && !href.starts_with("/assets") && !href.contains('?'));
        waiting.extend(links.map(|href| href.split('#').next().unwrap_or(href).to_owned()));
        // A server of files decodes the path.
        let mut file: PathBuf = folder.to_owned();
        file.extend(decoded(&path).split('/').filter(|part| !part.is_empty()));
        write(file.join("index.html"), text.as_bytes());
        println!("{path}");
    }
}

/// Answers requests, one after the other.
fn serve(address: SocketAddr, reports: &Reports<'_>, session: &Session) {
    assert!(address.ip().is_loopback(), "only over loopback");
    println!("listening on http://{address}");
    for stream in TcpListener::bind(address).unwrap().incoming() {
        let Ok(mut stream) = stream else { continue };
        // A browser opens connections that it may not use.
        let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
        let mut line = String::new();
        let mut reader = BufReader::new(&stream);
        let _ = reader.read_line(&mut line);
        // A request that is not read to its end would be reset.
        let (mut header, mut length) = (String::new(), 0);
        while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            header.clear();
        }
        if line.is_empty() {
            continue;
        }
        let mut body = vec![0; length];
        let _ = reader.read_exact(&mut body);
        let target = line.split(' ').nth(1).unwrap_or("/");
        let (status, kind, body) = if line.starts_with("POST") {
            act(session, target, &String::from_utf8_lossy(&body))
        } else {
            answer(reports, session, target)
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    }
}

/// Shows the preview of an act with made effects. Nothing is done.
fn act(session: &Session, path: &str, body: &str) -> (&'static str, &'static str, Vec<u8>) {
    let html = "text/html; charset=utf-8";
    match Form::read(path, &pairs(body), &NoKey) {
        Ok(form) if form.action.wants_preview() && !form.is_confirmed => {
            let effects = Effects {
                dispositions: vec![("monitor".into(), "quarantine".into(), 1234)],
                rescored: 56,
                campaigns: vec![("c-ej9xerdj".into(), 3, 1)],
                lists: vec![(
                    "fingerprint".into(),
                    "f2-a501210284670ab3".into(),
                    "none".into(),
                    "block".into(),
                )],
            };
            ("200 OK", html, preview(session, &form, Some(&effects)).into_bytes())
        }
        Ok(_) => ("200 OK", html, error_page(session, "Done", "This example changes nothing.").into_bytes()),
        Err(e) => ("400 Bad Request", html, error_page(session, "Bad request", &e.to_string()).into_bytes()),
    }
}

/// The names and values of a query or a form.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(&value.replace('+', " ")))).collect()
}

fn answer(reports: &Reports<'_>, session: &Session, target: &str) -> (&'static str, &'static str, Vec<u8>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(asset) = assets().iter().find(|asset| asset.path == path) {
        return ("200 OK", asset.media_type, asset.bytes.to_vec());
    }
    let query = pairs(query);
    let request = PageRequest { path, query: &query, session, now: reports.reader().moment().unwrap() };
    match page(reports, &NoKey, &request).unwrap() {
        Answer::Html(text) => ("200 OK", "text/html; charset=utf-8", text.into_bytes()),
        Answer::Svg(text) => ("200 OK", "image/svg+xml", text.into_bytes()),
        Answer::NotFound(text) => ("404 Not Found", "text/html; charset=utf-8", text.into_bytes()),
        Answer::BadRequest(text) => ("400 Bad Request", "text/html; charset=utf-8", text.into_bytes()),
    }
}

fn decoded(text: &str) -> String {
    String::from_utf8(percent_decoded(text.as_bytes()).into_owned()).unwrap()
}

fn write(path: PathBuf, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
