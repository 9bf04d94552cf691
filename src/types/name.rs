//! Names that become file names or keys of the books: one gate, `[a-z0-9][a-z0-9-]{0,62}`.

use std::fmt;

use super::read_as_text::read_as_text;

/// A name that does not match `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a name: use 1 to 63 of a-z, 0-9 and `-`, not starting with `-`")]
pub struct InvalidName {
    given: String,
}

fn checked(text: &str) -> Result<String, InvalidName> {
    let bytes = text.as_bytes();
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let fits =
        bytes.len() <= 63 && bytes.first().is_some_and(plain) && bytes.iter().all(|b| plain(b) || *b == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        // A hostile name may be megabytes long; an error shows its beginning.
        Err(InvalidName { given: text.chars().take(80).collect() })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses the name; the only way to make one.
            ///
            /// # Errors
            /// [`InvalidName`] for anything but `[a-z0-9][a-z0-9-]{0,62}`.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                checked(text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;
            fn try_from(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        read_as_text!($name, new, "^[a-z0-9][a-z0-9-]{0,62}$");
    };
}

name! {
    /// A study: what is shared, why, with whom, on which documents, as which tags, at which price.
    StudyId
}
name! {
    /// A recipient of answers, as the study names it (not its legal id).
    RecipientId
}
name! {
    /// A sealed epoch; sealed once.
    EpochId
}
name! {
    /// A handler (PIPL art. 73(1)): a company that decides purpose and method and hands data in.
    HandlerId
}
name! {
    /// A dataset of a study.
    DatasetName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_safe_names_pass() {
        for good in ["a", "0", "social-commerce", &"x".repeat(63), "2026-q1"] {
            assert!(StudyId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a/b", "..", "a.b", "a b", "é", "a\0", &"x".repeat(64)] {
            assert!(StudyId::new(bad).is_err(), "{bad:?}");
        }
    }
}
