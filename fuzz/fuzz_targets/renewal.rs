//! Any text as that of a renewal: see `properties/renewal.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/renewal.rs"]
mod renewal;

fuzz_target!(|data: &[u8]| {
    let _refused = renewal::check(data);
});
