//! The corpus that `scripts/recordings-corpus` makes of Debian's packages.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One file of the corpus.
#[derive(Clone)]
pub(crate) struct Piece {
    /// Its name, by which other files refer to it.
    pub(crate) file: String,
    /// speech | people | music | signal | firm | opening | text | codec.
    pub(crate) kind: String,
    pub(crate) voice: String,
    /// True if the method was tuned on this voice.
    pub(crate) is_tuned: bool,
    /// The text or the name of the signal.
    pub(crate) text: String,
    /// The file that this is a coded copy of.
    pub(crate) source: String,
    pub(crate) codec: String,
    pub(crate) samples: Vec<i16>,
}

/// Reads a folder with its `manifest.jsonl`.
pub(crate) fn read(folder: &Path) -> Vec<Piece> {
    let manifest: PathBuf = folder.join("manifest.jsonl");
    let text = std::fs::read_to_string(&manifest).unwrap_or_else(|error| {
        panic!("cannot read {}: {error}; make it by scripts/recordings-corpus", manifest.display())
    });
    let pieces = text.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        let of = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let octets = std::fs::read(folder.join(of("file"))).unwrap();
        Piece {
            file: of("file"),
            kind: of("kind"),
            voice: of("voice"),
            is_tuned: of("column") == "tuned",
            text: of("text"),
            source: of("source"),
            codec: of("codec"),
            samples: octets.as_chunks::<2>().0.iter().map(|octets| i16::from_le_bytes(*octets)).collect(),
        }
    });
    pieces.collect()
}
