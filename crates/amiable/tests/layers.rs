//! The house, as ARCHITECTURE.md describes it: no file imports one that imports it, also by way of others,
//! and the layers of `ami-lifecycle` import downwards only.
//!
//! A file imports what its `use`s and the paths in its code name, outside of tests; one that goes by another
//! file's `use` is an import of the file that has the item. What is not seen: methods, whose files no path
//! names, and paths within texts, as serde's attributes have them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree, Visibility};

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

fn crates() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
    names.map(|it| it.into_string().unwrap()).collect()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src")
}

/// The files of a crate by their modules, but for those of tests.
fn files(folder: &Path) -> BTreeMap<Names, String> {
    let mut found = BTreeMap::new();
    collect(folder, &[], &mut found);
    let tests: Vec<Names> =
        found.iter().flat_map(|(module, text)| tests_of(module, text)).collect();
    found.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
    found
}

/// The files that a file declares for its tests.
fn tests_of(module: &[String], text: &str) -> Vec<Names> {
    let items = syn::parse_file(text).unwrap().items;
    let test = |item: &Item| match item {
        Item::Mod(it) if is_test(item) => Some([module, &[it.ident.to_string()]].concat()),
        _ => None,
    };
    items.iter().filter_map(test).collect()
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
            let before = found.insert(module, std::fs::read_to_string(&path).unwrap());
            assert!(before.is_none(), "{} is a second file of its module", path.display());
        }
    }
}

fn is_test(item: &Item) -> bool {
    let is = |it: &Attribute| it.to_token_stream().to_string().replace(' ', "") == "#[cfg(test)]";
    let attributes: &[Attribute] = match item {
        Item::Const(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    };
    attributes.iter().any(is)
}

/// The items of a file outside of tests.
fn items(text: &str) -> Vec<Item> {
    syn::parse_file(text).unwrap().items.into_iter().filter(|it| !is_test(it)).collect()
}

/// What one file says of others.
#[derive(Default)]
struct Said {
    /// What the names of its `use`s stand for.
    names: BTreeMap<String, Names>,
    /// The modules all of whose names it gives on.
    globs: Vec<Names>,
    /// What it imports.
    imports: Vec<Names>,
}

struct Reader<'a> {
    modules: &'a BTreeSet<Names>,
    said: Said,
}

impl Reader<'_> {
    fn uses(&mut self, items: &[Item], module: &[String]) {
        for item in items.iter().filter(|it| !is_test(it)) {
            let Item::Use(item) = item else { continue };
            let mut leaves = Vec::new();
            flatten(&item.tree, &[], &mut leaves);
            let is_private = matches!(item.vis, Visibility::Inherited);
            for (name, path) in leaves {
                let Some(path) = self.rooted(&path, module) else { continue };
                if is_private {
                    self.said.imports.push(path.clone());
                }
                match name.as_str() {
                    "*" => self.said.globs.push(path),
                    _ => drop(self.said.names.insert(name, path)),
                }
            }
        }
    }

    fn code(&mut self, items: &[Item], module: &[String]) {
        for item in items.iter().filter(|it| !is_test(it)) {
            match item {
                Item::Use(_) => {}
                Item::Mod(inner) => {
                    let module = [module, &[inner.ident.to_string()]].concat();
                    let items = inner.content.as_ref().map_or(&[][..], |(_, items)| items);
                    self.uses(items, &module);
                    self.code(items, &module);
                }
                _ => {
                    let mut found = Vec::new();
                    paths(item.to_token_stream(), &[], &mut found);
                    let imports = found.iter().filter_map(|path| self.rooted(path, module));
                    let imports: Vec<Names> = imports.collect();
                    self.said.imports.extend(imports);
                }
            }
        }
    }

    /// A path as it is from the crate's root; `None` when it is another crate's, or no path of files.
    fn rooted(&self, path: &[String], module: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" if rest.first().is_some_and(|it| it == "super") => self.rooted(rest, module),
            "self" => Some([module, rest].concat()),
            "super" => {
                let ups = path.iter().take_while(|it| *it == "super").count();
                let above = &module[..module.len().checked_sub(ups)?];
                Some([above, &path[ups..]].concat())
            }
            name if self.said.names.contains_key(name) => {
                Some([&self.said.names[name], rest].concat())
            }
            _ => {
                let child = [module, &path[..1]].concat();
                (!rest.is_empty() && self.modules.contains(&child)).then(|| [module, path].concat())
            }
        }
    }
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

/// All paths in some code, also of one name; what `pub(in crate::x)` says is none. `above` is what stands
/// before the code's braces, where that is a path: `crate::a::{b, c}`.
fn paths(code: TokenStream, above: &[String], found: &mut Vec<Names>) {
    let mut path: Names = above.to_vec();
    // How many of the tokens right before were `:`, and whether a name may go on with the path.
    let (mut colons, mut is_visibility) = (0, false);
    for token in code {
        let goes_on = colons == 2 || (path.len() == above.len() && path == above);
        match token {
            TokenTree::Punct(colon) if colon.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Ident(name) => {
                if !goes_on {
                    found.push(std::mem::replace(&mut path, above.to_vec()));
                }
                path.push(name.to_string());
                is_visibility = name == "pub";
            }
            TokenTree::Group(group) => {
                let is_of_path = colons == 2;
                let before = std::mem::replace(&mut path, above.to_vec());
                if !is_visibility {
                    let within: &[String] = if is_of_path { &before } else { &[] };
                    paths(group.stream(), within, found);
                }
                found.push(before);
                is_visibility = false;
            }
            _ => {
                found.push(std::mem::replace(&mut path, above.to_vec()));
                is_visibility = false;
            }
        }
        colons = 0;
    }
    found.push(path);
    found.retain(|it| !it.is_empty());
}

/// All files of a crate.
struct House {
    modules: BTreeSet<Names>,
    said: BTreeMap<Names, Said>,
}

impl House {
    fn read(files: &BTreeMap<Names, String>) -> House {
        let modules: BTreeSet<Names> = files.keys().cloned().collect();
        let read = |(module, text): (&Names, &String)| {
            let items = items(text);
            let mut reader = Reader { modules: &modules, said: Said::default() };
            reader.uses(&items, module);
            reader.code(&items, module);
            (module.clone(), reader.said)
        };
        let said = files.iter().map(read).collect();
        House { modules, said }
    }

    /// The file that has an item, by way of what others give on.
    fn home(&self, path: &[String]) -> Names {
        let mut path = path.to_vec();
        // Names that are given on in a circle would be no Rust.
        loop {
            let is_module = |length: &usize| self.modules.contains(&path[..*length]);
            let length = (0..=path.len()).rev().find(is_module).unwrap_or(0);
            let (module, rest) = path.split_at(length);
            let (Some(name), Some(said)) = (rest.first(), self.said.get(module)) else {
                return module.to_vec();
            };
            match said.names.get(name) {
                Some(behind) => path = [behind, &rest[1..]].concat(),
                None => return module.to_vec(),
            }
        }
    }

    fn imports(&self) -> Imports {
        let of = |(module, said): (&Names, &Said)| {
            let homes = said.imports.iter().map(|path| self.home(path));
            (module.clone(), homes.filter(|it| it != module).collect())
        };
        self.said.iter().map(of).collect()
    }
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

/// Whether code outside of tests names a crate of AWS' SDK.
fn names_the_sdk(text: &str) -> bool {
    let mut found = Vec::new();
    items(text).iter().for_each(|it| paths(it.to_token_stream(), &[], &mut found));
    let crates = ["aws_sdk_", "aws_config", "aws_smithy_", "aws_types", "aws_credential_types"];
    found.iter().flatten().any(|name| crates.iter().any(|it| name.starts_with(it)))
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let mut told = Vec::new();
    for name in crates() {
        let house = House::read(&files(&folder(&name)));
        // Nobody would know from where a name comes.
        let globs = house.said.iter().filter(|(_, said)| !said.globs.is_empty());
        let globs: Vec<String> = globs.map(|(module, _)| module.join("::")).collect();
        assert!(globs.is_empty(), "{name} has a `use …::*` in {}", globs.join(", "));
        let found = shown(&circles(house.imports()));
        told.extend(found.into_iter().map(|it| format!("{name}: {it}")));
    }
    assert!(told.is_empty(), "there are circles:\n{}", told.join("\n"));
}

#[test]
fn the_layers_of_ami_lifecycle_import_downwards() {
    let files = files(&folder("ami-lifecycle"));
    let found = upwards(&House::read(&files).imports());
    assert!(found.is_empty(), "upward imports:\n{}", found.join("\n"));
    let is_outside = |layer: &String| LAYERS.iter().all(|(name, _)| name != layer);
    let outside = files.keys().filter(|module| module.first().is_some_and(is_outside));
    let outside: Vec<String> = outside.map(|module| module.join("::")).collect();
    assert!(outside.is_empty(), "files of no layer: {}", outside.join(", "));
}

/// Whoever calls AWS otherwise than by `ec2` calls it without its errors.
#[test]
fn only_one_layer_names_the_sdk() {
    let files = files(&folder("ami-lifecycle"));
    let is_ec2 = |module: &Names| module.first().is_some_and(|it| it == "ec2");
    let others = files.iter().filter(|(module, _)| !is_ec2(module));
    let found = others.filter(|(_, text)| names_the_sdk(text));
    let found: Vec<String> = found.map(|(module, _)| module.join("::")).collect();
    assert!(found.is_empty(), "these name AWS' SDK: {}", found.join(", "));
}

fn house(files: &[(&str, &str)]) -> Imports {
    let name = |text: &str| -> Names { text.split("::").map(String::from).collect() };
    let files = files.iter().map(|(module, text)| (name(module), (*text).to_owned()));
    House::read(&files.collect()).imports()
}

#[test]
fn a_circle_and_an_upward_import_are_found() {
    let imports = house(&[
        (
            "model::ami",
            "use crate::model::tags; #[cfg(test)] mod tests { use crate::ec2::client::Cloud; }",
        ),
        ("model::tags", "pub fn of() -> crate::model::ami::Ami { crate::ec2::call() }"),
        ("ec2", "pub use self::client::call;"),
        ("ec2::client", "use crate::model::{ami::Ami as Image, tags}; use std::fmt;"),
        ("operations", "use super::ec2::call;"),
    ]);
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

#[test]
fn an_import_is_found_however_it_is_written() {
    for code in [
        "use crate::b::c; fn f() { c::g() }",
        "use crate::b; fn f() { b::c::g() }",
        "use crate::b; use b::c::g;",
        "use crate::b; fn f() { b::handed_on() }",
        "fn f() { super::b::c::g() }",
        "fn f() { self::super::b::c::g() }",
        "fn f() { use crate::{b::{c::g, x}, y}; }",
        "fn f() { use super::b::c::*; }",
        "impl crate::x::T for crate::b::c::U {}",
        "fn f() { x as crate::b::c::U }",
        "pub use crate::b::c::U; struct S(U);",
        "mod inner { use super::super::b::c::g; }",
        "mod inner { fn f() { super::super::b::c::g() } }",
        "#[cfg(not(test))] use crate::b::c;",
        "fn f() { println!(\"{}\", crate::b::c::g()) }",
        "struct S { field: Vec<crate::b::c::U> }",
        "pub(in crate::x) fn f() -> crate::b::c::U {}",
    ] {
        let files = [
            ("a", code),
            ("b", "mod c; mod x; pub use c::handed_on;"),
            ("b::c", ""),
            ("b::x", ""),
            ("x", ""),
            ("y", ""),
        ];
        let imports = house(&files);
        assert!(shown(&imports)[0].contains("b::c"), "{code}: {}", shown(&imports)[0]);
    }
    for code in [
        "pub use crate::b::c::U;",
        "fn f(c: u8) { let b = c; b.c() }",
        "pub(in crate::b::c) fn f() {}",
        "#[cfg(test)] use crate::b::c;",
        "use other::b::c;",
    ] {
        let imports = house(&[("a", code), ("b", ""), ("b::c", "")]);
        assert_eq!(shown(&imports)[0], "a -> ", "{code}");
    }
    let imports = house(&[("a", "mod b; pub use b::g;"), ("a::b", "use super::f;")]);
    assert!(circles(imports).is_empty());
    let imports = house(&[("a", "mod b; fn f() { b::g() }"), ("a::b", "use super::f;")]);
    assert_eq!(shown(&circles(imports)), ["a -> a::b", "a::b -> a"]);
}
