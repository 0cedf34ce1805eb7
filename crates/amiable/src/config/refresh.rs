//! What `refresh` of an Auto Scaling group may say.

use std::time::Duration;

use ami_lifecycle::RefreshOptions;
use toml::de::DeValue;

use super::keys;
use super::reader::{Mistakes, Section};
use super::template::parse_duration;

/// The longest wait at a checkpoint, and the longest warm-up
/// (<https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html>).
const LONGEST: Duration = Duration::from_secs(172_800);

/// How instances are replaced; `None` where they are not.
pub(super) fn read_refresh(consumer: &Section<'_>, mistakes: &Mistakes) -> Option<RefreshOptions> {
    let value = consumer.get("refresh")?;
    let table = match value.get_ref() {
        DeValue::Boolean(on) => return on.then(RefreshOptions::default),
        DeValue::Table(table) => table,
        _ => {
            let message = "`refresh` is true, or a table";
            let hint = "such as refresh = { min_healthy = 90 }";
            mistakes.add(value.span(), message, Some(hint.into()));
            return None;
        }
    };
    let section = Section::new(table, value.span(), &keys::REFRESH, mistakes);
    let percent = |key, most| {
        let number = section.number(key, most)?;
        u8::try_from(number.value).ok()
    };
    let time = |key: &'static str| {
        let text = section.string(key)?;
        let time = parse_duration(text.value).filter(|time| *time <= LONGEST);
        if time.is_none() {
            let message = format!("`{}` is not a duration of at most 48 hours", text.value);
            mistakes.add(text.span, message, Some("write \"90s\" or \"20m\"".into()));
        }
        time
    };
    let options = RefreshOptions {
        min_healthy: percent("min_healthy", 100),
        max_healthy: percent("max_healthy", 200),
        warmup: time("warmup"),
        checkpoints: checkpoints(&section, mistakes),
        checkpoint_delay: time("checkpoint_delay"),
    };
    if options.max_healthy.is_some_and(|most| most < 100) {
        let message = "`max_healthy` is from 100 to 200";
        mistakes.add(value.span(), message, None);
    }
    if options.max_healthy.is_some() && options.min_healthy.is_none() {
        let message = "`max_healthy` needs `min_healthy`";
        mistakes.add(value.span(), message, None);
    }
    let (least, most) = (options.min_healthy.unwrap_or(90), options.max_healthy.unwrap_or(100));
    if most.saturating_sub(least) > 100 {
        let message = "`max_healthy` is at most 100 more than `min_healthy`";
        mistakes.add(value.span(), message, None);
    }
    section.refuse_others();
    Some(options)
}

/// Percentages in ascending order.
fn checkpoints(section: &Section<'_>, mistakes: &Mistakes) -> Vec<u8> {
    let Some(value) = section.get("checkpoints") else { return Vec::new() };
    let read = |array: &toml::de::DeArray<'_>| {
        let items = array.iter().map(|it| it.get_ref().as_integer()?.as_str().parse::<u8>().ok());
        items.collect::<Option<Vec<u8>>>()
    };
    let percents = value.get_ref().as_array().and_then(read);
    let is_well = |all: &Vec<u8>| {
        let ascend = all.windows(2).all(|pair| pair[0] < pair[1]);
        ascend && all.first().is_some_and(|it| *it > 0) && all.last() == Some(&100)
    };
    match percents.filter(is_well) {
        Some(percents) => percents,
        None => {
            let message =
                "`checkpoints` are percentages in ascending order, and the last one is 100";
            mistakes.add(value.span(), message, Some("such as [20, 100]".into()));
            Vec::new()
        }
    }
}
