//! Any text as a study file: see `properties/study.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/place.rs"]
mod place;
#[path = "../properties/study.rs"]
mod study;

fuzz_target!(|data: &[u8]| {
    let _refused = study::check(data);
});
