//! The command `hushtag`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hushtag_cli::run()
}
