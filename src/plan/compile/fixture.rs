//! Owns a small catalog and small runbooks for tests.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Refusal, compile};
use crate::plan::catalog::{Catalog, Column, Relation, RelationKind, ReplicaIdentity, UniqueIndex};
use crate::plan::{Plan, ServerIdentity, TableSize};
use crate::runbook::{Connection, ConnectionId, Runbook, load};

/// `public.users (id bigint PRIMARY KEY, email text NOT NULL)`, a million rows.
pub(crate) fn catalog() -> Catalog {
    Catalog {
        server: ServerIdentity {
            version_num: 160_004,
            database: "app".into(),
            system_identifier: Some("7".into()),
            timeline: Some(1),
            started: Timestamp::UNIX_EPOCH,
        },
        in_recovery: false,
        search_path: vec!["pg_catalog".into(), "public".into()],
        relations: vec![users()],
        functions: Vec::new(),
        publications: Vec::new(),
        subscribers: 0,
    }
}

fn users() -> Relation {
    Relation {
        schema: "public".into(),
        name: "users".into(),
        kind: RelationKind::Table,
        size: TableSize::plain(Some(1_000_000), 118 << 20),
        has_children: false,
        row_security: false,
        replica_identity: ReplicaIdentity::Default,
        columns: vec![column("id", "bigint"), column("email", "text")],
        unique_indexes: vec![index("users_pkey", &["id"])],
        triggers: Vec::new(),
        checks: Vec::new(),
        dependents: Vec::new(),
    }
}

/// A NOT NULL column.
pub(crate) fn column(name: &str, data_type: &str) -> Column {
    Column {
        name: name.into(),
        data_type: data_type.into(),
        collation: None,
        not_null: true,
        generated: false,
        has_default: false,
        has_grants: false,
    }
}

/// A primary key.
pub(crate) fn index(name: &str, columns: &[&str]) -> UniqueIndex {
    UniqueIndex {
        name: name.into(),
        columns: columns.iter().map(|column| (*column).into()).collect(),
        primary: true,
        valid: true,
        immediate: true,
        partial: false,
        plain_order: true,
        replica_identity: false,
    }
}

/// A runbook of one phase with these steps, in TOML.
pub(crate) fn runbook(steps: &str) -> Runbook {
    let text = format!(
        "format = 1\n[cutover]\nid = \"t\"\ntitle = \"t\"\nsummary = \"s\"\nenvironment = \"e\"\n\
         [connections.main]\nurl_env = \"URL\"\n[[phase]]\nid = \"p\"\n\
         point_of_no_return = true\n{steps}"
    );
    let loaded = load(&text, "t.toml", &BTreeMap::new(), None);
    loaded
        .runbook
        .clone()
        .unwrap_or_else(|| panic!("{}", loaded.render(false)))
}

/// The plan against that catalog, on every connection.
pub(crate) fn compiled(runbook: &Runbook, catalog: &Catalog) -> Result<Plan, Vec<Refusal>> {
    let each = |connection: &Connection| (connection.id.clone(), catalog.clone());
    let catalogs: BTreeMap<ConnectionId, Catalog> = runbook.connections.iter().map(each).collect();
    compile(runbook, &catalogs, Timestamp::UNIX_EPOCH)
}
