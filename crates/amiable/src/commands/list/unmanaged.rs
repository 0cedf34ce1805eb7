//! `amiable list --unmanaged`.

use ami_lifecycle::{Cloud, Unmanaged, UnmanagedAmi};
use jiff::Timestamp;

use crate::args::Output;
use crate::console::Console;
use crate::failure::Outcome;
use crate::render::json::json;
use crate::render::{age, fit, table};

const TITLES: [&str; 7] = ["AMI", "CREATED (UTC)", "AGE", "SIZE", "LAUNCHED", "USED BY", "NAME"];

/// Shows the account's own AMIs that no namespace has.
pub(super) async fn show(cloud: &Cloud, output: Output, console: &Console) -> Outcome {
    let Unmanaged { amis, managed, unknown } = ami_lifecycle::unmanaged(cloud).await?;
    for (what, why) in unknown {
        let text = format!("warning: whether {what} use them could not be determined: {why}");
        console.complain(&text);
    }
    let size: i64 = amis.iter().map(|ami| ami.size_gib).sum();
    match output {
        Output::Json => console.result(&json(&amis)),
        Output::Text if amis.is_empty() => {
            let region = cloud.region();
            console
                .message(&format!("amiable manages all {managed} AMIs of the account in {region}"));
        }
        Output::Text => {
            let now = Timestamp::now();
            let mut rows: Vec<Vec<String>> = amis.iter().map(|ami| row(ami, now)).collect();
            let may_shrink = [false, false, false, false, false, true, true];
            fit(&TITLES, &mut rows, &may_shrink, console.width().unwrap_or(usize::MAX));
            console.result(&table(&TITLES, &rows));
            console.message(&format!(
                "not managed by amiable: {}, with {size} GiB; managed: {managed}; `amiable adopt` makes \
                 AMIs a template's",
                amis.len()
            ));
        }
    }
    Ok(())
}

fn row(ami: &UnmanagedAmi, now: Timestamp) -> Vec<String> {
    let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
    let users: Vec<String> = ami.used_by.iter().map(ToString::to_string).collect();
    vec![
        ami.ami.to_string(),
        ami.created.get(..16).unwrap_or(&ami.created).replace('T', " "),
        ami.created.parse().map(|then| age(then, now)).unwrap_or_default(),
        format!("{} GiB", ami.size_gib),
        ami.last_launched.as_deref().map(day).unwrap_or_default(),
        users.join(", "),
        ami.name.clone(),
    ]
}
