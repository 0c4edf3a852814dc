//! Owns the lease's copies in other databases that a plan changes; never reads
//! one back.

use tokio_postgres::{Client, Error};

use super::{Lease, TakeError};
use crate::pg::session::{Backend, Session};
use crate::run::fault::{Fault, Trouble};

/// Copies the lease to another database that the plan changes, so that
/// transactions there are fenced by it too; before anything runs there, and
/// after each take-over. Ends the former lead's sessions there.
///
/// # Errors
/// [`TakeError::StillWriting`], or the server's; [`Trouble::LeaseLost`] where a
/// newer copy is there.
pub async fn copy(session: &mut Session, lease: &Lease) -> Result<(), TakeError> {
    let backend = session.backend();
    let copied = write_copy(session.client_mut(), backend, lease).await;
    match copied.map_err(|error| session.describe(&error)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fault::new(Trouble::LeaseLost, "a newer lead was here").into()),
        Err(fault) if fault.trouble == Trouble::LockTimeout => Err(TakeError::StillWriting(fault)),
        Err(fault) => Err(fault.into()),
    }
}

async fn write_copy(client: &mut Client, backend: Backend, lease: &Lease) -> Result<bool, Error> {
    let end = include_str!("../sql/lease_end_older.sql");
    client.execute(end, &[&lease.run.0, &lease.token]).await?;
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SET LOCAL lock_timeout = '8s'")
        .await?;
    let copied = transaction
        .execute(
            include_str!("../sql/lease_copy.sql"),
            &[
                &lease.run.0,
                &lease.epoch,
                &lease.token,
                &lease.holder,
                &lease.host,
                &backend.pid,
                &backend.started,
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(copied > 0)
}
