//! Owns the hazards that squawk has no fitting rule for, read off the syntax
//! tree of one unit.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::{Finding, Role, Unit, fault};

/// Session settings that the step's fields own.
const TIMEOUTS: [&str; 3] = ["lock_timeout", "statement_timeout", "transaction_timeout"];

/// What our own rules find in a unit.
pub(super) fn lint(unit: &Unit) -> Vec<Finding> {
    let mut findings = Vec::new();
    for statement in unit.script.statements() {
        let mut report = |code: &str, node: &SyntaxNode| {
            let place = unit.script.mapped.place(super::super::significant(node));
            findings.push((unit.step, fault(code, place)));
        };
        let whole = statement.node.syntax();
        if is_transaction_control(&statement.node) {
            report("transaction-control", whole);
        }
        if sets_timeout(&statement.node) {
            report("timeout-in-sql", whole);
        }
        if unit.transaction && refuses_transaction(&statement.node) {
            report("concurrently-in-transaction", whole);
        }
        if rewrites(&statement.node) {
            report("rewrites-table", whole);
        }
        for node in whole.descendants() {
            if is_rename(&node) {
                report("rename", &node);
            } else if unit.role == Role::Early && is_drop(&node) {
                report("early-drop", &node);
            } else if is_unbatched(&node) {
                report("unbatched-write", &node);
            }
        }
    }
    findings
}

fn is_transaction_control(node: &ast::Stmt) -> bool {
    use ast::Stmt;
    matches!(
        node,
        Stmt::Begin(_)
            | Stmt::Commit(_)
            | Stmt::Rollback(_)
            | Stmt::SavepointCreate(_)
            | Stmt::ReleaseSavepoint(_)
            | Stmt::PrepareTransaction(_)
            | Stmt::SetTransaction(_)
    )
}

/// SET, RESET or DISCARD of a timeout that the step's fields own.
fn sets_timeout(node: &ast::Stmt) -> bool {
    let names_timeout = |node: &SyntaxNode| {
        let text = node.text().to_string().to_lowercase();
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|word| TIMEOUTS.contains(&word))
    };
    match node {
        ast::Stmt::Set(set) => set
            .set_target()
            .is_some_and(|target| names_timeout(target.syntax())),
        ast::Stmt::Reset(reset) => reset.reset_target().is_some_and(|target| {
            matches!(target, ast::ResetTarget::All(_)) || names_timeout(target.syntax())
        }),
        ast::Stmt::Discard(_) => true,
        _ => false,
    }
}

/// CONCURRENTLY, except on REFRESH, and what else Postgres refuses in a
/// transaction block.
fn refuses_transaction(node: &ast::Stmt) -> bool {
    use ast::Stmt;
    match node {
        Stmt::Vacuum(_)
        | Stmt::CreateDatabase(_)
        | Stmt::DropDatabase(_)
        | Stmt::AlterSystem(_)
        | Stmt::CreateTablespace(_)
        | Stmt::DropTablespace(_) => true,
        Stmt::CreateIndex(_) | Stmt::DropIndex(_) | Stmt::Reindex(_) => concurrently(node.syntax()),
        Stmt::AlterTable(alter) => alter.actions().any(|action| {
            matches!(&action, ast::AlterTableAction::DetachPartition(_))
                && concurrently(action.syntax())
        }),
        _ => false,
    }
}

fn concurrently(node: &SyntaxNode) -> bool {
    let mut tokens = node.descendants_with_tokens();
    tokens.any(|element| element.kind() == SyntaxKind::CONCURRENTLY_KW)
}

/// CLUSTER and VACUUM FULL; squawk looks after ADD COLUMN and ALTER TYPE.
fn rewrites(node: &ast::Stmt) -> bool {
    match node {
        ast::Stmt::Cluster(_) => true,
        ast::Stmt::Vacuum(vacuum) => vacuum.is_full(),
        ast::Stmt::AlterTable(alter) => alter.actions().any(|action| {
            matches!(
                action,
                ast::AlterTableAction::SetLogged(_)
                    | ast::AlterTableAction::SetUnlogged(_)
                    | ast::AlterTableAction::SetTablespace(_)
                    | ast::AlterTableAction::SetAccessMethod(_)
            )
        }),
        _ => false,
    }
}

fn is_rename(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        SyntaxKind::RENAME_COLUMN | SyntaxKind::TABLE_RENAME_TO
    )
}

fn is_drop(node: &SyntaxNode) -> bool {
    matches!(
        node.kind(),
        SyntaxKind::DROP_COLUMN | SyntaxKind::DROP_TABLE
    )
}

/// UPDATE or DELETE that is not pinned to a constant, a CREATE TABLE AS.
/// Bodies of functions are literals here, so a trigger's UPDATE is not meant.
fn is_unbatched(node: &SyntaxNode) -> bool {
    let filter =
        match node.kind() {
            SyntaxKind::CREATE_TABLE_AS | SyntaxKind::SELECT_INTO => return true,
            SyntaxKind::UPDATE => ast::Update::cast(node.clone())
                .and_then(|update| update.where_clause_or_current_of()),
            SyntaxKind::DELETE => ast::Delete::cast(node.clone())
                .and_then(|delete| delete.where_clause_or_current_of()),
            _ => return false,
        };
    match filter {
        Some(ast::WhereClauseOrCurrentOf::WhereClause(filter)) => {
            !filter.expr().is_some_and(|expr| is_pinned(&expr))
        }
        Some(ast::WhereClauseOrCurrentOf::WhereCurrentOf(_)) => false,
        None => true,
    }
}

/// Whether every row that the condition lets through equals a constant
/// somewhere: `id = 7 AND ...`, never one side of an OR alone.
fn is_pinned(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::ParenExpr(parens) => parens.expr().is_some_and(|inner| is_pinned(&inner)),
        ast::Expr::BinExpr(binary) => {
            let (Some(left), Some(right)) = (binary.lhs(), binary.rhs()) else {
                return false;
            };
            match binary.op() {
                Some(ast::BinOp::And(_)) => is_pinned(&left) || is_pinned(&right),
                Some(ast::BinOp::Or(_)) => is_pinned(&left) && is_pinned(&right),
                Some(ast::BinOp::Eq(_)) => {
                    (is_column(&left) && is_constant(&right))
                        || (is_constant(&left) && is_column(&right))
                }
                Some(ast::BinOp::In(_)) => is_column(&left) && is_constant(&right),
                _ => false,
            }
        }
        _ => false,
    }
}

fn is_column(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::NameRef(_) | ast::Expr::FieldExpr(_))
}

fn is_constant(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Literal(_) => true,
        ast::Expr::CastExpr(cast) => cast.expr().is_some_and(|inner| is_constant(&inner)),
        ast::Expr::ParenExpr(parens) => parens.expr().is_some_and(|inner| is_constant(&inner)),
        ast::Expr::PrefixExpr(prefix) => prefix.expr().is_some_and(|inner| is_constant(&inner)),
        ast::Expr::TupleExpr(tuple) => tuple.exprs().all(|inner| is_constant(&inner)),
        _ => false,
    }
}
