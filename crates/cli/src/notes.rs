use crate::args::Common;

/// Tells the operator of something that the work does not depend on, unless it shall be quiet.
pub(crate) fn note(common: &Common, text: &str) {
    if !common.quiet {
        tracing::info!("{text}");
    }
}

/// Tells the operator of something that matters, even if it shall be quiet. Threads and other crates call it.
pub(crate) fn tell_operator(text: &str) {
    tracing::warn!("{text}");
}
