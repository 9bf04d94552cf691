//! Promise: what people read in their language is in files of that language: no Rust file holds Chinese outside tests.

use std::path::Path;

fn is_chinese(letter: char) -> bool {
    ('\u{3000}'..='\u{9fff}').contains(&letter) || ('\u{ff00}'..='\u{ffef}').contains(&letter)
}

/// Places with Chinese in the sources below a folder, the parts for tests left out.
fn chinese(folder: &Path, found: &mut Vec<String>) -> usize {
    let mut read = 0;
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            read += chinese(&path, found);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            read += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let lines = own.lines().enumerate().filter(|(_, line)| line.chars().any(is_chinese));
            found.extend(lines.map(|(line, text)| format!("{}:{}: {text}", path.display(), line + 1)));
        }
    }
    read
}

#[test]
fn no_rust_file_holds_chinese_outside_tests() {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read: usize = ["src", "crates/cli/src", "crates/population/src"]
        .map(|folder| chinese(&root.join(folder), &mut found))
        .iter()
        .sum();
    assert!(read > 200 && found.is_empty(), "{read} files: {found:#?}");
}
