//! Owns how a name is read out of the syntax tree; never resolves one.

use squawk_syntax::ast::AstNode;
use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::runbook::TableName;
use crate::runbook::ident::{parse_ident, parse_table};

/// Nodes that hold the relation which a statement is about.
const RELATIONS: [SyntaxKind; 12] = [
    SyntaxKind::TABLE_RELATION_NAME,
    SyntaxKind::RELATION_NAME,
    SyntaxKind::TABLE_NAME_REF,
    SyntaxKind::RELATION_NAME_REF,
    SyntaxKind::ON_RELATION,
    SyntaxKind::ON_TABLE,
    SyntaxKind::RULE_ON,
    SyntaxKind::TABLE_LIST,
    SyntaxKind::RELATION_LIST,
    SyntaxKind::TABLE_AND_COLUMNS_LIST,
    SyntaxKind::VIEW_REF,
    SyntaxKind::REINDEX_TARGET_TABLE,
];

/// The relation that a statement is about: of the first of its parts that
/// names one.
pub(super) fn relation_of(statement: &SyntaxNode) -> Option<TableName> {
    relations_of(statement).into_iter().next()
}

/// All of them, where a statement takes a list.
pub(super) fn relations_of(statement: &SyntaxNode) -> Vec<TableName> {
    let parts = statement
        .children()
        .filter(|part| RELATIONS.contains(&part.kind()));
    parts
        .flat_map(|part| {
            let paths = part
                .descendants()
                .filter(|node| node.kind() == SyntaxKind::PATH_REF);
            // A qualifier is a path inside of a path.
            let whole = |node: &SyntaxNode| {
                node.parent()
                    .is_none_or(|parent| parent.kind() != SyntaxKind::PATH_REF)
            };
            paths.filter(whole).collect::<Vec<_>>()
        })
        .filter_map(|path| parse_table(&compact(&path)).ok())
        .collect()
}

/// A name that may be qualified: a table's, a function's, an index's.
pub(super) fn qualified(node: Option<impl AstNode>) -> Option<TableName> {
    parse_table(&compact(node?.syntax())).ok()
}

/// A name of one part: a column's, a constraint's.
pub(super) fn word(node: Option<impl AstNode>) -> Option<String> {
    let parts = parse_ident(&compact(node?.syntax())).ok()?;
    <[String; 1]>::try_from(parts).ok().map(|[word]| word)
}

/// The text without white space and comments: for names, where these are
/// never part of the meaning.
pub(super) fn compact(node: &SyntaxNode) -> String {
    let tokens = node
        .descendants_with_tokens()
        .filter_map(|element| element.into_token());
    let meaningful = tokens.filter(|token| !token.kind().is_trivia());
    meaningful.map(|token| token.text().to_owned()).collect()
}

/// The text as written, without what surrounds it.
pub(super) fn text(node: &impl AstNode) -> String {
    node.syntax().text().to_string().trim().to_owned()
}
