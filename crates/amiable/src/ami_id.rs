//! Ids of AMIs, as people write them.

use ami_lifecycle::{AmiId, InstanceId, SnapshotId};

use crate::failure::Failure;

/// The id of an AMI; what is not one is refused with what it is instead.
pub(crate) fn parse_ami_id(text: &str, hint: &str) -> Result<AmiId, Failure> {
    if let Some(id) = AmiId::parse(text) {
        return Ok(id);
    }
    let kinds = [
        (SnapshotId::PREFIX, "a snapshot"),
        (InstanceId::PREFIX, "an instance"),
        ("vol-", "a volume"),
    ];
    let kind = kinds.into_iter().find(|(prefix, _)| text.starts_with(prefix));
    let message = match (text.rsplit_once("/ami-"), kind) {
        (Some((_, id)), _) if text.starts_with("arn:") => {
            return Err(Failure::usage(format!("`{text}` is an ARN"))
                .hint(format!("give the AMI's id: ami-{id}")));
        }
        (_, Some((_, kind))) => format!("`{text}` is the id of {kind}, not of an AMI"),
        (_, None) if text.starts_with(AmiId::PREFIX) => {
            format!("`{text}` is not an AMI id: after `ami-` an id has 17 hexadecimal digits")
        }
        (_, None) => format!("`{text}` is not an AMI id: an id begins with `ami-`"),
    };
    Err(Failure::usage(message).hint(hint))
}

/// Several of them.
pub(crate) fn parse_ami_ids(texts: &[String], hint: &str) -> Result<Vec<AmiId>, Failure> {
    texts.iter().map(|text| parse_ami_id(text, hint)).collect()
}
