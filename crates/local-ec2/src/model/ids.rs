//! Resource ids as EC2 makes them: a prefix and 17 hexadecimal digits
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).

use rand::RngExt;

/// A new id such as `i-0123456789abcdef0`.
pub(crate) fn new_id(prefix: &str) -> String {
    let bits: u64 = rand::rng().random();
    format!("{prefix}-0{bits:016x}")
}
