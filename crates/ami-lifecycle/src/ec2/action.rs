//! The actions of AWS that amiable, EC2 for it, or a program that it starts calls. Each place that
//! must know something of every action takes it from this table, or matches on it exhaustively:
//! rights, policy, pace and `doctor`.

use std::fmt;

use crate::ec2::actions::for_each_action;
use crate::model::operation::Operation;

/// What an action does to resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Tells.
    Reads,
    /// Makes one, with its tags from the beginning.
    Makes,
    /// Changes or ends one. EC2 knows the tags of what it names
    /// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>).
    Changes,
    /// Makes one inside another one, which must be there.
    MakesWithin,
}

/// How many calls a bucket holds, and how many it gains in a second
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Calls that may be made at once.
    pub(crate) capacity: u32,
    /// Calls a second after that.
    pub(crate) rate: u32,
}

const fn pace(capacity: u32, rate: u32) -> Pace {
    Pace { capacity, rate }
}

const READS: Pace = pace(100, 20);
const WRITES: Pace = pace(50, 5);
const FREQUENT: Pace = pace(100, 5);
const TAGS: Pace = pace(100, 10);
const COPIES: Pace = pace(100, 1);
const LAUNCHES: Pace = pace(5, 2);

macro_rules! actions {
    ($(
        $service:literal $name:ident $effect:ident $pace:ident
        [$($operation:ident)*] $probe:tt;
    )*) => {
        /// An action, by its name in the API or, where there is none, in IAM.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(
                #[doc = concat!("`", $service, ":", stringify!($name), "`")]
                $name,
            )*
        }

        impl Action {
            /// All of them, in the order of IAM's names.
            pub const ALL: &[Action] = &[$(Action::$name),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Action::$name => stringify!($name),)*
                }
            }

            /// IAM's name of the right to it.
            #[must_use]
            pub fn right(self) -> &'static str {
                match self {
                    $(Action::$name => concat!($service, ":", stringify!($name)),)*
                }
            }

            /// The action of a name.
            pub(crate) fn named(name: &str) -> Option<Action> {
                Action::ALL.iter().copied().find(|action| action.name() == name)
            }

            pub(crate) fn effect(self) -> Effect {
                match self {
                    $(Action::$name => Effect::$effect,)*
                }
            }

            pub(crate) fn pace(self) -> Pace {
                match self {
                    $(Action::$name => $pace,)*
                }
            }

            /// The commands that call it, whatever the templates say.
            pub(crate) fn operations(self) -> &'static [Operation] {
                match self {
                    $(Action::$name => &[$(Operation::$operation),*],)*
                }
            }
        }
    };
}

for_each_action!(actions);

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_iams_names() {
        let rights: Vec<&str> = Action::ALL.iter().map(|it| it.right()).collect();
        assert!(rights.is_sorted(), "{rights:?}");
    }
}
