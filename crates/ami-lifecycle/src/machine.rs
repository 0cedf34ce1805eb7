//! Starting a machine of amiable's and logging in: the builder, and the one that proves
//! an AMI.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::bake::{BakeError, KeptLogin};
use crate::cloud::{Launch, filter};
use crate::error::CloudError;
use crate::event::Event;
use crate::guest::{Guest, GuestKeys, Site, ended};
use crate::marks::{Marks, new_bake};
use crate::tags::{self, Tags};
use crate::takeover::{self, IsGone};
use crate::template::KeyPair;
use crate::undo::Undo;
use crate::wait;

/// How often, and how far apart, is looked for what a call may have made.
const LOST_TRIES: u32 = 8;
const LOST_PAUSE: Duration = Duration::from_secs(1);

/// What is to be started.
pub(crate) struct Order<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) marks: &'a Marks<'a>,
    /// The image's id and its root device.
    pub(crate) image: (&'a str, &'a str),
    /// What EC2 shows as its name.
    pub(crate) name: String,
    /// What the machine is for.
    pub(crate) stage: &'static str,
    /// More tags.
    pub(crate) tags: Tags,
    /// The root volume's size in GiB; the image's without one.
    pub(crate) volume_size: Option<u64>,
    /// The template's own user data.
    pub(crate) user_data: Option<&'a str>,
    /// Given: of two builders of one template at once, only the first goes on.
    pub(crate) alone: Option<IsGone<'a>>,
}

/// A machine that is logged in to.
pub(crate) struct Started {
    pub(crate) id: String,
    pub(crate) guest: Guest,
    pub(crate) login: KeptLogin,
}

/// Starts a machine. What it makes on the way is put on the list of what is undone.
pub(crate) async fn start(order: &Order<'_>, undo: &mut Undo) -> Result<Started, BakeError> {
    let Order { site, marks, .. } = order;
    let keys = GuestKeys::prepare(site.template)?;
    let temporary = (site.template.key_pair == KeyPair::Temporary).then(|| keys.label.clone());
    if let Some(name) = &temporary {
        undo.key_pair(name);
        let mut tags = marks.on(name.clone());
        tags.insert(tags::STAGE.to_owned(), order.stage.to_owned());
        site.cloud.import_key_pair(name, &keys.login_public(), &tags).await?;
    }
    let key_pair = match &site.template.key_pair {
        KeyPair::Existing { name, .. } => Some(name.as_str()),
        KeyPair::None | KeyPair::Temporary => temporary.as_deref(),
    };
    let id = launch(order, &keys, key_pair, undo).await?;
    site.observer.event(Event::Note(format!("instance {id}")));
    let address = wait_for_address(order, &id).await?;
    let (guest, login) = Guest::reach(*site, &id, address, keys, &marks.bake).await?;
    if let Some(name) = &temporary {
        site.cloud.delete_key_pair(name).await?;
        undo.forget_key_pair(name);
    }
    Ok(Started { id, guest, login })
}

async fn launch(
    order: &Order<'_>,
    keys: &GuestKeys,
    key_pair: Option<&str>,
    undo: &mut Undo,
) -> Result<String, BakeError> {
    let Order { site, marks, .. } = order;
    let template = site.template;
    let mut tags = marks.on(order.name.clone());
    tags.insert(tags::STAGE.to_owned(), order.stage.to_owned());
    tags.extend(order.tags.clone());
    let whole = template.timeouts.whole();
    let token = format!("amiable-{}", new_bake());
    let launch = Launch {
        image: order.image.0,
        root_device: order.image.1,
        instance_type: &template.instance_type,
        security_groups: &template.security_groups,
        subnet: template.subnet.as_deref(),
        instance_profile: template.instance_profile.as_deref(),
        volume_size: order.volume_size,
        user_data: &keys.user_data(template, whole, order.user_data),
        key_pair,
        // Of this attempt only: a bake that is gone on with starts another machine.
        client_token: &token,
        tags: &tags,
    };
    // Not cancelled half way: the id must be known for the instance to be ended.
    undo.begin_launch();
    let id = match site.cloud.launch(&launch).await {
        Ok(id) => id,
        Err(error) if !error.may_have_happened() => {
            undo.launch_was_refused();
            return Err(error.into());
        }
        Err(error) => {
            let look = async || {
                let found = site.cloud.live_instances(vec![filter("client-token", &token)]).await?;
                Ok(found.into_iter().map(|it| it.id).collect())
            };
            found_all_the_same(error, look).await?
        }
    };
    undo.instance(&id);
    Ok(id)
}

/// What a call has made though it failed; the error when that is nothing. EC2 may need a
/// moment to show it.
pub(crate) async fn found_all_the_same(
    error: CloudError,
    look: impl AsyncFn() -> Result<Vec<String>, CloudError>,
) -> Result<String, BakeError> {
    if !error.may_have_happened() {
        return Err(error.into());
    }
    for _ in 0..LOST_TRIES {
        if let Ok(Some(id)) = look().await.map(|ids| ids.into_iter().next()) {
            return Ok(id);
        }
        tokio::time::sleep(LOST_PAUSE).await;
    }
    Err(error.into())
}

/// Waits until the machine runs. The same look shows who else bakes the template.
async fn wait_for_address(order: &Order<'_>, id: &str) -> Result<IpAddr, BakeError> {
    let Order { site, marks, .. } = order;
    let look = async || {
        let machines = site.cloud.machines(marks.namespace, marks.template).await?;
        if let Some(is_gone) = order.alone {
            let now = Timestamp::now();
            let first = takeover::goes_first(&machines, id, marks.template, is_gone, now);
            if let Some(busy) = first {
                return Err(BakeError::Busy(busy));
            }
        }
        let facts = match machines.into_iter().find(|it| it.id == id) {
            Some(facts) => Some(facts),
            // It has ended, or EC2 does not show it yet.
            None => site.cloud.instance(id).await?,
        };
        let Some(facts) = facts else { return Ok(None) };
        ended(id, &facts.state, facts.reason)?;
        Ok(facts.address.filter(|_| facts.state == "running"))
    };
    let waited = wait::until(site.template.timeouts.boot, site.cancel, look).await;
    waited.map_err(|error| BakeError::waiting("the start of the instance", error))
}
