//! The variables that a template gives its scripts.

/// Where a variable's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// The configuration.
    Plain(String),
    /// A variable of the operator's environment: a secret.
    FromEnv(String),
    /// What a program on the operator's machine prints: a secret.
    Command(Vec<String>),
}

impl Variable {
    /// Whether its value is a secret, of which an AMI's record says nothing.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        !matches!(self, Variable::Plain(_))
    }
}

/// The operator's environment: a variable's value by its name.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// Whether scripts can be given a variable of this name.
///
/// # Errors
/// A text that fits behind the name.
pub fn check_variable(name: &str) -> Result<(), String> {
    let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if name.is_empty()
        || name.starts_with(|it: char| it.is_ascii_digit())
        || !name.chars().all(is_word)
    {
        return Err("is not a variable's name: letters, digits and `_`, no digit first".into());
    }
    if SHELLS_OWN.contains(&name) {
        return Err("is a variable of the shell's own".into());
    }
    if name.starts_with(RESERVED) {
        return Err("is reserved: amiable's own variables begin with `AMIABLE_`".into());
    }
    Ok(())
}

/// What shells do not let anybody set, or set themselves
/// (<https://www.gnu.org/software/bash/manual/bash.html#Bash-Variables>).
const SHELLS_OWN: [&str; 10] = [
    "BASHOPTS",
    "BASH_VERSINFO",
    "EUID",
    "IFS",
    "LINENO",
    "OPTIND",
    "PPID",
    "SHELLOPTS",
    "UID",
    "_",
];

/// How the variables begin that amiable sets itself.
const RESERVED: &str = "AMIABLE_";
