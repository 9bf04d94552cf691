//! Runs the command on small files that a test writes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The study of the demo with a document that is in date for a long time.
pub fn study() -> String {
    include_str!("../../../../policies/demo/study.toml")
        .replace("2027-09-01", "2100-01-01")
        .replace("2026-09-01", "2020-01-01")
}

/// The environment of every test: texts are English wherever it runs.
pub const ENGLISH: [(&str, &str); 1] = [("LC_ALL", "C")];

/// A folder with a study and its input files.
pub struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    /// Writes the study and clean files of `people` people.
    pub fn new(people: u32) -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap() };
        case.write("study.toml", &study());
        let (mut follows, mut payments) =
            ("follower,followee,since\n".to_owned(), "payer,amount,at,merchant\n".to_owned());
        let (mut members, mut consents) = ("user,region\n".to_owned(), format!("{CONSENT_HEADER}\n"));
        for person in 0..people {
            let id = id(person);
            for step in [1, 2, 3, 5, 8, 13, 21, 34] {
                writeln!(follows, "{id},{},", self::id((person + step) % people)).unwrap();
            }
            writeln!(
                payments,
                "{id},{},2026-08-{:02}T10:00:00+08:00,m{}",
                10_000 + person,
                person % 28 + 1,
                person % 7
            )
            .unwrap();
            writeln!(members, "{id},{}", ["east", "south", "north", "west"][person as usize % 4]).unwrap();
            writeln!(consents, "{}\n{}", consent(&id, "SC23"), consent(&id, "SC29")).unwrap();
        }
        case.write("follows.csv", &follows);
        case.write("payments.csv", &payments);
        case.write("members.csv", &members);
        case.write("consents.csv", &consents);
        case
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Appends lines to a file.
    pub fn append(&self, name: &str, text: &str) {
        let old = std::fs::read_to_string(self.path(name)).unwrap();
        self.write(name, &format!("{old}{text}"));
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the command in the folder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hushtag"))
            .args(arguments)
            .current_dir(self.dir.path())
            .env_remove("HUSHTAG_ROOT_KEY")
            .envs(ENGLISH)
            .output()
            .unwrap()
    }

    /// Runs `init` with a pool of `epsilon`.
    pub fn init(&self, epsilon: &str) -> Output {
        self.run(&["init", "box", "--study", "study.toml", "--epsilon", epsilon, "--approval", "none"])
    }

    /// Runs `seal` on the sandbox `box` with the files of the folder.
    pub fn seal(&self, epoch: &str) -> Output {
        self.seal_in("box", epoch, "text")
    }

    /// Runs `seal` on a sandbox with the files of the folder.
    pub fn seal_in(&self, sandbox: &str, epoch: &str, format: &str) -> Output {
        let files = ["follows=follows.csv", "payments=payments.csv", "members=members.csv"];
        let mut arguments =
            vec!["seal", sandbox, "--epoch", epoch, "--as-of", "2026-10-01", "--format", format];
        arguments.extend(files.iter().flat_map(|file| ["--data", file]));
        arguments.extend(["--consents", "consents.csv"]);
        self.run(&arguments)
    }

    /// Asks a question and wants JSON.
    pub fn ask(&self, question: &str) -> Output {
        self.run(&["ask", "box", "--recipient", "brand-insights", "--format", "json", question])
    }

    /// Every file below `path`, with its content.
    pub fn files(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.extend(Self::files(&path));
            } else {
                let content = std::fs::read(&path).unwrap();
                all.push((path, content));
            }
        }
        all.sort();
        all
    }
}

/// The header of a consent file.
const CONSENT_HEADER: &str = "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,\
    notice_version,shown_at,at,valid_to,giver,own_step,pre_ticked,bundle_size,service_gate";

/// The id of a person.
pub fn id(person: u32) -> String {
    format!("1380000{person:04}")
}

/// A clean consent.
pub fn consent(person: &str, trigger: &str) -> String {
    format!(
        "{person},social-platform,given,separate,{trigger},campaign-measurement,LEGAL-ID-C,\
         social-relation|payment-record|profile,aggregate,N-2026-04,3,2026-09-01T09:59:00+08:00,\
         2026-09-01T10:00:00+08:00,,self,true,false,1,false"
    )
}

/// What the command printed to stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What the command printed to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Whether stdout has no result: nothing, or an error as JSON.
pub fn has_no_result(output: &Output) -> bool {
    let error = || serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&output.stdout);
    output.stdout.is_empty()
        || error().is_ok_and(|map| {
            map.contains_key("error") && map.keys().all(|key| ["error", "errors"].contains(&key.as_str()))
        })
}
