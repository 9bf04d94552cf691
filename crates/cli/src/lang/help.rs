//! The help of every command and argument in the chosen language.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use clap::{Arg, Command};

use super::is_english;

/// Texts in Chinese by the English ones.
type Texts = BTreeMap<String, String>;

/// The help of a command, in the order that clap has.
const TEMPLATE: &str = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The same command, whose help is in the chosen language. What is parsed does not change.
pub(crate) fn in_chosen_language(mut command: Command) -> Command {
    if is_english() {
        return command;
    }
    // `help`, `--help` and `--version` are added here.
    command.build();
    translated(command, texts())
}

/// The texts, which live as long as the process: clap keeps headings as long as that.
fn texts() -> &'static Texts {
    static TEXTS: OnceLock<Texts> = OnceLock::new();
    TEXTS.get_or_init(|| toml::from_str(include_str!("help.zh.toml")).unwrap_or_default())
}

/// A heading, as [`in_chinese`].
fn heading(text: &'static str, texts: &'static Texts) -> &'static str {
    texts.get(text).map_or(text, String::as_str)
}

/// A text of which there is no translation, which a test excludes, stays English.
fn in_chinese(text: &str, texts: &'static Texts) -> String {
    texts.get(text).cloned().unwrap_or_else(|| text.to_owned())
}

fn translated(command: Command, texts: &'static Texts) -> Command {
    let about = command.get_about().map(|about| in_chinese(&about.to_string(), texts));
    let after = command.get_after_help().map(|after| examples(&after.to_string(), texts));
    let command = command
        .help_template(in_chinese(TEMPLATE, texts))
        .subcommand_help_heading(heading("Commands", texts))
        .mut_args(|argument| described(argument, texts))
        .mut_subcommands(|command| translated(command, texts));
    let command = if let Some(about) = about { command.about(about) } else { command };
    if let Some(after) = after { command.after_help(after) } else { command }
}

/// Command lines stay as they are; the heading before and a sentence after them are translated.
fn examples(text: &str, texts: &'static Texts) -> String {
    text.lines().map(|line| in_chinese(line, texts)).collect::<Vec<_>>().join("\n")
}

/// An argument with its help, its values and its default, which clap would list in English.
fn described(argument: Arg, texts: &'static Texts) -> Arg {
    let mut help = argument.get_help().map(|help| in_chinese(&help.to_string(), texts)).unwrap_or_default();
    let shows_values = argument.get_action().takes_values() && !argument.is_hide_possible_values_set();
    let values = if shows_values { argument.get_possible_values() } else { Vec::new() };
    let values = values.iter().filter(|value| !value.is_hide_set()).map(|value| match value.get_help() {
        Some(help) => in_chinese("{name} ({help})", texts)
            .replace("{name}", value.get_name())
            .replace("{help}", &in_chinese(&help.to_string(), texts)),
        None => value.get_name().to_owned(),
    });
    let values = values.collect::<Vec<_>>().join(&in_chinese(", ", texts));
    if !values.is_empty() {
        help.push_str(&in_chinese(" [possible values: {values}]", texts).replace("{values}", &values));
    }
    let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy());
    let default = defaults.collect::<Vec<_>>().join(" ");
    if !default.is_empty() && argument.get_action().takes_values() {
        help.push_str(&in_chinese(" [default: {default}]", texts).replace("{default}", &default));
    }
    let of_kind = if argument.is_positional() { "Arguments" } else { "Options" };
    argument
        .help(help)
        .long_help(None::<&str>)
        .help_heading(heading(of_kind, texts))
        .hide_default_value(true)
        .hide_possible_values(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    /// How clap writes what is around the texts of the commands.
    const FRAMES: [&str; 10] = [
        TEMPLATE,
        "Commands",
        "Arguments",
        "Options",
        "Example:",
        "Examples:",
        "{name} ({help})",
        ", ",
        " [possible values: {values}]",
        " [default: {default}]",
    ];

    fn built() -> Command {
        let mut command = Cli::command();
        command.build();
        command
    }

    /// Every English text of a command and of those below it.
    fn english(command: &Command, all: &mut BTreeSet<String>) {
        all.extend(command.get_about().map(ToString::to_string));
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let is_sentence =
            |line: &&str| !line.is_empty() && !line.starts_with(' ') && !line.starts_with("Example");
        all.extend(after.lines().filter(is_sentence).map(str::to_owned));
        for argument in command.get_arguments() {
            let id = argument.get_id();
            assert!(argument.get_long_help().is_none() || id == "help", "{id}: one paragraph is enough");
            all.extend(argument.get_help().map(ToString::to_string));
            let values = argument.get_possible_values();
            all.extend(values.iter().filter_map(|value| value.get_help().map(ToString::to_string)));
        }
        command.get_subcommands().for_each(|command| english(command, all));
    }

    #[test]
    fn every_text_is_in_the_chinese_list_and_nothing_else_is() {
        let mut wanted: BTreeSet<String> = FRAMES.map(str::to_owned).into();
        english(&built(), &mut wanted);
        let known: BTreeSet<String> = texts().keys().cloned().collect();
        let missing: Vec<&String> = wanted.difference(&known).collect();
        let dead: Vec<&String> = known.difference(&wanted).collect();
        assert!(missing.is_empty() && dead.is_empty(), "missing: {missing:#?}\nnothing has: {dead:#?}");
    }

    #[test]
    fn the_chinese_help_has_no_english_sentence_and_parses_the_same() {
        let mut command = translated(built(), texts());
        let help = command.render_help().to_string();
        for english in ["Usage:", "Options:", "Commands:", "[default", "[possible"] {
            assert!(!help.contains(english), "{english}: {help}");
        }
        for chinese in
            ["用法：", "命令:", "选项:", "封存一个期次", "［默认：10］", "json（供脚本使用的 JSON）"]
        {
            assert!(help.contains(chinese), "{chinese}: {help}");
        }
        let line = "hushtag --wait 3 seal box --epoch e --as-of 2026-10-01 --data a=x.csv --consents c.csv";
        let parsed = |command: Command| {
            let matches = command.try_get_matches_from(line.split(' ')).unwrap();
            let (name, seal) = matches.subcommand().unwrap();
            (name.to_owned(), seal.get_one::<u64>("wait").copied(), format!("{seal:?}"))
        };
        assert_eq!(parsed(command).0, parsed(Cli::command()).0);
        assert_eq!(parsed(translated(built(), texts())), parsed(built()));
    }
}
