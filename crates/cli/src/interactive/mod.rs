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

use super::{Context, Failure};
use hushtag::operator::{Approval, StudySource, check_study};
use hushtag::policy::{Action, Lang, Level, Opinion, Regime, Study, Word, WordsOf, with_opinion};
use hushtag::types::{
    Clock, Days, HandlerId, MaxAge, NanoEpsilon, RecipientId, StudyId, SystemClock, Timestamp,
};

/// What a study starts with where nobody says otherwise; each is shown before it is taken.
const EPSILON: &str = "4";
const RETENTION: &str = "90d";
const MAX_AGE: &str = "72h";
const MIN_PEOPLE: &str = "20";
const DEFAULT_ERROR: &str = "200";

/// What the options of the command said already.
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

/// Asks on standard input and error for a study, shows what its check says, and writes it beside `dir`. Nothing is written before
/// the last question is answered.
pub(super) fn study(dir: &Path, given: &Given, context: &Context) -> Result<StudyDraft, Failure> {
    if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
        let message = format!("`{}` is not an empty folder", dir.display());
        return Err(Failure::failed(message, "give another folder: nothing was asked or written"));
    }
    let stdin = std::io::stdin();
    let patient = stdin.is_terminal();
    let (mut lines, mut shown) = (stdin.lock(), std::io::stderr());
    let mut dialogue = Dialogue::new(&mut lines, &mut shown, patient);
    if !context.output.is_quiet() {
        dialogue.say(
            "This writes a study: what is shared, why, with whom, on which documents, as which tags, at which price. In brackets stands\n\
             what an empty line takes. Nothing is written before the last question.\n",
        );
    }
    let (draft, regime) = drafted(&mut dialogue)?;
    let path = dir.parent().unwrap_or(Path::new("")).join(format!("{}.toml", draft.id));
    if path.symlink_metadata().is_ok() {
        let message = format!("`{}` is there already", path.display());
        return Err(Failure::failed(message, "give the study another id: nothing was written"));
    }
    let (text, draft) = documented(&mut dialogue, draft, &regime)?;
    let epsilon = match given.epsilon {
        Some(epsilon) => epsilon,
        None => dialogue.ask(
            "\nThe budget of all people of the sandbox, for ever (epsilon of the pool)",
            Some(EPSILON),
            parsed(NanoEpsilon::parse),
        )?,
    };
    let approval = match given.approval {
        Some(approval) => approval,
        None if dialogue
            .yes("Must every handler sign the study before it takes effect (two companies: yes)", true)? =>
        {
            Approval::Signatures
        }
        None => Approval::None,
    };
    checked(&mut dialogue, &path, &text);
    if !dialogue.yes(&format!("Write {} and go on", path.display()), true)? {
        return Err(Failure::failed("nothing was written, as you said", "start again whenever you like"));
    }
    write(&path, &text)?;
    Ok(StudyDraft { study: path, epsilon, approval, data: draft.data_options() })
}

/// Everything but documents, and what the notice states: which of these the law wants follows from the rest.
fn drafted(dialogue: &mut Dialogue<'_>) -> Result<(Draft, Regime), Failure> {
    let mut draft = Draft {
        id: dialogue.ask(
            "The id of the study",
            Some("my-study"),
            parsed(|id| StudyId::new(id).map(|id| id.to_string())),
        )?,
        ..Draft::default()
    };
    dialogue.say("\nThe law it stands under (a law of your own: write its path into the file afterwards):");
    draft.regime = dialogue.choose("Law", &plain(Regime::built_in_names()), Some("cn-pipl"))?;
    let regime = Regime::built_in(&draft.regime)
        .map_err(|error| Failure::failed(error.to_string(), "report this bug"))?;
    dialogue.say("\nWhat the data is used for; another purpose needs other consents:");
    draft.purpose = dialogue.choose("Purpose", &regime.words(WordsOf::Purposes, Lang::En), None)?;
    dialogue.say("\nWhat is done with the data:");
    let provide = Some(Action::Provide.as_str());
    draft.action = dialogue.choose("Action", &regime.words(WordsOf::Actions, Lang::En), provide)?;
    dialogue.say("The legal basis is the people's consent: only it lets people into a sandbox.");
    draft.retention = dialogue.ask(
        "How long a consent without an end of its own lasts, and an epoch is kept (retention)",
        Some(RETENTION),
        parsed(|text| Days::parse(text).map(|days| days.to_string())),
    )?;
    dialogue.say("\nThe notice that people were shown before they consented; consents must name it:");
    let notice = dialogue.text("Its id", None)?;
    let version = dialogue
        .ask("Its version", None, |answer| answer.parse().map_err(|_| "a whole number is wanted".into()))?;
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
    dialogue.say("\nThe handlers: those who decide on purpose and method and hand data in.");
    let kinds = regime.words(WordsOf::HandlerKinds, Lang::En);
    dialogue.say("Kinds of handlers:");
    dialogue.list(&kinds);
    loop {
        let known: Vec<String> = draft.handlers.iter().map(|handler| handler.id.clone()).collect();
        let id = fresh(dialogue, "The id of a handler", &known, |id| {
            HandlerId::new(id).map(|id| id.to_string()).map_err(|error| error.to_string())
        })?;
        let legal_id = dialogue.text("Its legal id", None)?;
        let kind = Some(dialogue.pick("Its kind", &kinds, None)?);
        let (name, contact) = (
            dialogue.text("Its name, as people are told", None)?,
            dialogue.text("How people reach it", None)?,
        );
        draft.handlers.push(Party { id, legal_id, kind, name, contact, country: None });
        if !dialogue.yes("Another handler", draft.handlers.len() < 2)? {
            break;
        }
    }
    dialogue.say("\nThe recipients: those who ask questions; consents must name their legal ids.");
    loop {
        let known: Vec<String> = draft.recipients.iter().map(|recipient| recipient.id.clone()).collect();
        let id = fresh(dialogue, "The id of a recipient", &known, |id| {
            RecipientId::new(id).map(|id| id.to_string()).map_err(|error| error.to_string())
        })?;
        let legal_id = dialogue.text("Its legal id", None)?;
        let (name, contact) = (
            dialogue.text("Its name, as people are told", None)?,
            dialogue.text("How people reach it", None)?,
        );
        let country = dialogue.ask("Its country, two letters of ISO 3166", None, |answer| {
            let fits = answer.len() == 2 && answer.bytes().all(|letter| letter.is_ascii_uppercase());
            if fits { Ok(answer.to_owned()) } else { Err("two capital letters such as CN are wanted".into()) }
        })?;
        draft.recipients.push(Party { id, legal_id, kind: None, name, contact, country: Some(country) });
        if !dialogue.yes("Another recipient", false)? {
            return Ok(());
        }
    }
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
        if known.contains(&id) { Err("something has this id already".to_owned()) } else { Ok(id) }
    })
}

/// How it is known that people are adults.
fn ages(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    if let Some(field) = tags::age_field(draft) {
        dialogue
            .say(&format!("\nAges are read from the field `{}`: whoever's is unknown is out.", field.column));
        return Ok(());
    }
    draft.declared_adults = dialogue.yes(
        "\nNo dataset tells ages. Do the handlers declare, and document, that all people are adults (without it nobody is in)",
        false,
    )?;
    Ok(())
}

fn prices(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    let whole = |answer: &str| answer.parse::<u64>().map_err(|_| "a whole number is wanted".to_owned());
    dialogue.say("\nThe price.");
    draft.epsilon = dialogue.ask(
        "This study's cap inside the budget of the sandbox (epsilon)",
        Some(EPSILON),
        parsed(|text| NanoEpsilon::parse(text).map(|epsilon| epsilon.to_string())),
    )?;
    draft.default_error = dialogue.ask(
        "How wide a count is by default: half of the 95 % interval, in people (default_error)",
        Some(DEFAULT_ERROR),
        |answer| match whole(answer)? {
            0 => Err("it must be at least 1".to_owned()),
            some => Ok(some),
        },
    )?;
    draft.min_people = dialogue.ask(
        "Below how many people a noised count is not shown (min_people)",
        Some(MIN_PEOPLE),
        whole,
    )?;
    draft.max_age = dialogue.ask(
        "How long after its seal an epoch answers (max_age); by then whoever withdrew is out",
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
    let statements = of_all(&draft, regime, |opinion| opinion.statements_to_make(Lang::En))?;
    if !statements.is_empty() {
        dialogue.say("\nThe law wants the notice to state:");
        dialogue.list(&statements);
        let question = "Does the notice that people were shown state all of these (no: the study does not list what it states)";
        if dialogue.yes(question, false)? {
            draft.states = statements.into_iter().map(|statement| statement.word).collect();
        }
    }
    let lacking = of_all(&draft, regime, |opinion| opinion.lacking_documents(Lang::En))?;
    if !lacking.is_empty() {
        dialogue.say("\nThe law wants documents for this use. Name only those that exist; the others are left out, and a human must attach them.");
    }
    for Word { word: kind, means } in lacking {
        let question = format!("The id of the {means} (empty: there is none yet)");
        let id = dialogue.ask(&question, Some(""), |answer| Ok(answer.to_owned()))?;
        if id.is_empty() {
            draft.lacking.push(Word { word: kind, means });
            continue;
        }
        let approved = dialogue.ask("  approved on (YYYY-MM-DD)", None, date)?;
        let expires = dialogue.ask("  expires on (YYYY-MM-DD)", None, |answer| match date(answer)? {
            expires if expires <= approved => Err("it expires after its approval".to_owned()),
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
    if plain { Ok(answer.to_owned()) } else { Err("a day such as 2026-09-01 is wanted".to_owned()) }
}

/// What the opinions on the use, for each recipient today, have to say, each thing once.
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
    Study::parse("the new study", text).map_err(|error| {
        Failure::usage(
            format!("the answers do not make a study: {error}"),
            "answer that otherwise, or start from `hushtag policy new`; nothing was written",
        )
    })
}

/// Shows what `policy check` says of the study.
fn checked(dialogue: &mut Dialogue<'_>, path: &Path, text: &str) {
    let findings = check_study(&StudySource::new(path.display().to_string(), text), SystemClock.now());
    dialogue.say("\nThe check of the study:");
    for finding in &findings {
        dialogue.say(&format!("{finding}"));
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    dialogue.say(&match errors {
        0 => "Nothing forbids the use.\n".to_owned(),
        _ => format!("{errors} error(s): the study can be written, and nothing can be sealed under it before they are mended.\n"),
    });
}

/// Writes a new file, durable on return. If we stop inside, a file may be there that does not end; no sandbox names it.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        // What was not written as a whole goes.
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            let _ = std::fs::remove_file(path);
        }
        let message = format!("`{}` cannot be written: {error}", path.display());
        Failure::failed(message, "see that the folder of the sandbox can be written; nothing is there")
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
