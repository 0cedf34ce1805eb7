//! Resource ids as EC2 makes them: a prefix and 17 hexadecimal digits
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).

use rand::RngExt;

/// A new id such as `i-0123456789abcdef0`.
pub(crate) fn new_id(prefix: &str) -> String {
    let bits: u64 = rand::rng().random();
    format!("{prefix}-0{bits:016x}")
}

/// Whether a text has the form of an id: the prefix and 8 (as ids were before 2016) or
/// 17 hexadecimal digits.
pub(crate) fn id_is_valid(id: &str, prefix: &str) -> bool {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
