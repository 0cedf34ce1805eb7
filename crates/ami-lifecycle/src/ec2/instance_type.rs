//! Instance types by the names that others give them.

use aws_sdk_ec2::types::InstanceType;

/// EC2's name of an instance type, which may be written as version 1 of AWS' SDK for Java calls it:
/// `M5Large`, or `C7iMetal24xl` for `c7i.metal-24xl`. Jenkins' EC2 plugin of before 2.0 wrote such names
/// (<https://github.com/jenkinsci/ec2-plugin>, `InstanceTypeCompat`). They are EC2's without what separates
/// words, so that each leads back to one type. `None` where EC2's list has no such type.
///
/// A name with a dot is EC2's own, and may be newer than the list.
#[must_use]
pub fn instance_type(written: &str) -> Option<String> {
    let written = written.trim();
    if written.contains('.') {
        return Some(written.to_owned());
    }
    let old = OLDEST.iter().find(|(name, _)| name.eq_ignore_ascii_case(written));
    if let Some((_, name)) = old {
        return Some((*name).to_owned());
    }
    let wanted = squeezed(written);
    let mut types = InstanceType::values().iter();
    types.find(|name| squeezed(name) == wanted).map(|name| (*name).to_owned())
}

/// The names of the plugin's first versions (`InstanceTypeConverter`).
const OLDEST: [(&str, &str); 11] = [
    ("DEFAULT", "m1.small"),
    ("LARGE", "m1.large"),
    ("XLARGE", "m1.xlarge"),
    ("MEDIUM_HCPU", "c1.medium"),
    ("XLARGE_HCPU", "c1.xlarge"),
    ("XLARGE_HMEM", "m2.xlarge"),
    ("XLARGE_HMEM_M3", "m3.xlarge"),
    ("XLARGE_DOUBLE_HMEM", "m2.2xlarge"),
    ("XLARGE_QUAD_HMEM", "m2.4xlarge"),
    ("XLARGE_QUAD_HMEM_M3", "m3.2xlarge"),
    ("XLARGE_CLUSTER_COMPUTE", "cc1.4xlarge"),
];

/// A name without what separates its words.
fn squeezed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the SDK for Java makes a constant of a name.
    fn of_java(name: &str) -> String {
        let words = name.split(['.', '-']);
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        words.map(capital).collect()
    }

    #[test]
    fn each_type_is_found_by_its_name_of_old() {
        for name in InstanceType::values() {
            assert_eq!(instance_type(&of_java(name)).as_deref(), Some(*name));
        }
        assert!(InstanceType::values().len() > 900);
    }

    #[test]
    fn names_are_ec2s_or_those_of_old_or_none() {
        for (written, expected) in [
            ("M1Large", Some("m1.large")),
            ("C1XLarge", Some("c1.xlarge")),
            ("M24xlarge", Some("m2.4xlarge")),
            ("R5ad24xlarge", Some("r5ad.24xlarge")),
            ("M7iFlexLarge", Some("m7i-flex.large")),
            ("U6tb156xlarge", Some("u-6tb1.56xlarge")),
            ("C7iMetal24xl", Some("c7i.metal-24xl")),
            (" m5.large", Some("m5.large")),
            ("m99.large", Some("m99.large")),
            ("XLARGE", Some("m1.xlarge")),
            ("MEDIUM_HCPU", Some("c1.medium")),
            ("HUGE", None),
            ("", None),
        ] {
            assert_eq!(instance_type(written).as_deref(), expected, "{written}");
        }
    }
}
