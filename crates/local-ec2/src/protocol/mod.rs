//! The EC2 Query protocol: how requests are read, signed, refused and answered.

pub(crate) mod auth;
mod error;
mod filter;
mod params;
mod xml;

pub(crate) use error::{ApiError, ApiResult};
pub(crate) use filter::{Filter, matches, paginate};
pub(crate) use params::{Params, Reference, decode_base64, parse};
pub(crate) use xml::Xml;

/// The version of the EC2 API that is spoken here.
pub(crate) const EC2_VERSION: &str = "2016-11-15";
