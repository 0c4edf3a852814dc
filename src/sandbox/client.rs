//! Owns connecting to a private server, and one-shot statements.
//!
//! The statements block, on a thread with a runtime of its own: that works from a plain
//! thread and from inside an asynchronous test alike.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row};

use super::error::Error;

/// Runs one statement over a connection of its own.
pub(super) fn query(
    dsn: &str,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(Error::io("start a runtime"))?;
                runtime
                    .block_on(connect_and_query(dsn, statement, parameters))
                    .map_err(|error| Error::Sql {
                        statement: statement.trim().to_owned(),
                        why: words(&error),
                    })
            })
            .join()
            .expect("the thread has no code of its own that panics")
    })
}

async fn connect_and_query(
    dsn: &str,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await?;
    let (rows, _) = tokio::join!(
        async {
            let rows = client.query(statement, parameters).await;
            drop(client);
            rows
        },
        connection
    );
    rows
}

/// A connection that lives as long as the client does.
pub(super) async fn connect(
    dsn: &str,
    application_name: &str,
) -> Result<Client, tokio_postgres::Error> {
    let mut config: Config = dsn.parse()?;
    config.application_name(application_name);
    let (client, connection) = config.connect(NoTls).await?;
    // Its error is the client's too, at the next statement.
    tokio::spawn(async { drop(connection.await) });
    Ok(client)
}

/// The server's message with its SQLSTATE, or why there was no answer:
/// `tokio_postgres::Error` itself displays as "db error".
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
