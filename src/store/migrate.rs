//! Owns the versions of the schema `pgcutover`; never touches what is in it.

use tokio_postgres::Transaction;

use crate::pg::session::Session;
use crate::run::fault::{Fault, Trouble};

/// Each version and what leads to it from the one before, oldest first.
const MIGRATIONS: &[(i32, &str)] = &[(1, include_str!("sql/001_schema.sql"))];

/// Serialises installations in one database; the number means nothing else.
const LOCK: i64 = 0x7067_6375_746f_7665;

/// Everything from nothing to the newest version, as statements of one
/// transaction: what [`install`] does where there is no schema.
pub fn script() -> String {
    let steps = MIGRATIONS.iter().map(|(version, sql)| {
        let note = "INSERT INTO pgcutover.schema_version (version) VALUES";
        format!("{sql}\n{note} ({version});\n")
    });
    steps.collect()
}

/// What an installation has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installed {
    /// The version before; `None` where there was no schema.
    pub from: Option<i32>,
    /// The version now.
    pub to: i32,
}

/// A newer program made the schema: only that program, or a newer one, may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "schema `pgcutover` is of version {found}, this program knows {known}\n\
     hint: use the version of pgcutover that the other terminals use"
)]
pub struct Newer {
    /// In the database.
    pub found: i32,
    /// The newest one that this program knows.
    pub known: i32,
}

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Another program has to go on.
    #[error(transparent)]
    Newer(#[from] Newer),
    /// Somebody else's schema has our name: a person decides.
    #[error(
        "schema `pgcutover` exists and is not pgcutover's\n\
         hint: rename or drop it, or keep the journal in another database"
    )]
    Foreign,
    /// The server refused, or is gone.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The schema's version; `None` where it is not installed.
///
/// # Errors
/// [`MigrateError::Foreign`], or the server's.
pub async fn version(session: &Session) -> Result<Option<i32>, MigrateError> {
    let describe = |error| session.describe(&error);
    let client = session.client();
    let row = client.query_one(include_str!("sql/installed.sql"), &[]);
    let row = row.await.map_err(describe)?;
    match (row.get("exists"), row.get("ours")) {
        (false, _) => Ok(None),
        (true, false) => Err(MigrateError::Foreign),
        (true, true) => {
            let newest = "SELECT max(version) FROM pgcutover.schema_version";
            let row = client.query_one(newest, &[]).await.map_err(describe)?;
            Ok(row.get(0))
        }
    }
}

/// Whether a version is one that this program can work with as it is.
///
/// # Errors
/// [`Newer`] where it never will be.
pub fn is_current(version: Option<i32>) -> Result<bool, Newer> {
    let known = newest();
    match version {
        Some(found) if found > known => Err(Newer { found, known }),
        found => Ok(found == Some(known)),
    }
}

/// Brings the schema to this program's version; changes nothing where it is.
/// All or nothing, and safe to run from several programs at once.
///
/// # Errors
/// [`MigrateError`]; nothing has changed then.
pub async fn install(session: &mut Session) -> Result<Installed, MigrateError> {
    let from = version(session).await?;
    if is_current(from)? {
        return Ok(Installed { from, to: newest() });
    }
    let result = migrate(session.client_mut()).await;
    let from = result.map_err(|error| with_hint(session.describe(&error)))?;
    // Somebody newer may have been faster while we waited for the lock.
    is_current(version(session).await?)?;
    Ok(Installed { from, to: newest() })
}

async fn migrate(
    client: &mut tokio_postgres::Client,
) -> Result<Option<i32>, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    let from = installed(&transaction).await?;
    for (version, sql) in MIGRATIONS {
        if from.is_none_or(|from| from < *version) {
            transaction.batch_execute(sql).await?;
            let note = "INSERT INTO pgcutover.schema_version (version) VALUES ($1)";
            transaction.execute(note, &[version]).await?;
        }
    }
    transaction.commit().await?;
    Ok(from)
}

/// The version, looked up again under the lock.
async fn installed(transaction: &Transaction<'_>) -> Result<Option<i32>, tokio_postgres::Error> {
    let row = transaction
        .query_one(include_str!("sql/installed.sql"), &[])
        .await?;
    if !row.get::<_, bool>("ours") {
        return Ok(None);
    }
    let newest = "SELECT max(version) FROM pgcutover.schema_version";
    Ok(transaction.query_one(newest, &[]).await?.get(0))
}

fn newest() -> i32 {
    MIGRATIONS.last().expect("there is a first version").0
}

fn with_hint(fault: Fault) -> Fault {
    match fault.trouble {
        Trouble::Privilege => fault.with_hint("GRANT CREATE ON DATABASE ... TO the lead's login"),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbered_without_gaps() {
        let numbers = MIGRATIONS.iter().map(|(number, _)| *number);
        assert!(numbers.eq(1..=newest()));
    }

    #[test]
    fn only_a_newer_schema_is_refused() {
        assert!(!is_current(None).unwrap());
        assert!(is_current(Some(newest())).unwrap());
        let newer = is_current(Some(newest() + 1)).unwrap_err();
        assert!(newer.to_string().contains("this program knows"));
    }
}
