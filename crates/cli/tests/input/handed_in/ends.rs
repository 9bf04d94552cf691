//! Files that are empty, or whose last line is cut.

use super::*;

fn consents_end_with(case: &Case, name: &str, bytes: &[u8]) -> [Output; 2] {
    std::fs::write(case.path(name), bytes).unwrap();
    let mut check = vec!["seal", "box", "--check", "--as-of", "2026-10-01", "--consents", name];
    let files = ["follows=follows.csv", "payments=payments.csv", "members=members.csv"];
    check.extend(files.iter().flat_map(|file| ["--data", file]));
    [case.run(&check), case.run(&["consent", "import", "box", name])]
}

/// A check and an import both refuse consents, with this error.
fn refuse_consents(case: &Case, name: &str, bytes: &[u8], error: &str) {
    for output in consents_end_with(case, name, bytes) {
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(&format!("error: {name}: {error}")), "not `{error}` but {said}");
        assert!(!case.path("box/consents.redb").exists(), "{name}: something was recorded");
    }
}

/// Promise: a file in which nothing is, compressed or not, of white space alone or a part of a folder, is refused as empty: it is what
/// a failed export leaves, and withdrawals would be missing.
#[test]
fn nothing_is_no_table() {
    let case = case();
    let empty = "the file is empty";
    for (name, bytes) in [
        ("c.csv", Vec::new()),
        ("c.csv.gz", gzip(b"")),
        ("c.jsonl.gz", gzip(b"")),
        ("c.json.zst", zstd::encode_all(&b""[..], 3).unwrap()),
        ("c.json", b" \r\n\t".to_vec()),
        ("c.jsonl", b"\xef\xbb\xbf\n\n".to_vec()),
        ("d.jsonl.gz", gzip(b"\n \n")),
    ] {
        refuse_consents(&case, name, &bytes, empty);
    }
    for (part, text) in [("b.csv", ""), ("b.parquet", ""), ("b.csv.gz", "")] {
        let name = format!("parts-{part}");
        folder(&case, &name, &[("a.csv", &payments(0..6)), (part, text)]);
        refused(&case, &[&name], &format!("{name}/{part}: {empty}"));
    }
    refused_with(&case, &["-"], b"", "stdin: the file is empty");
    refused_with(&case, &["-"], &gzip(b""), "stdin: the file is empty");
    // A header, and a list, are tables without rows.
    let text = std::fs::read_to_string(case.path("consents.csv")).unwrap();
    let header = text.lines().next().unwrap();
    for (name, bytes) in [("h.csv", header.as_bytes()), ("h.json", b"[]")] {
        let [checked, _] = consents_end_with(&case, name, bytes);
        assert_eq!(checked.status.code(), Some(0), "{name}: {}", stderr(&checked));
    }
}

/// Promise: a last line without a line end is a row if it is whole, and else refused by its line.
#[test]
fn a_last_line_is_whole_or_refused() {
    let text = {
        let case = case();
        std::fs::read_to_string(case.path("consents.csv")).unwrap()
    };
    let rows = text.lines().count();
    let (text, line) = (text.trim_end(), format!("line {rows}"));
    let quoted = |from: &str| format!("{}\"{}", text.get(..text.len() - 5).unwrap(), from);
    let object = |end: &str| {
        format!("{{\"person\":\"{}\",\"event\":\"withdrawn\"}}\n{{\"person\":\"{}{end}", id(0), id(1))
    };
    let case = case();
    let few = text.rfind(',').unwrap();
    refuse_consents(
        &case,
        "few.csv",
        &text.as_bytes()[..few],
        &format!("{line}: 18 cells, the header has 19"),
    );
    refuse_consents(
        &case,
        "quote.csv",
        quoted("fal").as_bytes(),
        &format!("{line}: a cell begins with a quote"),
    );
    refuse_consents(
        &case,
        "text.jsonl",
        object("").as_bytes(),
        "line 2: the file ends inside a JSON document",
    );
    refuse_consents(
        &case,
        "value.jsonl",
        object("\",\"event\":\"withdrawn\"").as_bytes(),
        "line 2: the file ends inside a JSON document",
    );
    let whole = format!("{text}\n");
    for (name, text) in
        [("whole.csv", text), ("ended.csv", whole.as_str()), ("quoted.csv", &quoted("false\""))]
    {
        let [checked, _] = consents_end_with(&case, name, text.as_bytes());
        assert_eq!(checked.status.code(), Some(0), "{name}: {}", stderr(&checked));
        let report = stdout(&checked);
        let used = report.lines().find(|line| line.contains(name)).unwrap();
        assert_eq!(used.split_whitespace().nth(3), Some((rows - 1).to_string().as_str()), "{report}");
    }
}

/// Promise: what is cut is called by what is cut: the compression and not the text in it.
#[test]
fn a_cut_compression_is_damage_of_the_compression() {
    let case = case();
    let line = format!("{{\"person\":\"{}\",\"event\":\"withdrawn\"}}\n", id(0));
    let lines: String =
        (0..20_000).map(|at| line.replace("}", &format!(",\"notice\":\"n{at}\"}}"))).collect();
    for (name, bytes, format) in [
        ("cut.jsonl.gz", gzip(lines.as_bytes()), "gzip"),
        ("cut.jsonl.zst", zstd::encode_all(lines.as_bytes(), 3).unwrap(), "Zstandard"),
        ("cut.csv.gz", gzip(std::fs::read(case.path("consents.csv")).unwrap().as_slice()), "gzip"),
    ] {
        for cut in [bytes.len() / 2, bytes.len() - 3] {
            refuse_consents(&case, name, &bytes[..cut], &format!("damaged or not {format}"));
        }
    }
    let piped = piped(&case, &["consent", "import", "box", "-"], &gzip(lines.as_bytes())[..2_000]);
    assert!(stderr(&piped).contains("error: stdin: damaged or not gzip"), "{}", stderr(&piped));
}
