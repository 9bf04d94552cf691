//! Any text as a token: what is one is shown again as it was written, and opens nothing that was not given out.
#![no_main]

use hushtag_serve::sandbox::{Clock, SystemClock};
use hushtag_serve::tokens::Token;
use hushtag_serve_fuzz::WORLD;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(token) = Token::parse(text) {
        assert_eq!(*token.reveal(), text);
    }
    let caller = WORLD.service.tokens.caller(text, SystemClock.now()).expect("the tokens are read");
    assert!(caller.is_none() || text == WORLD.token);
});
