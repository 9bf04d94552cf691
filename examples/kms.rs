//! The root key from a key management service: it never lies in the folder of the sandbox.
//!
//! Keep the 64 hexadecimal digits of the root key encrypted by the service, and let a command decrypt them, for instance
//!
//! ```sh
//! export ROOT_KEY_COMMAND='aws kms decrypt --ciphertext-blob fileb://root.key.kms --query Plaintext --output text | base64 -d'
//! cargo run --example kms -- FOLDER
//! ```
//!
//! Another root key: open with the old one, call `operator.rotate_root(NewRoot::Given(new))`, and let the command give the new one
//! from then on; keep both until it has returned.
//!
//! A service with a library of its own, or with a key for each sandbox, implements `hushtag::KeyProvider` instead and is
//! given as `Keys::Provided`.
#![expect(clippy::print_stdout, reason = "an example says what it found")]

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hushtag::{Keys, Operator, RootKey, SystemClock};
use zeroize::Zeroizing;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("give the folder of a sandbox")?;
    let keys = Keys::Given(root_key()?);
    let operator = Operator::open(Path::new(&folder), keys, Box::new(SystemClock), Duration::from_secs(5))?;
    println!("opened; its log is verified with {}", operator.status()?.vkey);
    Ok(())
}

/// What the command prints, wiped when it is dropped; of a failure only its status is shown, never its output.
fn root_key() -> Result<RootKey, Box<dyn Error>> {
    let command = std::env::var("ROOT_KEY_COMMAND").map_err(|_| "ROOT_KEY_COMMAND is not set")?;
    let child =
        Command::new("sh").args(["-c", &command]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let printed = Zeroizing::new(child.stdout);
    if !child.status.success() {
        return Err(format!("the command of ROOT_KEY_COMMAND failed: {}", child.status).into());
    }
    let digits = Zeroizing::new(str::from_utf8(&printed).map_err(|_| "the key is not text")?.to_owned());
    Ok(RootKey::from_hex(digits.trim_end(), "the output of ROOT_KEY_COMMAND")?)
}
