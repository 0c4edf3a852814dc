//! Owns SHA-256 as lower-case hex: plans, runbooks and the journal's chain.

use sha2::{Digest, Sha256};

/// SHA-256 over the parts in order, as 64 hex digits.
pub fn sha256_hex<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_hashed_as_one_text() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex([b"abc".as_slice()]), abc);
        assert_eq!(sha256_hex([b"a".as_slice(), b"bc".as_slice()]), abc);
    }
}
