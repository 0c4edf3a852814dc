//! Owns reading the operator's SQL: statements with their places, and what
//! kind each is; never judges whether it is wise (`lint`) or how it goes back
//! (`derive`), and never changes it.

pub(super) mod derive;
pub(super) mod lint;

use std::ops::Range;

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{Parse, SourceFile, SyntaxKind, SyntaxNode};

use super::diagnostic::Diagnostic;
use super::source::Mapped;
use super::{TableName, ident};

/// A parsed text of SQL statements.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) mapped: Mapped,
    parse: Parse<SourceFile>,
}

/// One statement of a script.
pub(super) struct Statement {
    pub(super) node: ast::Stmt,
    /// In the script's text, without the semicolon and leading comments.
    pub(super) range: Range<usize>,
}

impl Script {
    /// Parses; syntax errors go to `found`, and then there is no script.
    pub(super) fn parse(mapped: Mapped, found: &mut Vec<Diagnostic>) -> Option<Self> {
        let parse = SourceFile::parse(&mapped.text);
        let errors = parse.errors();
        let mut told_until = None;
        for error in &errors {
            let range: Range<usize> = error.range().into();
            // The parser stumbles on after the first fault of a statement.
            let between = told_until.and_then(|until| mapped.text.get(until..range.start));
            if told_until.is_none() || between.is_some_and(|text| text.contains(';')) {
                told_until = Some(range.end);
                let place = mapped.place(range);
                found.push(Diagnostic::fault(
                    "sql-syntax",
                    place,
                    readable(error.message()),
                ));
            }
        }
        errors.is_empty().then_some(Self { mapped, parse })
    }

    /// Its statements, empty ones left out.
    pub(super) fn statements(&self) -> Vec<Statement> {
        let all = self.parse.tree().stmts();
        all.filter(|node| !matches!(node, ast::Stmt::EmptyStmt(_)))
            .map(|node| Statement {
                range: significant(node.syntax()),
                node,
            })
            .collect()
    }

    /// The text of one statement.
    pub(super) fn text(&self, statement: &Statement) -> &str {
        &self.mapped.text[statement.range.clone()]
    }

    /// Whether it only reads: nothing to undo.
    pub(super) fn only_reads(&self) -> bool {
        self.statements()
            .iter()
            .all(|statement| only_reads(&statement.node))
    }
}

/// The columns that a script's ALTER TABLE ... ADD COLUMN add.
pub(super) fn added_columns(script: &Script) -> Vec<(TableName, String)> {
    let mut added = Vec::new();
    for statement in script.statements() {
        let ast::Stmt::AlterTable(alter) = statement.node else {
            continue;
        };
        let written = |node: &SyntaxNode| node.text().to_string().trim().to_owned();
        let table = alter
            .table_relation_name()
            .and_then(|name| name.table_name_ref());
        let Some(Ok(table)) = table.map(|name| ident::parse_table(&written(name.syntax()))) else {
            continue;
        };
        for action in alter.actions() {
            if let ast::AlterTableAction::AddColumn(add) = action
                && let Some(name) = add.column_name()
                && let Ok(parts) = ident::parse_ident(&written(name.syntax()))
            {
                added.extend(
                    parts
                        .into_iter()
                        .next()
                        .map(|column| (table.clone(), column)),
                );
            }
        }
    }
    added
}

/// Whether a text is one SQL expression, as `set`, `left`, `right` and `where` want.
pub(super) fn check_expression(mapped: &Mapped, found: &mut Vec<Diagnostic>) {
    let place = mapped.place(0..mapped.text.len());
    let mut wrapped = Mapped::empty();
    wrapped.push("SELECT (", place, false);
    wrapped.push_slice(mapped, 0..mapped.text.len());
    wrapped.push("\n)", place, false);
    let mut told = Vec::new();
    let whole = Script::parse(wrapped, &mut told).is_some_and(
        |script| matches!(&script.statements()[..], [one] if is_one_expression(&one.node)),
    );
    if !whole {
        let fault = Diagnostic::fault("not-an-expression", place, "this is not one SQL expression");
        found.push(match told.first() {
            Some(first) => fault.hint(format!("the parser says: {}", first.message)),
            None => fault.hint("one value, such as `lower(email)`, without commas"),
        });
    }
}

/// `SELECT (expression)` and nothing else.
fn is_one_expression(node: &ast::Stmt) -> bool {
    let ast::Stmt::Select(select) = node else {
        return false;
    };
    let children: Vec<_> = select.syntax().children().collect();
    let [clause] = &children[..] else {
        return false;
    };
    let parens = clause
        .descendants()
        .find(|node| node.kind() == SyntaxKind::PAREN_EXPR);
    parens.is_some_and(|parens| {
        significant(&parens).end == significant(clause).end && !parens.text().is_empty()
    })
}

/// Whether a text is one query that only reads, as gates and probes want.
pub(super) fn check_query(mapped: &Mapped, found: &mut Vec<Diagnostic>) {
    let Some(script) = Script::parse(mapped.clone(), found) else {
        return;
    };
    let statements = script.statements();
    if !matches!(&statements[..], [one] if only_reads(&one.node)) {
        let place = mapped.place(0..mapped.text.len());
        let fault = Diagnostic::fault(
            "not-a-query",
            place,
            "this is not one query that only reads",
        );
        found.push(fault.hint("write a single SELECT"));
    }
}

/// Whether a statement changes nothing: a query without a data-modifying
/// part, SHOW, or EXPLAIN. What a called function does is not looked into.
fn only_reads(node: &ast::Stmt) -> bool {
    use ast::Stmt;
    let query = matches!(
        node,
        Stmt::Select(_)
            | Stmt::CompoundSelect(_)
            | Stmt::ParenSelect(_)
            | Stmt::Values(_)
            | Stmt::Table(_)
            | Stmt::Show(_)
            | Stmt::Explain(_)
    );
    let writes = |node: SyntaxNode| {
        matches!(
            node.kind(),
            SyntaxKind::INSERT
                | SyntaxKind::UPDATE
                | SyntaxKind::DELETE
                | SyntaxKind::MERGE
                | SyntaxKind::SELECT_INTO
                | SyntaxKind::CREATE_TABLE_AS
        )
    };
    query && !node.syntax().descendants().any(writes)
}

/// A node's bytes without white space and comments before it, nor the
/// semicolon and white space behind.
fn significant(node: &SyntaxNode) -> Range<usize> {
    let range: Range<usize> = node.text_range().into();
    let text = node.text().to_string();
    let tokens = node
        .descendants_with_tokens()
        .filter_map(|element| element.into_token());
    let start = tokens
        .filter(|token| !token.kind().is_trivia())
        .map(|token| usize::from(token.text_range().start()))
        .next()
        .unwrap_or(range.start);
    let trimmed = text.trim_end();
    let trimmed = trimmed.strip_suffix(';').unwrap_or(trimmed).trim_end();
    start..(range.start + trimmed.len()).max(start)
}

/// A parser's message in the words of the other faults: `found R_PAREN` and
/// `expected ADD_KW` name their tokens as they are written.
fn readable(message: &str) -> String {
    let word = |word: &str| match word.trim_end_matches([',', '.']) {
        "L_PAREN" => "`(`".into(),
        "R_PAREN" => "`)`".into(),
        "COMMA" => "`,`".into(),
        "SEMICOLON" => "`;`".into(),
        "DOT" => "`.`".into(),
        "EQ" => "`=`".into(),
        "EOF" => "the end".into(),
        "IDENT" => "a name".into(),
        "STRING" => "a string".into(),
        "INT_NUMBER" => "a number".into(),
        name => match name.strip_suffix("_KW") {
            Some(keyword) => format!("`{keyword}`"),
            None => word.to_lowercase(),
        },
    };
    let words: Vec<String> = message.trim_end_matches('.').split(' ').map(word).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
