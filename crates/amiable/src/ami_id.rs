//! Ids of AMIs, as people write them.

use crate::failure::{Failure, Outcome};

/// An id is `ami-` and 8 or 17 hexadecimal digits.
pub(crate) fn is_ami_id(text: &str) -> bool {
    let digits = text.strip_prefix("ami-").unwrap_or_default();
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Refuses what is not an AMI's id, and says what it is.
pub(crate) fn check_ami_id(text: &str, hint: &str) -> Outcome {
    if is_ami_id(text) {
        return Ok(());
    }
    let kinds = [("snap-", "a snapshot"), ("i-", "an instance"), ("vol-", "a volume")];
    let kind = kinds.into_iter().find(|(prefix, _)| text.starts_with(prefix));
    let message = match (text.rsplit_once("/ami-"), kind) {
        (Some((_, id)), _) if text.starts_with("arn:") => {
            return Err(Failure::usage(format!("`{text}` is an ARN"))
                .hint(format!("AMIs are named by their ids: ami-{id}")));
        }
        (_, Some((_, kind))) => format!("`{text}` is the id of {kind}, and not of an AMI"),
        (_, None) if text.starts_with("ami-") => {
            format!("`{text}` is not an AMI id: after `ami-` an id has 17 hexadecimal digits")
        }
        (_, None) => format!("`{text}` is not an AMI id: an id begins with `ami-`"),
    };
    Err(Failure::usage(message).hint(hint))
}
