use crate::args::Common;

/// A number with its noun.
pub(crate) fn several(n: u64, one: &str, more: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {more}") }
}

/// Prints a notice, unless -q is set.
pub(crate) fn note(common: &Common, text: &str) {
    if !common.quiet {
        tracing::info!("{text}");
    }
}

/// Prints a warning, also with -q. Threads and other crates call this function.
pub(crate) fn tell_operator(text: &str) {
    tracing::warn!("{text}");
}
