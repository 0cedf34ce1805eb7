//! The tags that amiable writes and reads. They are its only memory: what is not
//! in a tag, or in EC2's own answer, is not known.
//!
//! | tag | on | value |
//! |---|---|---|
//! | `Name` | all | the AMI's name |
//! | `amiable:namespace` | all | the namespace of the configuration |
//! | `amiable:template` | all | the template's name |
//! | `amiable:bake` | all | the id of the bake that made it |
//! | `amiable:stage` | all | how far the bake was: `building`, `provisioned`, `imaged`, `verifying`, `trial`; `kept` |
//! | `amiable:owner` | all | the process that bakes, so that its end is noticed on its own machine |
//! | `amiable:recipe` | all | a digest of all that decides on what is in the AMI |
//! | `amiable:config` | image, snapshot | the keys of the template that do, each with a digest of its value |
//! | `amiable:durations` | image | how long each stage of its bake took, in seconds: `launch=31.4 script=205.0` |
//! | `amiable:builder` | image, snapshot | digests of the builder's machine-id and host keys |
//! | `amiable:lease` | all | until when it may belong to a bake that lives (RFC 3339, UTC) |
//! | `amiable:generation` | image, snapshot | counts up from 1, for each template |
//! | `amiable:system`, `amiable:os` | image, snapshot | from the template |
//! | `amiable:base` | image, snapshot | the base AMI's id |
//! | `amiable:source-kind`, `-url`, `-revision` | image, snapshot | the exact checkout |
//! | `amiable:script` | image, snapshot | the script's path in it |
//! | `amiable:boot-script` | image, snapshot | it boots with the template's boot script: a digest of that |
//! | `amiable:operator` | all | who baked, as `user@host` |
//! | `amiable:version` | all | the version of amiable |
//! | `amiable:promoted` | image | when it was made current (RFC 3339, UTC); the latest is current |
//! | `amiable:verified` | image | when it passed verification last (RFC 3339, UTC) |
//! | `amiable:quarantined` | image | when it failed verification; it is never made current |
//! | `amiable:reason` | image | why it is what it is, and by whom |
//! | `amiable:backup-of` | image, snapshot | the AMI that it was copied from, to give up its name |
//! | `amiable:copy-of` | image, snapshot | the AMI in the template's first region that it was copied from |
//! | `amiable:adopted` | image | its own id: others have baked it, and a template has adopted it |
//! | `amiable:retired` | image | `deprecated` or `disabled`, and since when: `prune` retires it |
//! | `amiable:distribution` | image | the terms that it is given to others on, each with a digest |
//! | `amiable:deleting` | image, instance | until when, by which process and by whom it is being deleted; empty when it is not |
//! | `amiable:image` | snapshot | the AMI that is being deleted with it |
//! | any other | image, snapshot | the template's metadata |

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// All of amiable's own keys begin so.
pub const PREFIX: &str = "amiable:";
/// EC2's display name.
pub const NAME: &str = "Name";
/// The namespace.
pub const NAMESPACE: &str = "amiable:namespace";
/// The template's name.
pub const TEMPLATE: &str = "amiable:template";
/// The bake's id.
pub const BAKE: &str = "amiable:bake";
/// How far the resource has come.
pub const STAGE: &str = "amiable:stage";
/// Until when the resource may belong to a bake that lives.
pub const LEASE: &str = "amiable:lease";
/// The generation.
pub const GENERATION: &str = "amiable:generation";
/// The build system.
pub const SYSTEM: &str = "amiable:system";
/// The operating system.
pub const OS: &str = "amiable:os";
/// The base AMI's id.
pub const BASE: &str = "amiable:base";
/// `git`, `bzr` or `path`.
pub const SOURCE_KIND: &str = "amiable:source-kind";
/// The repository's URL.
pub const SOURCE_URL: &str = "amiable:source-url";
/// The exact revision.
pub const SOURCE_REVISION: &str = "amiable:source-revision";
/// The script's path.
pub const SCRIPT: &str = "amiable:script";
/// A digest of the boot script that is all that an agent needs.
pub const BOOT_SCRIPT: &str = "amiable:boot-script";
/// Who baked.
pub const OPERATOR: &str = "amiable:operator";
/// The version of amiable.
pub const VERSION: &str = "amiable:version";
/// When it was made current.
pub const PROMOTED: &str = "amiable:promoted";
/// The process that bakes.
pub const OWNER: &str = "amiable:owner";
/// What decides on the contents, as a digest.
pub const RECIPE: &str = "amiable:recipe";
/// The keys of the template that decide on the contents, each with a digest of its value.
pub const CONFIG: &str = "amiable:config";
/// How long each stage of the bake took.
pub const DURATIONS: &str = "amiable:durations";
/// What a new instance must not have in common with the builder, as digests.
pub const BUILDER: &str = "amiable:builder";
/// When it passed verification last.
pub const VERIFIED: &str = "amiable:verified";
/// When it failed verification.
pub const QUARANTINED: &str = "amiable:quarantined";
/// The lease of what is left on purpose: it does not end.
pub const NO_LEASE: &str = "none";
/// Why it is what it is, and by whom.
pub const REASON: &str = "amiable:reason";
/// The AMI that this one is a copy of, made before that one gave up its name.
pub const BACKUP_OF: &str = "amiable:backup-of";
/// How far it is retired, and since when.
pub const RETIRED: &str = "amiable:retired";
/// Who is deleting it, and until when.
pub const DELETING: &str = "amiable:deleting";
/// The AMI that a snapshot is being deleted with.
pub const IMAGE: &str = "amiable:image";

/// The AMI of another region that this one is a copy of.
pub const COPY_OF: &str = "amiable:copy-of";
/// The AMI that was adopted, by its own id.
pub const ADOPTED: &str = "amiable:adopted";
/// The terms that it is given to others on, each with a digest.
pub const DISTRIBUTION: &str = "amiable:distribution";

/// How many tags of an image are kept for amiable itself, which uses all of them; EC2 allows 50 in all.
pub const OWN: usize = 31;
/// The most tags on a resource
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
pub const MOST: usize = 50;
/// The longest key, in characters.
pub const LONGEST_KEY: usize = 128;
/// The longest value, in characters.
pub const LONGEST_VALUE: usize = 256;

/// Whether a key is AWS' own: EC2 refuses to write it, in upper and lower case
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
pub(crate) fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

/// Why a key cannot be used for metadata.
///
/// # Errors
/// A text that fits behind the key's name.
pub fn check_metadata(key: &str, value: &str) -> Result<(), String> {
    match key {
        NAME => Err(RESERVED.into()),
        _ => check_tag(key, value),
    }
}

const RESERVED: &str = "is a key reserved by amiable or AWS";

/// Why a tag cannot be put on what a bake starts.
///
/// # Errors
/// A text that fits behind the key's name.
pub fn check_tag(key: &str, value: &str) -> Result<(), String> {
    if key.starts_with(PREFIX) || is_reserved(key) {
        return Err(RESERVED.into());
    }
    if key.is_empty() || key.chars().count() > LONGEST_KEY {
        return Err(format!("is not a valid tag key: 1 to {LONGEST_KEY} characters are allowed"));
    }
    if key.chars().chain(value.chars()).any(char::is_control) {
        return Err("has a control character, such as the end of a line".into());
    }
    if value.chars().count() > LONGEST_VALUE {
        return Err(format!(
            "has a value of more than {LONGEST_VALUE} characters, which EC2 rejects"
        ));
    }
    Ok(())
}

/// The tags that are the template's metadata.
#[must_use]
pub fn metadata(tags: &Tags) -> Tags {
    let own = |key: &str| key.starts_with(PREFIX) || is_reserved(key) || key == NAME;
    tags.iter()
        .filter(|(key, _)| !own(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Tags of these keys and values, cut to what a tag holds.
pub(crate) fn of<const N: usize>(pairs: [(&str, String); N]) -> Tags {
    pairs.map(|(key, value)| (key.to_owned(), fit(&value))).into()
}

/// What makes an image the current one of its template, in one write.
pub(crate) fn promotion(time: Timestamp, reason: String) -> Tags {
    of([(PROMOTED, time.to_string()), (REASON, reason)])
}

/// Cuts a value to what a tag holds.
#[must_use]
pub fn fit(value: &str) -> String {
    value.chars().take(LONGEST_VALUE).collect()
}
