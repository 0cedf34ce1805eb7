//! The type of a volume. It is stored and described; the disk itself is a file whatever its type.

use crate::model::VolumeType;
use crate::protocol::{ApiError, ApiResult, Params};

/// The types, each with the least and the most IOPS that may be asked for, where any may
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>).
const TYPES: [(&str, Option<(u32, u32)>); 7] = [
    ("standard", None),
    ("gp2", None),
    ("gp3", Some((3000, 80_000))),
    ("io1", Some((100, 64_000))),
    ("io2", Some((100, 256_000))),
    ("sc1", None),
    ("st1", None),
];
/// The throughput that a gp3 volume may have, in MiB/s.
const THROUGHPUT: std::ops::RangeInclusive<u32> = 125..=2000;

/// Reads `VolumeType`, `Iops` and `Throughput`; `None` where no type is named.
pub(super) fn decode(ebs: &Params) -> ApiResult<Option<VolumeType>> {
    let name = ebs.string("VolumeType");
    let (iops, throughput) = (ebs.parsed("Iops")?, ebs.parsed("Throughput")?);
    let Some(name) = name else {
        if iops.is_some() || throughput.is_some() {
            let message = "The parameter iops is not supported for gp2 volumes.";
            return Err(ApiError::combination(message));
        }
        return Ok(None);
    };
    let Some((_, range)) = TYPES.into_iter().find(|(it, _)| *it == name) else {
        return Err(ApiError::invalid_value("volumeType", &name));
    };
    match (range, iops) {
        (None, Some(_)) => {
            let message = format!("The parameter iops is not supported for {name} volumes.");
            return Err(ApiError::combination(message));
        }
        (Some((least, most)), Some(iops)) if !(least..=most).contains(&iops) => {
            let message = format!("Volume iops of {iops} is out of range: {least} to {most}.");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        (Some(_), None) if name != "gp3" => return Err(ApiError::missing("iops")),
        _ => {}
    }
    if let Some(throughput) = throughput {
        if name != "gp3" {
            let message = format!("The parameter throughput is not supported for {name} volumes.");
            return Err(ApiError::combination(message));
        }
        if !THROUGHPUT.contains(&throughput) {
            return Err(ApiError::invalid_value("throughput", &throughput.to_string()));
        }
    }
    Ok(Some(VolumeType { name, iops, throughput }))
}
