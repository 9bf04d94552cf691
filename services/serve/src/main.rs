//! The program `hushtag-serve`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hushtag_serve::command::run()
}
