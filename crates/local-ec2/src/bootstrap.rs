//! What is there from the beginning.

use crate::config::{MachineKind, ServeError, ServerConfig};
use crate::default_vpc;
use crate::ec2::Ec2;
use crate::imported_image::insert_simulated_base;

/// Makes what is there from the beginning, where it is missing.
pub(crate) fn prepare(ec2: &Ec2, config: &ServerConfig) -> Result<(), ServeError> {
    ec2.change(|state| {
        default_vpc::ensure_default_subnet(state);
        if default_vpc::ensure_default_group(state)
            && matches!(config.machines, MachineKind::Simulated { .. })
        {
            insert_simulated_base(state)?;
        }
        Ok(())
    })
    .map_err(|error| ServeError::Begin(error.message))?;
    Ok(())
}
