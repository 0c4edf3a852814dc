//! Owns filling a [`Catalog`] from a server; never judges what it finds.
//!
//! One short read-only transaction with one snapshot, and never a function
//! that takes a lock on a user's table: it answers while ACCESS EXCLUSIVE is
//! held on all of them. Names in it are as the server has them, not cleaned:
//! what shows them cleans them.

mod hanging;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::types::Oid;
use tokio_postgres::{Client, Error, Row};

use super::session::{Bounded, Session};
use crate::plan::catalog::{
    Catalog, Function, Publication, Relation, RelationKind, ReplicaIdentity,
};
use crate::plan::{ServerIdentity, TableSize};
use crate::run::fault::Fault;
use crate::runbook::TableName;

/// How long the whole of it may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// First version with column lists, schemas in publications, and the version
/// of the database's collation.
const PG15: u32 = 150_000;

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL search_path = pg_catalog;
    SET LOCAL lock_timeout = '1s'";

/// Looks at the database behind a session: the tables of these names, and what
/// hangs on them. A name that does not exist is left out.
///
/// # Errors
/// The server's, classified; past 30 s it is cancelled.
pub async fn catalog(session: &Session, tables: &BTreeSet<TableName>) -> Result<Catalog, Fault> {
    let client = session.client();
    match session.bounded(DEADLINE, look(client, tables)).await {
        Ok(catalog) => Ok(catalog),
        Err(failure) => {
            // The session may be used again; if this fails too, it is gone anyway.
            let _ = client.batch_execute("ROLLBACK").await;
            Err(match failure {
                Bounded::Failed(error) => session.describe(&error),
                other => other.fault(),
            })
        }
    }
}

async fn look(client: &Client, tables: &BTreeSet<TableName>) -> Result<Catalog, Error> {
    // Before the search path is narrowed, which it tells.
    let row = client
        .query_one(include_str!("../sql/server.sql"), &[])
        .await?;
    let search_path: Vec<String> = row.get("search_path");
    client.batch_execute(BEGIN).await?;
    let server = server(client, &row).await?;
    let (oids, mut relations) = relations(client, tables, &search_path).await?;
    hanging::columns(client, &server, &oids, &mut relations).await?;
    hanging::unique_indexes(client, &oids, &mut relations).await?;
    hanging::triggers(client, &oids, &mut relations).await?;
    hanging::checks(client, &oids, &mut relations).await?;
    hanging::dependents(client, &oids, &mut relations).await?;
    let catalog = Catalog {
        functions: functions(client, &oids, &relations).await?,
        publications: publications(client, &server, &oids).await?,
        subscribers: subscribers(client).await?,
        server,
        in_recovery: row.get("in_recovery"),
        search_path,
        relations,
    };
    client.batch_execute("COMMIT").await?;
    Ok(catalog)
}

async fn server(client: &Client, row: &Row) -> Result<ServerIdentity, Error> {
    let mut identity = ServerIdentity {
        version_num: row.get::<_, i32>("version_num").unsigned_abs(),
        database: row.get("database"),
        system_identifier: None,
        timeline: None,
        started: row.get("started"),
    };
    if row.get("may_read_control") {
        let control = client
            .query_one(include_str!("../sql/control.sql"), &[])
            .await?;
        identity.system_identifier = control.get("system_identifier");
        identity.timeline = Some(control.get::<_, i32>("timeline").unsigned_abs());
    }
    Ok(identity)
}

/// The relations and, in the same order, their oids.
async fn relations(
    client: &Client,
    tables: &BTreeSet<TableName>,
    search_path: &Vec<String>,
) -> Result<(Vec<Oid>, Vec<Relation>), Error> {
    let names: Vec<_> = tables.iter().map(|table| &table.name).collect();
    let schemas: Vec<_> = tables.iter().map(|table| &table.schema).collect();
    let sql = include_str!("../sql/relations.sql");
    let rows = client.query(sql, &[&names, &schemas, search_path]).await?;
    let oids = rows.iter().map(|row| row.get("oid")).collect();
    Ok((oids, rows.iter().map(relation).collect()))
}

fn relation(row: &Row) -> Relation {
    let rows: Option<f64> = row.get("rows");
    let bytes: i64 = row.get("bytes");
    Relation {
        schema: row.get("schema"),
        name: row.get("name"),
        kind: match row.get("kind") {
            "p" => RelationKind::Partitioned,
            "v" => RelationKind::View,
            "m" => RelationKind::MaterializedView,
            "f" => RelationKind::Foreign,
            _ => RelationKind::Table,
        },
        size: TableSize {
            rows: rows.map(|rows| rows as u64),
            bytes: bytes.unsigned_abs(),
            indexes: u32::try_from(row.get::<_, i64>("indexes")).unwrap_or(u32::MAX),
            index_bytes: row.get::<_, i64>("index_bytes").unsigned_abs(),
            fillfactor: u8::try_from(row.get::<_, i32>("fillfactor")).unwrap_or(100),
        },
        has_children: row.get("has_children"),
        row_security: row.get("row_security"),
        replica_identity: match row.get("replica_identity") {
            "n" => ReplicaIdentity::Nothing,
            "f" => ReplicaIdentity::Full,
            "i" => ReplicaIdentity::Index,
            _ => ReplicaIdentity::Default,
        },
        columns: Vec::new(),
        unique_indexes: Vec::new(),
        triggers: Vec::new(),
        checks: Vec::new(),
        dependents: Vec::new(),
    }
}

async fn functions(
    client: &Client,
    oids: &[Oid],
    relations: &[Relation],
) -> Result<Vec<Function>, Error> {
    let names: Vec<_> = relations.iter().map(|relation| &relation.name).collect();
    let rows = client
        .query(include_str!("../sql/functions.sql"), &[&oids, &names])
        .await?;
    let function = |row: &Row| Function {
        schema: row.get("schema"),
        name: row.get("name"),
        returns_trigger: row.get("returns_trigger"),
        body: row.get("body"),
    };
    Ok(rows.iter().map(function).collect())
}

async fn publications(
    client: &Client,
    server: &ServerIdentity,
    oids: &[Oid],
) -> Result<Vec<Publication>, Error> {
    let sql = match server.version_num {
        PG15.. => include_str!("../sql/publications_15.sql"),
        _ => include_str!("../sql/publications.sql"),
    };
    let rows = client.query(sql, &[&oids]).await?;
    let publication = |row: &Row| {
        let tables: serde_json::Value = row.get("tables");
        Publication {
            name: row.get("name"),
            all_tables: row.get("all_tables"),
            schemas: row.get("schemas"),
            tables: serde_json::from_value(tables).expect("the query builds this shape"),
        }
    };
    Ok(rows.iter().map(publication).collect())
}

async fn subscribers(client: &Client) -> Result<u32, Error> {
    let row = client
        .query_one(include_str!("../sql/subscribers.sql"), &[])
        .await?;
    Ok(row.get::<_, i32>("subscribers").unsigned_abs())
}
