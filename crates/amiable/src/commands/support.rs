//! What commands share: the configuration and its templates.

use ami_lifecycle::Template;

use crate::args::Global;
use crate::config::settings::{Config, Need};
use crate::failure::Failure;

/// The configuration that holds for this call.
pub(super) fn load_config(global: &Global) -> Result<Config, Failure> {
    load_config_for(global, Need::Bake)
}

pub(super) fn load_config_for(global: &Global, need: Need) -> Result<Config, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("failed to find the current folder: {error}")))?;
    Ok(Config::load(global.config.as_deref(), &here, need)?)
}

/// The templates of these names, each once.
pub(super) fn chosen<'c>(
    names: &[String],
    config: &'c Config,
) -> Result<Vec<&'c Template>, Failure> {
    let mut templates: Vec<&Template> = Vec::new();
    for name in names {
        let template = config.template(name).map_err(|meant| no_template(config, name, meant))?;
        if !templates.contains(&template) {
            templates.push(template);
        }
    }
    Ok(templates)
}

/// The failure for a name that no template has.
pub(super) fn no_template(config: &Config, name: &str, meant: Option<&str>) -> Failure {
    let failure =
        Failure::usage(format!("there is no template `{name}` in {}", config.path.display()));
    match meant {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => {
            let names: Vec<&str> =
                config.templates.iter().map(|template| template.name.as_str()).collect();
            match names[..] {
                [only] => failure.hint(format!("the only one is {only}")),
                _ => failure.hint(format!("there are {}", names.join(", "))),
            }
        }
    }
}
