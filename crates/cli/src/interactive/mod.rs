//! `hushtag init DIR --interactive`: writes a study by asking. It invents no document, no date and no bound of the data; what a
//! human must attach is named and left out.

mod consents;
mod datasets;
mod dialogue;
mod draft;
mod tags;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use dialogue::{Dialogue, parsed, plain};
use draft::{Document, Draft, Party};

use super::lang::{chosen, text};
use super::policy::finding_text;
use super::{Context, Failure};
use hushtag::operator::{Approval, StudySource, check_study};
use hushtag::policy::{Action, Level, Opinion, Regime, Study, Word, WordsOf, with_opinion};
use hushtag::types::{
    Clock, Days, HandlerId, MaxAge, NanoEpsilon, RecipientId, StudyId, SystemClock, Timestamp,
};

/// What a study starts with by default; each is shown before it is taken.
const EPSILON: &str = "4";
const RETENTION: &str = "90d";
const MAX_AGE: &str = "72h";
const MIN_PEOPLE: &str = "20";
const DEFAULT_ERROR: &str = "200";

/// What the options of the command gave already.
pub(super) struct Given {
    pub(super) epsilon: Option<NanoEpsilon>,
    pub(super) approval: Option<Approval>,
}

/// A study that was written, and how the sandbox is to be made.
pub(super) struct StudyDraft {
    pub(super) study: PathBuf,
    pub(super) epsilon: NanoEpsilon,
    pub(super) approval: Approval,
    /// The options of `seal` that hand in its data and consents.
    pub(super) data: String,
}

/// Asks on standard input and error for a study, shows the findings of its check, and writes it beside `dir`. Nothing is written before
/// the last question is answered.
pub(super) fn study(dir: &Path, given: &Given, context: &Context) -> Result<StudyDraft, Failure> {
    if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
        let message = text!("interactive.not_empty", folder = dir.display());
        return Err(Failure::failed(message, text!("interactive.not_empty_fix")));
    }
    let stdin = std::io::stdin();
    let patient = stdin.is_terminal();
    let (mut lines, mut shown) = (stdin.lock(), std::io::stderr());
    let mut dialogue = Dialogue::new(&mut lines, &mut shown, patient);
    if !context.output.is_quiet() {
        dialogue.say(&text!("interactive.intro"));
    }
    let (draft, regime) = drafted(&mut dialogue)?;
    let path = dir.parent().unwrap_or(Path::new("")).join(format!("{}.toml", draft.id));
    if path.symlink_metadata().is_ok() {
        let message = text!("interactive.exists", file = path.display());
        return Err(Failure::failed(message, text!("interactive.exists_fix")));
    }
    let (text, draft) = documented(&mut dialogue, draft, &regime)?;
    let epsilon = match given.epsilon {
        Some(epsilon) => epsilon,
        None => dialogue.ask(&text!("interactive.epsilon"), Some(EPSILON), parsed(NanoEpsilon::parse))?,
    };
    let approval = match given.approval {
        Some(approval) => approval,
        None if dialogue.yes(&text!("interactive.signatures"), true)? => Approval::Signatures,
        None => Approval::None,
    };
    checked(&mut dialogue, &path, &text);
    if !dialogue.yes(&text!("interactive.write", file = path.display()), true)? {
        return Err(Failure::failed(text!("interactive.declined"), text!("interactive.declined_fix")));
    }
    write(&path, &text)?;
    Ok(StudyDraft { study: path, epsilon, approval, data: draft.data_options() })
}

/// Everything but documents, and what the notice states: which of these the law wants follows from the rest.
fn drafted(dialogue: &mut Dialogue<'_>) -> Result<(Draft, Regime), Failure> {
    let mut draft = Draft {
        id: dialogue.ask(
            &text!("interactive.study_id"),
            Some("my-study"),
            parsed(|id| StudyId::new(id).map(|id| id.to_string())),
        )?,
        ..Draft::default()
    };
    dialogue.say(&text!("interactive.law_lead"));
    draft.regime =
        dialogue.choose(&text!("interactive.law"), &plain(Regime::built_in_names()), Some("cn-pipl"))?;
    let regime =
        Regime::built_in(&draft.regime).map_err(|error| Failure::of_error(error, text!("error.bug_fix")))?;
    dialogue.say(&text!("interactive.purpose_lead"));
    let purposes = regime.words(WordsOf::Purposes, chosen());
    draft.purpose = dialogue.choose(&text!("interactive.purpose"), &purposes, None)?;
    dialogue.say(&text!("interactive.action_lead"));
    let (actions, provide) = (regime.words(WordsOf::Actions, chosen()), Some(Action::Provide.as_str()));
    draft.action = dialogue.choose(&text!("interactive.action"), &actions, provide)?;
    dialogue.say(&text!("interactive.basis"));
    draft.retention = dialogue.ask(
        &text!("interactive.retention"),
        Some(RETENTION),
        parsed(|text| Days::parse(text).map(|days| days.to_string())),
    )?;
    dialogue.say(&text!("interactive.notice_lead"));
    let notice = dialogue.text(&text!("interactive.notice_id"), None)?;
    let version = dialogue.ask(&text!("interactive.notice_version"), None, |answer| {
        answer.parse().map_err(|_| text!("interactive.whole_number"))
    })?;
    draft.notice = (notice, version);
    parties(dialogue, &mut draft, &regime)?;
    datasets::ask(dialogue, &mut draft, &regime)?;
    ages(dialogue, &mut draft)?;
    consents::ask(dialogue, &mut draft)?;
    tags::ask(dialogue, &mut draft)?;
    prices(dialogue, &mut draft)?;
    Ok((draft, regime))
}

fn parties(dialogue: &mut Dialogue<'_>, draft: &mut Draft, regime: &Regime) -> Result<(), Failure> {
    dialogue.say(&text!("interactive.handlers_lead"));
    let kinds = regime.words(WordsOf::HandlerKinds, chosen());
    dialogue.say(&text!("interactive.handler_kinds"));
    dialogue.list(&kinds);
    loop {
        let known: Vec<String> = draft.handlers.iter().map(|handler| handler.id.clone()).collect();
        let id = fresh(dialogue, &text!("interactive.handler_id"), &known, |id| {
            HandlerId::new(id).map(|id| id.to_string()).map_err(|error| error.to_string())
        })?;
        let legal_id = dialogue.text(&text!("interactive.legal_id"), None)?;
        let kind = Some(dialogue.pick(&text!("interactive.kind"), &kinds, None)?);
        let (name, contact) = named(dialogue)?;
        draft.handlers.push(Party { id, legal_id, kind, name, contact, country: None });
        if !dialogue.yes(&text!("interactive.another_handler"), draft.handlers.len() < 2)? {
            break;
        }
    }
    dialogue.say(&text!("interactive.recipients_lead"));
    loop {
        let known: Vec<String> = draft.recipients.iter().map(|recipient| recipient.id.clone()).collect();
        let id = fresh(dialogue, &text!("interactive.recipient_id"), &known, |id| {
            RecipientId::new(id).map(|id| id.to_string()).map_err(|error| error.to_string())
        })?;
        let legal_id = dialogue.text(&text!("interactive.legal_id"), None)?;
        let (name, contact) = named(dialogue)?;
        let country = dialogue.ask(&text!("interactive.country"), None, |answer| {
            let fits = answer.len() == 2 && answer.bytes().all(|letter| letter.is_ascii_uppercase());
            if fits { Ok(answer.to_owned()) } else { Err(text!("interactive.country_form")) }
        })?;
        draft.recipients.push(Party { id, legal_id, kind: None, name, contact, country: Some(country) });
        if !dialogue.yes(&text!("interactive.another_recipient"), false)? {
            return Ok(());
        }
    }
}

/// The name and the contact of a party.
fn named(dialogue: &mut Dialogue<'_>) -> Result<(String, String), Failure> {
    Ok((
        dialogue.text(&text!("interactive.party_name"), None)?,
        dialogue.text(&text!("interactive.party_contact"), None)?,
    ))
}

/// An id that nothing of its kind has yet.
fn fresh(
    dialogue: &mut Dialogue<'_>,
    question: &str,
    known: &[String],
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<String, Failure> {
    dialogue.ask(question, None, |answer| {
        let id = read(answer)?;
        if known.contains(&id) { Err(text!("interactive.id_taken")) } else { Ok(id) }
    })
}

/// How it is known that people are adults.
fn ages(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    if let Some(field) = tags::age_field(draft) {
        dialogue.say(&text!("interactive.ages_of", field = field.column));
        return Ok(());
    }
    draft.declared_adults = dialogue.yes(&text!("interactive.adults"), false)?;
    Ok(())
}

fn prices(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    let whole = |answer: &str| answer.parse::<u64>().map_err(|_| text!("interactive.whole_number"));
    dialogue.say(&text!("interactive.price_lead"));
    draft.epsilon = dialogue.ask(
        &text!("interactive.cap"),
        Some(EPSILON),
        parsed(|text| NanoEpsilon::parse(text).map(|epsilon| epsilon.to_string())),
    )?;
    draft.default_error =
        dialogue.ask(&text!("interactive.default_error"), Some(DEFAULT_ERROR), |answer| {
            match whole(answer)? {
                0 => Err(text!("interactive.at_least_one")),
                some => Ok(some),
            }
        })?;
    draft.min_people = dialogue.ask(&text!("interactive.min_people"), Some(MIN_PEOPLE), whole)?;
    draft.max_age = dialogue.ask(
        &text!("interactive.max_age"),
        Some(MAX_AGE),
        parsed(|text| MaxAge::parse(text).map(|age| age.to_string())),
    )?;
    Ok(())
}

/// Asks for what the law wants of such a use: documents, and what the notice states. Gives the text of the study.
fn documented(
    dialogue: &mut Dialogue<'_>,
    mut draft: Draft,
    regime: &Regime,
) -> Result<(String, Draft), Failure> {
    let statements = of_all(&draft, regime, |opinion| opinion.statements_to_make(chosen()))?;
    if !statements.is_empty() {
        dialogue.say(&text!("interactive.statements_lead"));
        dialogue.list(&statements);
        if dialogue.yes(&text!("interactive.statements"), false)? {
            draft.states = statements.into_iter().map(|statement| statement.word).collect();
        }
    }
    let lacking = of_all(&draft, regime, |opinion| opinion.lacking_documents(chosen()))?;
    if !lacking.is_empty() {
        dialogue.say(&text!("interactive.documents_lead"));
    }
    for Word { word: kind, means } in lacking {
        let question = text!("interactive.document_id", means);
        let id = dialogue.ask(&question, Some(""), |answer| Ok(answer.to_owned()))?;
        if id.is_empty() {
            draft.lacking.push(Word { word: kind, means });
            continue;
        }
        let approved = dialogue.ask(&text!("interactive.approved"), None, date)?;
        let expires = dialogue.ask(&text!("interactive.expires"), None, |answer| match date(answer)? {
            expires if expires <= approved => Err(text!("interactive.expires_later")),
            expires => Ok(expires),
        })?;
        draft.documents.push(Document { kind, id, approved, expires });
    }
    let text = draft.text();
    parse(&text)?;
    Ok((text, draft))
}

/// A day, as TOML writes it.
fn date(answer: &str) -> Result<String, String> {
    let plain = answer.len() == 10 && Timestamp::parse_or_end_of_day(answer).is_ok();
    if plain { Ok(answer.to_owned()) } else { Err(text!("interactive.day")) }
}

/// What the opinions on the use hold for each recipient today, each thing once.
fn of_all(
    draft: &Draft,
    regime: &Regime,
    read: impl Fn(&Opinion<'_>) -> Vec<Word>,
) -> Result<Vec<Word>, Failure> {
    let study = parse(&draft.text())?;
    let now = SystemClock.now();
    let mut all: Vec<Word> = Vec::new();
    for recipient in &study.recipients {
        for word in with_opinion(&study, regime, recipient, now, &read) {
            if !all.contains(&word) {
                all.push(word);
            }
        }
    }
    Ok(all)
}

fn parse(text: &str) -> Result<Study, Failure> {
    Study::parse(&text!("interactive.new_study"), text).map_err(|error| {
        Failure::usage(text!("interactive.no_study", error), text!("interactive.no_study_fix"))
    })
}

/// Shows the findings of `policy check`.
fn checked(dialogue: &mut Dialogue<'_>, path: &Path, text: &str) {
    let findings = check_study(&StudySource::new(path.display().to_string(), text), SystemClock.now());
    dialogue.say(&text!("interactive.check_lead"));
    for finding in &findings {
        dialogue.say(&finding_text(finding));
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    dialogue.say(&match errors {
        0 => text!("interactive.check_passed"),
        errors => text!("interactive.check_failed", errors),
    });
}

/// Writes a new file, durable on return. If we stop inside, a file may be there that does not end; no sandbox names it.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        // What was not written as a whole goes.
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            let _ = std::fs::remove_file(path);
        }
        let message = text!("file.unwritable", file = path.display(), error);
        Failure::failed(message, text!("interactive.unwritable_fix"))
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
