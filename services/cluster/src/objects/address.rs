//! Addresses of objects, as they are written where a path may be.

use object_store::path::Path as Key;
use url::Url;

use crate::error::Error;

/// A key, or the beginning of keys, in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) bucket: String,
    pub(super) key: Key,
    /// Whether it ends with a slash, or names a whole bucket.
    pub(super) is_folder: bool,
}

/// What an argument names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Object(Address),
    /// A path of this machine and of every executor.
    Path(std::path::PathBuf),
}

const SCHEMES: [&str; 2] = ["s3://", "file://"];

/// Where the address in an argument begins: at its first letter, or behind an equals sign.
pub(super) fn begins(argument: &str) -> Option<usize> {
    SCHEMES.iter().find_map(|scheme| {
        let at = argument.find(scheme)?;
        argument.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('=')).then_some(at)
    })
}

/// What `text` names, which begins with a scheme.
///
/// # Errors
/// [`Error::Address`], which does not repeat the text: it may hold a secret.
pub(super) fn named(text: &str) -> Result<Named, Error> {
    let wrong = |why| Error::Address { why };
    // The parser of addresses would resolve the one and drop the others.
    let is_dots = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if text.split('/').any(is_dots) || text.contains(|letter: char| letter.is_control() || letter == '\\') {
        return Err(wrong("it has `.`, `..`, a backslash or a control character as a part"));
    }
    let url = Url::parse(text).map_err(|_| wrong("it cannot be parsed"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials are those of the environment, not of an address"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("a key has no `?` and no `#` as it is written in an address"));
    }
    match url.scheme() {
        "file" => {
            let path = url.to_file_path().map_err(|()| wrong("it names no file of this machine"))?;
            Ok(Named::Path(path))
        }
        "s3" => {
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
            let bucket = url.host_str().filter(|bucket| !bucket.is_empty() && bucket.chars().all(is_plain));
            let bucket = bucket.ok_or_else(|| wrong("it names no bucket"))?.to_owned();
            if url.port().is_some() {
                return Err(wrong("the endpoint is that of the environment (`AWS_ENDPOINT_URL_S3`)"));
            }
            let key = Key::from_url_path(url.path()).map_err(|_| wrong("its key is no path"))?;
            if key.as_ref().contains('*') {
                return Err(wrong("patterns are not looked up: name an object, or a folder of objects"));
            }
            let is_folder = url.path().ends_with('/') || key.as_ref().is_empty();
            Ok(Named::Object(Address { bucket, key, is_folder }))
        }
        _ => Err(wrong("it is neither of `s3` nor of `file`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_secrets_are_not_repeated() {
        let of = |key: &str, is_folder| {
            Named::Object(Address { bucket: "data".to_owned(), key: Key::parse(key).unwrap(), is_folder })
        };
        assert_eq!(named("s3://data/a/b.parquet").unwrap(), of("a/b.parquet", false));
        assert_eq!(named("s3://data/day=1/").unwrap(), of("day=1", true));
        assert_eq!(named("s3://data").unwrap(), of("", true));
        assert_eq!(named("s3://data/%E6%B2%AA/x.csv").unwrap(), of("沪/x.csv", false));
        assert_eq!(named("file:///data/a%20b").unwrap(), Named::Path("/data/a b".into()));
        for text in [
            "s3://AKIA:SECRET@data/a",
            "s3://SECRET@data/a",
            "s3://data/a?X-Amz-Signature=SECRET",
            "s3://data/a#SECRET",
            "s3:///SECRET",
            "s3://data:9000/SECRET",
            "s3://data/SECRET/*.parquet",
            "s3://data/SECRET/../other",
            "s3://data/SECRET/%2E%2e/other",
            "s3://../SECRET",
            "s3://data/SEC\tRET",
            "s3://data/SECRET\\other",
            "file://SECRET/data",
        ] {
            let error = named(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_address_or_refused_without_its_words(text in "s3://[a-z@:/?#%*.A-Z0-9=\\PC]{0,40}") {
            match named(&text) {
                Ok(Named::Object(Address { bucket, key, .. })) => {
                    let is_plain = !key.as_ref().split('/').any(|part| part == "." || part == "..");
                    proptest::prop_assert!(!bucket.is_empty() && is_plain);
                    proptest::prop_assert!(!text.contains(['?', '#', '*']), "{text}");
                }
                Ok(other) => proptest::prop_assert!(false, "{text}: {other:?}"),
                Err(error) => {
                    let words = text.split(|c: char| !c.is_ascii_uppercase()).filter(|word| word.len() > 6);
                    let said = format!("{error} {error:?}");
                    words.for_each(|word| assert!(!said.contains(word), "{said}"));
                }
            }
        }
    }

    #[test]
    fn an_address_begins_an_argument_or_follows_an_equals_sign() {
        assert_eq!(begins("s3://a/b"), Some(0));
        assert_eq!(begins("follows=s3://a/b"), Some(8));
        assert_eq!(begins("--data=follows=file:///a"), Some(15));
        assert_eq!(begins("/data/s3://a"), None);
        assert_eq!(begins("follows=/a"), None);
    }
}
