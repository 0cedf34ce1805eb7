//! What an action of the API is.

use serde_json::Value;

use crate::ec2::Call;
use crate::protocol::{Api, ApiResult, Params, Reference, Xml};

/// One action of an API that answers in XML.
pub(super) trait Action: Sized {
    /// Whose action it is.
    const API: Api = Api::Ec2;

    /// What it takes.
    const REFERENCE: Reference;

    /// Adds what the caller has said elsewhere.
    fn complete(call: &Call, params: Params) -> ApiResult<Params> {
        let _ = call;
        Ok(params)
    }

    /// Reads and checks the parameters.
    fn decode(params: &Params) -> ApiResult<Self>;

    /// Does it, and writes what goes into the answer.
    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()>;
}

/// One action of Systems Manager, which answers in JSON.
pub(super) trait JsonAction: Sized {
    /// What it takes.
    const REFERENCE: Reference;

    /// Reads and checks the parameters.
    fn decode(params: &Params) -> ApiResult<Self>;

    /// Does it, and gives the answer.
    fn run(self, call: &Call) -> ApiResult<Value>;
}
