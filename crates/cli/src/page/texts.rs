//! The texts of the page, from one file for each language; the code holds none.

use std::collections::BTreeMap;

use serde::Deserialize;

use hushtag::policy::Lang;

/// The texts of one item of the evidence list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidenceText {
    pub(super) title: String,
    pub(super) ground: String,
    pub(super) tool: String,
    pub(super) human: String,
}

macro_rules! texts {
    ($($section:ident: $type:ident { $($key:ident),+ $(,)? })+) => {
        $(
            #[derive(Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(super) struct $type {
                $(pub(super) $key: String),+
            }
        )+

        /// All texts of the page in one language; the file holds those of decisions as well.
        #[derive(Debug, Deserialize)]
        pub(super) struct Texts {
            $(pub(super) $section: $type,)+
            pub(super) evidence_items: BTreeMap<String, EvidenceText>,
            /// Refusals by rules of the mechanism, which no regime explains.
            pub(super) mechanism_rules: BTreeMap<String, String>,
            /// Statutes by the code that regimes cite them with.
            pub(super) statutes: BTreeMap<String, String>,
            /// The status of a person under a demand, in words.
            pub(super) standings: BTreeMap<String, String>,
        }
    };
}

texts! {
    page: PageTexts {
        title, skip, contents, made_at, version, yes, no, and, join, scroll, unknown, sensitive, footer, edition,
    }
    summary: SummaryTexts {
        heading, lead, sandbox, studies, regime, hash, log_key, signed_by, checkpoint, entries, root, anchor, anchor_held,
        anchor_away, anchor_none, verified, verified_note, epochs, epoch, as_of, sealed_at, ends, retired, no_epochs, approval,
        approval_signed, approval_none,
    }
    flow: FlowTexts {
        heading, lead, diagram, diagram_says, sandbox, step_pseudonym, step_consent, step_tag, step_count,
        step_noise, permitted, refused, table, handler, dataset, category, recipient, purpose, read_columns, country,
    }
    parties: PartyTexts {
        table, party, role, handler, recipient, legal_id, name, contact, undeclared, max_age, max_age_says, max_age_none, hours,
        minutes, days, retention, min_people, tokens, tokens_blind, tokens_shared, token_session, documents, document, id, approved,
        expires, no_digest, version,
    }
    decisions: DecisionTexts { heading, lead, study_and_recipient, permitted, refused, all, judged_at }
    consents: ConsentTexts {
        heading, lead, no_share, why_not, released, counted, register, register_none, where_demand, effect, epoch, state,
    }
    stop: StopTexts {
        heading, lead, table, epoch, study, counted, by, longest, span, retired, none, constants, requests,
    }
    tags: TagTexts {
        heading, lead, table, tag, labels, reach, because, reads, measures, measure, clamp, reach_own, reach_others, reach_list,
        people, people_one,
    }
    budget: BudgetTexts {
        heading, lead, chart, chart_says, limit, beyond, total, lifetime, table, pool, spent, left, whole_life,
        share_of_pool, cap, recipient, study, opened, window, window_days, window_never, renewals, charges, charge,
        at, units, cumulative, state, state_committed, state_stored, state_reserved, no_charges, delta, pure,
        adds_up, who, no_cap, older_file,
    }
    releases: ReleaseTexts {
        heading, lead, none, question, study, recipient, epoch, index, cost, mechanism, half_width, reach, estimate,
        interval, block, unbiased, unbiased_note, uncertain, outside, computed_note, selected_note, gaussian, laplace, scale, sum_of, count_of, histogram_of, first_to_last, minimum,
        suppressed, suppressed_note, noise_note, everybody, group, chart_says, shown_bars, policy, prove,
        older, older_lead, older_count, older_file, older_page, older_heading,
    }
    metrics: MetricTexts { heading, lead, metric, formula, means, value, unit, of }
    refusals: RefusalTexts {
        heading, lead, none, rule, article, asks, count, recipient, act, table, other_rule,
    }
    hygiene: HygieneTexts { heading, lead, not_kept, ask_for }
    evidence: EvidenceTexts { heading, lead, item, content, tool, human, table }
    verify: VerifyTexts {
        heading, lead, table, check, result, log_entries, studies, approvals, approvals_none, renewals, cubes,
        ledger, register_holds, register_absent, files, anchor, rotations, how, how_lead, own_key, checkpoint, sample,
        access_logged, access_unlogged,
    }
    citation: CitationTexts { first, next, to, paragraph, numerals }
    figures: FigureTexts {
        heading, edition, mark, lead, none, one, consents, present, matched, cut, clamped, not_for_tuning, what, people, risk, classes, smallest,
        alone, small, level, tags, tag, without,
    }
    pipia: PipiaTexts {
        heading, draft, lead, blank, person, date, signature, study, one, one_lead, data, necessity, necessity_blank,
        legality, legality_yes, legality_no, two, two_lead, risk, known, bound,
        bound_says, reach_says, leak, leak_says, wrong, wrong_says, context, context_blank, impact_blank, three,
        three_lead, measure, how, consent_measure, consent_says, minimum_measure, minimum_says, noise_measure,
        noise_says, budget_measure, budget_says, proof_measure, proof_says, end_measure, end_says, fit_blank,
        conclusion, conclusion_blank, not_covered, not_covered_says, blanks, keep,
    }
}

impl Texts {
    /// The texts of a language.
    pub(super) fn of(lang: Lang) -> Result<Self, toml::de::Error> {
        toml::from_str(match lang {
            Lang::En => include_str!("lang/en.toml"),
            Lang::Zh => include_str!("lang/zh.toml"),
        })
    }
}

/// A text with its places filled.
pub(super) fn fill(text: &str, places: &[(&str, &dyn std::fmt::Display)]) -> String {
    places.iter().fold(text.to_owned(), |text, (place, value)| {
        text.replace(&format!("{{{place}}}"), &value.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_both_languages_are_exactly_those_that_the_page_shows() {
        for lang in [Lang::En, Lang::Zh] {
            let texts = Texts::of(lang);
            assert!(texts.is_ok(), "{:?}", texts.err());
        }
    }
}
