//! Owns the words for a lock; never looks at who holds one.

/// `AccessExclusiveLock` of `pg_locks` as the manual writes it: `ACCESS EXCLUSIVE`.
pub fn mode_words(mode: &str) -> String {
    let mut words = String::new();
    for letter in mode.strip_suffix("Lock").unwrap_or(mode).chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_uppercase());
    }
    words
}

/// What a session waits for: the mode, and the relation or else the kind of
/// lock (`transactionid`: a row that another transaction has written;
/// `virtualxid`: the end of an older transaction).
pub fn wanted(mode: &str, kind: &str, relation: Option<&str>) -> String {
    let what = match (relation, kind) {
        (Some(relation), _) => relation,
        (None, "transactionid" | "tuple") => "a row",
        (None, "virtualxid") => "the end of an older transaction",
        (None, kind) => kind,
    };
    crate::text::clean_bounded(&format!("{} on {what}", mode_words(mode)), 120)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_read_as_in_the_manual() {
        assert_eq!(mode_words("AccessExclusiveLock"), "ACCESS EXCLUSIVE");
        assert_eq!(
            mode_words("ShareUpdateExclusiveLock"),
            "SHARE UPDATE EXCLUSIVE"
        );
        assert_eq!(mode_words("ShareLock"), "SHARE");
    }

    #[test]
    fn a_lock_without_a_relation_says_what_it_stands_for() {
        assert_eq!(
            wanted("AccessExclusiveLock", "relation", Some("users")),
            "ACCESS EXCLUSIVE on users"
        );
        assert_eq!(wanted("ShareLock", "transactionid", None), "SHARE on a row");
    }
}
