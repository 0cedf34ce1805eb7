//! What can be wrong with a file, a name, or a change.

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is in an encoding that is not known, or not what it says.
    #[error("it is not {0} text")]
    Encoding(String),
    /// It is no XML.
    #[error("it is no well-formed XML: line {line}: {reason}")]
    Xml {
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// It is no YAML.
    #[error("it is no YAML: line {line}: {reason}")]
    Yaml {
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// Something that may be there once is there twice, and readers differ on which counts.
    #[error("line {line}: `{name}` is there twice")]
    Twice {
        /// Where what has it begins, from 1.
        line: usize,
        /// What it is.
        name: String,
    },
    /// Its aliases lead to more values than anybody would write.
    #[error("its aliases expand to more than {0} values")]
    TooLarge(usize),
}

/// Why an agent template is not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No cloud of the EC2 plugin has that name.
    #[error("there is no cloud `{name}`; there is {}", listed(known))]
    NoCloud {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Nothing has that name.
    #[error("there is no agent template {name}; there is {}", listed(known))]
    None {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several have it.
    #[error("there are {} agent templates {name}, in lines {}", lines.len(), numbers(lines))]
    Several {
        /// What was asked for.
        name: String,
        /// Where they begin.
        lines: Vec<usize>,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none at all".into() } else { names.join(", ") }
}

fn numbers(lines: &[usize]) -> String {
    lines.iter().map(usize::to_string).collect::<Vec<String>>().join(", ")
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The template says no AMI by its id.
    #[error("{agent} (line {line}) names no AMI by its id")]
    NoAmi {
        /// Which.
        agent: String,
        /// Where it begins.
        line: usize,
    },
    /// The template has no init script that could be replaced.
    #[error("{agent} (line {line}) has no init script to put another in the place of")]
    NoScript {
        /// Which.
        agent: String,
        /// Where it begins.
        line: usize,
    },
    /// Jenkins puts a variable's value in its place.
    #[error("{agent} (line {line}) takes it from ${{{variable}}}, which is set elsewhere")]
    Variable {
        /// Which.
        agent: String,
        /// Where it begins.
        line: usize,
        /// The variable.
        variable: String,
    },
    /// A YAML anchor is the source for others as well.
    #[error("{agent} (line {line}) shares it, by an anchor, with {others}, which would change too")]
    Shared {
        /// Which.
        agent: String,
        /// Where it begins.
        line: usize,
        /// Who else, in words.
        others: String,
    },
    /// Two changes want different values in one place.
    #[error("{agent} (line {line}) is to have two different values")]
    Contradiction {
        /// Which.
        agent: String,
        /// Where it begins.
        line: usize,
    },
    /// The file's format or encoding cannot hold the new value.
    #[error("{agent} (line {line}): the new value cannot be written in this file: {reason}")]
    Unwritable {
        /// Which.
        agent: String,
        /// Where it begins.
        line: usize,
        /// Why not.
        reason: String,
    },
    /// The edited file does not read as it should. It is a mistake of this library's.
    #[error("the edited file would differ from what was meant at {0}, so it is left as it is")]
    Differs(String),
}
