//! Any bytes as consents in JSON: see `properties/json.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/json.rs"]
mod json;

fuzz_target!(|data: &[u8]| {
    let _refused = json::check(data);
});
