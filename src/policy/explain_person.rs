//! One person's consent status under a use, in the words and rules of the regime.

use super::decide::Opinion;
use super::explain::Line;
use super::phrases::Phrases;
use super::placed::Spanned;
use super::regime::{Lang, Regime, Text};
use super::{Reason, RuleResult};
use crate::consent::{Account, ConsentStatus};

impl Opinion<'_> {
    /// One person's consent status under this use, with every reason that keeps them out.
    ///
    /// # Privacy
    /// Says only what the rows say that the caller gave.
    #[must_use]
    pub fn explain_person(&self, accounts: &[Account], lang: Lang) -> Line {
        let phrases = Phrases::of(lang);
        let mut lines = Vec::new();
        let inside = self.permits() && !accounts.is_empty() && accounts.iter().all(|a| a.failing.is_empty());
        lines.push(Line::plain(if inside { &phrases.person_in } else { &phrases.person_out }));
        if !self.permits() {
            lines.push(Line::plain(&phrases.denied_anyway));
        }
        if self.permits() && self.triggers.is_empty() {
            lines.extend(self.without_consent(lang).into_iter().map(|reason| {
                let fix = Line::plain(phrases.fix.replace("{}", &reason.fix));
                let text = format!("{} ({}): {}", reason.rule, reason.article, reason.because);
                Line { rule: Some(reason.rule), ..Line::judged(RuleResult::Denied, text, vec![fix], lang) }
            }));
        }
        for account in accounts {
            let reasons = self.person_reasons(account, lang);
            let ok = reasons.is_empty();
            let under = reasons.into_iter().map(|reason| {
                let fix = Line::plain(phrases.fix.replace("{}", &reason.fix));
                let text = format!("{} ({}): {}", reason.rule, reason.article, reason.because);
                Line { rule: Some(reason.rule), ..Line::with(text, vec![fix]) }
            });
            let text =
                if ok { format!("{}: {}", account.trigger, phrases.live) } else { account.trigger.clone() };
            let result = if ok { RuleResult::Holds } else { RuleResult::Denied };
            lines.push(Line::judged(result, text, under.collect(), lang));
        }
        Line::with(phrases.person.replace("{at}", &self.case.now.to_string()), lines)
    }

    /// The rules by which one account fails.
    #[must_use]
    pub fn person_reasons(&self, account: &Account, lang: Lang) -> Vec<Reason> {
        let file = &self.case.regime.file;
        let own = || file.triggers.get(&account.trigger).map(|trigger| trigger.rule.get_ref());
        let reason = |status: &ConsentStatus| {
            let text = file.person.get(status.as_str())?;
            let rule = text.rule.as_ref().map(Spanned::get_ref).or_else(own)?;
            let article = file.rules.get(rule).map(|rule| rule.article.get_ref().clone()).unwrap_or_default();
            let fill = |text: &Text| text.of(lang).replace("{}", &account.trigger);
            Some(Reason { rule: rule.clone(), article, because: fill(&text.because), fix: fill(&text.fix) })
        };
        account.failing.iter().filter_map(reason).collect()
    }
}

impl Regime {
    /// The rule by which a consent of this status keeps a person out, with its article, where the regime names one for all
    /// triggers: an epoch that is over, or too old to know of withdrawals, answers nothing by the same rule.
    #[must_use]
    pub fn rule_of(&self, status: ConsentStatus) -> Option<(&str, &str)> {
        let rule = self.file.person.get(status.as_str())?.rule.as_ref()?.get_ref();
        Some((rule, self.file.rules.get(rule)?.article.get_ref()))
    }
}
