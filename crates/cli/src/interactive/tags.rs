//! Asks for measures and tags: for each dataset those that are usual, with bands to accept or to write otherwise.

use super::dialogue::{Dialogue, parsed};
use super::draft::{Draft, Field, Kind, Section, list, quoted};
use crate::Failure;
use hushtag::tags::{Label, check_name};
use hushtag::types::Days;

/// The window that is proposed, and what is proposed as the largest sum and count of one person.
const WINDOW: &str = "90d";
const LARGEST_SUM: u64 = 500_000;
const LARGEST_COUNT: u64 = 100;

/// A tag over a measure, as it is proposed.
struct Proposal {
    measure: String,
    tag: String,
    bands: Vec<(&'static str, u64)>,
    absent: Option<&'static str>,
}

/// Asks for tags until there is one.
pub(super) fn ask(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    dialogue.say(
        "\nMeasures and tags. A measure is one exact number a person; a tag is its band, one word of a closed list, and only tags are counted.\n\
         Bounds come from public knowledge, never from the data.",
    );
    // Sums first: what others spend on average is a tag of a relation.
    for kind in [Kind::Records, Kind::Relation, Kind::People] {
        of_kind(dialogue, draft, kind)?;
    }
    if draft.tags.is_empty() {
        return Err(Failure::usage(
            "a study needs a tag, and none was accepted",
            "accept one of those that are proposed, or write a study with `hushtag policy new`; nothing was written",
        ));
    }
    Ok(())
}

fn of_kind(dialogue: &mut Dialogue<'_>, draft: &mut Draft, kind: Kind) -> Result<(), Failure> {
    for place in 0..draft.datasets.len() {
        let Some(dataset) = draft.datasets.get(place).filter(|dataset| dataset.kind == kind) else {
            continue;
        };
        let name = dataset.name.clone();
        let of = |kind: &str| -> Vec<String> {
            let fields = dataset.fields.iter().filter(|field| field.kind == kind);
            fields.map(|field| field.column.clone()).collect()
        };
        let (amounts, timed, words) = (of("amount"), !of("time").is_empty(), of("text"));
        match dataset.kind {
            Kind::Records => {
                if let Some(amount) = amounts.first() {
                    sum(dialogue, draft, &name, amount, timed)?;
                }
                count(dialogue, draft, &name, timed)?;
            }
            Kind::Relation => relation(dialogue, draft, &name)?,
            Kind::People => {
                for column in words {
                    values(dialogue, draft, &name, &column)?;
                }
            }
        }
    }
    Ok(())
}

/// A name that the language of questions allows and nothing has yet.
fn name(dialogue: &mut Dialogue<'_>, draft: &Draft, what: &str, proposed: &str) -> Result<String, Failure> {
    let taken = draft.taken();
    dialogue.ask(&format!("The name of the {what}"), Some(proposed), |answer| {
        check_name("name", answer).map_err(|error| error.to_string())?;
        if taken.contains(answer) {
            return Err("something has this name already".to_owned());
        }
        Ok(answer.to_owned())
    })
}

/// A dataset's or column's name as the beginning of a measure's.
fn stem(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let stem: String = name.chars().map(plain).collect();
    let stem = stem.trim_matches('_').to_owned();
    if stem.starts_with(|c: char| c.is_ascii_lowercase()) { stem } else { format!("m_{stem}") }
}

fn window(dialogue: &mut Dialogue<'_>, timed: bool) -> Result<Option<String>, Failure> {
    if !timed {
        dialogue.say(
            "  No field of type time: every row counts, however old, and also what is dated after as-of.",
        );
        return Ok(None);
    }
    let read = parsed(|answer| Days::parse(answer).map(|days| days.to_string()));
    dialogue.ask("How far back rows count (window)", Some(WINDOW), read).map(Some)
}

fn largest(dialogue: &mut Dialogue<'_>, question: &str, proposed: u64) -> Result<u64, Failure> {
    dialogue.ask(question, Some(&proposed.to_string()), |answer| match answer.replace('_', "").parse() {
        Ok(bound @ 4..=4_000_000_000_000_000) => Ok(bound),
        _ => Err("a whole number from 4 on is wanted".to_owned()),
    })
}

fn sum(
    dialogue: &mut Dialogue<'_>,
    draft: &mut Draft,
    dataset: &str,
    amount: &str,
    timed: bool,
) -> Result<(), Failure> {
    if !dialogue.yes(&format!("A measure and a tag: the sum of `{amount}` in `{dataset}`"), true)? {
        return Ok(());
    }
    let measure = name(dialogue, draft, "measure", &format!("{}_{}", stem(dataset), stem(amount)))?;
    let window = window(dialogue, timed)?;
    let most = largest(dialogue, "The largest sum that counts for one person (clamp)", LARGEST_SUM)?;
    let mut keys = vec![("from", quoted(dataset)), ("sum", quoted(amount))];
    keys.extend(window.map(|window| ("window", quoted(&window))));
    keys.push(("clamp", format!("[0, {most}]")));
    draft.measures.push(Section { name: measure.clone(), keys });
    draft.sums.push((measure.clone(), most));
    // Below any clamp that is asked for, the bounds rise.
    let bands = vec![("none", 0), ("low", 1), ("mid", (most / 10).max(2)), ("high", (most * 3 / 10).max(3))];
    let proposal = Proposal { tag: format!("{measure}_tier"), measure, bands, absent: None };
    let (tag, labels) = banded(dialogue, draft, proposal)?;
    if labels.iter().any(|label| label == "none") {
        payers(dialogue, draft, dataset, &tag)?;
    }
    Ok(())
}

/// The share of people that a band called `none` leaves.
fn payers(dialogue: &mut Dialogue<'_>, draft: &mut Draft, dataset: &str, tag: &str) -> Result<(), Failure> {
    if dialogue.yes(&format!("A metric: the share of people who are not `none` of `{tag}`"), true)? {
        let some = format!("COUNT(*) WHERE {tag} <> 'none'");
        let keys = vec![
            ("ratio", list([some.as_str(), "COUNT(*)"])),
            ("unit", quoted("share of people")),
            ("means", quoted(&format!("people with more than nothing in {dataset}, of all people"))),
        ];
        draft.metrics.push(Section { name: format!("share_{tag}"), keys });
    }
    Ok(())
}

fn count(dialogue: &mut Dialogue<'_>, draft: &mut Draft, dataset: &str, timed: bool) -> Result<(), Failure> {
    if !dialogue.yes(&format!("A measure and a tag: how many rows of `{dataset}`"), true)? {
        return Ok(());
    }
    let measure = name(dialogue, draft, "measure", &format!("{}_count", stem(dataset)))?;
    let window = window(dialogue, timed)?;
    let mut keys = vec![("from", quoted(dataset)), ("count", "true".to_owned())];
    keys.extend(window.map(|window| ("window", quoted(&window))));
    let most = largest(dialogue, "The largest number that counts for one person (clamp)", LARGEST_COUNT)?;
    keys.push(("clamp", format!("[0, {most}]")));
    draft.measures.push(Section { name: measure.clone(), keys });
    let bands = vec![("none", 0), ("few", 1), ("some", (most / 20).max(2)), ("many", (most / 5).max(3))];
    banded(dialogue, draft, Proposal { tag: format!("{measure}_tier"), measure, bands, absent: None })?;
    Ok(())
}

fn relation(dialogue: &mut Dialogue<'_>, draft: &mut Draft, dataset: &str) -> Result<(), Failure> {
    let over = |role: &str| vec![("over", quoted(dataset)), ("role", quoted(role))];
    let size = |role: &str| [over(role), vec![("size", "true".to_owned())]].concat();
    let mut proposals = vec![
        ("how many people the owner lists (nobody else moves it: cheap)".to_owned(), "own", size("own")),
        ("how many list a person (others move it: dearer)".to_owned(), "audience", size("audience")),
    ];
    let spent = draft.sums.first().cloned();
    if let Some((measure, _)) = &spent {
        let keys = [over("audience"), vec![("mean", quoted(measure))]].concat();
        proposals.push((
            format!("the mean of `{measure}` of those who list a person (dearer)"),
            "mean",
            keys,
        ));
    }
    for (about, what, mut keys) in proposals {
        if !dialogue.yes(&format!("A measure and a tag: {about}"), true)? {
            continue;
        }
        let stem = stem(dataset);
        let (proposed, bands, absent) = match what {
            "own" => {
                let most = largest(dialogue, "The longest list that counts (clamp)", LARGEST_COUNT)?;
                keys.push(("clamp", format!("[0, {most}]")));
                let bands = vec![
                    ("nobody", 0),
                    ("few", 1),
                    ("some", (most / 10).max(2)),
                    ("many", (most * 2 / 5).max(3)),
                ];
                (format!("{stem}_size"), bands, None)
            }
            "audience" => {
                (format!("{stem}_audience"), vec![("none", 0), ("few", 1), ("some", 4), ("many", 8)], None)
            }
            _ => {
                let most = spent.as_ref().map_or(LARGEST_SUM, |(_, most)| *most);
                let bands = vec![("low", 0), ("mid", (most / 5).max(1)), ("high", (most * 2 / 5).max(2))];
                (format!("{stem}_audience_mean"), bands, Some("nobody"))
            }
        };
        let measure = name(dialogue, draft, "measure", &proposed)?;
        draft.measures.push(Section { name: measure.clone(), keys });
        banded(dialogue, draft, Proposal { tag: format!("{measure}_tier"), measure, bands, absent })?;
    }
    Ok(())
}

/// A tag over bands of a measure: those proposed, or those that are written. Tells the tag and its labels.
fn banded(
    dialogue: &mut Dialogue<'_>,
    draft: &mut Draft,
    proposal: Proposal,
) -> Result<(String, Vec<String>), Failure> {
    let tag = name(dialogue, draft, "tag", &proposal.tag)?;
    let shown: Vec<String> = proposal.bands.iter().map(|(label, bound)| format!("{label}={bound}")).collect();
    let bands = dialogue.ask("Its bands, each with its lower bound", Some(&shown.join(" ")), bands_of)?;
    let keyed: Vec<String> =
        bands.iter().map(|(label, bound)| format!("{} = {bound}", super::draft::key(label))).collect();
    let mut keys =
        vec![("measure", quoted(&proposal.measure)), ("bands", format!("{{ {} }}", keyed.join(", ")))];
    if let Some(absent) = proposal.absent {
        dialogue.say(&format!("  People without any are `{absent}`."));
        keys.push(("absent", quoted(absent)));
    }
    draft.tags.push(Section { name: tag.clone(), keys });
    Ok((tag, bands.into_iter().map(|(label, _)| label).collect()))
}

fn bands_of(answer: &str) -> Result<Vec<(String, u64)>, String> {
    let words = answer.split([' ', ',']).filter(|word| !word.is_empty());
    let mut bands: Vec<(String, u64)> = Vec::new();
    for word in words {
        let wanted = || "bands look like none=0 low=1 high=1000".to_owned();
        let (label, bound) = word.split_once('=').ok_or_else(wanted)?;
        let bound = bound.replace('_', "").parse().map_err(|_| wanted())?;
        Label::new(label).map_err(|error| error.to_string())?;
        if bands.iter().any(|(known, known_bound)| known == label || *known_bound == bound) {
            return Err(format!("`{label}` has the label or the bound of another band"));
        }
        bands.push((label.to_owned(), bound));
    }
    match bands.iter().any(|(_, bound)| *bound == 0) {
        true => Ok(bands),
        false => Err("one band has to start at 0: everybody has one".to_owned()),
    }
}

/// A tag over a closed list of words, which the person has to know: they are never read from the file.
fn values(
    dialogue: &mut Dialogue<'_>,
    draft: &mut Draft,
    dataset: &str,
    column: &str,
) -> Result<(), Failure> {
    if !dialogue.yes(&format!("A tag: the words of `{column}` in `{dataset}`"), true)? {
        return Ok(());
    }
    let tag = name(dialogue, draft, "tag", &stem(column))?;
    let question = "The words, with commas between them (anything else is `other`)";
    let words = dialogue.ask(question, None, |answer| {
        let words = answer.split(',').map(str::trim).filter(|word| !word.is_empty());
        let words = words.map(|word| Label::new(word).map(|label| label.to_string()));
        let words: Vec<String> = words.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let twice =
            words.iter().enumerate().any(|(at, word)| words.iter().take(at).any(|other| other == word));
        match (words.len(), twice) {
            (0, _) => Err("at least one word is wanted; they are not read from the file".to_owned()),
            (_, true) => Err("a word occurs twice".to_owned()),
            _ => Ok(words),
        }
    })?;
    let keys = vec![
        ("field", quoted(&format!("{dataset}.{column}"))),
        ("values", list(words.iter().map(String::as_str))),
    ];
    draft.tags.push(Section { name: tag, keys });
    Ok(())
}

/// Whether the people's ages are read from a field.
pub(super) fn age_field(draft: &Draft) -> Option<&Field> {
    let fields = draft.datasets.iter().flat_map(|dataset| &dataset.fields);
    fields.into_iter().find(|field| matches!(field.kind.as_str(), "age" | "age-band" | "birth-year"))
}
