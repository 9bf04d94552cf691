//! Names of columns that hold direct identifiers; the list is data, in `identifiers.txt`.

/// The list, as it is written.
const LIST: &str = include_str!("identifiers.txt");

/// Endings that name how an identifier is disguised; it is still one.
const DISGUISES: [&str; 9] =
    ["encrypted", "hash", "hashed", "masked", "md5", "plain", "raw", "sha1", "sha256"];

/// The name in the list that the name of a column ends in, or is.
#[must_use]
pub fn direct_identifier(column: &str) -> Option<&'static str> {
    let mut words = words(column);
    while words.len() > 1 && words.last().is_some_and(|last| DISGUISES.contains(&last.as_str())) {
        words.pop();
    }
    let ends: Vec<String> = (0..words.len()).map(|from| words.iter().skip(from).cloned().collect()).collect();
    let listed = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut listed = listed.map(|line| line.strip_prefix('=').map_or((line, false), |whole| (whole, true)));
    let found = listed.find(|(name, whole)| {
        let letters = || name.chars().filter(|letter| *letter != ' ');
        let mut ends = ends.iter().take(if *whole { 1 } else { ends.len() });
        ends.any(|end| end.chars().eq(letters()))
            // Scripts without spaces have no words to count.
            || !whole && !name.is_ascii() && column.ends_with(name)
    });
    found.map(|(name, _)| name)
}

/// The words of a name in lower case, without numbers at their ends: `userPhone_2` is `user`, `phone`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase();
        if let (true, Some(false)) = (begins || !letter.is_alphanumeric(), words.last().map(String::is_empty))
        {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    for word in &mut words {
        if !DISGUISES.contains(&word.as_str()) {
            word.truncate(word.trim_end_matches(|letter: char| letter.is_ascii_digit()).len());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_recognised_by_their_names() {
        for (column, listed) in [
            ("phone", "phone"),
            ("user_phone", "phone"),
            ("userPhone2", "phone"),
            ("PHONE_NUMBER", "phone number"),
            ("phone-md5", "phone"),
            ("payer_phone_sha256", "phone"),
            ("id_card", "id card"),
            ("IdCardNo", "id card no"),
            ("shenfenzhenghao", "shenfenzheng hao"),
            ("shou_ji_hao", "shouji hao"),
            ("用户手机号", "手机号"),
            ("name", "=name"),
            ("customer_name", "customer name"),
            ("home-address", "home address"),
            ("lat", "=lat"),
            ("start_latitude", "latitude"),
            ("card_number", "card number"),
            ("email", "email"),
            ("remark", "=remark"),
        ] {
            assert_eq!(direct_identifier(column), Some(listed.trim_start_matches('=')), "{column}");
        }
        for column in [
            "amount",
            "at",
            "merchant",
            "merchant_name",
            "scene",
            "region",
            "phone_model",
            "address_count",
            "mobility",
            "flat",
            "plate",
            "tip",
            "email_opened",
            "platform",
            "card_type",
            "rating",
            "category",
            "",
            "_",
            "123",
            "城市",
            "latency",
        ] {
            assert_eq!(direct_identifier(column), None, "{column}");
        }
    }

    #[test]
    fn every_listed_name_is_found_by_itself() {
        let listed = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in listed {
            let name = line.trim_start_matches('=');
            assert!(direct_identifier(name).is_some(), "{line}");
            assert!(direct_identifier(&name.replace(' ', "_").to_uppercase()).is_some(), "{line}");
        }
        // Names that are matched as a whole are not endings.
        assert_eq!(direct_identifier("shop_name"), None);
        assert_eq!(direct_identifier("wide_lat"), None);
    }
}
