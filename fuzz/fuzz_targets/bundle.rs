//! Any text as the bundle of an answer: see `properties/bundle.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/bundle.rs"]
mod bundle;

fuzz_target!(|data: &[u8]| {
    let _refused = bundle::check(data);
});
