//! Commands that texts of this repository tell a reader to type name manifests and targets that there are.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Files in `folder` with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect()
}

/// The folders of the packages that cargo builds at this manifest if no other is named.
fn packages(manifest: &Path) -> Vec<PathBuf> {
    let folder = manifest.parent().unwrap();
    let table: toml::Table = toml::from_str(&read_to_string(manifest).unwrap()).unwrap();
    if table.contains_key("package") {
        return vec![folder.to_owned()];
    }
    let workspace = &table["workspace"];
    let members = workspace.get("default-members").unwrap_or(&workspace["members"]).as_array().unwrap();
    members.iter().map(|member| folder.join(member.as_str().unwrap())).collect()
}

fn has_target(package: &Path, option: &str, name: &str) -> bool {
    match option {
        "--bin" => {
            let table: toml::Table =
                toml::from_str(&read_to_string(package.join("Cargo.toml")).unwrap()).unwrap();
            table["package"]["name"].as_str() == Some(name) && package.join("src/main.rs").exists()
        }
        "--bench" => package.join("benches").join(name).with_extension("rs").exists(),
        "--test" => package.join("tests").join(name).join("main.rs").exists(),
        _ => true,
    }
}

#[test]
fn commands_of_other_workspaces_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = files(root, ".md");
    texts.extend(files(&root.join("docs/src"), ".md"));
    texts.extend([".ci/run", "justfile"].map(|file| root.join(file)));
    for service in ["serve", "cluster"] {
        texts.push(root.join("services").join(service).join("packaging/Dockerfile"));
    }
    let mut commands = 0;
    for path in texts {
        for line in read_to_string(&path).unwrap().lines() {
            let command = line.split(['`', '|', '#', '"']).filter(|part| part.contains("cargo "));
            for command in command {
                let words: Vec<&str> = command.split_whitespace().collect();
                let after =
                    |option: &str| words.iter().position(|word| *word == option).map(|at| words[at + 1]);
                let Some(manifest) = after("--manifest-path") else { continue };
                let manifest = root.join(manifest);
                assert!(manifest.is_file(), "{}: {command}", path.display());
                for option in ["--bin", "--bench", "--test"] {
                    let Some(name) = after(option) else { continue };
                    let there = packages(&manifest).iter().any(|package| has_target(package, option, name));
                    assert!(there, "{}: no target {name}: {command}", path.display());
                }
                commands += 1;
            }
        }
    }
    assert!(commands >= 20, "{commands}");
}
