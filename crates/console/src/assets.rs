//! Files that the pages name: style sheet, script, icon.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use crate::link::with_query;

/// A file of the console.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// The path under which pages name the file.
    pub path: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its octets.
    pub bytes: &'static [u8],
}

impl Asset {
    /// The entity tag, with its quotation marks. Pages name the file with this tag as `v`, so it may be cached for ever.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}\"", version(self.bytes))
    }
}

static ASSETS: [Asset; 3] = [
    Asset {
        path: "/assets/console.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/console.css"),
    },
    Asset {
        path: "/assets/live.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/live.js"),
    },
    Asset {
        path: "/assets/icon.svg",
        media_type: "image/svg+xml",
        bytes: include_bytes!("../assets/icon.svg"),
    },
];

/// The files that the pages name.
#[must_use]
pub fn assets() -> &'static [Asset] {
    &ASSETS
}

/// A hash of a file. `DefaultHasher::new` has fixed keys.
fn version(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The address of a file with its version.
pub(crate) fn versioned(path: &str) -> String {
    static VERSIONS: LazyLock<Vec<(&str, String)>> =
        LazyLock::new(|| ASSETS.iter().map(|asset| (asset.path, version(asset.bytes))).collect());
    match VERSIONS.iter().find(|(name, _)| *name == path) {
        Some((_, version)) => with_query(path, &[("v", version)]),
        None => path.to_owned(),
    }
}
