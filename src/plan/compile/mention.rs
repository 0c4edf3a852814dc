//! Owns the question whether a piece of code names something: by whole words
//! outside of comments, strings included, since dynamic SQL is built from them.

use squawk_lexer::TokenKind;

/// Whether `code` names `word`.
pub(super) fn names(code: &str, word: &str) -> bool {
    let wanted = word.to_lowercase();
    without_comments(code)
        .to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
        .any(|found| found == wanted)
        // A name that is no word of its own stands in quotes.
        || (!is_word(word) && code.contains(&word.replace('"', "\"\"")))
}

fn is_word(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_alphanumeric() || c == '_' || c == '$')
}

/// SQL and PL/pgSQL have the same comments and strings.
fn without_comments(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::with_capacity(code.len());
    for token in squawk_lexer::tokenize(code) {
        let (text, behind) = rest.split_at(token.len as usize);
        rest = behind;
        kept.push_str(match token.kind {
            TokenKind::LineComment | TokenKind::BlockComment { .. } => " ",
            _ => text,
        });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_outside_of_comments_count() {
        let body =
            "BEGIN NEW.Email := /* email_old */ OLD.address; -- phone\n EXECUTE 'select zip'; END";
        for (word, named) in [
            ("email", true),
            ("mail", false),
            ("email_old", false),
            ("phone", false),
            ("zip", true),
            ("address", true),
        ] {
            assert_eq!(names(body, word), named, "{word}");
        }
        assert!(names("SELECT \"e mail\" FROM t", "e mail"));
    }
}
