//! `seeds FOLDER CAPTURE...`: writes initial inputs, constructed ones and ones from captures, into
//! `FOLDER/<target>/`.
#![expect(clippy::disallowed_methods, reason = "a tool that prints no traffic content")]

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use std::io::Write;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(folder) = arguments.next() else { return failed("seeds FOLDER CAPTURE...") };
    let of_captures = arguments.map(|capture| bellwether_fuzz::seeds(&capture).map_err(|e| e.to_string()));
    for seeds in std::iter::once(Ok(bellwether_fuzz::made())).chain(of_captures) {
        let seeds = match seeds {
            Ok(seeds) => seeds,
            Err(why) => return failed(&why),
        };
        for (target, seed) in seeds {
            if let Err(error) = write(&folder.join(target), &seed) {
                return failed(&format!("{}: {error}", folder.join(target).display()));
            }
        }
    }
    ExitCode::SUCCESS
}

/// Equal seeds get equal names, so that each is written once.
fn write(folder: &Path, seed: &[u8]) -> std::io::Result<()> {
    let mut hasher = DefaultHasher::new();
    hasher.write(seed);
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(format!("seed-{:016x}", hasher.finish())), seed)
}

fn failed(why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "seeds: {why}");
    ExitCode::FAILURE
}
