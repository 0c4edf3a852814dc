//! Owns how a statement's changes are read out of its tree; never applies one.

use squawk_syntax::ast::{self, AlterTableAction as Action, AstNode, Stmt};
use squawk_syntax::quote::strip_dollar_quotes;
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::alter_table::is_serial;
use super::effect::{Effect, NewColumn, NewFunction, NewTrigger};
use super::name::{compact, qualified, relation_of, relations_of, text, word};
use crate::runbook::TableName;
use crate::runbook::ident::parse_ident;

/// What a statement changes. What is not read here, later steps do not see:
/// the server has the last word.
pub(super) fn effects(statement: &Stmt) -> Vec<Effect> {
    match statement {
        Stmt::AlterTable(alter) => alter_table(alter),
        Stmt::CreateTable(create) => create_table(create).into_iter().collect(),
        Stmt::DropTable(_) | Stmt::DropView(_) | Stmt::DropMaterializedView(_) => {
            relations_of(statement.syntax())
                .into_iter()
                .map(Effect::DropRelation)
                .collect()
        }
        Stmt::CreateIndex(create) => unique_index(create).into_iter().collect(),
        Stmt::DropIndex(drop) => {
            let names = drop.index_refs().filter_map(|index| qualified(Some(index)));
            names.map(Effect::DropIndex).collect()
        }
        Stmt::CreateFunction(create) => function(create).into_iter().collect(),
        Stmt::DropFunction(drop) => {
            let all = drop.function_sig_list();
            let all = all.into_iter().flat_map(|list| list.function_sigs());
            let names = all.filter_map(|signature| qualified(signature.function_name_ref()));
            names.map(Effect::DropFunction).collect()
        }
        Stmt::CreateTrigger(create) => trigger(create).into_iter().collect(),
        Stmt::DropTrigger(drop) => {
            let table = relation_of(drop.syntax());
            let dropped = table.zip(word(drop.trigger_ref()));
            dropped
                .map(|(table, name)| Effect::DropTrigger(table, name))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn alter_table(alter: &ast::AlterTable) -> Vec<Effect> {
    let Some(table) = relation_of(alter.syntax()) else {
        return Vec::new();
    };
    alter
        .actions()
        .filter_map(|action| subcommand(&table, &action))
        .collect()
}

fn subcommand(table: &TableName, action: &Action) -> Option<Effect> {
    let table = table.clone();
    Some(match action {
        Action::AddColumn(add) => {
            let constraints = add.constraints().map(|one| one.syntax().clone());
            let column = new_column(word(add.column_name())?, add.ty(), constraints);
            Effect::AddColumn(table, column)
        }
        Action::DropColumn(drop) => Effect::DropColumn {
            table,
            column: word(drop.column_name_ref())?,
            cascade: matches!(drop.drop_behavior(), Some(ast::DropBehavior::Cascade(_))),
        },
        Action::RenameColumn(rename) => {
            let from = word(rename.column_name_ref())?;
            Effect::RenameColumn(table, from, word(rename.column_name())?)
        }
        Action::TableRenameTo(rename) => Effect::RenameTable(table, word(rename.table_name())?),
        Action::AlterColumn(alter) => {
            let not_null = match alter.option()? {
                ast::AlterColumnOption::SetNotNull(_) => true,
                ast::AlterColumnOption::DropNotNull(_) => false,
                _ => return None,
            };
            Effect::NotNull(table, word(alter.column_name_ref())?, not_null)
        }
        Action::AddConstraint(add) => add_constraint(table, add)?,
        Action::ValidateConstraint(validate) => {
            Effect::Validate(table, word(validate.constraint_name_ref())?)
        }
        Action::DropConstraint(drop) => {
            Effect::DropConstraint(table, word(drop.constraint_name_ref())?)
        }
        _ => return None,
    })
}

fn add_constraint(table: TableName, add: &ast::AddConstraint) -> Option<Effect> {
    let ast::Constraint::CheckConstraint(check) = add.constraint()? else {
        return None;
    };
    let mut descendants = check.syntax().descendants();
    Some(Effect::AddCheck {
        table,
        name: word(
            check
                .constraint_name_clause()
                .and_then(|clause| clause.constraint_name()),
        ),
        valid: !descendants.any(|node| node.kind() == SyntaxKind::NOT_VALID),
        not_null: check
            .expr()
            .and_then(|expression| says_not_null(expression.syntax())),
    })
}

/// The column, where the expression is `column IS NOT NULL` and no more.
fn says_not_null(expression: &SyntaxNode) -> Option<String> {
    let tokens = expression
        .descendants_with_tokens()
        .filter_map(|element| element.into_token());
    let words: Vec<_> = tokens
        .filter(|token| !token.kind().is_trivia())
        .map(|token| token.text().to_owned())
        .collect();
    let [column, is, not, null] = &words[..] else {
        return None;
    };
    let tail = [is, not, null].map(|word| word.to_ascii_lowercase());
    (tail == ["is", "not", "null"]).then_some(())?;
    parse_ident(column).ok()?.pop()
}

fn create_table(create: &ast::CreateTable) -> Option<Effect> {
    let mut columns = Vec::new();
    let mut keys = Vec::new();
    for argument in create
        .table_arg_list()
        .into_iter()
        .flat_map(|list| list.args())
    {
        match argument {
            ast::TableArg::Column(column) => {
                let name = word(column.name())?;
                let clauses: Vec<_> = column.clauses().map(|one| one.syntax().clone()).collect();
                if clauses.iter().any(is_key) {
                    keys.push(vec![name.clone()]);
                }
                columns.push(new_column(name, column.ty(), clauses));
            }
            ast::TableArg::TableConstraint(constraint) if is_key(constraint.syntax()) => {
                keys.push(listed_columns(constraint.syntax()));
                if constraint.syntax().kind() == SyntaxKind::PRIMARY_KEY_CONSTRAINT {
                    let key = keys.last().expect("just pushed").clone();
                    let parts = columns
                        .iter_mut()
                        .filter(|c: &&mut NewColumn| key.contains(&c.name));
                    parts.for_each(|column| column.not_null = true);
                }
            }
            _ => {}
        }
    }
    Some(Effect::CreateTable {
        table: qualified(create.table_name())?,
        columns,
        keys,
    })
}

fn is_key(clause: &SyntaxNode) -> bool {
    matches!(
        clause.kind(),
        SyntaxKind::PRIMARY_KEY_CONSTRAINT | SyntaxKind::UNIQUE_CONSTRAINT
    )
}

/// The columns in the parentheses of a table constraint.
fn listed_columns(constraint: &SyntaxNode) -> Vec<String> {
    let list = constraint
        .descendants()
        .find(|node| node.kind() == SyntaxKind::CONSTRAINT_COLUMN_REF_LIST);
    let names = list
        .into_iter()
        .flat_map(|list| list.children().collect::<Vec<_>>());
    names
        .filter_map(|name| parse_ident(&compact(&name)).ok()?.pop())
        .collect()
}

fn new_column(
    name: String,
    ty: Option<ast::Type>,
    constraints: impl IntoIterator<Item = SyntaxNode>,
) -> NewColumn {
    let kinds: Vec<_> = constraints.into_iter().map(|node| node.kind()).collect();
    let serial = ty.as_ref().is_some_and(is_serial);
    let written = ty.map(|ty| text(&ty)).unwrap_or_default();
    NewColumn {
        name,
        data_type: match written.to_ascii_lowercase().as_str() {
            "bigserial" | "serial8" => "bigint".into(),
            "smallserial" | "serial2" => "smallint".into(),
            "serial" | "serial4" => "integer".into(),
            _ => written,
        },
        not_null: serial
            || kinds.contains(&SyntaxKind::NOT_NULL_CONSTRAINT)
            || kinds.contains(&SyntaxKind::PRIMARY_KEY_CONSTRAINT),
        generated: kinds.contains(&SyntaxKind::GENERATED_CONSTRAINT),
    }
}

/// A unique index that can serve as a key: whole, and over bare columns.
fn unique_index(create: &ast::CreateIndex) -> Option<Effect> {
    let usable = create.unique_token().is_some() && create.where_clause().is_none();
    usable.then_some(())?;
    let items = create.partition_item_list()?.partition_items();
    let columns: Option<Vec<_>> = items
        .map(|item| parse_ident(&compact(item.syntax())).ok()?.pop())
        .collect();
    let table = relation_of(create.syntax())?;
    Some(Effect::CreateUniqueIndex(
        table,
        word(create.index())?,
        columns?,
    ))
}

fn function(create: &ast::CreateFunction) -> Option<Effect> {
    let returns = create.ret_type().and_then(|returns| returns.func_type());
    let returns = returns.map(|ty| compact(ty.syntax()).to_ascii_lowercase());
    Some(Effect::CreateFunction(NewFunction {
        name: qualified(create.name())?,
        returns_trigger: returns.as_deref() == Some("trigger"),
        body: body(create),
    }))
}

/// What stands in the quotes behind AS, or the body without quotes.
fn body(create: &ast::CreateFunction) -> String {
    if let Some(body) = create.body() {
        return text(&body);
    }
    let options = create
        .option_list()
        .into_iter()
        .flat_map(|list| list.options());
    let quoted = options.filter_map(|option| match option {
        ast::FuncOption::AsFuncOption(it) => Some(text(&it.as_func_target()?)),
        _ => None,
    });
    let quoted: String = quoted.collect();
    match strip_dollar_quotes(&quoted) {
        Some(body) => body.to_owned(),
        None => quoted.trim_matches('\'').replace("''", "'"),
    }
}

fn trigger(create: &ast::CreateTrigger) -> Option<Effect> {
    let events = create.trigger_event_list()?;
    let mut events = events.trigger_events();
    let call = create.call_expr()?;
    Some(Effect::CreateTrigger(NewTrigger {
        table: relation_of(create.syntax())?,
        name: word(create.trigger())?,
        function: qualified(call.expr())?,
        on_update: events.any(|event| matches!(event, ast::TriggerEvent::TriggerEventUpdate(_))),
        text: text(create),
    }))
}
