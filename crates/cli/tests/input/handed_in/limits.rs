//! What a decoder does wrong reaches no terminal, and memory is bounded.

use super::*;

/// Reads from a reader that panics as a decoder would on a forged file. A program of its own, since hooks are of a whole program.
#[test]
#[ignore = "run by a_panic_in_a_decoder_is_not_printed_by_the_command"]
fn read_what_panics() {
    if std::env::var("INSTALLED").is_ok() {
        // Arguments of no command end it after its hook is installed.
        let _usage = hushtag_cli::run();
    }
    let schema = payments_batch().schema();
    let batches = std::iter::once_with(|| panic!("{PANIC}"));
    let reader = arrow_array::RecordBatchIterator::new(batches, schema);
    let input = hushtag::engine::Input::Reader("forged".into(), Box::new(reader));
    let mut table = hushtag::engine::read::open(input, &[]).unwrap();
    let error = table.next_batch().err().unwrap();
    assert_eq!(error.to_string(), "forged: damaged or not Arrow batches (near row 0)");
    assert!(std::panic::catch_unwind(|| panic!("outside of decoders")).is_err());
}

/// The library leaves the hooks of its host alone, so there the host's own says what it says.
#[test]
fn a_panic_in_a_decoder_is_not_printed_by_the_command() {
    let run = |installed: bool| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "handed_in::limits::read_what_panics", "--nocapture"])
            .env_remove("INSTALLED");
        if installed {
            command.env("INSTALLED", "1");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let (of_host, of_command) = (run(false), run(true));
    assert!(of_host.contains(PANIC) && of_host.contains("outside of decoders"), "{of_host}");
    assert!(!of_command.contains(PANIC) && of_command.contains("outside of decoders"), "{of_command}");
}

/// Under a limit of memory: a cell of a gigabyte, a million columns, and a small file that is one when decompressed.
#[test]
fn memory_is_bounded_by_the_longest_row() {
    let case = case();
    let limited = |columns: &str, cell: u64| {
        let command = "ulimit -v 1500000; exec \"$0\" seal box --check --as-of 2026-10-01 --data payments=- \
            --data follows=follows.csv --data members=members.csv --consents consents.csv";
        let mut child = Command::new("sh")
            .args(["-c", command, env!("CARGO_BIN_EXE_hushtag")])
            .current_dir(case.path(""))
            .env_remove("HUSHTAG_ROOT_KEY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut written = stdin.write_all(columns.as_bytes());
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..cell {
            written = written.and_then(|()| stdin.write_all(&chunk));
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        (stderr(&output), written.is_err())
    };
    let header = "payer,amount,at,note\n";
    let (said, stopped) = limited(&format!("{header}1,2,2026-08-01T10:00:00Z,"), 1 << 10);
    assert!(said.starts_with("error: stdin: line 2: a row of more than 16 MiB") && stopped, "{said}");
    let (said, stopped) = limited(&format!("{header}1,2,2026-08-01T10:00:00Z,\""), 1 << 10);
    assert!(
        said.starts_with("error: stdin: line 2: a cell begins with a quote that is never closed") && stopped,
        "{said}"
    );
    let (said, stopped) = limited("", 1 << 10);
    assert!(said.starts_with("error: stdin: line 1: ") && stopped, "{said}");
    let long = vec!["x".repeat((16 << 20) + 1); PEOPLE as usize];
    let mut columns: Vec<(&str, Vec<String>)> = vec![("payer", (0..PEOPLE).map(id).collect())];
    columns.extend([("amount", long.clone()), ("at", long)]);
    parquet(&case.path("long.parquet"), &batch(&columns));
    refused(&case, &["long.parquet"], "long.parquet: column `amount` has a cell of more than 16 MiB");
    let columns: String = (0..1_000_000).map(|column| format!(",c{column}")).collect();
    let (said, _) = limited(&format!("payer,amount,at{columns}\n"), 0);
    assert!(said.starts_with("error: stdin: line 1: more than 10000 columns"), "{said}");
}
