//! What a template says of its machines' volumes.

use std::collections::BTreeSet;

use ami_lifecycle::{FurtherVolume, VolumeSpec};
use toml::de::DeValue;

use super::diagnostic::did_you_mean;
use super::keys;
use super::reader::{At, Section};
use super::template::TemplateReader;

/// An EBS volume's largest size, in GiB.
const LARGEST: u64 = 65536;
/// The most IOPS and MiB/s of any type
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>).
const MOST_IOPS: u64 = 256_000;
const MOST_THROUGHPUT: u64 = 2000;
/// The range of `initialization_rate` in MiB/s, from the same page.
const INITIALIZATION_RATE: std::ops::RangeInclusive<u32> = 100..=300;

const ROOT_TYPES: &[&str] = keys::VOLUME_TYPES.split_at(5).0;
/// Those whose IOPS may be asked for.
const WITH_IOPS: [&str; 3] = ["gp3", "io1", "io2"];

impl<'a> TemplateReader<'_, 'a> {
    /// The root volume: `volume`, or `volume_size` alone.
    pub(super) fn volume(&self) -> VolumeSpec {
        let size = self.of("volume_size").number("volume_size", LARGEST);
        let parent = self.of("volume");
        let section = parent.section("volume", &keys::VOLUME);
        let spec = self.volume_spec(&section, ROOT_TYPES);
        section.refuse_others();
        if let (Some(size), Some(_)) = (&size, spec.size) {
            let message = "`volume_size` and `volume` both say how large the root volume is";
            let hint = "remove `volume_size`";
            self.mistakes.add(size.span.clone(), message, Some(hint.into()));
        }
        let size = size.map(|it| it.value as u32);
        VolumeSpec { size: spec.size.or(size), ..spec }
    }

    /// The volumes besides it.
    pub(super) fn volumes(&self) -> Vec<FurtherVolume> {
        let section = self.of("volumes");
        let Some(value) = section.get("volumes") else { return Vec::new() };
        let expected = "an array of tables";
        let array = section.typed("volumes", value, expected, DeValue::as_array);
        let mut devices = BTreeSet::new();
        let mut volumes = Vec::new();
        for item in array.into_iter().flat_map(|it| it.value.iter()) {
            let Some(table) = section.typed("volumes", item, expected, DeValue::as_table) else {
                continue;
            };
            let section =
                Section::new(table.value, table.span, &keys::FURTHER_VOLUME, self.mistakes);
            let volume = self.further_volume(&section);
            section.refuse_others();
            if let Some((device, volume)) = volume {
                if !devices.insert(volume.device.clone()) {
                    let message = format!("two of `volumes` are {}", volume.device);
                    self.mistakes.add(device.span, message, None);
                }
                volumes.push(volume);
            }
        }
        volumes
    }

    fn further_volume(&self, section: &Section<'a>) -> Option<(At<&'a str>, FurtherVolume)> {
        let spec = self.volume_spec(section, keys::VOLUME_TYPES);
        let snapshot = section.string("snapshot");
        if let Some(other) = snapshot.as_ref().filter(|it| !it.value.starts_with("snap-")) {
            let message = format!("`{}` is not a snapshot's id", other.value);
            self.mistakes.add(other.span.clone(), message, Some("such as \"snap-…\"".into()));
        }
        let snapshot = snapshot.map(|it| it.value.to_owned());
        let keep = section.boolean("keep").unwrap_or(true);
        if !section.has("device") {
            section.missing("device", Some("such as device = \"/dev/sdf\"".into()));
        }
        let device = section.string("device")?;
        if device.value.strip_prefix("/dev/").is_none_or(str::is_empty) {
            let message = format!("`{}` is not a device name", device.value);
            let hint = "such as \"/dev/sdf\", as EC2 calls it";
            self.mistakes.add(device.span.clone(), message, Some(hint.into()));
        }
        if spec.size.is_none() && snapshot.is_none() {
            section.missing("size", Some("in GiB; or `snapshot`, whose copy it is".into()));
        }
        if spec.initialization_rate.is_some() && snapshot.is_none() {
            let message = "`initialization_rate` is about the blocks of a `snapshot`";
            self.mistakes.add(device.span.clone(), message, None);
        }
        let name = device.value.to_owned();
        Some((device, FurtherVolume { device: name, spec, snapshot, keep }))
    }

    fn volume_spec(&self, section: &Section<'a>, types: &[&str]) -> VolumeSpec {
        let number = |key, most| section.number(key, most);
        let kind = section.string("type");
        let (iops, throughput) = (number("iops", MOST_IOPS), number("throughput", MOST_THROUGHPUT));
        let rate = number("initialization_rate", 300);
        if let Some(kind) = kind.as_ref().filter(|it| !types.contains(&it.value)) {
            let hint = did_you_mean(kind.value, types);
            let message = format!("a volume's `type` cannot be `{}`", kind.value);
            self.mistakes.add(kind.span.clone(), message, Some(hint));
        }
        let name = kind.as_ref().map(|it| it.value);
        if let Some(iops) =
            iops.as_ref().filter(|_| !name.is_some_and(|it| WITH_IOPS.contains(&it)))
        {
            let hint = "add type = \"gp3\", or \"io1\" or \"io2\"";
            self.mistakes.add(
                iops.span.clone(),
                "`iops` needs a `type` that has it",
                Some(hint.into()),
            );
        }
        if let Some(throughput) = throughput.as_ref().filter(|_| name != Some("gp3")) {
            let message = "`throughput` needs type = \"gp3\"";
            self.mistakes.add(throughput.span.clone(), message, None);
        }
        if let Some(kind) =
            kind.as_ref().filter(|it| ["io1", "io2"].contains(&it.value) && iops.is_none())
        {
            let message = format!("a volume of type `{}` needs `iops`", kind.value);
            self.mistakes.add(kind.span.clone(), message, None);
        }
        if let Some(rate) =
            rate.as_ref().filter(|it| !INITIALIZATION_RATE.contains(&(it.value as u32)))
        {
            let message = "`initialization_rate` must be from 100 to 300";
            self.mistakes.add(rate.span.clone(), message, None);
        }
        VolumeSpec {
            size: number("size", LARGEST).map(|it| it.value as u32),
            kind: name.map(str::to_owned),
            iops: iops.map(|it| it.value as u32),
            throughput: throughput.map(|it| it.value as u32),
            initialization_rate: rate.map(|it| it.value as u32),
        }
    }
}
