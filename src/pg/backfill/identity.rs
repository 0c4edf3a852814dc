//! Owns what the keys of a checkpoint compare by; never compares keys.

use serde_json::{Value, json};
use tokio_postgres::{Client, Error};

use crate::plan::Table;

/// The server, the table and the collation versions of its key. A checkpoint
/// with another identity is void: rows may stand in another order behind it.
/// Null where there is no such table.
pub(super) async fn read(client: &Client, table: &Table) -> Result<Value, Error> {
    let columns: Vec<&str> = table
        .key
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let sql = include_str!("sql/identity.sql");
    let found = client
        .query_opt(sql, &[&table.schema, &table.name, &columns])
        .await?;
    let table: Value = found.map_or(Value::Null, |row| row.get("identity"));
    Ok(json!({ "system": system(client).await?, "table": table }))
}

/// None where this role may not read it; asked first, since a statement that
/// names the function fails without the privilege.
async fn system(client: &Client) -> Result<Option<String>, Error> {
    let sql = include_str!("sql/system_readable.sql");
    if !client.query_one(sql, &[]).await?.get::<_, bool>("readable") {
        return Ok(None);
    }
    let row = client
        .query_one(include_str!("sql/system.sql"), &[])
        .await?;
    Ok(row.get("system"))
}
