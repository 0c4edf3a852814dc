//! Owns what a CREATE INDEX says of its index, however it is written; never
//! asks a server.
//!
//! The server writes an index back in its own hand: the default method, casts
//! and parentheses are added, the default order is left out. Those are no
//! difference. Whatever else is told apart in doubt: a person then decides.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

/// What makes two indexes of one table the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    is_unique: bool,
    nulls_are_equal: bool,
    method: String,
    keys: Vec<String>,
    include: Vec<String>,
    filter: Option<String>,
}

impl Definition {
    /// Of one statement; `None` for any other.
    pub(super) fn read(sql: &str) -> Option<Self> {
        match SourceFile::parse(sql).tree().stmts().next()? {
            ast::Stmt::CreateIndex(create) => Some(Self::of(&create)),
            _ => None,
        }
    }

    pub(super) fn of(create: &ast::CreateIndex) -> Self {
        let method = create.using_method();
        let method = method.and_then(|using| using.access_method_ref());
        let include = create.index_include_clause();
        Self {
            is_unique: create.unique_token().is_some(),
            nulls_are_equal: matches!(
                create.nulls_distinct_option(),
                Some(ast::NullsDistinctOption::NullsNotDistinct(_))
            ),
            method: method.map_or_else(|| "btree".to_owned(), |method| words(method.syntax())),
            keys: items(create.partition_item_list()),
            include: items(include.and_then(|clause| clause.partition_item_list())),
            filter: create
                .where_clause()
                .and_then(|clause| clause.expr())
                .map(|filter| words(filter.syntax())),
        }
    }
}

fn items(list: Option<ast::PartitionItemList>) -> Vec<String> {
    let items = list.into_iter().flat_map(|list| list.partition_items());
    items.map(|item| key(&item)).collect()
}

/// One key, in the order in which the server writes its parts.
fn key(item: &ast::PartitionItem) -> String {
    let descends = matches!(item.sort_order(), Some(ast::SortOrder::SortDesc(_)));
    let nulls_first = match item.nulls_order() {
        Some(ast::NullsOrder::NullsFirst(_)) => true,
        Some(ast::NullsOrder::NullsLast(_)) => false,
        None => descends,
    };
    let parts = [
        item.expr().map(|expr| words(expr.syntax())),
        item.collate().map(|collate| words(collate.syntax())),
        item.op_class_ref().map(|class| words(class.syntax())),
        item.attribute_list().map(|options| words(options.syntax())),
        descends.then(|| "desc".to_owned()),
        (nulls_first != descends).then(|| format!("nulls first {nulls_first}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The meaning of a part: its words in one case, without casts and parentheses.
fn words(node: &SyntaxNode) -> String {
    let mut words = Vec::new();
    collect(node, &mut words);
    words.join(" ")
}

fn collect(node: &SyntaxNode, words: &mut Vec<String>) {
    if let Some(cast) = ast::CastExpr::cast(node.clone())
        && let Some(expr) = cast.expr()
    {
        return collect(expr.syntax(), words);
    }
    for child in node.children_with_tokens() {
        if let Some(node) = child.as_node() {
            collect(node, words);
        } else if let Some(token) = child.into_token() {
            let kind = token.kind();
            let is_added = matches!(kind, SyntaxKind::L_PAREN | SyntaxKind::R_PAREN);
            if !is_added && !kind.is_trivia() {
                words.push(word(token.text()));
            }
        }
    }
}

/// A name as the server keeps it; a literal as it is.
fn word(text: &str) -> String {
    let is_plain = |name: &str| {
        let mut letters = name.chars();
        let first = |c: char| c.is_ascii_lowercase() || c == '_';
        letters.next().is_some_and(first)
            && letters.all(|c| first(c) || c.is_ascii_digit() || c == '$')
    };
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(name) if is_plain(name) => name.to_owned(),
        Some(_) => text.to_owned(),
        None if text.starts_with('\'') => text.to_owned(),
        None => text.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(ours: &str, servers: &str) -> bool {
        let [ours, servers] = [ours, servers].map(|of| Definition::read(of).unwrap());
        ours == servers
    }

    #[test]
    fn the_servers_hand_is_no_difference() {
        for (ours, servers) in [
            (
                "create index concurrently if not exists i on T (Email asc nulls last, \"id\" desc)",
                "CREATE INDEX i ON public.t USING btree (email, id DESC)",
            ),
            (
                "CREATE UNIQUE INDEX i ON t (lower(name)) WHERE a > 3 AND b = 'X' WITH (fillfactor = 70)",
                "CREATE UNIQUE INDEX i ON public.t USING btree (lower((name)::text)) WITH (fillfactor='70') WHERE ((a > 3) AND ((b)::text = 'X'::text))",
            ),
            (
                "CREATE INDEX i ON t (\"A b\" COLLATE \"C\" text_pattern_ops NULLS FIRST) INCLUDE (c, D)",
                "CREATE INDEX i ON public.t USING btree (\"A b\" COLLATE \"C\" text_pattern_ops NULLS FIRST) INCLUDE (c, d)",
            ),
        ] {
            assert!(same(ours, servers), "{ours}\n{servers}");
        }
    }

    #[test]
    fn any_other_difference_is_one() {
        let ours = "CREATE UNIQUE INDEX i ON t (a, lower(b)) INCLUDE (c) WHERE d > 3";
        for other in [
            "CREATE INDEX i ON t (a, lower(b)) INCLUDE (c) WHERE d > 3",
            "CREATE UNIQUE INDEX i ON t USING gist (a, lower(b)) INCLUDE (c) WHERE d > 3",
            "CREATE UNIQUE INDEX i ON t (lower(b), a) INCLUDE (c) WHERE d > 3",
            "CREATE UNIQUE INDEX i ON t (a, upper(b)) INCLUDE (c) WHERE d > 3",
            "CREATE UNIQUE INDEX i ON t (\"A\", lower(b)) INCLUDE (c) WHERE d > 3",
            "CREATE UNIQUE INDEX i ON t (a DESC, lower(b)) INCLUDE (c) WHERE d > 3",
            "CREATE UNIQUE INDEX i ON t (a, lower(b)) WHERE d > 3",
            "CREATE UNIQUE INDEX i ON t (a, lower(b)) INCLUDE (c) WHERE d > 4",
            "CREATE UNIQUE INDEX i ON t (a, lower(b)) INCLUDE (c)",
            "CREATE UNIQUE INDEX i ON t (a, lower(b)) INCLUDE (c) NULLS NOT DISTINCT WHERE d > 3",
        ] {
            assert!(!same(ours, other), "{other}");
        }
    }
}
