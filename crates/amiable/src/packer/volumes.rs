//! What becomes of the volumes of a builder.

use serde_json::Value;

use super::keys::{How, row};
use super::model::Draft;
use super::value::{self, blocks, flag, is_nothing, number};
use crate::toml_text::quoted;

/// How root devices are called.
const ROOTS: [&str; 3] = ["/dev/sda1", "/dev/xvda", "/dev/sda"];

/// Takes them over. Says whether one of them is encrypted.
pub(super) fn take(value: &Value, draft: &mut Draft) -> Result<bool, String> {
    let (mut others, mut is_encrypted) = (Vec::new(), false);
    for block in blocks(value)? {
        let device = block.get("device_name").map(value::text).transpose()?.unwrap_or_default();
        let mut keys = Vec::new();
        if block.get("delete_on_termination").is_some_and(|it| flag(it) == Ok(false)) {
            let text = "the volumes of an AMI's instances go with them";
            draft.left(format!("{device}: delete_on_termination = false"), text);
        }
        for (key, value) in block.iter().filter(|(_, value)| !is_nothing(value)) {
            let name = format!("launch_block_device_mappings.{key}");
            let toml = match (key.as_str(), row(&name)) {
                ("device_name", _) => continue,
                ("volume_size", _) => format!("size = {}", number(value)?),
                ("volume_type", _) => format!("type = {}", quoted(&value::text(value)?)),
                ("iops", _) => format!("iops = {}", number(value)?),
                ("throughput", _) => format!("throughput = {}", number(value)?),
                ("volume_initialization_rate", _) => {
                    format!("initialization_rate = {}", number(value)?)
                }
                ("snapshot_id", _) => format!("snapshot = {}", quoted(&value::text(value)?)),
                ("omit_from_artifact", _) if flag(value)? => "keep = false".into(),
                ("encrypted", _) => {
                    is_encrypted |= flag(value)?;
                    continue;
                }
                (_, Some((_, How::Own, _))) => continue,
                (_, Some((.., text))) => {
                    draft.left(format!("{device}: {key}"), *text);
                    continue;
                }
                (_, None) => {
                    draft.left(format!("{device}: {key}"), "amiable does not know this key");
                    continue;
                }
            };
            keys.push(toml);
        }
        match ROOTS.contains(&device.as_str()) {
            true if !draft.has("volume") && !keys.is_empty() => {
                draft.line("volume", format!("{{ {} }}", keys.join(", ")));
            }
            true if !keys.is_empty() => {
                draft.left(device, "an AMI has one root device, which is described already");
            }
            true => {}
            // An empty volume has a size.
            false
                if !keys.iter().any(|it| it.starts_with("size") || it.starts_with("snapshot")) =>
            {
                draft.left(device, "it has neither a size nor a snapshot");
            }
            false => {
                keys.insert(0, format!("device = {}", quoted(&device)));
                others.push(format!("{{ {} }}", keys.join(", ")));
            }
        }
    }
    if !others.is_empty() {
        draft.line("volumes", format!("[{}]", others.join(", ")));
    }
    Ok(is_encrypted)
}
