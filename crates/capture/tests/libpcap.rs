//! Compares the block reader with libpcap, record by record, on every available capture that both can read.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

use std::path::{Path, PathBuf};

use bellwether_capture::CaptureReader;

type Records = Vec<(i64, u32, Vec<u8>)>;

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut out = Vec::new();
    for folder in ["pcaps", "../shared/data/captures", "../shared/data/lab"] {
        match std::fs::read_dir(root.join(folder)) {
            Ok(entries) => out.extend(entries.map(|e| e.unwrap().path())),
            Err(_) => eprintln!("skipped: {folder} is not here"),
        }
    }
    out.retain(|p| p.extension().is_none_or(|e| !["json", "md", "gz"].iter().any(|x| e == *x)));
    out.sort();
    out
}

fn ours(path: &Path) -> Records {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut out = Vec::new();
    while let Ok(Some(r)) = reader.next() {
        out.push((r.at.as_nanos(), r.original_len, r.frame.to_vec()));
    }
    out
}

fn libpcaps(path: &Path) -> Option<Records> {
    let mut capture = pcap::Capture::from_file_with_precision(path, pcap::Precision::Nano).ok()?;
    let mut out = Vec::new();
    loop {
        match capture.next_packet() {
            Ok(p) => {
                let at = p.header.ts.tv_sec * 1_000_000_000 + p.header.ts.tv_usec;
                out.push((at, p.header.len, p.data.to_vec()));
            }
            Err(pcap::Error::NoMorePackets) => return Some(out),
            Err(_) => return None,
        }
    }
}

#[test]
fn both_read_the_same_records() {
    let mut compared = 0;
    for path in captures() {
        let Some(expected) = libpcaps(&path) else {
            eprintln!("libpcap does not read all of {}", path.display());
            continue;
        };
        let got = ours(&path);
        assert_eq!(got.len(), expected.len(), "{}", path.display());
        assert!(got == expected, "{}", path.display());
        compared += 1;
    }
    assert!(compared >= 5, "only {compared} captures compared");
}
