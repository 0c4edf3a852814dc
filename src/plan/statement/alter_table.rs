//! Owns the locks and the work of ALTER TABLE's subcommands, of which the
//! strongest and the heaviest count.
//!
//! After the manual's page and `AlterTableGetLockLevel` in `tablecmds.c`.

use squawk_syntax::ast::{self, AlterTableAction as Action, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::lock::Taken;
use crate::plan::{LockMode, Work};

/// The strongest lock and the heaviest work of all subcommands.
pub(super) fn taken(alter: &ast::AlterTable) -> Taken {
    let all: Vec<_> = alter.actions().map(|action| subcommand(&action)).collect();
    let lock = all.iter().map(|(lock, _)| *lock).max();
    let work = all
        .iter()
        .map(|(_, work)| *work)
        .max_by_key(|work| weight(*work));
    // ALL IN TABLESPACE has none.
    (
        lock.or(Some(LockMode::AccessExclusive)),
        work.unwrap_or(Work::Rewrite),
    )
}

fn weight(work: Work) -> u8 {
    match work {
        Work::Catalog => 0,
        Work::Rows => 1,
        Work::Scan => 2,
        Work::Rewrite => 3,
        Work::Unknown => 4,
    }
}

fn subcommand(action: &Action) -> (LockMode, Work) {
    use LockMode as L;
    match action {
        Action::ValidateConstraint(_) => (L::ShareUpdateExclusive, Work::Scan),
        Action::AttachPartition(_) => (L::ShareUpdateExclusive, Work::Scan),
        Action::ClusterOn(_) | Action::SetWithoutCluster(_) => {
            (L::ShareUpdateExclusive, Work::Catalog)
        }
        // Of the storage parameters only `user_catalog_table` wants more.
        Action::SetOptions(_) | Action::ResetOptions(_) => (L::ShareUpdateExclusive, Work::Catalog),
        Action::DetachPartition(detach) => match detach.detach_partition_option() {
            Some(_) => (L::ShareUpdateExclusive, Work::Catalog),
            None => (L::AccessExclusive, Work::Catalog),
        },
        Action::EnableTrigger(_)
        | Action::EnableAlwaysTrigger(_)
        | Action::EnableReplicaTrigger(_)
        | Action::DisableTrigger(_) => (L::ShareRowExclusive, Work::Catalog),
        Action::AddColumn(add) => (L::AccessExclusive, add_column(add)),
        Action::AddConstraint(add) => add_constraint(add),
        Action::AlterColumn(alter) => alter_column(alter),
        Action::SetLogged(_)
        | Action::SetUnlogged(_)
        | Action::SetTablespace(_)
        | Action::SetAccessMethod(_)
        | Action::MergePartitions(_)
        | Action::SplitPartition(_) => (L::AccessExclusive, Work::Rewrite),
        _ => (L::AccessExclusive, Work::Catalog),
    }
}

/// A constant default has needed no rewrite since 11; one that is computed for
/// each row does.
fn add_column(add: &ast::AddColumn) -> Work {
    let serial = add.ty().is_some_and(|ty| is_serial(&ty));
    let rewrites = |constraint: ast::Constraint| match constraint {
        ast::Constraint::GeneratedConstraint(_) => true,
        ast::Constraint::DefaultConstraint(default) => calls(default.syntax()),
        _ => false,
    };
    let scans = |constraint: ast::Constraint| {
        matches!(
            constraint,
            ast::Constraint::CheckConstraint(_)
                | ast::Constraint::UniqueConstraint(_)
                | ast::Constraint::PrimaryKeyConstraint(_)
        )
    };
    if serial || add.constraints().any(rewrites) {
        Work::Rewrite
    } else if add.constraints().any(scans) {
        Work::Scan
    } else {
        Work::Catalog
    }
}

pub(super) fn is_serial(ty: &ast::Type) -> bool {
    let name = super::name::compact(ty.syntax()).to_ascii_lowercase();
    [
        "serial",
        "bigserial",
        "smallserial",
        "serial2",
        "serial4",
        "serial8",
    ]
    .contains(&name.as_str())
}

/// Whether it calls a function that is not known to be stable: the tree does
/// not tell volatility.
fn calls(expression: &SyntaxNode) -> bool {
    let calls = expression
        .descendants()
        .filter(|node| node.kind() == SyntaxKind::CALL_EXPR);
    calls
        .into_iter()
        .any(|call| !super::name::compact(&call).eq_ignore_ascii_case("now()"))
}

fn add_constraint(add: &ast::AddConstraint) -> (LockMode, Work) {
    use LockMode as L;
    let not_valid = add
        .syntax()
        .descendants()
        .any(|node| node.kind() == SyntaxKind::NOT_VALID);
    let checked = if not_valid { Work::Catalog } else { Work::Scan };
    match add.constraint() {
        Some(ast::Constraint::ForeignKeyConstraint(_)) => (L::ShareRowExclusive, checked),
        Some(ast::Constraint::CheckConstraint(_) | ast::Constraint::NotNullConstraint(_)) => {
            (L::AccessExclusive, checked)
        }
        Some(ast::Constraint::UniqueConstraint(unique)) if unique.using_index().is_some() => {
            (L::AccessExclusive, Work::Catalog)
        }
        // A primary key makes its columns NOT NULL, and looks where they are not.
        _ => (L::AccessExclusive, Work::Scan),
    }
}

fn alter_column(alter: &ast::AlterColumn) -> (LockMode, Work) {
    use LockMode as L;
    use ast::AlterColumnOption as Option_;
    match alter.option() {
        Some(Option_::SetType(_) | Option_::SetExpression(_)) => {
            (L::AccessExclusive, Work::Rewrite)
        }
        Some(Option_::SetNotNull(_)) => (L::AccessExclusive, Work::Scan),
        Some(Option_::SetStatistics(_) | Option_::SetOptions(_) | Option_::ResetOptions(_)) => {
            (L::ShareUpdateExclusive, Work::Catalog)
        }
        _ => (L::AccessExclusive, Work::Catalog),
    }
}
