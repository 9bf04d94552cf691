//! Writes the seeds of the fuzz targets of blind tokens, which are made by keys of their own and of which no one else can make others.

use std::collections::BTreeSet;
use std::path::Path;

use hushtag::blind_token::{BlindTokenError, CheckedRequest, EvaluationBook, Parties, Request};
use hushtag::storage::{Image, Storage as _};
use hushtag::types::Timestamp;

use super::fuzz_regressions::blind::{WORK, WORLD, at};

#[test]
#[ignore = "writes fuzz/seeds of the files of blind tokens"]
fn write_seeds_of_blind_tokens() {
    write_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds")).unwrap();
}

/// Writes the seeds anew: two sessions of five ids, the files of the second.
fn write_all(folder: &Path) -> Result<(), String> {
    let Some(world) = WORLD.as_ref() else { return Err("there is no world".into()) };
    let [a, b] = &world.keys;
    let failed = |error: BlindTokenError| error.to_string();
    let parties = |key| Parties::new(&world.study, key).map_err(failed);
    let (mut image, books) = (Image::new(), Image::new());
    for _ in 0..2 {
        image = Image::new();
        let namespaces = BTreeSet::from(["phone"]);
        let mut request =
            Request::new(parties(a)?, a, at(&image, "state"), namespaces, WORK).map_err(failed)?;
        for id in 0..5 {
            request.add("phone", format!("1380000000{id}").as_bytes()).map_err(failed)?;
        }
        request.finish(at(&image, "request")).map_err(failed)?;
        let checked = CheckedRequest::read(parties(b)?, at(&image, "request"), WORK).map_err(failed)?;
        let counting = EvaluationBook::new(at(&books, "book"), b).count(checked, Timestamp::from_seconds(0));
        counting.map_err(failed)?.counted.evaluate(b, at(&image, "reply"), WORK).map_err(failed)?;
    }
    for (image, name, target) in [
        (&image, "request", "blind_request"),
        (&image, "state", "blind_state"),
        (&image, "reply", "blind_reply"),
        (&books, "book", "evaluations"),
    ] {
        let content = image.read(name).map_err(|error| error.to_string())?.unwrap_or_default();
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let write = |name: &str, content: &[u8]| std::fs::write(folder.join(name), content);
        let mut changed = content.clone();
        if let Some(byte) = changed.last_mut() {
            *byte ^= 1;
        }
        write("whole.bin", &content)
            .and_then(|()| write("bad-cut.bin", content.split_at(content.len() / 2).0))
            .and_then(|()| write("bad-last.bin", &changed))
            .and_then(|()| write("bad-empty.bin", b""))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
