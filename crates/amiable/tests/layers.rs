//! The house, as ARCHITECTURE.md describes it: no file imports one that imports it, also by way of others,
//! and the layers of `ami-lifecycle` import downwards only.
//!
//! An import is a `use`, or a path that begins with `crate`, outside of tests. One that goes by a module's
//! `pub use` is an import of the file that has the item.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree, Visibility};

const CRATES: [&str; 5] =
    ["amiable", "ami-lifecycle", "jenkins-config", "local-ec2", "qemu-machine"];

/// The names of a path below the crate's root.
type Names = Vec<String>;

/// Which files a file imports.
type Imports = BTreeMap<Names, BTreeSet<Names>>;

/// The layers of `ami-lifecycle`, and those that each may import besides itself.
const LAYERS: [(&str, &[&str]); 6] = [
    ("model", &[]),
    ("ec2", &["model"]),
    ("source", &["model"]),
    ("guest", &["model", "ec2", "source"]),
    ("consumer", &["model", "ec2", "source"]),
    ("operations", &["model", "ec2", "source", "guest", "consumer"]),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src")
}

/// The files of a crate by their modules.
fn files(folder: &Path) -> BTreeMap<Names, String> {
    let mut found = BTreeMap::new();
    collect(folder, &[], &mut found);
    found
}

fn collect(folder: &Path, above: &[String], found: &mut BTreeMap<Names, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = [above, std::slice::from_ref(&stem)].concat();
        if path.is_dir() {
            collect(&path, &module, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let is_of_folder = matches!(stem.as_str(), "mod" | "lib" | "main");
            let module = if is_of_folder { above.to_vec() } else { module };
            found.insert(module, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// What one file says of others.
#[derive(Default)]
struct Said {
    /// What it imports.
    imports: Vec<Names>,
    /// What it gives on, by the name that it gives it.
    exports: Vec<(String, Names)>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| {
        it.path().is_ident("cfg") && it.meta.to_token_stream().to_string().contains("test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn read(text: &str, module: &[String], modules: &BTreeSet<Names>) -> Said {
    let mut said = Said::default();
    for item in syn::parse_file(text).unwrap().items.iter().filter(|it| !is_test(attributes(it))) {
        let Item::Use(item) = item else {
            paths(item.to_token_stream(), &mut said.imports);
            continue;
        };
        let mut leaves = Vec::new();
        flatten(&item.tree, &[], &mut leaves);
        for (name, path) in leaves {
            let Some(path) = from_root(&path, module, modules) else { continue };
            match item.vis {
                Visibility::Inherited => said.imports.push(path),
                _ => said.exports.push((name, path)),
            }
        }
    }
    said
}

/// The paths of a `use`, each with the name that it gets.
fn flatten(tree: &UseTree, above: &[String], leaves: &mut Vec<(String, Names)>) {
    let with = |name: &syn::Ident| [above, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(&path.ident), leaves),
        UseTree::Group(group) => group.items.iter().for_each(|it| flatten(it, above, leaves)),
        UseTree::Name(name) if name.ident == "self" => {
            leaves.push((above.last().cloned().unwrap_or_default(), above.to_vec()));
        }
        UseTree::Name(name) => leaves.push((name.ident.to_string(), with(&name.ident))),
        UseTree::Rename(name) => leaves.push((name.rename.to_string(), with(&name.ident))),
        UseTree::Glob(_) => leaves.push(("*".into(), above.to_vec())),
    }
}

/// A path as it is from the crate's root; `None` when it is another crate's.
fn from_root(path: &[String], module: &[String], modules: &BTreeSet<Names>) -> Option<Names> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let ups = path.iter().take_while(|it| *it == "super").count();
            let above = &module[..module.len().checked_sub(ups)?];
            Some([above, &path[ups..]].concat())
        }
        _ => {
            let child = [module, &path[..1]].concat();
            modules.contains(&child).then(|| [module, path].concat())
        }
    }
}

/// The paths in some code that begin with `crate`; what `pub(in crate::x)` says is none.
fn paths(code: TokenStream, found: &mut Vec<Names>) {
    let mut path: Names = Vec::new();
    let (mut is_path, mut is_visibility) = (false, false);
    let mut end = |path: &mut Names| {
        let path = std::mem::take(path);
        found.extend(Some(path).filter(|it| !it.is_empty()));
    };
    let mut groups = Vec::new();
    for token in code {
        match &token {
            TokenTree::Punct(colon) if colon.as_char() == ':' => continue,
            TokenTree::Ident(name) if is_path => path.push(name.to_string()),
            _ => {
                end(&mut path);
                is_path = matches!(&token, TokenTree::Ident(name) if name == "crate");
            }
        }
        match token {
            TokenTree::Group(group) if !is_visibility => groups.push(group.stream()),
            token => is_visibility = matches!(&token, TokenTree::Ident(name) if name == "pub"),
        }
    }
    end(&mut path);
    for group in groups {
        paths(group, found);
    }
}

/// The file that has an item, by way of what others give on.
fn home(path: &[String], modules: &BTreeSet<Names>, exports: &BTreeMap<Names, Names>) -> Names {
    let mut path = path.to_vec();
    // Names that are given on in a circle would be no Rust.
    loop {
        let length = (0..=path.len()).rev().find(|it| modules.contains(&path[..*it])).unwrap_or(0);
        let (module, rest) = path.split_at(length);
        let Some(name) = rest.first() else { return module.to_vec() };
        match exports.get(&[module, std::slice::from_ref(name)].concat()) {
            Some(behind) => path = [behind, &rest[1..]].concat(),
            None => return module.to_vec(),
        }
    }
}

fn imports(files: &BTreeMap<Names, String>) -> Imports {
    let modules: BTreeSet<Names> = files.keys().cloned().collect();
    let said: Vec<(&Names, Said)> =
        files.iter().map(|(module, text)| (module, read(text, module, &modules))).collect();
    let exports: BTreeMap<Names, Names> = said
        .iter()
        .flat_map(|(module, said)| {
            let of = |(name, path): &(String, Names)| {
                ([module, std::slice::from_ref(name)].concat(), path.clone())
            };
            said.exports.iter().map(of)
        })
        .collect();
    said.into_iter()
        .map(|(module, said)| {
            let homes = said.imports.iter().map(|path| home(path, &modules, &exports));
            (module.clone(), homes.filter(|it| it != module).collect())
        })
        .collect()
}

/// What is left when all are taken away that import, or are imported by, only what was taken away: the
/// circles, and what lies between two.
fn circles(mut imports: Imports) -> Imports {
    loop {
        let all: BTreeSet<Names> = imports.keys().cloned().collect();
        for targets in imports.values_mut() {
            targets.retain(|it| all.contains(it));
        }
        let imported: BTreeSet<Names> = imports.values().flatten().cloned().collect();
        imports.retain(|module, targets| !targets.is_empty() && imported.contains(module));
        if imports.len() == all.len() {
            return imports;
        }
    }
}

fn shown(imports: &Imports) -> Vec<String> {
    let one = |(module, targets): (&Names, &BTreeSet<Names>)| {
        let targets: Vec<String> = targets.iter().map(|it| it.join("::")).collect();
        format!("{} -> {}", module.join("::"), targets.join(", "))
    };
    imports.iter().map(one).collect()
}

/// What a layer imports that is not below it.
fn upwards(imports: &Imports) -> Vec<String> {
    let layer_of = |module: &Names| module.first().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for (module, targets) in imports {
        let layer = layer_of(module);
        let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == layer) else { continue };
        for target in targets {
            let other = layer_of(target);
            if other != layer && !below.contains(&other.as_str()) {
                found.push(format!("{} -> {}", module.join("::"), target.join("::")));
            }
        }
    }
    found
}

#[test]
fn no_file_imports_one_that_imports_it() {
    for name in CRATES {
        let found = circles(imports(&files(&folder(name))));
        assert!(found.is_empty(), "{name} has a circle:\n{}", shown(&found).join("\n"));
    }
}

#[test]
fn the_layers_of_ami_lifecycle_import_downwards() {
    let files = files(&folder("ami-lifecycle"));
    let found = upwards(&imports(&files));
    assert!(found.is_empty(), "upward imports:\n{}", found.join("\n"));
    let outside: Vec<String> = files
        .keys()
        .filter(|module| module.first().is_some_and(|it| LAYERS.iter().all(|(name, _)| name != it)))
        .map(|module| module.join("::"))
        .filter(|module| !module.starts_with("recorded"))
        .collect();
    assert!(outside.is_empty(), "files of no layer: {}", outside.join(", "));
}

/// Whoever calls AWS otherwise than by `ec2` calls it without its turn, its retries and its errors.
#[test]
fn only_one_layer_knows_the_sdk() {
    let files = files(&folder("ami-lifecycle"));
    let found: Vec<String> = files
        .iter()
        .filter(|(module, _)| {
            !matches!(module.first().map(String::as_str), Some("ec2" | "recorded"))
        })
        .filter(|(_, text)| {
            let items = syn::parse_file(text).unwrap().items;
            let code = items.iter().filter(|it| !is_test(attributes(it)));
            code.into_iter().any(|it| it.to_token_stream().to_string().contains("aws_sdk_"))
        })
        .map(|(module, _)| module.join("::"))
        .collect();
    assert!(found.is_empty(), "these know AWS' SDK: {}", found.join(", "));
}

#[test]
fn a_circle_and_an_upward_import_are_found() {
    let name = |text: &str| -> Names { text.split("::").map(String::from).collect() };
    let files: BTreeMap<Names, String> = [
        (
            "model::ami",
            "use crate::model::tags; #[cfg(test)] mod tests { use crate::ec2::client::Cloud; }",
        ),
        ("model::tags", "pub fn of() -> crate::model::ami::Ami { crate::ec2::call() }"),
        ("ec2", "pub use self::client::call;"),
        ("ec2::client", "use crate::model::{ami::Ami as Image, tags}; use std::fmt;"),
        ("operations", "use super::ec2::call;"),
    ]
    .map(|(module, text)| (name(module), text.to_owned()))
    .into();
    let imports = imports(&files);
    assert_eq!(
        shown(&circles(imports.clone())),
        [
            "ec2::client -> model::ami, model::tags",
            "model::ami -> model::tags",
            "model::tags -> ec2::client, model::ami"
        ]
    );
    assert_eq!(upwards(&imports), ["model::tags -> ec2::client"]);
    assert_eq!(shown(&imports)[4], "operations -> ec2::client");
}
