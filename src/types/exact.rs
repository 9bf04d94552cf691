//! Integers in JSON: numbers where every reader keeps them exactly, up to 2^53 - 1, and texts beyond.

use serde::Serializer;

const EXACT: u128 = (1 << 53) - 1;

/// An amount of units.
pub(crate) fn amount<S: Serializer>(amount: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    match u64::try_from(*amount) {
        Ok(small) if *amount <= EXACT => serializer.serialize_u64(small),
        _ => serializer.collect_str(amount),
    }
}

/// A number with a sign, if there is one.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
pub(crate) fn signed<S: Serializer>(number: &Option<i128>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        None => serializer.serialize_none(),
        Some(number) => match i64::try_from(*number) {
            Ok(small) if number.unsigned_abs() <= EXACT => serializer.serialize_i64(small),
            _ => serializer.collect_str(number),
        },
    }
}

/// A limit and what is spent of it, if there is a limit.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
pub(crate) fn share<S: Serializer>(share: &Option<(u128, u128)>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct Share {
        #[serde(serialize_with = "amount")]
        limit: u128,
        #[serde(serialize_with = "amount")]
        spent: u128,
    }
    match *share {
        None => serializer.serialize_none(),
        Some((limit, spent)) => serializer.serialize_some(&Share { limit, spent }),
    }
}

/// Amounts by name.
pub(crate) fn by_name<S: Serializer>(
    amounts: &std::collections::BTreeMap<String, u128>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct Amount(#[serde(serialize_with = "amount")] u128);
    serializer.collect_map(amounts.iter().map(|(name, units)| (name, Amount(*units))))
}
