//! The life of the AMIs that CI agents boot from: create, update, list, delete, info.
//!
//! Plain typed steps over `aws-sdk-ec2`. Nothing here prints, reads the
//! environment or keeps a database: the tags on the resources say what amiable
//! made, for which template, at which stage ([`tags`]).
//!
//! ```text
//!   Template (what is wanted) --.
//!                                +--> decisions (pure) --> steps over Cloud and Ssh
//!   Fleet (what the tags say) --'                               |
//!                                                               v
//!                                              Event --> whoever renders
//! ```

mod consumer;
mod ec2;
mod guest;
mod model;
mod operations;
#[cfg(test)]
mod recorded;
mod source;

pub use crate::consumer::change::{Move, Naming, RollRequest, RollTarget, Rolled, Value};
pub use crate::ec2::account::WrongAccount;
pub use crate::ec2::action::Action;
pub use crate::ec2::client::Cloud;
pub use crate::ec2::error::{CloudError, CloudErrorKind, NotSignedIn, chain};
pub use crate::ec2::instance_type::instance_type;
pub use crate::ec2::lookup::{KnownAmi, look_up};
pub use crate::ec2::rate_limit::Limits;
pub use crate::guest::error::GuestError;
pub use crate::guest::kept_login::KeptLogin;
pub use crate::model::ami::{Ami, SourceRecord, Status};
pub use crate::model::consumer::{
    AutoScalingGroup, BootScript, ChannelTag, Consumer, ConsumerCommand, FilePlace, GitFile,
    HeldConsumer, IdInFile, JenkinsAgents, LaunchTemplate, RefreshOptions, ScriptText,
    SsmParameter, StackParameter,
};
pub use crate::model::distribution::{Destination, Distribution, Encryption, Principal};
pub use crate::model::event::{Event, Observer, OutputLine, Stage, Stream};
pub use crate::model::facts::{BlockDevice, ImageFacts};
pub use crate::model::fleet::{Fleet, Mode, Refusal};
pub use crate::model::id::{AmiId, InstanceId, SnapshotId};
pub use crate::model::keep::Keep;
pub use crate::model::launch_spec::{FurtherVolume, LaunchSpec, Spot, VolumeSpec};
pub use crate::model::leftover::{LeftBecause, LeftKind, Leftover};
pub use crate::model::name_taken::{NameHolder, NameTaken};
pub use crate::model::naming::{NameParts, NamingError, Pattern, backup_name, check_ami_name};
pub use crate::model::operation::Operation;
pub use crate::model::other_source::OtherSource;
pub use crate::model::reach::{AddressKind, CONNECT_PLACEHOLDERS, Connect, Programs, Reach};
pub use crate::model::resume::Busy;
pub use crate::model::retirement::{RetireStep, Retired, RetiredStage};
pub use crate::model::schedule::Schedule;
pub use crate::model::script::{Script, quote as shell_quoted};
pub use crate::model::tags;
pub use crate::model::tampering::{InDoubt, Tampered, Tampering};
pub use crate::model::template::{
    Architecture, Base, CheckoutOn, HostKey, ImageFilter, JenkinsAgent, KeyPair, Namespace,
    Repository, Seal, SealStep, SmokeTest, Source, Template, Timeouts, VcsKind,
};
pub use crate::model::unreadable::UnreadableTag;
pub use crate::model::variable::{Environment, Variable, check_variable};
pub use crate::operations::adopt::{
    AdoptRequest, Adoption, AdoptionPlan, NotAdopted, adopt_amis, plan_adoption,
};
pub use crate::operations::agents::{OlderAgent, older_agents};
pub use crate::operations::bake::bake;
pub use crate::operations::bake::name::{check_name, next_name};
pub use crate::operations::bake::request::{BakeRequest, Baked, Goal, OnFailure};
pub use crate::operations::base::resolve_base;
pub use crate::operations::claim::{Actor, NotDeleted, NotPromoted};
pub use crate::operations::context::Context;
pub use crate::operations::delete::{
    DeletePlan, DeleteRequest, Deleted, Deletion, NoDeletePlan, RegionDeletions, carry_out_delete,
    plan_delete,
};
pub use crate::operations::distribute::{Distributed, How};
pub use crate::operations::doctor::check::{Check, Verdict};
pub use crate::operations::doctor::examine_readiness;
pub use crate::operations::error::{BakeError, FailedIn, KeptInstance};
pub use crate::operations::first_look::{FirstLook, FoundNetwork, first_look};
pub use crate::operations::follow::{FollowRequest, Followed, Told, follow, is_distributed};
pub use crate::operations::info::{Ancestor, Info, InfoRequest, RegionalCopy, info};
pub use crate::operations::objection::Objection;
pub use crate::operations::place::{InRegion, Place, elsewhere, places};
pub use crate::operations::plan::request::PlanRequest;
pub use crate::operations::plan::{Planned, Reason, Todo, Unknown, plan};
pub use crate::operations::prune::decision::{Decision, DeleteReason, KeepReason};
pub use crate::operations::prune::region_plan::{RegionPrune, Retirement};
pub use crate::operations::prune::{
    NotPruned, PruneRequest, Pruned, carry_out_prune, check_prune, plan_prune,
};
pub use crate::operations::report::{RegionReport, Report, ReportRequest, report};
pub use crate::operations::restore::{NotRestored, Restored, restore};
pub use crate::operations::rights::{PolicyRequest, policy};
pub use crate::operations::rollback::{NoRollback, RollbackError, RolledBack, rollback};
pub use crate::operations::sweep::{SweepPlan, SweepRequest, carry_out_sweep, plan_sweep};
pub use crate::operations::undo::Holdings;
pub use crate::operations::unmanaged::{Unmanaged, UnmanagedAmi, unmanaged};
pub use crate::operations::update::{
    NotUpdated, Selection, UpdateError, UpdateEvent, UpdateObserver, UpdateRequest, Updated,
    UpdatedHow, update,
};
pub use crate::operations::usage::User;
pub use crate::operations::verify::{NotVerified, Verified, VerifyRequest, verify};
pub use crate::source::baked_from_another_source;
pub use crate::source::error::SourceError;
pub use ami_in_file;
pub use consumer::{
    CONSUMER_PLACEHOLDERS, ConsumerState, Consumers, FilePlan, Files, Holders, JenkinsServer,
    RollError, ServerError, Sight, WrittenPlace, examine_consumers, plan_roll, roll,
    written_places,
};
pub use guest::{AccountFault, check_user_data};
pub use ipnet::IpNet;
pub use jenkins_config;
pub use source::{
    RunBy, ScriptFault, check_scripts, current_revision, exact_revision, examine_script,
};
pub use tokio_util::sync::CancellationToken;
