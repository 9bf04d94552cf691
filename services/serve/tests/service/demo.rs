//! The lines that `demo` prints: the same numbers everywhere, at one charge, and the folder is served again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::program::{PROGRAM, Running, ask, run};
use crate::support::{hushtag, runtime};

/// The program, once it has printed its last line, and the lines.
fn demo(folder: &Path) -> (Running, Vec<String>) {
    let child = Command::new(PROGRAM)
        .args(["demo", "--people", "20000", "--http-port", "0", "--postgres-port", "0", "--dir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Running(child);
    let (mut lines, mut all) = (BufReader::new(child.0.stdout.take().unwrap()).lines(), Vec::new());
    while !all.last().is_some_and(|line: &String| line.starts_with("Ctrl-C")) {
        all.push(lines.next().expect("it stopped").unwrap());
    }
    (child, all)
}

/// What stands between two words of the first line that has both.
fn between(lines: &[String], before: &str, after: &str) -> String {
    let found = lines.iter().find_map(|line| Some(line.split_once(before)?.1.split_once(after)?.0));
    found.unwrap_or_else(|| panic!("{before} ... {after}: {lines:#?}")).to_owned()
}

#[test]
fn its_lines_give_the_same_numbers_at_one_charge_and_its_folder_is_served_again() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("demo");
    let (mut child, lines) = demo(&folder);
    let url = between(&lines, "psql '", "'");
    let sql = between(&lines, "-c \"", "\"");
    let http = between(&lines, "Monitoring: ", "/metrics");
    let token = between(&lines, "Bearer ", "'");

    let rows: Vec<(String, String)> = runtime().block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.to_owned())),
            _ => None,
        };
        client.simple_query(&sql).await.unwrap().iter().filter_map(row).collect()
    });
    assert_eq!(rows.len(), 5);
    let request = ureq::post(format!("{http}/v1/queries")).header("Authorization", format!("Bearer {token}"));
    let mut response = request.send(json!({ "sql": sql }).to_string()).unwrap();
    let answer: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(answer["stored"], true);
    let mut over_http: Vec<(String, String)> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["group"]["region"].as_str().unwrap().to_owned(), row["people"]["estimate"].to_string())
        })
        .collect();
    over_http.sort();
    assert_eq!(over_http, rows);
    match Command::new("psql").args([&url, "-At", "-F", " ", "-c", &sql]).output() {
        Err(_) => {
            println!("note: psql is not installed, so its line was not tried (Debian: postgresql-client)")
        }
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let wanted: Vec<String> =
                rows.iter().map(|(label, number)| format!("{label} {number}")).collect();
            assert_eq!(
                text.lines().collect::<Vec<_>>(),
                wanted,
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    let metrics = ureq::get(format!("{http}/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    let new: u64 = metrics
        .lines()
        .filter(|line| line.starts_with("hushtag_queries_total") && line.contains("\"new\""))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(new, 1, "one charge: {metrics}");

    let config = between(&lines, "`hushtag-serve run --config ", "`");
    assert_eq!(config, folder.join("serve.toml").display().to_string());
    let rotated = hushtag(&folder.join("sandbox"), &["key", "rotate", "BOX"]);
    assert!(rotated.status.success(), "the command finds the service: {rotated:?}");
    let status = hushtag(&folder.join("sandbox"), &["status", "BOX"]);
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    assert!(child.stop().success());
    let (mut again, port) = run(Command::new(PROGRAM), Path::new(&config));
    assert_eq!(ask(port, &token, &sql).unwrap().1["stored"], true, "it is served again");
    assert!(again.stop().success());
}
