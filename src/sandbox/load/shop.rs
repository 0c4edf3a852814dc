//! Owns the demo's schema and its first rows; never a load on them.

use super::super::client::{connect, words};
use super::super::error::Error;
use super::statement::body;

/// The application's schema before the cutover.
const SCHEMA: &str = include_str!("../../../assets/demo.sql");

const FILL: &str = include_str!("sql/fill.sql");

/// Makes the table `users` in an empty database, with users 1 to `rows`, and
/// leaves it vacuumed and analyzed. Some five seconds a million rows.
///
/// # Errors
/// [`Error::Sql`] with the statement that failed.
pub async fn create_shop(dsn: &str, rows: i64) -> Result<(), Error> {
    let failed = |statement: &'static str| {
        move |error: tokio_postgres::Error| Error::Sql {
            statement: statement.to_owned(),
            why: words(&error),
        }
    };
    let client = connect(dsn, "pgcutover demo")
        .await
        .map_err(failed("connect"))?;
    let schema = client.batch_execute(SCHEMA).await;
    schema.map_err(failed(SCHEMA))?;
    let filled = client.execute(body(FILL), &[&rows]).await;
    filled.map_err(failed(FILL))?;
    const TIDY: &str = "VACUUM (ANALYZE) public.users";
    client.batch_execute(TIDY).await.map_err(failed(TIDY))
}
