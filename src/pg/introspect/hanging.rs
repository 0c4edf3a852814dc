//! Owns filling in what hangs on the relations: columns, unique indexes,
//! triggers, checks, dependents; never finds a relation.

use tokio_postgres::types::Oid;
use tokio_postgres::{Client, Error, Row};

use super::PG15;
use crate::plan::ServerIdentity;
use crate::plan::catalog::{Check, Column, Dependent, Enabled, Relation, Trigger, UniqueIndex};
use crate::runbook::TableName;

pub(super) async fn columns(
    client: &Client,
    server: &ServerIdentity,
    oids: &[Oid],
    relations: &mut [Relation],
) -> Result<(), Error> {
    let default = match server.version_num {
        PG15.. => include_str!("../sql/collation_15.sql"),
        _ => include_str!("../sql/collation.sql"),
    };
    let default: String = client.query_one(default, &[]).await?.get("collation");
    let sql = include_str!("../sql/columns.sql");
    for row in client.query(sql, &[&oids, &default]).await? {
        let column = Column {
            name: row.get("name"),
            data_type: row.get("data_type"),
            collation: row.get("collation"),
            not_null: row.get("not_null"),
            generated: row.get("generated"),
            has_default: row.get("has_default"),
            has_grants: row.get("has_grants"),
        };
        owner(oids, relations, &row).columns.push(column);
    }
    Ok(())
}

pub(super) async fn unique_indexes(
    client: &Client,
    oids: &[Oid],
    relations: &mut [Relation],
) -> Result<(), Error> {
    for row in client
        .query(include_str!("../sql/unique_indexes.sql"), &[&oids])
        .await?
    {
        let index = UniqueIndex {
            name: row.get("name"),
            columns: row.get("columns"),
            primary: row.get("is_primary"),
            valid: row.get("valid"),
            immediate: row.get("immediate"),
            partial: row.get("partial"),
            plain_order: row.get("plain_order"),
            replica_identity: row.get("replica_identity"),
        };
        owner(oids, relations, &row).unique_indexes.push(index);
    }
    Ok(())
}

pub(super) async fn triggers(
    client: &Client,
    oids: &[Oid],
    relations: &mut [Relation],
) -> Result<(), Error> {
    for row in client
        .query(include_str!("../sql/triggers.sql"), &[&oids])
        .await?
    {
        let trigger = Trigger {
            name: row.get("name"),
            function: (row.get("function_schema"), row.get("function_name")),
            enabled: match row.get("enabled") {
                "D" => Enabled::Never,
                "R" => Enabled::Replica,
                "A" => Enabled::Always,
                _ => Enabled::Origin,
            },
            on_update: row.get("on_update"),
            update_of: row.get("update_of"),
        };
        owner(oids, relations, &row).triggers.push(trigger);
    }
    Ok(())
}

pub(super) async fn checks(
    client: &Client,
    oids: &[Oid],
    relations: &mut [Relation],
) -> Result<(), Error> {
    for row in client
        .query(include_str!("../sql/checks.sql"), &[&oids])
        .await?
    {
        let check = Check {
            name: row.get("name"),
            valid: row.get("valid"),
            not_null: row.get("not_null"),
        };
        owner(oids, relations, &row).checks.push(check);
    }
    Ok(())
}

pub(super) async fn dependents(
    client: &Client,
    oids: &[Oid],
    relations: &mut [Relation],
) -> Result<(), Error> {
    for row in client
        .query(include_str!("../sql/dependents.sql"), &[&oids])
        .await?
    {
        let name: Option<String> = row.get("name");
        let schema: Option<String> = row.get("schema");
        let dependent = Dependent {
            column: row.get("column_name"),
            kind: row.get("kind"),
            name: name.map(|name| TableName { schema, name }),
            identity: row.get("identity"),
            blocks: row.get("blocks"),
        };
        owner(oids, relations, &row).dependents.push(dependent);
    }
    Ok(())
}

/// The relation that a row is about.
fn owner<'r>(oids: &[Oid], relations: &'r mut [Relation], row: &Row) -> &'r mut Relation {
    let oid: Oid = row.get("relation");
    let at = oids.iter().position(|known| *known == oid);
    &mut relations[at.expect("only these relations were asked for")]
}
