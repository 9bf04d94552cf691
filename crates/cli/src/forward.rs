//! The same command run by the service that holds the sandbox: it is sent over the operator's Unix socket as HTTP/1.1, with absolute
//! paths; how far it has come and what it printed is shown here.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, ValueEnum as _, value_parser};
use hushtag::policy::Lang;
use serde_json::json;

use super::beside::{Done, Line, PATH};
use super::inputs::is_stdin;
use super::lang::{self, Language, text};
use super::progress::SentLines;
use super::{Context, Failure};

/// The longest answer that is read.
const LARGEST: u64 = 256 << 20;

/// The longest head of an answer.
const LONGEST_HEAD: usize = 64 << 10;

/// Runs the command whose arguments were parsed as `matches` in the service at `socket`.
pub(super) fn forward(
    socket: &Path,
    command: &Command,
    matches: &ArgMatches,
    context: &Context,
) -> Result<Done, Failure> {
    let mut arguments = global(context);
    append(command, matches, &mut arguments);
    let texts = arguments.iter().map(|argument| argument.to_str()).collect::<Option<Vec<_>>>();
    let texts =
        texts.ok_or_else(|| Failure::usage(text!("service.no_text"), text!("service.no_text_fix")))?;
    let progress = SentLines::new(&context.output);
    let request = json!({ "arguments": texts, "progress": progress.are_shown() });
    exchange(socket, &request.to_string(), &progress)
}

/// The global options, with the language that was chosen here.
fn global(context: &Context) -> Vec<OsString> {
    let lang = if lang::chosen() == Lang::Zh { Language::Zh } else { Language::En };
    let option = |name: &str, value: &OsStr| {
        let mut option = OsString::from(format!("--{name}="));
        option.push(value);
        option
    };
    let named = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let mut all = vec![option("wait", OsStr::new(&context.wait.as_secs().to_string()))];
    all.extend(named(lang.to_possible_value()).map(|lang| option("lang", OsStr::new(&lang))));
    let format = named(context.output.format().to_possible_value());
    all.extend(format.map(|format| option("format", OsStr::new(&format))));
    all.extend(context.root_key.as_ref().map(|path| option("root-key", &absolute(path.as_os_str()))));
    all.extend(context.output.is_quiet().then(|| OsString::from("--quiet")));
    all
}

/// The arguments of a command that were given, in an order in which they are parsed as the same: options, positional arguments, and
/// its subcommand.
fn append(command: &Command, matches: &ArgMatches, all: &mut Vec<OsString>) {
    let mut positional = Vec::new();
    for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
        let id = argument.get_id().as_str();
        if matches.value_source(id) != Some(clap::parser::ValueSource::CommandLine) {
            continue;
        }
        let values = matches.get_raw(id).into_iter().flatten().map(|value| located(argument, value));
        match argument.get_long() {
            _ if argument.is_positional() => positional.extend(values),
            // Every option has a long name, which a test keeps.
            None => {}
            Some(long) if argument.get_action().takes_values() => all.extend(values.map(|value| {
                let mut option = OsString::from(format!("--{long}="));
                option.push(value);
                option
            })),
            Some(long) => all.push(format!("--{long}").into()),
        }
    }
    match matches.subcommand() {
        None => {
            all.push("--".into());
            all.append(&mut positional);
        }
        Some((name, matches)) => {
            all.append(&mut positional);
            all.push(name.into());
            if let Some(command) = command.find_subcommand(name) {
                append(command, matches, all);
            }
        }
    }
}

/// A value, of which a path is made absolute: the service runs in another folder.
fn located(argument: &Arg, value: &OsStr) -> OsString {
    if argument.get_value_parser().type_id() == value_parser!(PathBuf).type_id() {
        return absolute(value);
    }
    let names_path = |name: &str| name.ends_with("=PATH") || name.ends_with("=FILE");
    let named = argument.get_value_names().is_some_and(|names| names.iter().any(|name| names_path(name)));
    match value.to_str().filter(|_| named).and_then(|value| value.split_once('=')) {
        None => value.to_owned(),
        Some((name, path)) => {
            let mut both = OsString::from(format!("{name}="));
            both.push(absolute(OsStr::new(path)));
            both
        }
    }
}

fn absolute(path: &OsStr) -> OsString {
    let path = Path::new(path);
    if is_stdin(path) {
        // Linux: the service, a process of the same user, opens this one's stdin.
        return format!("/proc/{}/fd/0", std::process::id()).into();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).into_os_string()
}

/// Sends the request, shows its lines about progress, and gives its last line.
fn exchange(socket: &Path, body: &str, progress: &SentLines) -> Result<Done, Failure> {
    let failed = |error: std::io::Error| Failure::of_place(socket.display(), error, text!("service.fix"));
    let cut = || Failure::failed(text!("service.cut", socket = socket.display()), text!("service.fix"));
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    // HTTP/1.0: the lines end with the connection, and are sent as they are.
    let head = format!(
        "POST {PATH} HTTP/1.0\r\nhost: operator\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(failed)?;
    let mut answer = BufReader::new(stream.take(LARGEST));
    let is_done = status(&mut answer).map_err(failed)?.ok_or_else(cut)? == 200;
    let mut line = String::new();
    while answer.read_line(&mut line).map_err(failed)? > 0 {
        if !is_done {
            let problem: serde_json::Value = serde_json::from_str(&line).map_err(|_| cut())?;
            let detail = problem.get("detail").and_then(serde_json::Value::as_str).unwrap_or_default();
            return Err(Failure::of_place(socket.display(), detail, text!("service.fix")));
        }
        match serde_json::from_str(&line).map_err(|_| cut())? {
            Line::Progress(text) => progress.show(&text),
            Line::Done(done) => return Ok(done),
        }
        line.clear();
    }
    // The service stopped: the command may have been finished or not.
    Err(cut())
}

/// The status of an answer, whose head is read; `None` for what is none.
fn status(answer: &mut impl BufRead) -> io::Result<Option<u16>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        if answer.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(&head);
    Ok(if matches!(parsed, Ok(httparse::Status::Complete(_))) { response.code } else { None })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    /// Every argument of every command, with the names of its values.
    fn all(command: &Command, of: &mut dyn FnMut(&Command, &Arg)) {
        command.get_arguments().for_each(|argument| of(command, argument));
        command.get_subcommands().for_each(|command| all(command, of));
    }

    /// Guards arguments that come later: the service would read a relative path in its own folder.
    #[test]
    fn every_option_has_a_long_name_and_every_path_is_made_absolute() {
        let mut grammar = Cli::command();
        grammar.build();
        let mut paths = 0;
        all(&grammar, &mut |command, argument| {
            let (command, id) = (command.get_name(), argument.get_id());
            assert!(argument.is_positional() || argument.get_long().is_some(), "{command} {id}");
            let names = argument.get_value_names().unwrap_or_default();
            let is_path = |name: &str| ["FILE", "PATH", "DIR", "OUT"].iter().any(|word| name.contains(word));
            if argument.get_action().takes_values() && names.iter().any(|name| is_path(name)) {
                paths += 1;
                let value = if names.iter().any(|name| name.contains('=')) { "a=b" } else { "b" };
                let found = located(argument, OsStr::new(value));
                assert!(
                    found.to_string_lossy().trim_start_matches("a=").starts_with('/'),
                    "{command} {id} {found:?}"
                );
            }
        });
        assert!(paths > 60, "{paths}");
    }

    #[test]
    fn what_is_sent_is_parsed_as_what_was_typed() {
        let lines = [
            (
                "hushtag seal box --epoch e --as-of 2026-10-01 --data a=x.csv --data a=y.csv --consents - --count-duplicates",
                "hushtag seal --epoch=e --as-of=2026-10-01 --data=a=HERE/x.csv --data=a=HERE/y.csv --consents=/proc/PID/fd/0 --count-duplicates -- HERE/box",
            ),
            (
                "hushtag budget box renew --text t --sig a b",
                "hushtag budget HERE/box renew --text=HERE/t --sig=HERE/a --sig=HERE/b --",
            ),
            (
                "hushtag ask box --recipient r --plot=p.svg -- --comment",
                "hushtag ask --recipient=r --plot=HERE/p.svg -- HERE/box --comment",
            ),
            (
                "hushtag consent request close --number 3 --done box",
                "hushtag consent request close --number=3 --done -- HERE/box",
            ),
        ];
        let here = std::env::current_dir().unwrap().display().to_string();
        let rebuilt = |words: &[&str]| {
            let grammar = Cli::command();
            let matches =
                grammar.clone().try_get_matches_from(words).unwrap_or_else(|error| panic!("{error}"));
            let mut sent = vec![OsString::from("hushtag")];
            append(&grammar, &matches, &mut sent);
            sent.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>()
        };
        for (typed, expected) in lines {
            let sent = rebuilt(&typed.split(' ').collect::<Vec<_>>());
            let expected = expected.replace("HERE", &here).replace("PID", &std::process::id().to_string());
            assert_eq!(sent.join(" "), expected);
            assert_eq!(
                rebuilt(&sent.iter().map(String::as_str).collect::<Vec<_>>()),
                sent,
                "parsed as the same"
            );
        }
    }
}
