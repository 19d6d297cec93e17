//! Runs libFuzzer on the target named in `BELLWETHER_FUZZ_TARGET`.
#![no_main]

use std::sync::OnceLock;

use bellwether_fuzz::{Target, target};
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(|octets: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("BELLWETHER_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| panic!("there is no target {name:?}"))
    });
    (target.run)(octets);
});
