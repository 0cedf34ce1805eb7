//! Ids of EC2's resources. What comes from outside is read once, by `parse`; what EC2 answers is taken as it is.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::Serialize;

/// How many hexadecimal digits an id has behind its prefix
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>).
const DIGITS: [usize; 2] = [8, 17];

fn is_id(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// What every such id begins with.
            pub const PREFIX: &str = $prefix;

            /// The id in a text, if it is one.
            #[must_use]
            pub fn parse(text: &str) -> Option<$name> {
                is_id(text, $prefix).then(|| $name(text.to_owned()))
            }

            /// An id as EC2, or a tag, says it.
            pub(crate) fn answered(text: impl Into<String>) -> $name {
                $name(text.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }

        impl PartialEq<$name> for str {
            fn eq(&self, other: &$name) -> bool {
                *self == *other.0
            }
        }

        #[cfg(test)]
        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                $name(text.to_owned())
            }
        }

        #[cfg(test)]
        impl From<String> for $name {
            fn from(text: String) -> $name {
                $name(text)
            }
        }
    )*};
}

ids! {
    /// The id of an AMI.
    AmiId "ami-";
    /// The id of an instance.
    InstanceId "i-";
    /// The id of a snapshot.
    SnapshotId "snap-";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_prefix_and_8_or_17_digits() {
        for text in ["ami-3c994355", "ami-0123456789abcdef0"] {
            assert_eq!(AmiId::parse(text).unwrap(), text);
        }
        for text in ["", "ami-", "ami-3c99435", "ami-3c99435g", "i-3c994355", "snap-3c994355"] {
            assert_eq!(AmiId::parse(text), None, "{text}");
        }
        assert!(InstanceId::parse("i-0123456789abcdef0").is_some());
        assert!(SnapshotId::parse("snap-0123456789abcdef0").is_some());
    }
}
