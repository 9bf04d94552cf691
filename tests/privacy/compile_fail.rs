//! Promise 2, from outside: no one opens, prints, copies, compares or writes what is exact, and no one forges a token or
//! uses it twice.

use std::process::Command;

/// The compiler whose words the `.stderr` files hold.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn what_must_not_compile_does_not() {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(compiler).arg("--version").output().unwrap().stdout;
    if !version.starts_with(COMPILER.as_bytes()) {
        println!("skipped: the expected messages are those of {COMPILER}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
