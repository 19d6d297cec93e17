use crate::args::Common;
use crate::out;

/// Tells the operator of something that the work does not depend on, unless it shall be quiet.
pub(crate) fn note(common: &Common, text: &str) {
    if !common.quiet {
        out::tell(text);
    }
}
