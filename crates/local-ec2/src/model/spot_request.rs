//! A request for a Spot Instance.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::resource;
use super::tags::Tags;

/// One request, which has its instance from the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SpotRequest {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) instance_id: String,
    /// The most that it may cost an hour, where that was said.
    pub(crate) max_price: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
}

resource!(SpotRequest {
    table: "spot_requests",
    prefix: "sir",
    kind: "spot-instances-request",
    malformed: "InvalidSpotInstanceRequestID",
    not_found: "InvalidSpotInstanceRequestID",
    noun: "spot instance request ID",
});
