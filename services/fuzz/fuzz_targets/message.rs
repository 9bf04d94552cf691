//! Any bytes after a login end their connection or are answered in messages. No message says that the service itself failed.
#![no_main]

use hushtag_serve_fuzz::{WORLD, exchange, message, messages, startup};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let password = message(b'p', &[WORLD.token.as_bytes(), &[0]].concat());
    for (kind, body) in messages(&exchange(&[startup(), password, data.to_vec()].concat())) {
        let text = String::from_utf8_lossy(body);
        // SQLSTATE behind `C`: XX000 for what should not be, 58000 for a failure of the system.
        assert!(kind != b'E' || !(text.contains("\0CXX") || text.contains("\0C58000")), "{text}");
    }
});
