//! Owns how versions of applications are read; never which of them is wanted.
//!
//! Requirements are Cargo's: `>= 2.0`, `< 3`, several joined by commas, all of
//! which have to hold; a bare `2.1` is `>= 2.1, < 3`. A pre-release fits only a
//! requirement that names one of the same version: `>= 2.1.0-rc.1`.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};

/// By application: the versions that work.
pub type Compatible = BTreeMap<String, VersionReq>;

/// Reads a version as deployments write it: `2.1.0`, `v2.1.0`, `2.1`, `2`. What
/// is left out is zero; nothing else stands in for a version, a commit's hash
/// least of all.
pub fn parse_version(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let zeros = 2_usize.checked_sub(numbers.matches('.').count())?;
    Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(zeros))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_deployments_write_them() {
        for (text, full) in [
            ("2", "2.0.0"),
            ("2.0", "2.0.0"),
            ("v2.1.3", "2.1.3"),
            (" 2.1-rc.1", "2.1.0-rc.1"),
            ("2+20261121", "2.0.0+20261121"),
            ("2026.11.21", "2026.11.21"),
        ] {
            let version = parse_version(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(version.to_string(), full, "{text}");
        }
        for bad in [
            "", "v", "latest", "8a51a4f", "2.", "2.1.0.4", "02.1", ">= 2", "2..1",
        ] {
            assert_eq!(parse_version(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_pre_release_fits_only_where_it_is_named() {
        let fits = |wanted: &str, version: &str| {
            let wanted = VersionReq::parse(wanted).unwrap();
            wanted.matches(&parse_version(version).unwrap())
        };
        assert!(fits(">= 2.0", "2.0") && fits("< 2", "1.99") && fits(">= 1, < 3", "2"));
        assert!(!fits(">= 2.0", "2.1-rc.1") && !fits("< 2", "2.0-rc.1"));
        assert!(fits(">= 2.1.0-rc.1", "2.1-rc.2"));
    }
}
