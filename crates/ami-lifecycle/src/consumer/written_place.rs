//! A place that a consumer writes.

/// A place that a consumer writes. Two consumers must not write one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenPlace {
    /// What tells it from others, but for the cloud.
    pub(super) key: String,
    /// The cloud of Jenkins' that it is in, where that is named.
    pub(super) cloud: Option<String>,
    /// The place in words.
    pub text: String,
}

impl WrittenPlace {
    /// Whether it is the same place as another, or may be.
    #[must_use]
    pub fn overlaps(&self, other: &WrittenPlace) -> bool {
        let cloud = match (&self.cloud, &other.cloud) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.key == other.key && cloud
    }

    /// One that its text tells from all others.
    pub(super) fn of(text: String, region: Option<&str>) -> WrittenPlace {
        let here = region.map(|region| format!(" in {region}")).unwrap_or_default();
        let text = format!("{text}{here}");
        WrittenPlace { key: text.clone(), cloud: None, text }
    }
}
