//! Owns the map from a kind of statement to the table lock it takes and the
//! work it does under it.
//!
//! After the manual's "Explicit Locking", the pages of the commands, and, for
//! ALTER TABLE, its subcommands (see `alter_table`).

use squawk_syntax::ast::{self, AstNode, Stmt};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::alter_table;
use crate::plan::{LockMode, Work};

/// The strongest lock and the heaviest work.
pub(super) type Taken = (Option<LockMode>, Work);

const CATALOG: Taken = (None, Work::Catalog);
const UNKNOWN: Taken = (None, Work::Unknown);

/// What a statement takes.
pub(super) fn taken(statement: &Stmt) -> Taken {
    use LockMode as L;
    let exclusive = (Some(L::AccessExclusive), Work::Catalog);
    match statement {
        Stmt::AlterTable(alter) => alter_table::taken(alter),
        Stmt::CreateTable(create) => create_table(create),
        Stmt::CreateIndex(create) => {
            let concurrent = create.concurrently_token().is_some();
            (
                Some(if concurrent {
                    L::ShareUpdateExclusive
                } else {
                    L::Share
                }),
                Work::Scan,
            )
        }
        Stmt::DropIndex(drop) => match drop.concurrently_token() {
            Some(_) => (Some(L::ShareUpdateExclusive), Work::Catalog),
            None => exclusive,
        },
        Stmt::AlterIndex(alter) => alter_index(alter),
        Stmt::Reindex(reindex) => match has_word(reindex.syntax(), SyntaxKind::CONCURRENTLY_KW) {
            true => (Some(L::ShareUpdateExclusive), Work::Scan),
            false => (Some(L::Share), Work::Scan),
        },
        Stmt::CreateTrigger(_) => (Some(L::ShareRowExclusive), Work::Catalog),
        Stmt::DropTrigger(_) | Stmt::AlterTrigger(_) => exclusive,
        Stmt::CreateRule(_) | Stmt::DropRule(_) | Stmt::AlterRule(_) => exclusive,
        Stmt::CreatePolicy(_) | Stmt::DropPolicy(_) | Stmt::AlterPolicy(_) => exclusive,
        Stmt::DropTable(_) | Stmt::DropForeignTable(_) | Stmt::AlterForeignTable(_) => exclusive,
        Stmt::DropView(_) | Stmt::AlterView(_) => exclusive,
        Stmt::DropMaterializedView(_) | Stmt::AlterMaterializedView(_) => exclusive,
        Stmt::Truncate(_) => exclusive,
        Stmt::CreateView(view) if view.or_replace().is_some() => exclusive,
        Stmt::CreateView(_) => (Some(L::AccessShare), Work::Catalog),
        Stmt::CreateTableAs(_) | Stmt::SelectInto(_) | Stmt::CreateMaterializedView(_) => {
            (Some(L::AccessShare), Work::Scan)
        }
        Stmt::CreateStatistics(_) | Stmt::CommentOn(_) => {
            (Some(L::ShareUpdateExclusive), Work::Catalog)
        }
        _ => rows(statement)
            .or_else(|| upkeep(statement))
            .unwrap_or_else(|| tableless(statement)),
    }
}

/// Queries and writes.
fn rows(statement: &Stmt) -> Option<Taken> {
    let mode = match statement {
        Stmt::Insert(_) | Stmt::Update(_) | Stmt::Delete(_) | Stmt::Merge(_) => {
            LockMode::RowExclusive
        }
        Stmt::Copy(copy) => match copy.copy_direction() {
            Some(ast::CopyDirection::CopyTo(_)) => LockMode::AccessShare,
            _ => LockMode::RowExclusive,
        },
        Stmt::Select(_) | Stmt::CompoundSelect(_) | Stmt::ParenSelect(_) | Stmt::Table(_) => {
            reading(statement.syntax())
        }
        _ => return None,
    };
    Some((Some(mode), Work::Rows))
}

/// A query may write in its WITH, and lock rows.
fn reading(query: &SyntaxNode) -> LockMode {
    let inside = |node: SyntaxNode| match node.kind() {
        SyntaxKind::INSERT | SyntaxKind::UPDATE | SyntaxKind::DELETE | SyntaxKind::MERGE => {
            Some(LockMode::RowExclusive)
        }
        SyntaxKind::LOCKING_CLAUSE => Some(LockMode::RowShare),
        _ => None,
    };
    query
        .descendants()
        .filter_map(inside)
        .max()
        .unwrap_or(LockMode::AccessShare)
}

/// Maintenance, and LOCK itself.
fn upkeep(statement: &Stmt) -> Option<Taken> {
    use LockMode as L;
    let (mode, work) = match statement {
        Stmt::Vacuum(vacuum) => match has_word(vacuum.syntax(), SyntaxKind::FULL_KW) {
            true => (L::AccessExclusive, Work::Rewrite),
            false => (L::ShareUpdateExclusive, Work::Scan),
        },
        Stmt::Analyze(_) => (L::ShareUpdateExclusive, Work::Scan),
        Stmt::Cluster(_) | Stmt::Repack(_) => (L::AccessExclusive, Work::Rewrite),
        Stmt::Refresh(refresh) => match refresh.concurrently_token() {
            Some(_) => (L::Exclusive, Work::Rewrite),
            None => (L::AccessExclusive, Work::Rewrite),
        },
        Stmt::Lock(lock) => {
            let mode = lock
                .lock_mode_clause()
                .and_then(|clause| clause.lock_mode());
            (mode.map_or(L::AccessExclusive, named), Work::Catalog)
        }
        _ => return None,
    };
    Some((Some(mode), work))
}

fn named(mode: ast::LockMode) -> LockMode {
    match mode {
        ast::LockMode::AccessShare(_) => LockMode::AccessShare,
        ast::LockMode::RowShare(_) => LockMode::RowShare,
        ast::LockMode::RowExclusive(_) => LockMode::RowExclusive,
        ast::LockMode::ShareUpdateExclusive(_) => LockMode::ShareUpdateExclusive,
        ast::LockMode::Share(_) => LockMode::Share,
        ast::LockMode::ShareRowExclusive(_) => LockMode::ShareRowExclusive,
        ast::LockMode::Exclusive(_) => LockMode::Exclusive,
        ast::LockMode::AccessExclusive(_) => LockMode::AccessExclusive,
    }
}

/// What touches no table, or does not say which.
fn tableless(statement: &Stmt) -> Taken {
    match statement {
        Stmt::CreateFunction(_) | Stmt::CreateProcedure(_) | Stmt::CreateType(_) => CATALOG,
        Stmt::DropFunction(_) | Stmt::DropProcedure(_) | Stmt::DropRoutine(_) => CATALOG,
        Stmt::AlterFunction(_) | Stmt::AlterProcedure(_) | Stmt::AlterRoutine(_) => CATALOG,
        Stmt::DropType(_) | Stmt::AlterType(_) | Stmt::CreateDomain(_) | Stmt::DropDomain(_) => {
            CATALOG
        }
        Stmt::CreateSchema(_) | Stmt::AlterSchema(_) | Stmt::CreateExtension(_) => CATALOG,
        Stmt::CreateSequence(_) | Stmt::AlterSequence(_) | Stmt::DropSequence(_) => CATALOG,
        Stmt::Grant(_) | Stmt::Revoke(_) | Stmt::AlterDefaultPrivileges(_) => CATALOG,
        Stmt::CreateRole(_) | Stmt::AlterRole(_) | Stmt::DropRole(_) => CATALOG,
        Stmt::Set(_) | Stmt::Reset(_) | Stmt::Show(_) | Stmt::Values(_) => CATALOG,
        Stmt::Notify(_) | Stmt::Listen(_) | Stmt::Unlisten(_) | Stmt::Checkpoint(_) => CATALOG,
        _ => UNKNOWN,
    }
}

/// A new table locks nobody out, unless it joins or refers to an old one.
fn create_table(create: &ast::CreateTable) -> Taken {
    let refers = |node: SyntaxNode| {
        matches!(
            node.kind(),
            SyntaxKind::FOREIGN_KEY_CONSTRAINT | SyntaxKind::REFERENCES_CONSTRAINT
        )
    };
    let mode = if create.partition_of().is_some() {
        Some(LockMode::AccessExclusive)
    } else if create.syntax().descendants().any(refers) {
        Some(LockMode::ShareRowExclusive)
    } else if create.inherits().is_some() {
        Some(LockMode::ShareUpdateExclusive)
    } else {
        None
    };
    (mode, Work::Catalog)
}

fn alter_index(alter: &ast::AlterIndex) -> Taken {
    match alter.action() {
        Some(ast::AlterIndexAction::SetTablespace(_)) => {
            (Some(LockMode::AccessExclusive), Work::Rewrite)
        }
        _ => (Some(LockMode::ShareUpdateExclusive), Work::Catalog),
    }
}

fn has_word(node: &SyntaxNode, word: SyntaxKind) -> bool {
    let mut tokens = node.descendants_with_tokens();
    tokens.any(|element| element.kind() == word)
}
