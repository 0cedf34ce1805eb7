//! What a version of a launch template says: parameters of RunInstances, kept as they were sent.

use super::launch_options::LAUNCH;
use crate::model::LaunchTemplateData;
use crate::protocol::{ApiError, ApiResult, Params, Xml, covers, without_numbers};

/// Parameters of RunInstances that a launch template has not
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RequestLaunchTemplateData.html>).
const NOT_OF_TEMPLATES: [&str; 5] =
    ["ClientToken", "LaunchTemplate", "MaxCount", "MinCount", "SubnetId"];

/// Reads the data of a request. What RunInstances would refuse is refused here already.
pub(super) fn decode_data(params: &Params) -> ApiResult<LaunchTemplateData> {
    let data = params.all_below("LaunchTemplateData");
    let known = LAUNCH;
    for (path, value) in &data {
        let name = without_numbers(path);
        let is_default = |(default, expected): &(&str, &str)| {
            *default == name && value.eq_ignore_ascii_case(expected)
        };
        let is_known = covers(known.honours, &name)
            || covers(known.ignores, &name)
            || known.defaults.iter().any(is_default);
        if !is_known || covers(&NOT_OF_TEMPLATES, &name) {
            let message = format!("The parameter LaunchTemplateData.{path} is not recognized");
            return Err(ApiError::new("UnknownParameter", message));
        }
    }
    Ok(data)
}

/// `over` on top of `base`: what is named at all is taken from there, whole.
pub(super) fn overlay(base: &LaunchTemplateData, over: &LaunchTemplateData) -> LaunchTemplateData {
    fn first(path: &str) -> &str {
        path.split('.').next().unwrap_or(path)
    }
    let is_named = |path: &str| over.keys().any(|it| first(it) == first(path));
    let kept = base.iter().filter(|(path, _)| !is_named(path));
    kept.chain(over).map(|(path, value)| (path.clone(), value.clone())).collect()
}

/// Writes the data as answers have it: `SecurityGroupId.1` is an item of `securityGroupIdSet`.
pub(super) fn write_data(xml: &mut Xml, data: &LaunchTemplateData) {
    let pairs: Vec<Row<'_>> =
        data.iter().map(|(path, value)| (path.split('.').collect(), value.as_str())).collect();
    write_level(xml, &pairs, "");
}

/// The rest of a path, word by word, and the value.
type Row<'a> = (Vec<&'a str>, &'a str);
type Level<'a> = [Row<'a>];

fn write_level(xml: &mut Xml, pairs: &Level<'_>, parent: &str) {
    for (name, below) in grouped(pairs) {
        let is_list = below.iter().any(|(path, _)| {
            path.first().is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()))
        });
        if !is_list {
            xml.node(&element(name), |xml| write_below(xml, &below, name));
            continue;
        }
        let is_card_group = (parent, name) == ("NetworkInterface", "SecurityGroupId");
        let set = if is_card_group { "groupSet".into() } else { format!("{}Set", element(name)) };
        let mut items = grouped(&below);
        items.sort_by_key(|(number, _)| number.parse::<u32>().unwrap_or(u32::MAX));
        xml.node(&set, |xml| {
            for (_, item) in items {
                let tag = if is_card_group { "groupId" } else { "item" };
                xml.node(tag, |xml| write_below(xml, &item, name));
            }
        });
    }
}

fn write_below(xml: &mut Xml, below: &Level<'_>, parent: &str) {
    match below {
        [(path, value)] if path.is_empty() => xml.value(value),
        _ => write_level(xml, below, parent),
    }
}

/// The pairs by the first word of their paths, in the order in which these come.
fn grouped<'a>(pairs: &Level<'a>) -> Vec<(&'a str, Vec<Row<'a>>)> {
    let mut groups: Vec<(&str, Vec<Row<'_>>)> = Vec::new();
    for (path, value) in pairs {
        let Some((name, rest)) = path.split_first() else { continue };
        let row = (rest.to_vec(), *value);
        match groups.iter_mut().find(|(it, _)| it == name) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((name, vec![row])),
        }
    }
    groups
}

/// The name of an element in an answer: `imageId` for `ImageId`.
fn element(name: &str) -> String {
    match name {
        "EnablePrimaryIpv6" => "primaryIpv6".into(),
        _ => {
            let mut letters = name.chars();
            let first = letters.next().map(|it| it.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> LaunchTemplateData {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn data_is_written_as_answers_have_it() {
        let mut xml = Xml::new();
        xml.node("d", |xml| {
            let pairs = [
                ("ImageId", "ami-1"),
                ("NetworkInterface.1.SecurityGroupId.1", "sg-1"),
                ("SecurityGroupId.10", "sg-b"),
                ("SecurityGroupId.2", "sg-a"),
                ("TagSpecification.1.Tag.1.Key", "k"),
            ];
            write_data(xml, &data(&pairs));
        });
        assert!(xml.finish().ends_with(
            "<d><imageId>ami-1</imageId><networkInterfaceSet><item><groupSet><groupId>sg-1</groupId>\
             </groupSet></item></networkInterfaceSet><securityGroupIdSet><item>sg-a</item>\
             <item>sg-b</item></securityGroupIdSet><tagSpecificationSet><item><tagSet><item><key>k\
             </key></item></tagSet></item></tagSpecificationSet></d>"
        ));
    }

    #[test]
    fn what_is_named_is_replaced_whole() {
        let base =
            data(&[("ImageId", "a"), ("SecurityGroupId.1", "x"), ("SecurityGroupId.2", "y")]);
        let over = data(&[("SecurityGroupId.1", "z")]);
        assert_eq!(overlay(&base, &over), data(&[("ImageId", "a"), ("SecurityGroupId.1", "z")]));
    }
}
