//! What an action of the API is.

use crate::ec2::Call;
use crate::protocol::{ApiResult, Params, Reference, Xml};

/// One action of the API.
pub(super) trait Action: Sized {
    /// What it takes.
    const REFERENCE: Reference;

    /// Reads and checks the parameters.
    fn decode(params: &Params) -> ApiResult<Self>;

    /// Does it, and writes what goes into the answer.
    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()>;
}
