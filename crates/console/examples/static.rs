//! Writes the pages of a database into a folder, to look at them without the server: each page is `index.html` in a folder of its path.
//!
//! `cargo run -p bellwether-console --example static -- DATABASE FOLDER`, then `python3 -m http.server -d FOLDER` on loopback.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bellwether_base::Timestamp;
use bellwether_console::{Answer, Lookup, PageRequest, Session, assets, page};
use bellwether_report::Reports;
use bellwether_store::Reader;

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
        println!("usage: static DATABASE FOLDER");
        return;
    };
    let reader = Reader::open(Path::new(database)).unwrap();
    let reports = Reports::of(&reader);
    let session =
        Session { user: Some("ada".into()), may_label: true, csrf: "secret".into(), is_login_on: true };
    let folder = Path::new(folder);
    for asset in assets() {
        write(folder.join(&asset.path[1..]), asset.bytes);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_nanos(i64::try_from(now.as_nanos()).unwrap());
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

fn decoded(path: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = path.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            octets.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).unwrap()
}

fn write(path: PathBuf, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
