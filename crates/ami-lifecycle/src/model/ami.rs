//! An AMI as amiable sees it: what EC2 answers, with the tags read.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::distribution;
use crate::model::facts::{BlockDevice, DISABLED, ImageFacts, copied_by_hand};
use crate::model::id::{AmiId, SnapshotId};
use crate::model::retirement::Retired;
use crate::model::standing::Standing;
use crate::model::tags::{self, Tags};
use crate::model::unreadable::{UnreadableTag, unreadable};

/// What an AMI is to its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Agents are to boot from it.
    Current,
    /// It was current once.
    Previous,
    /// It was never made current: its bake is under way, or broke off.
    Pending,
    /// EC2 could not make it.
    Failed,
    /// It failed verification.
    Quarantined,
    /// Another hand has copied it, with its tags: it belongs to nobody's template.
    Foreign,
    /// It has tags that could not be read.
    Unreadable,
}

impl Status {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Current => "current",
            Status::Previous => "previous",
            Status::Pending => "pending",
            Status::Failed => "failed",
            Status::Quarantined => "quarantined",
            Status::Foreign => "foreign",
            Status::Unreadable => "unreadable",
        }
    }
}

/// Where the script of an AMI came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceRecord {
    /// `git`, `bzr` or `path`.
    pub kind: String,
    /// The repository.
    pub url: String,
    /// The exact revision.
    pub revision: String,
}

/// One of a namespace's AMIs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ami {
    /// The AMI's id.
    pub ami: AmiId,
    /// Its name.
    pub name: String,
    /// The template it was baked for.
    pub template: String,
    /// The build system.
    pub system: String,
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub arch: String,
    /// Counts up for each template.
    pub generation: u64,
    /// What it is to its template.
    pub status: Status,
    /// EC2's state: `pending`, `available`, `failed`, …
    pub state: String,
    /// Why it is in that state, where EC2 says so.
    pub state_reason: Option<String>,
    /// The region.
    pub region: String,
    /// When it was created.
    pub created: String,
    /// Its instances' metadata service wants a token, unless they say otherwise.
    #[serde(skip)]
    pub imds_v2: bool,
    /// Others baked it, and it was adopted.
    #[serde(skip)]
    pub adopted: bool,
    /// When it was made current last.
    pub promoted: Option<String>,
    /// When it passed verification last.
    pub verified: Option<String>,
    /// When it failed verification, if it has not passed since.
    pub quarantined: Option<String>,
    /// Why it is what it is, and by whom.
    pub reason: Option<String>,
    /// The AMI it was baked from.
    pub base_ami: String,
    /// Where the script came from.
    pub source: SourceRecord,
    /// The script's path in the source.
    pub script: String,
    /// The size of all its block devices together.
    pub size_gib: i64,
    /// Its snapshots.
    pub snapshots: Vec<SnapshotId>,
    /// Its block devices.
    pub block_devices: Vec<BlockDevice>,
    /// The devices whose volumes outlive an instance.
    #[serde(skip)]
    pub(crate) lasting_devices: Vec<String>,
    /// A digest of the boot script that it was baked to boot with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_script: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Who baked it.
    pub operator: String,
    /// The bake that made it.
    pub bake: String,
    /// Until when it may belong to a bake that lives.
    #[serde(skip)]
    pub(crate) lease: Option<String>,
    /// The process that bakes, or baked.
    #[serde(skip)]
    pub(crate) owner: String,
    /// What decided on its contents.
    #[serde(skip)]
    pub(crate) recipe: String,
    /// What a decision to delete it is based on.
    #[serde(skip)]
    pub(crate) standing: Standing,
    /// Which keys of its template did, with digests of their values.
    #[serde(skip)]
    pub(crate) config: String,
    /// How long each stage of its bake took, by the stage's name, as far as that is known.
    #[serde(skip)]
    pub durations: Vec<(String, Duration)>,
    /// Digests of the builder's machine-id and host keys.
    #[serde(skip)]
    pub(crate) builder: String,
    /// EC2 does not deregister it until that protection is switched off.
    pub protected: bool,
    /// The AMI that it is a copy of, which gave up its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_of: Option<String>,
    /// The AMI of the template's first region that it was copied from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
    /// The AMI whose tags it has, as another hand has copied that with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_by_hand: Option<String>,
    /// Its tags that could not be read, as another hand has edited them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableTag>,
    /// CreateImage made it of an instance, as EC2 tells.
    #[serde(skip)]
    pub(crate) is_of_instance: bool,
    /// When EC2 begins to call it deprecated (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<String>,
    /// How far `prune` has retired it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
    /// When an instance was started from it last (RFC 3339), as far as EC2 tells: a day later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_launched: Option<String>,
    /// All its disks are encrypted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// The terms that it was given to others on last.
    #[serde(skip)]
    pub(crate) distribution: String,
    /// The version of amiable that baked it.
    pub amiable_version: String,
    /// The template's free keys and values.
    pub metadata: Tags,
}

impl Ami {
    /// Reads an image of the namespace. What it is to its template takes all of the
    /// template's images to tell, see [`crate::model::fleet::Fleet`].
    pub(crate) fn read(image: ImageFacts, region: &str) -> Ami {
        let tag = |key: &str| image.tags.get(key).cloned().unwrap_or_default();
        let copied_by_hand = copied_by_hand(&image);
        Ami {
            copied_by_hand,
            unreadable: unreadable(&image.tags),
            is_of_instance: image.source_instance.is_some(),
            template: tag(tags::TEMPLATE),
            system: tag(tags::SYSTEM),
            os: tag(tags::OS),
            generation: tag(tags::GENERATION).parse().unwrap_or(0),
            status: Status::Pending,
            region: region.to_owned(),
            promoted: image.tags.get(tags::PROMOTED).cloned().filter(|it| !it.is_empty()),
            verified: image.tags.get(tags::VERIFIED).cloned().filter(|it| !it.is_empty()),
            quarantined: image.tags.get(tags::QUARANTINED).cloned().filter(|it| !it.is_empty()),
            reason: image.tags.get(tags::REASON).cloned(),
            base_ami: tag(tags::BASE),
            source: SourceRecord {
                kind: tag(tags::SOURCE_KIND),
                url: tag(tags::SOURCE_URL),
                revision: tag(tags::SOURCE_REVISION),
            },
            script: tag(tags::SCRIPT),
            size_gib: image.block_devices.iter().map(|device| device.size_gib).sum(),
            snapshots: image.block_devices.iter().map(|device| device.snapshot.clone()).collect(),
            operator: tag(tags::OPERATOR),
            bake: tag(tags::BAKE),
            lease: image.tags.get(tags::LEASE).cloned(),
            owner: tag(tags::OWNER),
            boot_script: image.tags.get(tags::BOOT_SCRIPT).cloned(),
            recipe: tag(tags::RECIPE),
            standing: Standing::of(&image.tags),
            config: tag(tags::CONFIG),
            durations: durations(&tag(tags::DURATIONS)),
            builder: tag(tags::BUILDER),
            protected: image.protected,
            backup_of: image.tags.get(tags::BACKUP_OF).cloned(),
            copy_of: image.tags.get(tags::COPY_OF).cloned(),
            deprecation: image.deprecation,
            retired: image.tags.get(tags::RETIRED).and_then(|text| Retired::read(text)),
            last_launched: image.last_launched,
            encrypted: image.encrypted,
            distribution: tag(tags::DISTRIBUTION),
            amiable_version: tag(tags::VERSION),
            metadata: tags::metadata(&image.tags),
            // A copy has the tag of its original.
            adopted: image.tags.get(tags::ADOPTED).map(String::as_str) == Some(image.id.as_str()),
            ami: image.id,
            name: image.name,
            arch: image.architecture,
            state: image.state,
            state_reason: image.state_reason,
            created: image.created,
            imds_v2: image.imds_v2,
            lasting_devices: image.lasting_devices,
            block_devices: image.block_devices,
            description: image.description,
        }
    }

    /// Whether it comes before another of its template's. Generations say so, but of those that
    /// were adopted: these are numbered when they are adopted, and may be older than all others.
    #[must_use]
    pub fn is_before(&self, other: &Ami) -> bool {
        match self.adopted || other.adopted {
            true => (&self.created, self.generation) < (&other.created, other.generation),
            false => self.generation < other.generation,
        }
    }

    /// amiable has protected it itself, as its template wants it: what nobody needs any more
    /// goes all the same.
    pub(crate) fn is_protected_by_amiable(&self) -> bool {
        self.protected && self.distribution.contains(distribution::PROTECTION)
    }

    /// Other accounts may have started from it, as its record says.
    pub(crate) fn was_shared(&self) -> bool {
        self.distribution.contains(distribution::SHARING)
    }

    /// It was verified, whoever has taken the tag that made it current. A copy has that tag of its original
    /// before it is there.
    pub(crate) fn is_proven(&self) -> bool {
        self.verified.is_some() && self.copy_of.is_none()
    }

    /// It failed verification, and that is since when. Whoever has written something else there has said
    /// nothing.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.quarantined.as_ref().is_some_and(|time| time.parse::<Timestamp>().is_ok())
    }

    /// It can be made current: it is available, or was only retired.
    pub(crate) fn can_be_had(&self) -> bool {
        self.state == "available" || (self.retired.is_some() && self.state == DISABLED)
    }

    /// When it was made current last; a tag that is no time counts as never.
    pub(crate) fn promoted_at(&self) -> Option<Timestamp> {
        self.promoted.as_ref()?.parse().ok()
    }
}

/// `launch=31.4 script=205.0`; what is written otherwise is left out.
fn durations(text: &str) -> Vec<(String, Duration)> {
    let parts = text.split(' ').filter_map(|part| part.split_once('='));
    let read = |(stage, seconds): (&str, &str)| {
        let seconds = seconds.parse::<f64>().ok().filter(|it| (0.0..1e7).contains(it))?;
        Some((stage.to_owned(), Duration::from_secs_f64(seconds)))
    };
    parts.filter_map(read).collect()
}
