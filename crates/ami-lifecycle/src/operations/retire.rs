//! Retiring: an old AMI is deprecated first, then disabled, and deleted last, so that whoever still
//! needs it is heard before it is gone. Which stage it has reached since when is a tag, and each can
//! be taken back.
//!
//! ```text
//!   goes --> deprecated --retire_after--> disabled --retire_after--> deleted
//! ```

use std::time::Duration;

use jiff::Timestamp;

use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::model::ami::Ami;
use crate::model::distribution::Distribution;
use crate::model::facts::DISABLED;
use crate::model::retirement::RetiredStage;
use crate::model::standing::Standing;
use crate::model::tags::{self, Tags};
use crate::operations::claim::{Actor, Claim, NotDeleted, Target, change_claimed};
use crate::operations::terms;

/// How often, and how far apart, an image is looked at that was just enabled.
const LOOKS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// Takes an AMI to its next stage. It is claimed and looked at again first, as for a deletion: what
/// is current or verified meanwhile stays as it is.
///
/// # Errors
/// When it has come into use, or a call fails.
pub(crate) async fn retire(
    cloud: &Cloud,
    (ami, standing): (&str, &Standing),
    stage: RetiredStage,
    actor: Actor<'_>,
) -> Result<(), NotDeleted> {
    let act = async |claim: &Claim<'_>| {
        if let Some(template) = crate::operations::claim::has_become_current(cloud, claim).await? {
            return Err(NotDeleted::Current(template));
        }
        let value = format!("{} {}", stage.as_str(), Timestamp::now());
        let note = async || cloud.tag(&[ami.to_owned()], &tags::of([(tags::RETIRED, value)])).await;
        // What breaks off half way is told by the tag, so that it can be taken back: of an AMI that is
        // disabled by the tag of the stage before.
        match stage {
            RetiredStage::Deprecated => {
                note().await?;
                cloud.deprecate(ami, terms::soon(Timestamp::now())).await?;
            }
            RetiredStage::Disabled => {
                cloud.disable(ami).await?;
                note().await?;
            }
        }
        Ok(())
    };
    change_claimed(cloud, Target::Image(ami), standing, actor, act).await
}

/// Makes a retired AMI what it was, on its template's terms: EC2 takes all launch permissions from what is
/// disabled, and gives none back
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/disable-an-ami.html>). One that is
/// not retired stays as it is, such as a quarantined one.
///
/// # Errors
/// When a call fails, or EC2 does not enable it.
pub(crate) async fn take_back(
    cloud: &Cloud,
    id: &str,
    wanted: Option<&Distribution>,
) -> Result<(), CloudError> {
    as_it_was_if(cloud, id, wanted, |ami| ami.retired.is_some()).await
}

/// Makes up for whoever has retired an AMI just before it was promoted. They have disabled it, and what they
/// noted of that may be written over; from now on they step back.
///
/// # Errors
/// When a call fails, or EC2 does not enable it.
pub(crate) async fn make_available(
    cloud: &Cloud,
    id: &str,
    wanted: Option<&Distribution>,
) -> Result<(), CloudError> {
    as_it_was_if(cloud, id, wanted, |ami| ami.retired.is_some() || ami.state == DISABLED).await
}

async fn as_it_was_if(
    cloud: &Cloud,
    id: &str,
    wanted: Option<&Distribution>,
    is_meant: impl FnOnce(&Ami) -> bool,
) -> Result<(), CloudError> {
    let Some(image) = cloud.image(id).await? else { return Ok(()) };
    let ami = Ami::read(image, cloud.region());
    if !is_meant(&ami) {
        return Ok(());
    }
    if ami.state == DISABLED {
        cloud.enable(id).await?;
        until_enabled(cloud, id).await?;
    }
    let mut written = give_back(cloud, &ami, wanted).await?;
    written.insert(tags::RETIRED.to_owned(), String::new());
    match cloud.tag(&[id.to_owned()], &written).await {
        Err(error) if error.kind == CloudErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Settles all terms of an AMI that was disabled, whatever its record says: that is what EC2 has taken
/// away. Returns the record.
pub(crate) async fn give_back(
    cloud: &Cloud,
    ami: &Ami,
    wanted: Option<&Distribution>,
) -> Result<Tags, CloudError> {
    let deprecates = wanted.is_some_and(|wanted| wanted.deprecate_after.is_some());
    if ami.deprecation.is_some() && !deprecates {
        cloud.undeprecate(&ami.ami).await?;
    }
    let Some(wanted) = wanted else { return Ok(Tags::new()) };
    let anew = Ami { distribution: String::new(), ..ami.clone() };
    Ok(terms::settle(cloud, &anew, wanted).await?.record)
}

async fn until_enabled(cloud: &Cloud, id: &str) -> Result<(), CloudError> {
    for _ in 0..LOOKS {
        if cloud.image(id).await?.is_none_or(|image| image.state != DISABLED) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let text = format!("{id} was enabled, but is still disabled");
    Err(CloudError::answer(crate::ec2::action::Action::EnableImage, text))
}
