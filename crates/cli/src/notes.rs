use crate::args::Common;

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
