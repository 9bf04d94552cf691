//! The forms of one namespace under several studies, for a place that keeps ids for all of them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::form::Form;

/// The forms in which studies that share a place declare the ids of one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdForms {
    forms: Vec<Form>,
}

impl IdForms {
    /// Adds the form that one more study declares.
    pub fn add(&mut self, form: Form) {
        if !self.forms.contains(&form) {
            self.forms.push(form);
        }
    }

    /// The spelling under which an id is kept, so that it meets the same id in the files of every study: the declared one where
    /// all studies agree, and the id as it is written where they do not.
    ///
    /// # Errors
    /// Why it could not match the same id under one of the forms, as [`Form::read`] returns it.
    pub fn read<'a>(&self, id: &'a str) -> Result<Cow<'a, str>, &'static str> {
        match self.forms.as_slice() {
            [] => Form::Undeclared.read(id),
            [form] => form.read(id),
            several => {
                several.iter().try_for_each(|form| form.read(id).map(drop))?;
                Ok(Cow::Borrowed(id))
            }
        }
    }

    /// Every spelling under which this id may be kept: as it is written, as each declared form spells it, and as the forms of numbers
    /// do, which change blanks and prefixes alone.
    #[must_use]
    pub fn spellings(&self, id: &str) -> BTreeSet<String> {
        let forms = self.forms.iter().chain(&[Form::CnIdCard, Form::CnMobile]);
        forms.filter_map(|form| form.fit(id).map(Cow::into_owned)).chain([id.to_owned()]).collect()
    }

    /// Whether a study leaves the form open, so that only the other ids of a file show how an id should look.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.forms.is_empty() || self.forms.contains(&Form::Undeclared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(all: &[Form]) -> IdForms {
        let mut forms = IdForms::default();
        all.iter().for_each(|form| forms.add(*form));
        forms
    }

    #[test]
    fn an_id_is_kept_so_that_every_study_meets_it() {
        let mobile = forms(&[Form::CnMobile, Form::CnMobile]);
        assert_eq!(mobile.read("+86 138-0000-0000").as_deref(), Ok("13800000000"));
        assert!(!mobile.is_open());
        // A study that compares byte for byte would miss the person under the other study's spelling.
        let both = forms(&[Form::LowerCase, Form::Undeclared]);
        assert_eq!(both.read("Ann").as_deref(), Ok("Ann"));
        assert!(both.read("Ann\t").is_err() && both.is_open());
        assert!(forms(&[]).read("1.38E+10").is_err() && forms(&[]).is_open());
        assert!(forms(&[Form::CnMobile, Form::LowerCase]).read("ann").is_err());
    }
}
