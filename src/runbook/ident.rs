//! Owns how a name becomes SQL text: the one quoting of identifiers and
//! literals, which `plan::sql` uses too; never decides where a name goes.

use squawk_syntax::quote::{quote_ident as quote_word, quote_quoted_ident};

use super::TableName;

/// Longest name that Postgres keeps, in bytes (`NAMEDATALEN - 1`); a longer
/// one is truncated silently, so it is refused here.
pub const MAX_IDENT_BYTES: usize = 63;

/// An identifier as SQL: bare where it reads the same, else in double quotes.
pub fn quote_ident(name: &str) -> String {
    if quote_word(name) == name {
        quote_quoted_ident(name)
    } else {
        squawk_syntax::quote::quote_ident_always(name)
    }
}

/// A text as an SQL string literal, whatever `standard_conforming_strings` says.
pub fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// A table's name as SQL.
pub fn quote_table(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote_ident(schema), quote_ident(&table.name)),
        None => quote_ident(&table.name),
    }
}

/// Reads a dotted name as Postgres would: bare parts fold to lower case,
/// quoted parts stay as they are.
///
/// # Errors
/// Says what is wrong with it, for a diagnostic.
pub fn parse_ident(text: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = parse_part(rest)?;
        if part.len() > MAX_IDENT_BYTES {
            return Err(format!("`{part}` is longer than {MAX_IDENT_BYTES} bytes"));
        }
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(parts),
            None => return Err(format!("`{text}` is not an identifier")),
        }
    }
}

/// Reads a table's name, with its schema or without.
///
/// # Errors
/// As [`parse_ident`], and for more than two parts.
pub fn parse_table(text: &str) -> Result<TableName, String> {
    let mut parts = parse_ident(text)?;
    let name = parts.pop().expect("an identifier has a part");
    match (parts.pop(), parts.is_empty()) {
        (schema, true) => Ok(TableName { schema, name }),
        _ => Err(format!("`{text}` has more parts than schema and table")),
    }
}

/// One part of a dotted name, and what follows it.
fn parse_part(text: &str) -> Result<(String, &str), String> {
    if let Some(mut rest) = text.strip_prefix('"') {
        let mut part = String::new();
        while let Some(end) = rest.find('"') {
            part.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(next) => {
                    part.push('"');
                    rest = next;
                }
                None if part.is_empty() || part.contains('\0') => break,
                None => return Ok((part, rest)),
            }
        }
        return Err(format!("`{text}` is not a quoted identifier"));
    }
    let end = text.find(|c| !is_ident_char(c)).unwrap_or(text.len());
    let part = &text[..end];
    if part.is_empty() || part.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
        return Err(format!("`{text}` is not an identifier"));
    }
    Ok((part.to_ascii_lowercase(), &text[end..]))
}

fn is_ident_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_fold_and_quoted_names_stay() {
        assert_eq!(
            parse_ident("Public.\"Us\"\"ers\"").unwrap(),
            ["public", "Us\"ers"]
        );
        for bad in ["", "1a", "a b", "a.", ".a", "a;drop", "\"", "\"\"", "a--"] {
            assert!(parse_ident(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoting_reads_back_as_the_same_name() {
        for name in [
            "users", "Users", "select", "a b", "x\"y", "between", "user", "1a", "ü",
        ] {
            assert_eq!(parse_ident(&quote_ident(name)).unwrap(), [name], "{name}");
        }
        assert_eq!(quote_ident("users"), "users");
        assert_eq!(quote_ident("user"), "\"user\"");
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b"), "E'a\\\\b'");
    }

    #[test]
    fn a_table_has_at_most_a_schema() {
        assert_eq!(
            parse_table("public.users").unwrap().to_string(),
            "public.users"
        );
        assert!(parse_table("a.b.c").is_err());
        assert!(parse_table(&"x".repeat(64)).is_err());
    }
}
