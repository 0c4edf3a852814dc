//! Owns the reading of service files (`pg_service.conf`); never what a value means.

use super::env::Env;
use super::error::ResolveError;
use super::params::Params;

/// Fills in what the service's section says.
pub(super) fn fill(_params: &mut Params, _env: &dyn Env) -> Result<(), ResolveError> {
    Ok(())
}
