//! Owns the proof that the backend which ran a task before runs it no more;
//! never what follows from it.

use super::super::Driver;
use crate::pg::connect::Target;
use crate::pg::session::{Backend, Purpose, open};
use crate::pg::step::record;
use crate::plan::StepPlace;
use crate::run::event::Task;
use crate::run::fault::{Fault, Trouble};

/// The backend that ran a task in this process; none where none did. Those of a
/// former lead are gone: taking the lease waits for its transactions, and ends
/// what works under it besides.
pub(super) struct Former(Option<(Target, Backend)>);

impl Driver {
    /// The task's, as things are now.
    pub(super) fn former(&self, task: &Task, place: StepPlace<'_>) -> Former {
        let seen = self.tasks.backends.get(task);
        let backend = seen.and_then(|seen| *seen.borrow());
        let target = self.places.targets.get(&place.step.step.on);
        Former(target.cloned().zip(backend))
    }
}

impl Former {
    /// Which one, if any.
    pub(super) fn backend(&self) -> Option<Backend> {
        self.0.as_ref().map(|(_, backend)| *backend)
    }

    /// Ends it where it is still there, and proves it gone.
    ///
    /// # Errors
    /// Where that is not proved: nothing is known of what it does.
    pub(super) async fn gone(&self) -> Result<(), Fault> {
        let Some((target, backend)) = &self.0 else {
            return Ok(());
        };
        let control = open(target, Purpose::Control).await;
        let control = control.map_err(|error| error.fault())?;
        match record::backend_gone(&control, *backend).await? {
            true => Ok(()),
            false => {
                let message = format!("its backend {} is still there", backend.pid);
                Err(Fault::new(Trouble::Unavailable, message))
            }
        }
    }
}
