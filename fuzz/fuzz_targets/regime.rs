//! Any text as a regime file: see `properties/regime.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/place.rs"]
mod place;
#[path = "../properties/regime.rs"]
mod regime;

fuzz_target!(|data: &[u8]| {
    let _refused = regime::check(data);
});
