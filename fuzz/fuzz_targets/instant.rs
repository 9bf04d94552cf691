//! Any bytes as the text of a time: see `properties/instant.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/instant.rs"]
mod instant;

fuzz_target!(|data: &[u8]| {
    let _refused = instant::check(data);
});
