//! The protocols of AWS that are spoken here: how requests are read, signed, refused and answered.

mod api;
pub(crate) mod auth;
mod error;
mod filter;
pub(crate) mod json;
mod params;
mod xml;

pub(crate) use api::Api;
pub(crate) use error::{ApiError, ApiResult};
pub(crate) use filter::{Filter, matches, paginate};
pub(crate) use params::{Params, Reference, covers, decode_base64, parse, without_numbers};
pub(crate) use xml::Xml;

/// The version of the EC2 API that is spoken here.
pub(crate) const EC2_VERSION: &str = "2016-11-15";
