//! What can be wrong with a file, a name, or a change.

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is in an encoding that is not known, or not what it says.
    #[error("it is not {0} text")]
    Encoding(String),
    /// It is no XML.
    #[error("it is not well-formed XML: line {line}: {reason}")]
    Xml {
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// It is no YAML.
    #[error("it is not valid YAML: line {line}: {reason}")]
    Yaml {
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// It is what a YAML or XML file is made from, or a program that makes one.
    #[error("it is {kind}, not a file that Jenkins reads")]
    Program {
        /// What it is.
        kind: ProgramKind,
    },
    /// Something that is read or written is there twice, and readers differ on which counts.
    #[error("line {line}: `{name}` appears twice")]
    Twice {
        /// Where the second begins, from 1.
        line: usize,
        /// What it is.
        name: String,
    },
    /// A text in it, which seems to have clouds, could not be read.
    #[error("the text at {place}: {error}")]
    Text {
        /// Its path.
        place: String,
        /// Why not.
        error: Box<ReadError>,
    },
    /// Its aliases lead to more values than anybody would write.
    #[error("its aliases or references lead to more than {0} values")]
    TooLarge(usize),
}

/// What clouds are written in, where it is not what Jenkins reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramKind {
    /// Ruby's templates, as of Puppet and Chef.
    Erb,
    /// Jinja's, as of Ansible and Salt.
    Jinja,
    /// Go's, as of Helm's charts.
    Go,
    /// Terraform's language.
    Terraform,
    /// A script for Jenkins' console or its `init.groovy.d`.
    Groovy,
}

impl std::fmt::Display for ProgramKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ProgramKind::Erb => "a template (ERB)",
            ProgramKind::Jinja => "a template (Jinja)",
            ProgramKind::Go => "a template (Go, as Helm's charts have them)",
            ProgramKind::Terraform => "a configuration of Terraform",
            ProgramKind::Groovy => "a Groovy script",
        })
    }
}

/// What a file has and this library leaves alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// A cloud has nothing to start.
    #[error("cloud {cloud} (line {line}) has no agent templates")]
    NoTemplates {
        /// How it is called.
        cloud: String,
        /// Where it begins, from 1.
        line: usize,
    },
    /// Jenkins does not find them there either.
    #[error(
        "cloud {cloud} (line {line}) has `templates` where Jenkins does not look: it must be a \
         list below the cloud's own keys"
    )]
    Astray {
        /// How it is called.
        cloud: String,
        /// Where it begins, from 1.
        line: usize,
    },
    /// It starts agents from what an auto scaling group or an EC2 Fleet names.
    #[error(
        "line {line}: a cloud of the EC2 Fleet plugin names no AMI: its auto scaling group or fleet \
         starts agents from a launch template, which a `launch_template` consumer follows"
    )]
    Fleet {
        /// Where it begins, from 1.
        line: usize,
    },
    /// A text in the file seems to have clouds, and could not be read.
    #[error(transparent)]
    Unread(ReadError),
}

impl Remark {
    /// The same of a text within another file.
    pub(crate) fn moved(mut self, to: impl Fn(usize) -> usize) -> Remark {
        match &mut self {
            Remark::NoTemplates { line, .. }
            | Remark::Astray { line, .. }
            | Remark::Fleet { line } => *line = to(*line),
            Remark::Unread(error) => *error = error.clone().moved(to),
        }
        self
    }
}

impl ReadError {
    /// What a user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ReadError::Program { .. } => Some(
                "give amiable the file generated from it, or let it take its AMI from an SSM \
                 parameter or a tag that amiable's consumers set; a `command` consumer can edit it",
            ),
            ReadError::Text { error, .. } => error.hint(),
            _ => None,
        }
    }

    /// The same of a text within another file.
    pub(crate) fn moved(mut self, to: impl Fn(usize) -> usize) -> ReadError {
        match &mut self {
            ReadError::Xml { line, .. }
            | ReadError::Yaml { line, .. }
            | ReadError::Twice { line, .. } => {
                *line = to(*line);
            }
            ReadError::Text { error, .. } => **error = error.clone().moved_by(&to),
            ReadError::Encoding(_) | ReadError::Program { .. } | ReadError::TooLarge(_) => {}
        }
        self
    }

    fn moved_by(self, to: &dyn Fn(usize) -> usize) -> ReadError {
        self.moved(to)
    }
}

/// Why an agent template is not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No cloud of the EC2 plugin has that name.
    #[error("there is no cloud `{name}`; there is {}", listed(known))]
    NoCloud {
        /// What was requested.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Nothing has that name.
    #[error("there is no agent template {name}; there is {}", listed(known))]
    None {
        /// What was requested.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several have it.
    #[error("there are {} agent templates {name}, in lines {}", lines.len(), numbers(lines))]
    Several {
        /// What was requested.
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
    #[error("{agent} (line {line}) has no init script to replace")]
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
    #[error(
        "{agent} (line {line}) shares it through an anchor with {others}, which would change too"
    )]
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
    #[error("the edited file would differ from what was intended at {0}, so it was not written")]
    Differs(String),
}

impl EditError {
    /// The same of a text within another file.
    pub(crate) fn moved(mut self, to: impl Fn(usize) -> usize) -> EditError {
        match &mut self {
            EditError::NoAmi { line, .. }
            | EditError::NoScript { line, .. }
            | EditError::Variable { line, .. }
            | EditError::Shared { line, .. }
            | EditError::Contradiction { line, .. }
            | EditError::Unwritable { line, .. } => *line = to(*line),
            EditError::Differs(_) => {}
        }
        self
    }
}
