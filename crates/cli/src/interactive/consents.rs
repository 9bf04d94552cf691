//! Asks how the handlers' own consent table is read: `[consents]` of the study.

use std::path::Path;

use super::dialogue::{Dialogue, parsed};
use super::draft::{Consents, Draft, list, quoted};
use crate::Failure;
use hushtag::consent::{COLUMNS, ColumnError, ConsentColumns, REQUIRED, StatementMapping};
use hushtag::engine::{FileColumn, columns};
use hushtag::policy::Word;
use hushtag::types::Zone;

/// The answer for a column that states nothing about a consent.
const IGNORE: &str = "ignore";

/// Columns whose words in the file may be others, with what the study calls them.
const WORDS: [(&str, &str); 2] = [("given", "give a consent"), ("withdrawn", "withdraw or refuse one")];

/// Columns that a constant may state, with what it says of every consent of the file. Those of lists take several words.
const CONSTANTS: [(&str, &str); 15] = [
    ("trigger", "which articles it is a consent to, such as SC23, SC29"),
    ("purpose", "its purpose"),
    ("recipient", "the legal id of the recipient"),
    ("handler", "the id of the handler that asked for it"),
    ("kind", "ordinary, separate or written"),
    ("categories", "data categories that it names"),
    ("methods", "methods that it names"),
    ("notice", "the id of its notice"),
    ("notice_version", "the version of its notice"),
    ("shown_at", "`at`, if the notice is shown when the consent is given"),
    ("giver", "self or guardian"),
    ("own_step", "true, if it is a step of its own"),
    ("pre_ticked", "false, if nothing is ticked before"),
    ("bundle_size", "how many consents one act gives, such as 1"),
    ("service_gate", "false, if no service depends on it"),
];

/// Asks for a file of consents and maps what differs from the consent table of the reference.
pub(super) fn ask(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    dialogue.say(
        "\nThe consents: a table with a row for every event (given, withdrawn, ...), whose columns the book names. A table of your own is\n\
         mapped here; of the file only the names of its columns are read. JSON: write `[consents]` into the study afterwards.",
    );
    let question =
        "A file of consents, to map its columns (.csv with a header, .parquet, .arrow; empty: none)";
    let file = dialogue.ask(question, Some(""), |answer| match answer {
        "" => Ok(None),
        path => {
            let columns = columns(Path::new(path)).map_err(|error| crate::exit::chain(&error))?;
            Ok(Some((path.to_owned(), columns)))
        }
    })?;
    let Some((path, there)) = file else { return Ok(()) };
    let mut consents = Consents { path, ..Consents::default() };
    let has = mapped(dialogue, &mut consents, &there)?;
    if !consents.columns.is_empty() || !consents.ignored.is_empty() {
        words(dialogue, &mut consents, &draft.purpose)?;
    }
    constants(dialogue, &mut consents, &has)?;
    consents.timezone = dialogue.ask(
        "The time zone of times that are written without one, such as Asia/Shanghai (empty: every time has its own)",
        Some(""),
        |answer| match answer {
            "" => Ok(None),
            zone => parsed(Zone::parse)(zone).map(|_| Some(zone.to_owned())),
        },
    )?;
    draft.consents = Some(consents);
    Ok(())
}

/// Asks what each column of the file is that no consent table has; gives the columns of the consent table that the file has.
fn mapped(
    dialogue: &mut Dialogue<'_>,
    consents: &mut Consents,
    there: &[FileColumn],
) -> Result<Vec<&'static str>, Failure> {
    let mut has: Vec<&'static str> = Vec::new();
    let mut left = Vec::new();
    for (place, column) in there.iter().enumerate() {
        match ConsentColumns::default().column(place, &column.name) {
            Ok(known) => has.extend(known),
            Err(error) => left.push((&column.name, error)),
        }
    }
    if left.is_empty() {
        dialogue.say("All its columns have names that the consent table knows.");
        return complete(has);
    }
    let ignore = "states nothing about a consent: not read";
    let known = COLUMNS.into_iter().chain([IGNORE]);
    let known = known.map(|word| (word, if word == IGNORE { ignore } else { "" }));
    let known: Vec<Word> =
        known.map(|(word, means)| Word { word: word.into(), means: means.into() }).collect();
    dialogue.say("The columns of the consent table:");
    dialogue.list(&known);
    for (name, error) in left {
        let meant = match error {
            ColumnError::Unknown { meant, .. } => meant.filter(|meant| !has.contains(meant)),
            _ => None,
        };
        let question = format!("What column `{name}` is");
        let chosen = dialogue.pick_if(&question, &known, meant, |chosen| {
            let pairs = consents.columns.iter().map(|(column, name)| (column.as_str(), name.as_str()));
            let ignored = consents.ignored.iter().map(String::as_str);
            if chosen == IGNORE {
                return ConsentColumns::new(pairs, ignored.chain([name.as_str()])).map(drop).map_err(text);
            }
            if has.contains(&chosen) {
                return Err(format!("the file has a column that is `{chosen}` already"));
            }
            ConsentColumns::new(pairs.chain([(chosen, name.as_str())]), ignored).map(drop).map_err(text)
        })?;
        match COLUMNS.into_iter().find(|column| *column == chosen) {
            Some(column) => {
                has.push(column);
                consents.columns.push((column.to_owned(), name.clone()));
            }
            None => consents.ignored.push(name.clone()),
        }
    }
    complete(has)
}

/// The columns, if an event can be read from them.
fn complete(has: Vec<&'static str>) -> Result<Vec<&'static str>, Failure> {
    let lacking = ["person", "at", "event"].into_iter().find(|column| !has.contains(column));
    lacking.map_or(Ok(has), |column| {
        let message =
            format!("the file has no column that is `{column}`, without which no event can be read");
        Err(Failure::usage(message, "hand in a table of events; nothing was written"))
    })
}

/// Asks for the words of events and of the purpose.
fn words(dialogue: &mut Dialogue<'_>, consents: &mut Consents, purpose: &str) -> Result<(), Failure> {
    let mut known = StatementMapping::default();
    for (event, means) in WORDS {
        let question =
            format!("Words of its events that {means}, such as a|b (empty: usual ones, such as {event})");
        let words = dialogue.ask(&question, Some(""), |answer| {
            let words: Vec<String> = separated(answer);
            let to = [("event".to_owned(), event.to_owned())];
            let mut mapping = known.clone();
            words.iter().try_for_each(|word| mapping.replace("event", word, &to)).map_err(text)?;
            Ok((words, mapping))
        })?;
        let (words, mapping) = words;
        known = mapping;
        consents.events.extend(words.into_iter().map(|word| (word, event.to_owned())));
    }
    let question = format!("The words of its purposes that mean `{purpose}`, such as a|b (empty: that word)");
    let words = dialogue.ask(&question, Some(""), |answer| {
        let words = separated(answer);
        let to = [("purpose".to_owned(), purpose.to_owned())];
        let mut mapping = StatementMapping::default();
        words.iter().try_for_each(|word| mapping.replace("purpose", word, &to)).map_err(text)?;
        Ok(words)
    })?;
    consents.purposes = words.into_iter().map(|word| (word, purpose.to_owned())).collect();
    Ok(())
}

/// Asks for what the file does not have and all its consents share. Each is a statement of the handler, with evidence.
fn constants(
    dialogue: &mut Dialogue<'_>,
    consents: &mut Consents,
    has: &[&'static str],
) -> Result<(), Failure> {
    let lacking: Vec<_> = CONSTANTS.into_iter().filter(|(column, _)| !has.contains(column)).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    dialogue.say(
        "What the file does not have can be stated of all its consents. It is signed with the study, shown to auditors, and needs the id\n\
         of a document that shows it to be true. Leave empty what does not hold: then these consents are none where it is demanded.",
    );
    for (column, means) in lacking {
        let is_required = REQUIRED.contains(&column);
        let question = format!(
            "`{column}` of every consent: {means}{}",
            if is_required { "" } else { " (empty: not stated)" }
        );
        let words = dialogue.ask(&question, (!is_required).then_some(""), |answer| {
            let words = separated(answer);
            if words.is_empty() && !is_required {
                return Ok(words);
            }
            StatementMapping::default().state(column, words.clone()).map_err(text)?;
            Ok(words)
        })?;
        if !words.is_empty() {
            consents.constants.push((column.to_owned(), value(&words)));
        }
    }
    if !consents.constants.is_empty() {
        consents.evidence = Some(dialogue.text("The id of the document that shows these to be true", None)?);
    }
    Ok(())
}

/// Words between commas or bars.
fn separated(answer: &str) -> Vec<String> {
    let words = answer.split([',', '|']).map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Words as the value of a constant.
fn value(words: &[String]) -> String {
    match words {
        [word] if word == "true" || word == "false" => word.clone(),
        [word] if word.parse::<u32>().is_ok_and(|number| number.to_string() == *word) => word.clone(),
        [word] => quoted(word),
        words => list(words.iter().map(String::as_str)),
    }
}

fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
