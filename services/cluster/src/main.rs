//! The program `hushtag-cluster`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hushtag_cluster::command::run()
}
