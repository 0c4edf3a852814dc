//! Owns the undo that plain additive DDL implies; never guesses: what is not
//! plainly additive has to say how it goes back. Names are the author's own
//! text, copied, so nothing is quoted here.

use squawk_syntax::ast::{self, AstNode};

use super::Script;

/// The statements that take a script back, last one first. `None` where any
/// statement of it has no plain inverse.
pub(in crate::runbook) fn undo(script: &Script) -> Option<Vec<String>> {
    script
        .statements()
        .iter()
        .rev()
        .map(|statement| inverse(&statement.node))
        .collect()
}

fn inverse(node: &ast::Stmt) -> Option<String> {
    match node {
        ast::Stmt::AlterTable(alter) => alter_table(alter),
        ast::Stmt::CreateTable(create) => create_table(create),
        ast::Stmt::CreateIndex(create) => create_index(create),
        ast::Stmt::CreateTrigger(create) => create_trigger(create),
        ast::Stmt::CreateFunction(create) => create_function(create),
        _ => None,
    }
}

/// ADD COLUMN and named ADD CONSTRAINT, in reverse.
fn alter_table(alter: &ast::AlterTable) -> Option<String> {
    let table = text(&alter.table_relation_name()?);
    let mut drops = Vec::new();
    for action in alter.actions() {
        drops.push(match action {
            ast::AlterTableAction::AddColumn(add) if add.if_not_exists().is_none() => {
                format!("DROP COLUMN {}", text(&add.column_name()?))
            }
            ast::AlterTableAction::AddConstraint(add) => {
                format!(
                    "DROP CONSTRAINT {}",
                    text(&add.constraint()?.constraint_name()?)
                )
            }
            _ => return None,
        });
    }
    drops.reverse();
    (!drops.is_empty()).then(|| format!("ALTER TABLE {table} {}", drops.join(", ")))
}

fn create_table(create: &ast::CreateTable) -> Option<String> {
    let plain = create.if_not_exists().is_none() && create.persistence().is_none();
    plain.then_some(())?;
    Some(format!("DROP TABLE {}", text(&create.table_name()?)))
}

/// The index lives in its table's schema, whatever the search path says.
fn create_index(create: &ast::CreateIndex) -> Option<String> {
    if create.if_not_exists().is_some() {
        return None;
    }
    let name = text(&create.index()?);
    let table = text(&create.table_relation_name()?.table_name_ref()?);
    let schema = table
        .rsplit_once('.')
        .map(|(schema, _)| format!("{}.", schema.trim_end()));
    let concurrently = match create.concurrently_token() {
        Some(_) => "CONCURRENTLY ",
        None => "",
    };
    Some(format!(
        "DROP INDEX {concurrently}{}{name}",
        schema.unwrap_or_default()
    ))
}

fn create_trigger(create: &ast::CreateTrigger) -> Option<String> {
    if create.or_replace().is_some() {
        return None;
    }
    let name = text(&create.trigger()?);
    let table = text(&create.on_relation()?.relation_name_ref()?);
    Some(format!("DROP TRIGGER {name} ON {table}"))
}

/// DROP FUNCTION wants the types of the arguments that a call gives.
fn create_function(create: &ast::CreateFunction) -> Option<String> {
    if create.or_replace().is_some() {
        return None;
    }
    let name = text(&create.name()?);
    let mut types = Vec::new();
    for param in create.param_list()?.params() {
        if !matches!(param.mode(), Some(ast::ParamMode::ParamOut(_))) {
            types.push(text(&param.func_type()?));
        }
    }
    Some(format!("DROP FUNCTION {name}({})", types.join(", ")))
}

/// A node as the author wrote it.
fn text(node: &impl AstNode) -> String {
    node.syntax().text().to_string().trim().into()
}
