//! `hushtag demo`: the whole story on made-up people.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::exit::refusal_text;
use super::report::{page, verified};
use super::target::Target;
use super::{Context, Failure};
use crate::page::Report;
use crate::render::{answer_table, budget_text, hygiene_text};
use hushtag::dp::Delta;
use hushtag::engine::{Reading, Sources};
use hushtag::operator::{
    Act, Analyst, Anchoring, Answer, Approval, Keys, Operator, PoolTerms, Reader, Role, SealTerms, Setup,
    StudySource, verify_log,
};
use hushtag::policy::Lang;
use hushtag::storage::Folder;
use hushtag::types::{Clock, DatasetName, EpochId, NanoEpsilon, RecipientId, SystemClock, Timestamp};
use hushtag_population::{Files, MAX_CSV_PEOPLE, Population, PopulationConfig, PopulationError};

/// The study of the demo; its dates are moved so that the documents are in date whenever it runs.
const STUDY: &str = include_str!("../../../policies/demo/study.toml");
const APPROVED: &str = "2026-09-01";
const EXPIRES: &str = "2027-09-01";
const START: &str = "2026-09-15";

/// A day in seconds.
const DAY: i64 = 86_400;

/// The five questions, each with what it is about.
const QUESTIONS: [(&str, &str); 5] = [
    (
        "How many people are at each level of spending, and what do they spend? (own payments only: a small error is cheap)",
        "SELECT spend_tier, COUNT(*) AS people, SUM(spend) AS fen, AVG(spend) AS mean FROM tags GROUP BY spend_tier WITH (error = 40)",
    ),
    (
        "Where do active and lapsed customers live?",
        "SELECT lapsed, region, COUNT(*) AS people FROM tags GROUP BY lapsed, region WITH (error = 40)",
    ),
    (
        "Do people who follow many others spend more?",
        "SELECT following, COUNT(*) AS people, MEDIAN(spend) AS median FROM tags GROUP BY following WITH (error = 40)",
    ),
    (
        "How large is the audience of the best customers? (others move this tag: dearer)",
        "SELECT audience_size, COUNT(*) AS people FROM tags WHERE spend_tier IN ('high', 'top') GROUP BY audience_size WITH (error = 80)",
    ),
    (
        "How many people whose audience spends a lot are themselves not active?",
        "SELECT COUNT(*) AS people FROM tags WHERE audience_spend = 'high' AND lapsed <> 'active' WITH (error = 80)",
    ),
];

/// The story to tell.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Story {
    /// A brand asks five questions
    Demo,
    /// Relation chains meet payments: every metric of policies/social-commerce
    SocialCommerce,
}

#[derive(Args)]
pub(super) struct Demo {
    /// The folder, which must be empty or absent
    #[arg(long, default_value = "hushtag-demo")]
    pub(super) dir: PathBuf,
    /// How many people to make up
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    pub(super) people: u32,
    /// The seed makes the people, never the noise
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Under which study
    #[arg(long, value_enum, default_value = "demo")]
    study: Story,
}

impl Demo {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let started = Instant::now();
        let now = SystemClock.now();
        let as_of = Timestamp::from_seconds(now.seconds().div_euclid(DAY) * DAY);
        if let Story::SocialCommerce = self.study {
            self.social_commerce(context, as_of)?;
            context.output.note(&format!("({:.1} s)", started.elapsed().as_secs_f64()));
            return Ok(());
        }
        let study = dated(STUDY, as_of);
        let files = self.write_input(context, as_of, &study)?;
        let sandbox = self.dir.join("sandbox");
        let operator = init(&sandbox, &study)?;
        context.output.result(&format!(
            "\n2. A sandbox in {} with a budget of epsilon 4 for ever\n",
            sandbox.display()
        ))?;
        self.seal(context, &operator, &files, as_of)?;
        let recipient = named(RecipientId::new("brand-insights"))?;
        let analyst = operator.analyst(&recipient, None)?;
        self.ask(context, &analyst)?;
        let status = operator.status()?;
        context.output.result(&format!("\n5. The budget\n{}", budget_text(&status)))?;
        let verified = verify_log(&Folder::open(&sandbox)?, None, Some(Keys::InFolder), None)?;
        context.output.result(&format!(
            "6. The evidence: {} log entries verified with {}\n   and {} charges of the ledger agree with them\n",
            verified.log.checkpoint.size,
            verified.vkey,
            verified.charges.unwrap_or(0)
        ))?;
        drop(operator);
        self.report(context, &sandbox)?;
        context.output.note(&format!("({:.1} s)", started.elapsed().as_secs_f64()));
        self.what_next(context, &sandbox)
    }

    /// The folder for the made-up files, newly made.
    pub(super) fn empty_input(&self) -> Result<PathBuf, Failure> {
        let input = self.dir.join("input");
        if self.dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            let message = format!("{} is not empty", self.dir.display());
            return Err(Failure::failed(message, "give another --dir; nothing in this one was touched"));
        }
        std::fs::create_dir_all(&input).map_err(|error| unwritable(&input, &error))?;
        Ok(input)
    }

    fn write_input(&self, context: &Context, as_of: Timestamp, study: &str) -> Result<Files, Failure> {
        let input = self.empty_input()?;
        let config = PopulationConfig {
            people: self.people,
            seed: self.seed,
            as_of: as_of.seconds(),
            ..PopulationConfig::default()
        };
        let share = config.clean_percent;
        let population = Population::new(config).map_err(made_up)?;
        let files = population.write_parquet(&input).map_err(made_up)?;
        if self.people <= MAX_CSV_PEOPLE {
            population.write_csv(&input).map_err(made_up)?;
        }
        write_study(&input, study)?;
        context.output.result(&format!(
            "1. {} made-up people in {}\n   who follows whom, who paid what, who consented: about {share} % cleanly, the others with every kind of flaw",
            self.people,
            input.display()
        ))?;
        Ok(files)
    }

    fn seal(
        &self,
        context: &Context,
        operator: &Operator,
        files: &Files,
        as_of: Timestamp,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let epoch = named(EpochId::new("demo"))?;
        let terms = SealTerms { epoch, as_of, reading: Reading::default() };
        let mut data = Vec::new();
        for (name, path) in
            [("follows", &files.follows), ("payments", &files.payments), ("members", &files.members)]
        {
            data.push((named(DatasetName::new(name))?, path.clone().into()));
        }
        let consents = vec![files.consents.clone().into()];
        let sealed = operator.seal(&terms, Sources { data, consents })?;
        context.output.result(&format!(
            "3. An epoch as of {as_of}, sealed from these files. Who is in is never told; only encrypted tag counts stay\n{}",
            hygiene_text(&sealed.hygiene)
        ))?;
        context.output.note(&format!("(sealed in {:.1} s)", started.elapsed().as_secs_f64()));
        Ok(())
    }

    fn ask(&self, context: &Context, analyst: &Analyst) -> Result<(), Failure> {
        let accounting = analyst.remaining()?.accounting;
        context.output.result("4. Five questions of the recipient brand-insights\n")?;
        for (number, (about, question)) in QUESTIONS.iter().enumerate() {
            let forecast = analyst.forecast(question)?;
            let answer = match analyst.ask(question, None)? {
                Answer::Released(released) => answer_table(&released, accounting),
                Answer::Refused(reasons) => refusal_text(&reasons),
            };
            let width = forecast.parts.first().map_or(0, |part| part.half_width);
            context.output.result(&format!(
                "{}) {about}\n   {question}\n{answer}{}\n",
                number + 1,
                shrinks(width, self.people)
            ))?;
        }
        let again = QUESTIONS.first().map_or("", |(_, question)| question).to_lowercase();
        if let Answer::Released(released) = analyst.ask(&again, None)?
            && released.stored
        {
            context.output.result(
                "The first question once more, in other spelling: the stored answer, at no cost.\n",
            )?;
        }
        Ok(())
    }

    /// The auditor's page, with the keys of this sandbox whatever else is said.
    pub(super) fn report(&self, context: &Context, sandbox: &Path) -> Result<(), Failure> {
        let path = self.dir.join("report.html");
        let out = Target::new(&path)?;
        let operator = Operator::open(sandbox, Keys::InFolder, Box::new(SystemClock), context.wait)?;
        let access = operator.log_access(Act::Report, Role::Operator)?;
        drop(operator);
        let reader = Reader::open(sandbox, Keys::InFolder, Box::new(SystemClock))?.logged_as(access);
        let verified = verified(sandbox, Keys::InFolder, Anchoring::Configured)?;
        let place = sandbox.display().to_string();
        let (lang, pipia, figures) = (Lang::En, false, None);
        let report = Report { reader: &reader, verified: &verified, place: &place, lang, pipia, figures };
        out.write(&page(&report)?)?;
        context.output.result(&format!("7. The auditor's page: {}\n", path.display()))
    }

    fn what_next(&self, context: &Context, sandbox: &Path) -> Result<(), Failure> {
        let (sandbox, input) = (sandbox.display(), self.dir.join("input"));
        context.output.result(&format!(
            "Try next\n\
             \x20 hushtag vocabulary {sandbox} --recipient brand-insights\n\
             \x20 hushtag ask {sandbox} --recipient brand-insights --forecast \"SELECT order_freq, COUNT(*) FROM tags GROUP BY order_freq\"\n\
             \x20 hushtag ask {sandbox} --recipient brand-insights --format json \"SELECT COUNT(*) FROM tags WITH (error = 200)\"\n\
             \x20 hushtag metrics {sandbox} --recipient brand-insights\n\
             \x20 hushtag audit verify {sandbox}\n\
             \x20 hushtag policy check {}",
            input.join("study.toml").display()
        ))
    }
}

pub(super) fn made_up(error: PopulationError) -> Failure {
    Failure::failed(error.to_string(), "give another --dir")
}

fn unwritable(what: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{}: {error}", what.display()), "give another --dir")
}

/// Leaves the study beside the files.
pub(super) fn write_study(input: &Path, study: &str) -> Result<(), Failure> {
    let path = input.join("study.toml");
    std::fs::write(&path, study).map_err(|error| unwritable(&path, &error))
}

/// The half-width does not grow with the people, so its share shrinks with them.
fn shrinks(width: u64, people: u32) -> String {
    let share = |people: u32| {
        let thousandths = width.saturating_mul(100_000).div_ceil(u64::from(people.max(1)));
        format!("{}.{:03} %", thousandths / 1000, thousandths % 1000)
    };
    let more = if people < 1_000_000 { 1_000_000 } else { 10_000_000 };
    format!(
        "± {width} people is {} of all {people}; with --people {more} the same ± {width} would be {}\n",
        share(people),
        share(more)
    )
}

/// The demo's study with documents that are in date on the day it runs.
pub(super) fn dated(study: &str, today: Timestamp) -> String {
    let date = |at: Timestamp| at.to_string().chars().take(10).collect::<String>();
    let days = |count: i64| Timestamp::from_seconds(today.seconds() + count * DAY);
    let moved = [(APPROVED, -30), (EXPIRES, 335), (START, -16)];
    moved.into_iter().fold(study.to_owned(), |study, (day, by)| study.replace(day, &date(days(by))))
}

pub(super) fn init(sandbox: &Path, study: &str) -> Result<Operator, Failure> {
    let epsilon = NanoEpsilon::new(4_000_000_000);
    let pool = PoolTerms { epsilon, delta: Some(Delta::DEFAULT), window: None };
    let setup = Setup {
        studies: vec![StudySource::new("input/study.toml", study)],
        pool,
        handlers: Vec::new(),
        approval: Approval::None,
        anchor: None,
        auditor: None,
    };
    Ok(Operator::init(sandbox, setup, Keys::InFolder, Box::new(SystemClock))?)
}

/// Names written in this file are names.
pub(super) fn named<T, E: std::fmt::Display>(name: Result<T, E>) -> Result<T, Failure> {
    name.map_err(|error| Failure::failed(error.to_string(), "report this bug"))
}
