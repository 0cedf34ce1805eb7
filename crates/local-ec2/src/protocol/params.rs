//! Parameters of a request: `Filter.1.Value.2=x` and the like, read by path.
//!
//! What an action reads is noted; what is left over in the end is refused by
//! [`Params::finish`], unless its [`Reference`] says that it is ignored. So a parameter
//! is never silently obeyed in part.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{ApiError, ApiResult, Filter};
use crate::model::Tags;

/// Parameters of all requests of the Query protocol; some clients send a date besides the signed one
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html>).
const COMMON: [&str; 4] = ["Action", "Version", "DryRun", "Timestamp"];

/// What an action takes: `docs/local-ec2.md` is made of these. Names are written without
/// their numbers, as in EC2's own reference, and stand for all that is below them too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    /// Parameters that are honoured.
    pub(crate) honours: &'static [&'static str],
    /// Parameters that have no meaning on one machine and are accepted.
    pub(crate) ignores: &'static [&'static str],
    /// Parameters that are accepted with EC2's own default value, and refused with any other.
    pub(crate) defaults: &'static [(&'static str, &'static str)],
    /// Names of filters.
    pub(crate) filters: &'static [&'static str],
    /// What differs from EC2, for people.
    pub(crate) notes: &'static str,
}

impl Reference {
    pub(crate) const NONE: Reference =
        Reference { honours: &[], ignores: &[], defaults: &[], filters: &[], notes: "" };
}

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
        self.given(name).filter(|value| !value.is_empty())
    }

    /// A parameter that may be absent, or empty. Some clients number those that are single, too.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        let path = format!("{}{name}", self.prefix);
        let found = [path.clone(), format!("{path}.1")].into_iter().find_map(|path| {
            let value = self.values.get(&path)?.clone();
            self.used.borrow_mut().insert(path);
            Some(value)
        });
        self.used.borrow_mut().insert(path);
        found
    }

    pub(crate) fn required(&self, name: &str) -> ApiResult<String> {
        self.string(name).ok_or_else(|| ApiError::missing(&format!("{}{name}", self.prefix)))
    }

    /// A number, a boolean or anything else that parses.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str) -> ApiResult<Option<T>> {
        self.string(name)
            .map(|value| parse(&value).ok_or_else(|| ApiError::invalid_value(name, &value)))
            .transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> ApiResult<bool> {
        Ok(self.parsed(name)?.unwrap_or(false))
    }

    /// `Name.1`, `Name.2`, …; a single one may have no number.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let children = self.structures(name);
        let numbered = children.iter().filter_map(|child| {
            let path = child.prefix.trim_end_matches('.').to_owned();
            let value = self.values.get(&path).cloned();
            self.used.borrow_mut().insert(path);
            value
        });
        let path = format!("{}{name}", self.prefix);
        let single = self.values.get(&path).filter(|value| !value.is_empty()).cloned();
        self.used.borrow_mut().insert(path);
        single.into_iter().chain(numbered).collect()
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

    /// All that is below `Name.`, whatever it is called.
    pub(crate) fn all_below(&self, name: &str) -> BTreeMap<String, String> {
        let prefix = format!("{}{name}.", self.prefix);
        let below = self.values.iter().filter_map(|(path, value)| {
            let rest = path.strip_prefix(&prefix)?;
            self.used.borrow_mut().insert(path.clone());
            Some((rest.to_owned(), value.clone()))
        });
        below.collect()
    }

    /// All of them, to be changed before they are read.
    pub(crate) fn to_pairs(&self) -> BTreeMap<String, String> {
        (*self.values).clone()
    }

    fn below(&self, prefix: &str) -> Params {
        Params { values: self.values.clone(), used: self.used.clone(), prefix: prefix.to_owned() }
    }

    /// `Filter.N.Name` and `Filter.N.Value.M`.
    pub(crate) fn filters(&self, known: &[&str]) -> ApiResult<Vec<Filter>> {
        self.structures("Filter")
            .into_iter()
            .map(|filter| {
                let name = filter.required("Name")?;
                let tag = name.starts_with("tag:") && known.contains(&"tag:KEY");
                if !tag && !known.contains(&name.as_str()) {
                    return Err(ApiError::unknown_filter(&name));
                }
                let mut values = filter.list("Value");
                // No value at all is the empty one, where it stands without a number.
                if values.is_empty() {
                    values.extend(filter.given("Value"));
                }
                Ok(Filter { name, values })
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

    /// Refuses whatever was neither read nor is to be ignored.
    pub(crate) fn finish(&self, reference: &Reference) -> ApiResult<()> {
        let used = self.used.borrow();
        debug_assert!(
            used.iter().map(|path| without_numbers(path)).all(|path| {
                COMMON.contains(&path.as_str()) || covers(reference.honours, &path)
            }),
            "a parameter that the reference does not name is read: {used:?}"
        );
        // Clients send empty parameters for what they have nothing to say about.
        let mut said = self.values.iter().filter(|(_, value)| !value.is_empty());
        let left = said.find(|(key, value)| {
            let path = without_numbers(key);
            let is_default = reference
                .defaults
                .iter()
                .any(|(name, default)| *name == path && value.eq_ignore_ascii_case(default));
            !used.contains(*key) && !is_default && !covers(reference.ignores, &path)
        });
        let Some((key, value)) = left else { return Ok(()) };
        let path = without_numbers(key);
        if reference.defaults.iter().any(|(name, _)| *name == path) {
            let message =
                format!("The value '{value}' of the parameter {key} is not supported here");
            return Err(ApiError::new("Unsupported", message));
        }
        let message = format!("The parameter {key} is not recognized");
        Err(ApiError::new("UnknownParameter", message))
    }
}

/// A value, whose letters may be large: `False` is a boolean to many clients.
pub(crate) fn parse<T: std::str::FromStr>(value: &str) -> Option<T> {
    value.parse().or_else(|_| value.to_ascii_lowercase().parse()).ok()
}

/// What base64 stands for, also where it has line ends.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let whole: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(whole).ok()
}

/// `Filter.Value` of `Filter.1.Value.2`.
pub(crate) fn without_numbers(path: &str) -> String {
    let words = path.split('.').filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
    words.collect::<Vec<_>>().join(".")
}

/// Whether one of the names is the path or stands above it.
pub(crate) fn covers(names: &[&str], path: &str) -> bool {
    names.iter().any(|name| {
        path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The limits of tags: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.
fn check_tag(key: &str, value: &str) -> ApiResult<()> {
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
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

    const TAKES: Reference =
        Reference { honours: &["Id", "Filter"], ignores: &["Monitoring"], ..Reference::NONE };

    #[test]
    fn what_every_call_takes_may_be_numbered_too() {
        let params = params(&[("DryRun.1", "true"), ("Id.1", "a")]);
        assert_eq!(params.flag("DryRun"), Ok(true));
        assert_eq!(params.list("Id"), ["a"]);
        assert_eq!(params.finish(&TAKES), Ok(()));
    }

    #[test]
    fn lists_come_in_numerical_order() {
        let params = params(&[("Id.10", "c"), ("Id.2", "b"), ("Id.1", "a")]);
        assert_eq!(params.list("Id"), ["a", "b", "c"]);
        assert_eq!(params.finish(&TAKES), Ok(()));
    }

    #[test]
    fn what_nobody_read_is_refused_by_name() {
        let params = params(&[
            ("Action", "X"),
            ("Filter.1.Name", "a"),
            ("Filter.1.Value.1", "b"),
            ("Absent", ""),
            ("Hibernate", "1"),
            ("Absent", ""),
        ]);
        params.filters(&["a"]).unwrap();
        let error = params.finish(&TAKES).unwrap_err();
        assert_eq!(
            error.to_string(),
            "UnknownParameter: The parameter Hibernate is not recognized"
        );
    }

    #[test]
    fn what_clients_have_always_sent_is_taken() {
        let params = params(&[
            ("InstanceId.1", "i-1"),
            ("KeyName", "ci"),
            ("Force", "False"),
            ("Filter.1.Name", "tag:x"),
            ("Filter.1.Value", ""),
            ("Timestamp", "2026-11-29T00:00:00Z"),
        ]);
        assert_eq!(params.string("InstanceId").as_deref(), Some("i-1"));
        assert_eq!(params.list("KeyName"), ["ci"]);
        assert_eq!(params.flag("Force"), Ok(false));
        assert_eq!(params.filters(&["tag:KEY"]).unwrap()[0].values, [""]);
        let honours = &["InstanceId", "KeyName", "Force", "Filter"];
        assert_eq!(params.finish(&Reference { honours, ..Reference::NONE }), Ok(()));
        assert_eq!(decode_base64("aGVs\nbG8="), Some(b"hello".to_vec()));
    }

    #[test]
    fn a_default_is_taken_and_any_other_value_is_refused_by_its_name() {
        const TAKES: Reference = Reference {
            defaults: &[("HibernationOptions.Configured", "false")],
            ..Reference::NONE
        };
        assert_eq!(params(&[("HibernationOptions.Configured", "False")]).finish(&TAKES), Ok(()));
        let error = params(&[("HibernationOptions.Configured", "true")]).finish(&TAKES);
        assert_eq!(
            error.unwrap_err().to_string(),
            "Unsupported: The value 'true' of the parameter HibernationOptions.Configured is not \
             supported here"
        );
    }

    #[test]
    fn a_filter_that_is_not_known_is_refused_whatever_there_is() {
        let params = params(&[("Filter.1.Name", "colour"), ("Filter.1.Value.1", "b")]);
        let error = params.filters(&["name", "tag:KEY"]).unwrap_err();
        assert_eq!(error.to_string(), "InvalidParameterValue: The filter 'colour' is invalid");
    }

    #[test]
    fn ignoring_a_name_does_not_cover_longer_names() {
        let params = params(&[("Monitoring.Enabled", "true"), ("MonitoringX", "1")]);
        assert!(params.finish(&TAKES).unwrap_err().message.contains("MonitoringX"));
    }
}
