//! What a sandbox costs that has given many answers: opening it, after a crash and otherwise, its status, a forecast, and
//! verifying it, each in a process of its own whose peak of memory is printed.
//!
//! `cargo bench --bench answers`; `HUSHTAG_BENCH_ANSWERS` (20000) says how many, `HUSHTAG_BENCH_KEEP` where the sandbox is left, for
//! `hushtag report` for instance. Answers are made by the normal path on a folder that does not wait for the disk. Without
//! `--bench` it does nothing.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hushtag::operator::{Analyst, Answer, Keys, Operator, Reader, verify_log};
use hushtag::storage::{Blocks, Folder, Storage, StorageError};
use hushtag::types::RecipientId;
use support::clock;

/// What a child process does.
const TASK: &str = "HUSHTAG_BENCH_TASK";
const TASKS: [&str; 5] = ["open", "open again", "status", "forecast", "verify"];
/// How many ask at once while the sandbox is made.
const CLIENTS: u64 = 64;

/// A folder that waits for nothing.
struct Hasty(Folder);

#[derive(Debug)]
struct HastyBlocks(Box<dyn Blocks>);

impl Storage for Hasty {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.0.read(path)
    }
    fn write(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.0.write_unsynced(path, content)
    }
    fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.0.remove_unsynced(path)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.0.rename(from, to)
    }
    fn rename_over(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.0.rename_over(from, to)
    }
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        self.0.list(directory)
    }
    fn blocks(&self, path: &str) -> Result<Box<dyn Blocks>, StorageError> {
        Ok(Box::new(HastyBlocks(self.0.blocks(path)?)))
    }
    fn read_blocks(&self, path: &str) -> Result<Option<Box<dyn Blocks>>, StorageError> {
        self.0.read_blocks(path)
    }
    fn files(&self) -> Result<Vec<String>, StorageError> {
        self.0.files()
    }
}

impl Blocks for HastyBlocks {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read_at(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }
    fn write_at(&self, offset: u64, content: &[u8]) -> std::io::Result<()> {
        self.0.write_at(offset, content)
    }
    fn sync(&self) -> std::io::Result<()> {
        Ok(())
    }
    fn modified(&self) -> std::io::Result<Option<SystemTime>> {
        self.0.modified()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(task) = std::env::var(TASK) {
        let (task, dir) = task.split_once(' ').ok_or("no task")?;
        return child(task, Path::new(dir));
    }
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let answers: u64 = std::env::var("HUSHTAG_BENCH_ANSWERS").map_or(Ok(20_000), |text| text.parse())?;
    let place = tempfile::tempdir()?;
    let kept = std::env::var_os("HUSHTAG_BENCH_KEEP").map(PathBuf::from);
    let dir = kept.unwrap_or_else(|| place.path().join("box"));
    let started = Instant::now();
    let operator = support::sandbox(Arc::new(Hasty(Folder::create(&dir)?)), 200)?;
    let analyst = operator.analyst(&RecipientId::new(support::RECIPIENT)?, None)?;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn({
                    let analyst = &analyst;
                    move || ask(analyst, (client..answers).step_by(64)).map_err(|error| error.to_string())
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| client.join().map_err(|_| "a client stopped".to_owned())?)
    })?;
    println!("{answers} answers were made in {:.0} s", started.elapsed().as_secs_f64());
    println!("ledger {} MB", std::fs::metadata(dir.join("ledger.redb"))?.len() >> 20);
    // As a process that is killed leaves it.
    std::mem::forget((analyst, operator));
    let task = |task: &str| -> Result<(), Box<dyn Error>> {
        let ended = Command::new(std::env::current_exe()?)
            .env(TASK, format!("{} {}", task.replace(' ', "-"), dir.display()))
            .status()?;
        if ended.success() { Ok(()) } else { Err(format!("{task} failed").into()) }
    };
    // The writer lock of this process goes with it: it was none, the folder was opened by its storage.
    TASKS.into_iter().try_for_each(task)
}

fn ask(analyst: &Analyst, numbers: impl Iterator<Item = u64>) -> Result<(), Box<dyn Error>> {
    for number in numbers {
        let question = format!("SELECT COUNT(*) FROM tags WITH (error = {})", 1_000 + number);
        if !matches!(analyst.ask(&question, None)?, Answer::Released(answer) if !answer.stored) {
            return Err("the question was refused or asked before".into());
        }
    }
    Ok(())
}

/// Does one thing and prints how long it took and how much memory the process had at most.
fn child(task: &str, dir: &Path) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    match task {
        "open" | "open-again" => {
            let operator = Operator::open(dir, Keys::InFolder, clock(), Duration::ZERO)?;
            println!("{task}: {:.3} s until open", started.elapsed().as_secs_f64());
            drop(operator);
        }
        "status" => drop(Reader::open(dir, Keys::InFolder, clock())?.status()?),
        "forecast" => {
            let reader = Reader::open(dir, Keys::InFolder, clock())?;
            let recipient = RecipientId::new(support::RECIPIENT)?;
            drop(reader.view(&recipient, None)?.forecast("SELECT COUNT(*) FROM tags")?);
        }
        "verify" => {
            let verified = verify_log(&Folder::open(dir)?, None, Some(Keys::InFolder), None)?;
            let per_second =
                u32::try_from(verified.log.checkpoint.size).map(f64::from)? / started.elapsed().as_secs_f64();
            println!("verify: {per_second:.0} entries/s");
        }
        other => return Err(format!("no task `{other}`").into()),
    }
    println!("{task}: {:.3} s, {} at most", started.elapsed().as_secs_f64(), support::peak_memory());
    Ok(())
}
