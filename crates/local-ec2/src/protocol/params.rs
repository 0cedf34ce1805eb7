//! Parameters of a request: `Filter.1.Value.2=x` and the like, read by path.
//!
//! What an action reads is noted; what is left over in the end is refused by
//! [`Params::finish`], so that a parameter is never silently obeyed in part.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{ApiError, ApiResult, Filter};
use crate::model::Tags;

/// Parameters common to all requests of the Query protocol.
const COMMON: [&str; 3] = ["Action", "Version", "DryRun"];

/// The parameters of one request, or those below one path of it.
pub(crate) struct Params {
    values: Rc<BTreeMap<String, String>>,
    used: Rc<RefCell<BTreeSet<String>>>,
    prefix: String,
}

impl Params {
    pub(crate) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let params = Params {
            values: Rc::new(pairs.into_iter().collect()),
            used: Rc::default(),
            prefix: String::new(),
        };
        params.used.borrow_mut().extend(COMMON.map(String::from));
        params
    }

    /// A parameter that may be absent. An empty one counts as absent.
    pub(crate) fn string(&self, name: &str) -> Option<String> {
        let path = format!("{}{name}", self.prefix);
        self.used.borrow_mut().insert(path.clone());
        self.values.get(&path).filter(|value| !value.is_empty()).cloned()
    }

    pub(crate) fn required(&self, name: &str) -> ApiResult<String> {
        self.string(name).ok_or_else(|| {
            let message = format!("The request must contain the parameter {}{name}", self.prefix);
            ApiError::new("MissingParameter", message)
        })
    }

    /// A number, a boolean or anything else that parses.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str) -> ApiResult<Option<T>> {
        self.string(name)
            .map(|value| value.parse().map_err(|_| ApiError::invalid_value(name, &value)))
            .transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> ApiResult<bool> {
        Ok(self.parsed(name)?.unwrap_or(false))
    }

    /// `Name.1`, `Name.2`, …
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let children = self.structures(name);
        children
            .iter()
            .filter_map(|child| {
                let path = child.prefix.trim_end_matches('.').to_owned();
                let value = self.values.get(&path).cloned();
                self.used.borrow_mut().insert(path);
                value
            })
            .collect()
    }

    /// `Name.1.…`, `Name.2.…`, in numerical order.
    pub(crate) fn structures(&self, name: &str) -> Vec<Params> {
        let path = format!("{}{name}.", self.prefix);
        let numbers: BTreeSet<u32> = self
            .values
            .keys()
            .filter_map(|key| key.strip_prefix(&path)?.split('.').next()?.parse().ok())
            .collect();
        numbers.into_iter().map(|number| self.below(&format!("{path}{number}."))).collect()
    }

    /// The parameters below `Name.`.
    pub(crate) fn structure(&self, name: &str) -> Params {
        self.below(&format!("{}{name}.", self.prefix))
    }

    fn below(&self, prefix: &str) -> Params {
        Params { values: self.values.clone(), used: self.used.clone(), prefix: prefix.to_owned() }
    }

    /// Accepts parameters that have no meaning on one machine, each by name:
    /// what each action ignores stands in its `decode`.
    pub(crate) fn ignore(&self, names: &[&str]) {
        for name in names {
            let path = format!("{}{name}", self.prefix);
            let below = format!("{path}.");
            let hits = self.values.keys().filter(|key| **key == path || key.starts_with(&below));
            self.used.borrow_mut().extend(hits.cloned());
        }
    }

    /// `Filter.N.Name` and `Filter.N.Value.M`.
    pub(crate) fn filters(&self) -> ApiResult<Vec<Filter>> {
        self.structures("Filter")
            .into_iter()
            .map(|filter| {
                Ok(Filter { name: filter.required("Name")?, values: filter.list("Value") })
            })
            .collect()
    }

    /// The tags of a TagSpecification for one type of resource.
    pub(crate) fn tag_specifications(&self, allowed: &[&str]) -> ApiResult<BTreeMap<String, Tags>> {
        let mut all = BTreeMap::new();
        for specification in self.structures("TagSpecification") {
            let resource_type = specification.required("ResourceType")?;
            if !allowed.contains(&resource_type.as_str()) {
                let message = format!(
                    "'{resource_type}' is not a valid taggable resource type for this operation."
                );
                return Err(ApiError::new("InvalidParameterValue", message));
            }
            all.insert(resource_type, specification.tags()?);
        }
        Ok(all)
    }

    /// `Tag.N.Key` and `Tag.N.Value`.
    pub(crate) fn tags(&self) -> ApiResult<Tags> {
        let mut tags = Tags::new();
        for tag in self.structures("Tag") {
            let (key, value) = (tag.required("Key")?, tag.string("Value").unwrap_or_default());
            check_tag(&key, &value)?;
            tags.insert(key, value);
        }
        Ok(tags)
    }

    /// Refuses whatever was not read.
    pub(crate) fn finish(&self) -> ApiResult<()> {
        let used = self.used.borrow();
        match self.values.keys().find(|key| !used.contains(*key)) {
            None => Ok(()),
            Some(key) => Err(ApiError::new(
                "UnknownParameter",
                format!("The parameter {key} is not recognized"),
            )),
        }
    }
}

/// The limits of tags: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.
fn check_tag(key: &str, value: &str) -> ApiResult<()> {
    if key.starts_with("aws:") {
        let message = "Tag keys starting with 'aws:' are reserved for internal use";
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    if key.chars().count() > 128 {
        let message = format!("Tag key exceeds the maximum length of 128 characters: {key}");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    if value.chars().count() > 256 {
        let message = format!("Tag value exceeds the maximum length of 256 characters: {value}");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params::new(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())))
    }

    #[test]
    fn lists_come_in_numerical_order() {
        let params = params(&[("Id.10", "c"), ("Id.2", "b"), ("Id.1", "a")]);
        assert_eq!(params.list("Id"), ["a", "b", "c"]);
        assert_eq!(params.finish(), Ok(()));
    }

    #[test]
    fn what_nobody_read_is_refused_by_name() {
        let params = params(&[
            ("Action", "X"),
            ("Filter.1.Name", "a"),
            ("Filter.1.Value.1", "b"),
            ("Hibernate", "1"),
        ]);
        params.filters().unwrap();
        let error = params.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "UnknownParameter: The parameter Hibernate is not recognized"
        );
    }

    #[test]
    fn ignoring_a_name_does_not_cover_longer_names() {
        let params = params(&[("Monitoring.Enabled", "true"), ("MonitoringX", "1")]);
        params.ignore(&["Monitoring"]);
        assert!(params.finish().unwrap_err().message.contains("MonitoringX"));
    }
}
