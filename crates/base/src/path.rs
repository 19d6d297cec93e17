use std::path::{Path, PathBuf};

/// The path of a file beside another one: its name with an ending.
#[must_use]
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_follows_the_whole_name() {
        assert_eq!(with_ending(Path::new("a/x.db"), "-wal"), Path::new("a/x.db-wal"));
    }
}
