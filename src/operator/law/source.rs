//! The texts of a study as they are handed in: the study, its regime where it names a file, the signatures beside it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use crate::operator::OperatorError;
use crate::policy::{Regime, Study, unknown_words};

/// A study with everything that lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StudySource {
    /// How errors call the study file.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The text of its regime, where it names a file (`regime = "x.toml"`) and not a built-in one.
    pub regime: Option<String>,
    /// The signed note beside it, `FILE.sig`.
    pub signatures: Option<String>,
}

/// Files that people write are small; anything larger is an attack on the parser.
const LARGEST: u64 = 1 << 20;

impl StudySource {
    /// A study under a built-in regime, without signatures.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), regime: None, signatures: None }
    }

    /// With the text of its regime, for a study that names a file.
    #[must_use]
    pub fn with_regime(mut self, text: impl Into<String>) -> Self {
        self.regime = Some(text.into());
        self
    }

    /// With the signed note of its handlers.
    #[must_use]
    pub fn with_signatures(mut self, note: impl Into<String>) -> Self {
        self.signatures = Some(note.into());
        self
    }

    /// Reads a study file and the file of its regime, if it names one. A study that does not parse is loaded as it is, and
    /// refused where it is used.
    ///
    /// # Errors
    /// [`OperatorError::File`]; [`OperatorError::RegimePath`] for a regime that does not lie in the study's folder or below.
    pub fn load(path: &Path) -> Result<Self, OperatorError> {
        let mut source = Self::new(path.display().to_string(), read(path)?);
        if let Ok(study) = Study::parse(&source.name, &source.text)
            && is_path(&study.regime)
        {
            source.regime = Some(read(&regime_path(path, &study.regime)?)?);
        }
        Ok(source)
    }

    /// As [`StudySource::load`], with the signatures of `FILE.sig`, if it is there.
    ///
    /// # Errors
    /// As [`StudySource::load`].
    pub fn load_signed(path: &Path) -> Result<Self, OperatorError> {
        let beside = Self::signatures_beside(path);
        let signatures = if beside.exists() { Some(read(&beside)?) } else { None };
        Ok(Self { signatures, ..Self::load(path)? })
    }

    /// Where the signatures of a study file lie: `FILE.sig`.
    #[must_use]
    pub fn signatures_beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".sig");
        name.into()
    }

    /// Parses study and regime. A word of the study that is on no list of the regime is an error.
    ///
    /// # Errors
    /// [`OperatorError::Study`], [`OperatorError::Regime`], [`OperatorError::RegimePath`]
    pub fn parse(&self) -> Result<(Study, Regime), OperatorError> {
        let (study, regime) = self.parse_alone()?;
        match unknown_words(&self.name, &self.text, &regime).into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok((study, regime)),
        }
    }

    /// Parses study and regime, each by itself.
    pub(in crate::operator) fn parse_alone(&self) -> Result<(Study, Regime), OperatorError> {
        let study = Study::parse(&self.name, &self.text)?;
        let regime = Regime::parse(&shown(&study.regime), self.regime_text(&study)?)?;
        Ok((study, regime))
    }

    /// The text of the regime of `study`.
    pub(in crate::operator) fn regime_text(&self, study: &Study) -> Result<&str, OperatorError> {
        let refused =
            |why| OperatorError::RegimePath { study: self.name.clone(), regime: shown(&study.regime), why };
        match (&self.regime, is_path(&study.regime)) {
            (Some(text), true) => Ok(text),
            (None, false) => Ok(Regime::built_in_text(&study.regime)?),
            (None, true) => Err(refused("its text has to be given with the study")),
            (Some(_), false) => Err(refused("it is not a file, so no text of it can be given")),
        }
    }
}

/// Whether a regime is a file beside the study, and not the name of a built-in one.
fn is_path(regime: &str) -> bool {
    regime.ends_with(".toml")
}

fn shown(regime: &str) -> String {
    regime.chars().take(80).flat_map(char::escape_default).collect()
}

/// Where the regime of a study file lies: in its folder or below, symlinks included.
fn regime_path(study: &Path, regime: &str) -> Result<PathBuf, OperatorError> {
    let refused =
        |why| OperatorError::RegimePath { study: study.display().to_string(), regime: shown(regime), why };
    if !Path::new(regime).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(refused("write a path from the study's folder on, without `.` and `..`"));
    }
    let folder = study.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = |path: &Path| path.canonicalize().map_err(|error| OperatorError::File(path.to_owned(), error));
    let path = real(&folder.join(regime))?;
    if path.starts_with(real(folder)?) {
        Ok(path)
    } else {
        Err(refused("a symlink leads out of the study's folder"))
    }
}

fn read(path: &Path) -> Result<String, OperatorError> {
    use std::io::{Error, ErrorKind};
    let failed = |error| OperatorError::File(path.to_owned(), error);
    let invalid = |why| failed(Error::new(ErrorKind::InvalidData, why));
    // Opening a pipe would wait for ever.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(invalid("not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(invalid("larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| invalid("not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regime_lies_beside_its_study_or_below() {
        let place = tempfile::tempdir().unwrap();
        let (inside, outside) = (place.path().join("in"), place.path().join("out.toml"));
        std::fs::create_dir_all(inside.join("deep")).unwrap();
        let law = Regime::built_in_text("cn-pipl").unwrap();
        for path in [&inside.join("law.toml"), &inside.join("deep/law.toml"), &outside] {
            std::fs::write(path, law).unwrap();
        }
        std::os::unix::fs::symlink(&outside, inside.join("link.toml")).unwrap();
        std::os::unix::fs::symlink(place.path(), inside.join("up")).unwrap();
        std::os::unix::fs::symlink("law.toml", inside.join("near.toml")).unwrap();
        let study = inside.join("study.toml");
        let load = |regime: &str| {
            let text = include_str!("../../../tests/support/study.toml");
            let text = text.replacen("\"cn-pipl\"", &format!("{regime:?}"), 1);
            std::fs::write(&study, text).unwrap();
            StudySource::load(&study)
        };
        assert_eq!(load("cn-pipl").unwrap().regime, None);
        for good in ["law.toml", "deep/law.toml", "near.toml"] {
            let source = load(good).unwrap();
            assert_eq!(source.regime.as_deref(), Some(law), "{good}");
            assert_eq!(source.parse().unwrap().1.id(), "cn-pipl");
        }
        let absolute = outside.display().to_string();
        for bad in ["../out.toml", "deep/../law.toml", "./law.toml", &absolute, "link.toml", "up/out.toml"] {
            assert!(matches!(load(bad), Err(OperatorError::RegimePath { .. })), "{bad}");
        }
        assert!(matches!(load("absent.toml"), Err(OperatorError::File(..))));
        // What a caller of the library gives has to fit the study too.
        let own = load("law.toml").unwrap();
        assert!(StudySource { regime: None, ..own.clone() }.parse().is_err());
        assert!(StudySource { regime: own.regime, ..load("cn-pipl").unwrap() }.parse().is_err());
        assert!(matches!(load("other-law").unwrap().parse(), Err(OperatorError::Regime(_))));
    }
}
