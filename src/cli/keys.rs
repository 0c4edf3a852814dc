//! Owns how a range of keys is typed; never knows a key's type.

use std::str::FromStr;

/// `LOW..HIGH`, either end open; each end the columns of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Exclusive.
    pub low: Option<Vec<String>>,
    /// Inclusive.
    pub high: Option<Vec<String>>,
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once("..").ok_or("no `..` between two keys")?;
        let key = |end: &str| {
            let parts = end.split(',').map(|part| part.trim().to_owned());
            (!end.trim().is_empty()).then(|| parts.collect())
        };
        match (key(low), key(high)) {
            (None, None) => Err("one end at least; without `--range` it is all of them".into()),
            (low, high) => Ok(Self { low, high }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_end_at_least() {
        let key = |parts: &[&str]| Some(parts.iter().map(|part| (*part).to_owned()).collect());
        let range = |low, high| Ok(Keys { low, high });
        assert_eq!("5..".parse(), range(key(&["5"]), None));
        assert_eq!("..de, 9".parse(), range(None, key(&["de", "9"])));
        assert!("..".parse::<Keys>().is_err());
        assert!("7".parse::<Keys>().is_err());
    }
}
