//! Any bytes as a reply with blind tokens: see `properties/blind.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/blind.rs"]
mod blind;

fuzz_target!(|data: &[u8]| {
    let _refused = blind::check("blind_reply", data);
});
