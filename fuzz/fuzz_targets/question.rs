//! Any text as a question: see `properties/question.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/question.rs"]
mod question;

fuzz_target!(|data: &[u8]| {
    let _refused = question::check(data);
});
