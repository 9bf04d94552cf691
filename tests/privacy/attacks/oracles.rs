//! Everything but noise as an oracle: sandboxes that differ in one person (or hold no one) forecast, refuse, fail, list,
//! charge and log alike, and probing with ids shows nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hushtag::audit::{Entry, VerifierKey, verify_each};
use hushtag::operator::{Analyst, Answer, Operator};
use hushtag::query::{Query, tag};
use hushtag::release::Released;
use hushtag::storage::{Image, Storage};
use serde_json::Value;

use super::world::{TARGET, attacker, chain, id, known_people, sandbox, spent, worlds};

/// Questions that are answered, refused and not understood.
const QUESTIONS: [&str; 34] = [
    "SELECT COUNT(*) FROM tags",
    "SELECT spend_tier, COUNT(*) FROM tags GROUP BY spend_tier",
    "SELECT audience_size, region, COUNT(*), SUM(spend) FROM tags GROUP BY audience_size, region WITH (error = 90)",
    "SELECT region, AVG(spend), SUM(audience) FROM tags WHERE list_size = 'long' GROUP BY region WITH (error = 60)",
    "SELECT MEDIAN(spend), QUANTILE(spend, 0.999) FROM tags WHERE region = 'west'",
    "SELECT COUNT(*) FROM tags WHERE region = 'west' AND spend_tier = 'high' AND audience_spend = 'high'",
    "SELECT spend_tier, COUNT(*) FROM tags GROUP BY spend_tier WITH (confidence = 0.5)",
    "SELECT COUNT(*) FROM tags WITH (error = 1)",
    "SELECT region, COUNT(*) FROM tags GROUP BY region WITH (epsilon = 1000)",
    "SELECT COUNT(*) FROM tags WITH (error = 18446744073709551615)",
    "SELECT COUNT(*) FROM tags WITH (error = 0)",
    "SELECT COUNT(*) FROM tags WITH (epsilon = 0.0000000001)",
    "SELECT COUNT(*) FROM tags WHERE region = 'west' AND region = 'east'",
    "SELECT COUNT(*) FROM tags WHERE region = 'atlantis'",
    "SELECT COUNT(*) FROM tags WHERE region = 'Hidden'",
    "SELECT COUNT(*) FROM tags WHERE payer = '13800000003'",
    "SELECT COUNT(*) FROM tags WHERE region = '13800000003'",
    "SELECT SUM(amount) FROM payments",
    "SELECT SUM(recency) FROM tags",
    "SELECT AVG(spend) FROM tags WHERE spend > 50000",
    "SELECT MEDIAN(audience) FROM tags",
    "SELECT MAX(spend) FROM tags",
    "SELECT * FROM tags",
    "SELECT region FROM tags",
    "SELECT region, COUNT(*) FROM tags",
    "SELECT COUNT(DISTINCT region) FROM tags",
    "SELECT COUNT(*) FROM tags WHERE region IS NULL",
    "SELECT COUNT(*) FROM tags WHERE region = (SELECT region FROM tags)",
    "SELECT COUNT(*) FROM tags WHERE 1 / 0 = 1",
    "SELECT COUNT(*) FROM tags HAVING COUNT(*) > 99999999999999999999",
    "SELECT COUNT(*) FROM tags; DROP TABLE tags",
    "SELECT COUNT(*) FROM tags GROUP BY region LIMIT -1",
    "SELECT SUM(spend) FROM tags WITH (error(spend) = 1)",
    "",
];

/// An answer without its noise, and without what is shown or suppressed by it.
fn shape(answer: &Released) -> String {
    let rows: Vec<_> = answer.rows.iter().map(|row| &row.group).collect();
    let Released { question, study, recipient, epoch, policy, columns, confidence, .. } = answer;
    let Released { reach, parts, units, budget, stored, index, .. } = answer;
    format!(
        "{question} {study} {recipient} {epoch} {policy} {columns:?} {confidence:?} {reach} {parts:?} {units} {budget:?} \
         {stored} {index} {rows:?}"
    )
}

fn outcome(analyst: &Analyst, question: &str) -> String {
    match analyst.ask(question, None) {
        Ok(Answer::Released(answer)) => format!("released {}", shape(&answer)),
        Ok(Answer::Refused(reasons)) => format!("refused {reasons:?}"),
        Err(error) => format!("failed {} {error:?}", chain(&error)),
    }
}

/// All that a recipient receives, line by line.
fn transcript(operator: &Operator) -> Vec<String> {
    let analyst = attacker(operator);
    let mut lines = vec![format!("{:?}", analyst.vocabulary().unwrap())];
    for question in QUESTIONS.iter().chain(&QUESTIONS[..3]) {
        let forecast = match analyst.forecast(question) {
            Ok(forecast) => format!("{forecast:?}"),
            Err(error) => format!("{} {error:?}", chain(&error)),
        };
        lines.push(format!("{question}\n  {forecast}\n  {}", outcome(&analyst, question)));
        lines.push(format!("{:?}", analyst.remaining().unwrap()));
    }
    let unknown = hushtag::types::EpochId::new("e9").unwrap();
    lines.push(chain(&analyst.ask(QUESTIONS[0], Some(&unknown)).unwrap_err()));
    let status = operator.status().unwrap();
    lines
        .push(format!("{:?} {:?} {:?} {}", status.recipients, status.epochs, status.totals, status.log_size));
    lines
}

#[test]
fn forecasts_refusals_errors_and_costs_are_the_same_regardless_of_who_is_in() {
    let mut first: Option<Vec<String>> = None;
    let (mut lines, mut different) = (0, 0);
    for (world, people) in worlds() {
        let (operator, _) = sandbox(&people, "1");
        let shown = transcript(&operator);
        let all = shown.join("\n");
        assert!(all.contains("refused") && all.contains("failed") && all.contains("released"), "{all}");
        lines += shown.len();
        let expected = first.get_or_insert_with(|| shown.clone());
        assert_eq!(shown.len(), expected.len());
        for (shown, expected) in shown.iter().zip(expected) {
            different += usize::from(shown != expected);
            assert_eq!(shown, expected, "{world}");
        }
    }
    println!("refusal oracle: {different} of {lines} lines tell the worlds apart (bound 0)");
}

/// The text of every log entry, and the path and length of every file but the ledger's.
fn traces(image: &Image, vkey: &VerifierKey) -> (Vec<Entry>, BTreeMap<String, usize>) {
    let mut entries = Vec::new();
    let keep = |_: &_, entry: &Entry| {
        entries.push(entry.clone());
        Ok(())
    };
    verify_each(image, vkey, keep).unwrap();
    let (mut files, mut open) = (BTreeMap::new(), vec![String::new()]);
    while let Some(folder) = open.pop() {
        for name in image.list(&folder).unwrap() {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match image.read(&path).ok().flatten() {
                Some(content) if path != "ledger.redb" => drop(files.insert(path, content.len())),
                Some(_) => {}
                None => open.push(path),
            }
        }
    }
    (entries, files)
}

/// An entry as a line of JSON, in which what is random is shown by its length only.
fn masked(entry: &Entry, seen: &mut BTreeSet<String>) -> String {
    fn mask(name: &str, value: &mut Value, seen: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| mask(name, value, seen)),
            Value::Array(list) => list.iter_mut().for_each(|value| mask(name, value, seen)),
            // The hash of a ciphertext, the commitment to an answer or an input, the random id.
            Value::String(text)
                if ["blake3", "answer", "commitment", "openings", "sandbox"].contains(&name) =>
            {
                assert!(seen.insert(format!("{name} {text}")), "{name} {text} occurs twice");
                *text = "*".repeat(text.len());
            }
            _ => {}
        }
    }
    let mut body = Value::Object(entry.body.clone());
    mask("", &mut body, seen);
    format!("{} {} {:?} {} {body}", entry.kind, entry.at, entry.ledger_seq, entry.to_text().unwrap().len())
}

#[test]
fn the_log_and_the_sizes_of_files_are_the_same_regardless_of_who_is_in() {
    let (mut first, mut seen, mut entries) = (None, BTreeSet::new(), 0);
    for (world, people) in worlds() {
        let (operator, image) = sandbox(&people, "1");
        let analyst = attacker(&operator);
        // Numbers of different length in the answers, and refusals.
        for question in QUESTIONS {
            let _ = analyst.ask(question, None);
        }
        let (log, files) = traces(&image, &operator.status().unwrap().vkey);
        let log: Vec<String> = log.iter().map(|entry| masked(entry, &mut seen)).collect();
        assert!(
            log.iter().any(|line| line.starts_with("refuse"))
                && files.keys().any(|name| name.ends_with(".cube"))
        );
        entries += log.len();
        let expected = first.get_or_insert_with(|| (log.clone(), files.clone()));
        assert_eq!(log, expected.0, "{world}");
        assert_eq!(files, expected.1, "{world}");
    }
    println!("log oracle: 0 of {entries} entries differ in anything but commitments and hashes (bound 0)");
}

#[test]
fn commitments_to_equal_answers_differ() {
    // So much budget that the noise is 0 but for a chance below exp(-499).
    let question = "SELECT spend_tier, SUM(people) FROM tags GROUP BY spend_tier WITH (epsilon = 1000)";
    let mut commitments = BTreeSet::new();
    let mut answers = BTreeSet::new();
    for _ in 0..4 {
        let (operator, image) = sandbox(&known_people(24, 5), "4000");
        let answer = super::world::ask(&attacker(&operator), question);
        answers.insert(format!("{:?}", answer.rows));
        let (log, _) = traces(&image, &operator.status().unwrap().vkey);
        commitments.extend(log.iter().filter_map(|entry| entry.body.get("answer")).map(ToString::to_string));
    }
    println!(
        "commitments: {} for {} different answer in 4 sandboxes (bound: 4, so a guessed answer is not confirmed)",
        commitments.len(),
        answers.len()
    );
    assert_eq!((answers.len(), commitments.len()), (1, 4));
}

/// Questions that try a word as label, name, number and table.
fn probes(word: &str) -> Vec<String> {
    vec![
        format!("SELECT COUNT(*) FROM tags WHERE region = '{word}'"),
        format!("SELECT COUNT(*) FROM tags WHERE spend_tier NOT IN ('high', '{word}')"),
        format!("SELECT COUNT(*) FROM tags WHERE region = {word}"),
        format!("SELECT COUNT(*) FROM tags WHERE user = '{word}'"),
        format!("SELECT COUNT(*) FROM tags WHERE '{word}' = region"),
        format!("SELECT \"{word}\", COUNT(*) FROM tags GROUP BY region"),
        format!("SELECT COUNT(*) FROM members WHERE user = '{word}'"),
        format!("SELECT COUNT({word}) FROM tags"),
        format!("SELECT SUM(x{word}) FROM tags"),
        format!("SELECT COUNT(*) FROM tags GROUP BY region HAVING region = '{word}'"),
        format!("SELECT COUNT(*) FROM tags WITH (error(x{word}) = 5)"),
    ]
}

#[test]
fn words_outside_the_vocabulary_show_nothing_about_the_data() {
    let mut messages: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut asked = 0;
    for (world, people) in worlds() {
        let (operator, _) = sandbox(&people, "4");
        let analyst = attacker(&operator);
        let (before, logged) = (spent(&analyst), operator.status().unwrap().log_size);
        // Of equal length: someone's id, theirs, no one's; then their undeclared region and one that no one has.
        for words in [&[id(7), id(TARGET), "13999999999".into()][..], &["Hidden".into(), "Absent".into()]] {
            for word in words {
                let built = Query::count().filter(tag("region").is(word.clone()));
                let mut errors = vec![analyst.ask_query(&built, None).unwrap_err()];
                errors.extend(probes(word).iter().map(|probe| analyst.ask(probe, None).unwrap_err()));
                errors.extend(probes(word).iter().map(|probe| analyst.forecast(probe).unwrap_err()));
                asked += errors.len();
                for (place, error) in errors.iter().enumerate() {
                    let mut message = String::new();
                    write!(message, "{} {error:?}", chain(error)).unwrap();
                    let place = place + 1_000 * word.len();
                    messages.entry(place).or_default().insert(message.replace(word, "WORD"));
                }
            }
        }
        assert_eq!(spent(&analyst), before, "{world}");
        assert_eq!(
            operator.status().unwrap().log_size,
            logged,
            "{world}: a word that is not public is not logged"
        );
    }
    let most = messages.values().map(BTreeSet::len).max().unwrap();
    println!(
        "label probing: {asked} probes of {} kinds, at most {most} messages of a kind (bound 1)",
        messages.len()
    );
    assert_eq!(most, 1, "{messages:#?}");
}
