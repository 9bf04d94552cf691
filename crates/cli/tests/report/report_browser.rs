//! Promise: the auditor's page is read in a real browser, wide and narrow, light and dark, with a keyboard alone: nothing is
//! wider than the window, no word is broken, no error on the console, letters stand out; and paper loses no released number. Skipped
//! with a note where there is no Chromium, and the last one where there is no pdftotext.

use crate::command;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use crate::command::{Case, stderr};
use base64::Engine as _;
use serde_json::Value;

/// The names under which distributions have it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DARK: [&str; 2] = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"];

/// A window of a width below which the browser does not make its own; what the page inside measures is written here.
const WINDOW: &str = r#"<!DOCTYPE html><body style="margin:0"><script>
addEventListener('message', message => {
  const out = document.createElement('pre');
  out.id = 'measured';
  out.textContent = message.data;
  document.body.append(out);
});
</script><iframe src="{file}" style="width:{width}px;height:900px;border:0"></iframe></body>"#;

/// Measures the page that it is put into, and tells the window around it what it found.
const MEASURE: &str = r#"<script>
addEventListener('load', () => {
  const shown = e => e.getClientRects().length > 0;
  const all = [...document.querySelectorAll('body *')];
  const inRegion = e => e.closest('.scroll');
  const light = c => { const v = c.map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
  const rgb = s => { const n = s.match(/[\d.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3); };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
  let contrast = 99, worst = '';
  for (const e of all.filter(e => shown(e) && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))) {
    if (['TITLE', 'DESC', 'STYLE', 'SCRIPT'].includes(e.tagName.toUpperCase())) continue;
    const style = getComputedStyle(e), letters = rgb(e.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [a, b] = [light(letters), light(behind(e))], found = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (found < contrast) { contrast = found; worst = e.tagName + ' ' + e.className; }
  }
  // Words that are short enough for a line, heads of columns in Chinese, and marks that end a phrase, with the first letter of each line.
  const broken = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const lines = (node, from, to) => {
    const range = document.createRange();
    range.setStart(node, from); range.setEnd(node, to);
    return new Set([...range.getClientRects()].filter(r => r.width > 0).map(r => Math.round(r.bottom / 6))).size;
  };
  for (let node; node = walker.nextNode();) {
    const e = node.parentElement;
    const hidden = e.closest('thead') && getComputedStyle(e.closest('thead')).position === 'absolute';
    if (!shown(e) || hidden || e.closest('svg, style, script, pre, title, code:not(.word), .skip')) continue;
    const words = [/[A-Za-z0-9]{2,20}/g, /[\u3001\u3002\uff0c\uff1a\uff1b\uff09\u300b]/g];
    if (e.closest('thead')) words.push(/[\u4e00-\u9fff]{2,12}/g);
    for (const [place, word] of words.entries()) for (const found of node.data.matchAll(word)) {
      const from = place === 1 ? Math.max(0, found.index - 1) : found.index;
      if (lines(node, from, found.index + found[0].length) > 1) broken.push(node.data.slice(Math.max(0, from - 12), from + 24));
    }
  }
  const focusable = [...document.querySelectorAll('a[href], summary, [tabindex="0"]')];
  const reached = focusable.filter(e => { e.focus(); return document.activeElement === e && getComputedStyle(e).outlineStyle !== 'none'; });
  focusable[0].focus();
  const skip = focusable[0].getBoundingClientRect().left;
  const details = document.querySelector('details');
  details.querySelector('summary').click();
  const closed = !details.open;
  const found = {
    broken, width: innerWidth, scroll: document.documentElement.scrollWidth, contrast, worst, skip, closed,
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
    wide: all.filter(e => shown(e) && !inRegion(e) && !e.matches('.skip') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName),
    focusable: focusable.length, reached: reached.length,
    lost: all.filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.tabIndex < 0).length,
    tallest: Math.max(...all.filter(shown).map(e => e.getBoundingClientRect().bottom)),
  };
  parent.postMessage(JSON.stringify(found), '*');
});
</script>"#;

/// How light a picture is on the whole and how much that differs from point to point.
const LOOK: &str = r#"<script>
addEventListener('load', () => {
  const image = document.querySelector('img'), canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [{width}, image.naturalHeight];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0, squares = 0, n = 0;
  for (let at = 0; at < data.length; at += 4 * 7) { const v = (data[at] + data[at + 1] + data[at + 2]) / 3; sum += v; squares += v * v; n += 1; }
  const out = document.createElement('pre');
  out.id = 'measured';
  out.textContent = JSON.stringify({ mean: sum / n, deviation: Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2)) });
  document.body.append(out);
});
</script>"#;

struct Browser<'a> {
    name: &'static str,
    case: &'a Case,
}

impl<'a> Browser<'a> {
    /// The browser of this machine, if it has one.
    fn find(case: &'a Case) -> Option<Self> {
        let works =
            |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|ran| ran.status.success());
        let name = NAMES.into_iter().find(works);
        if name.is_none() {
            println!("skipped: there is no Chromium here (`apt-get install chromium`)");
        }
        name.map(|name| Self { name, case })
    }

    /// Opens a page in a window of this width.
    fn open_framed(&self, file: &str, width: u32, more: &[&str]) -> Output {
        self.case
            .write("window.html", &WINDOW.replace("{file}", file).replace("{width}", &width.to_string()));
        self.open("window.html", (width.max(500), 900), more)
    }

    fn open(&self, file: &str, (width, height): (u32, u32), more: &[&str]) -> Output {
        let profile = self.case.path("profile");
        let page = self.case.path(file);
        let ran = Command::new(self.name)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ])
            .args(["--force-device-scale-factor=1", "--virtual-time-budget=4000", "--timeout=60000"])
            .args(["--enable-logging=stderr", "--v=0"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--window-size={width},{height}"))
            .args(more)
            .arg(format!("file://{}", page.display()))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", stderr(&ran));
        ran
    }

    /// What a script in a copy of the page found.
    fn measure(&self, file: &str, width: u32, more: &[&str]) -> Value {
        measured(self.open_framed(file, width, &[more, &["--dump-dom"]].concat()))
    }

    /// How light a screenshot is, and how much that differs inside it.
    fn screenshot(&self, file: &str, width: u32, more: &[&str]) -> (f64, f64) {
        let picture = self.case.path("picture.png");
        let option = format!("--screenshot={}", picture.display());
        self.open_framed(file, width, &[more, &[option.as_str()]].concat());
        let data = base64::engine::general_purpose::STANDARD.encode(std::fs::read(&picture).unwrap());
        let look = LOOK.replace("{width}", &width.to_string());
        self.case.write("look.html", &format!("<body><img src='data:image/png;base64,{data}'>{look}</body>"));
        let look = measured(self.open("look.html", (800, 600), &["--dump-dom"]));
        (look["mean"].as_f64().unwrap(), look["deviation"].as_f64().unwrap())
    }
}

/// What a script wrote into the page.
fn measured(ran: Output) -> Value {
    let dom = String::from_utf8(ran.stdout).unwrap();
    let found = dom.split_once("<pre id=\"measured\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (found, _) = found.unwrap_or_else(|| panic!("nothing was measured: {dom}"));
    serde_json::from_str(found).unwrap()
}

/// A sandbox with answers, a refusal and its pages, the internal edition among them.
fn reported() -> Case {
    let case = Case::new(400);
    let key = case.run(&["key", "new", "--out", "auditor.key", "--for", "auditor"]);
    let public = command::stdout(&key);
    let init = ["init", "box", "--study", "study.toml", "--epsilon", "4", "--approval", "none", "--auditor"];
    let made = case.run(&[&init[..], &[public.trim()]].concat());
    assert!(made.status.success() && case.seal("e1").status.success(), "{}", stderr(&made));
    for question in [
        "SELECT spend_tier, COUNT(*), SUM(spend) FROM tags GROUP BY spend_tier WITH (error = 40)",
        "SELECT region, lapsed, COUNT(*) FROM tags GROUP BY region, lapsed WITH (error = 60)",
        "SELECT MEDIAN(spend) FROM tags WHERE region <> 'other' WITH (error = 90)",
    ] {
        assert!(case.ask(question).status.success());
    }
    assert_eq!(case.ask("SELECT COUNT(*) FROM tags WITH (error = 1)").status.code(), Some(3));
    assert!(case.run(&["metrics", "box", "--recipient", "brand-insights"]).status.success());
    for (name, lang, more) in
        [("en", "en", &[][..]), ("zh", "zh", &[]), ("internal", "en", &["--key", "auditor.key"])]
    {
        let page = format!("{name}.html");
        let report = ["report", "box", "--out", &page, "--lang", lang, "--pipia"];
        let made = case.run(&[&report[..], more].concat());
        assert!(made.status.success(), "{}", stderr(&made));
        let text = std::fs::read_to_string(case.path(&page)).unwrap();
        let (before, policy) = text.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
        let (_, after) = policy.split_once('>').unwrap();
        case.write(
            &format!("{name}-measured.html"),
            &format!("{before}{}", after.replace("</body>", &format!("{MEASURE}</body>"))),
        );
    }
    case
}

#[test]
fn the_page_fits_its_window_is_reached_by_keyboard_and_stands_out() {
    let case = reported();
    let Some(browser) = Browser::find(&case) else { return };
    for lang in ["en", "zh", "internal"] {
        for (width, theme) in [(1280, &[][..]), (390, &[]), (1280, &DARK)] {
            let file = format!("{lang}-measured.html");
            let found = browser.measure(&file, width, theme);
            let said = format!("{lang} {width} {theme:?}: {found}");
            assert_eq!((&found["width"], &found["scroll"]), (&width.into(), &width.into()), "{said}");
            assert_eq!(found["dark"], !theme.is_empty(), "{said}");
            assert_eq!(found["wide"].as_array().map(Vec::len), Some(0), "{said}");
            assert_eq!(found["broken"].as_array().map(Vec::len), Some(0), "{said}");
            assert!(found["contrast"].as_f64().unwrap() >= 4.5, "{said}");
            assert!(
                found["focusable"].as_u64().unwrap() > 30 && found["focusable"] == found["reached"],
                "{said}"
            );
            assert_eq!((found["lost"].as_u64(), found["closed"].as_bool()), (Some(0), Some(true)), "{said}");
            assert!(found["skip"].as_f64().unwrap() >= 0.0, "{said}");
            assert!(found["tallest"].as_f64().unwrap() > 4_000.0, "{said}");
        }
    }
}

#[test]
fn the_console_is_silent_pictures_are_no_blanks_and_the_page_prints() {
    let case = reported();
    let Some(browser) = Browser::find(&case) else { return };
    for (lang, width) in [("en", 1280), ("en", 390), ("zh", 1280), ("internal", 1280), ("internal", 390)] {
        let file = format!("{lang}.html");
        let ran = browser.open_framed(&file, width, &["--dump-dom"]);
        assert!(!stderr(&ran).contains("CONSOLE"), "{lang} {width}: {}", stderr(&ran));
        let (light, much) = browser.screenshot(&file, width, &[]);
        let (dark, more) = browser.screenshot(&file, width, &DARK);
        assert!(light > 200.0 && dark < 60.0, "{lang} {width}: {light} {dark}");
        assert!(much > 10.0 && more > 10.0, "{lang} {width}: {much} {more}");
        let pdf = case.path("page.pdf");
        let option = format!("--print-to-pdf={}", pdf.display());
        browser.open(&file, (1280, 900), &[&option, "--no-pdf-header-footer"]);
        assert!(pages(&pdf) >= 8, "{lang}: {} pages", pages(&pdf));
    }
    let internal = browser.open("internal.html", (1280, 900), &["--dump-dom"]);
    assert!(
        String::from_utf8(internal.stdout).unwrap().contains("id=\"figures\""),
        "the exact figures are there"
    );
    let plot = case.run(&["metrics", "box", "--recipient", "brand-insights", "--plot", "plot.svg"]);
    assert!(plot.status.success(), "{}", stderr(&plot));
    let ran = browser.open("plot.svg", (800, 600), &["--dump-dom"]);
    let dom = String::from_utf8(ran.stdout).unwrap();
    assert!(dom.contains("<svg") && !dom.contains("parsererror"), "{dom}");
    let (light, much) = browser.screenshot("plot.svg", 800, &[]);
    let (dark, _) = browser.screenshot("plot.svg", 800, &DARK);
    assert!(light > 180.0 && dark < 80.0 && much > 5.0, "{light} {dark} {much}");
}

/// A label that no line of paper holds beside a number.
const LONG: &str = "east-of-the-river-and-all-islands-and-harbours-down-to-the-sea";

/// Answers with many numbers in many groups with long labels, each with all its numbers as the page writes them.
fn wide() -> (Case, Vec<(u64, Vec<String>)>) {
    let case = Case::new(400);
    let study = command::study()
        .replace("\"east\"", &format!("\"{LONG}\""))
        .replace("min_people = 20", "min_people = 0");
    case.write("study.toml", &study);
    let members = std::fs::read_to_string(case.path("members.csv")).unwrap();
    case.write("members.csv", &members.replace(",east", &format!(",{LONG}")));
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    let questions = [
        "SELECT lapsed, region, COUNT(*), SUM(spend), SUM(orders), SUM(friends), AVG(spend), MEDIAN(spend) FROM tags GROUP BY lapsed, region WITH (error = 900, error(spend) = 900000000)",
        "SELECT spend_tier, region, COUNT(*), SUM(spend), AVG(orders), SUM(orders), AVG(friends), SUM(friends) FROM tags GROUP BY spend_tier, region WITH (error = 2000000, error(spend) = 90000000000)",
    ];
    let answers = questions.map(|question| {
        let asked = case.ask(question);
        assert!(asked.status.success(), "{}", stderr(&asked));
        // The page shows the canonical question, each number of which has a column of its own.
        let asked: Value = serde_json::from_str(&command::stdout(&asked)).unwrap();
        let again = case.ask(asked["question"].as_str().unwrap());
        let answer: Value = serde_json::from_str(&command::stdout(&again)).unwrap();
        assert_eq!(answer["stored"], true);
        let rows = answer["rows"].as_array().unwrap().iter();
        let cells =
            rows.flat_map(|row| row.as_object().unwrap().values().filter(|cell| cell["low"].is_number()));
        let numbers = cells.flat_map(|cell| {
            let ends = ["estimate", "low", "high"].map(|end| cell[end].as_i64().unwrap());
            let released = cell["unbiased"].as_i64().filter(|unbiased| *unbiased != ends[0]);
            ends.into_iter().chain(released).map(grouped).collect::<Vec<_>>()
        });
        (answer["audit"]["index"].as_u64().unwrap(), numbers.collect::<Vec<String>>())
    });
    (case, answers.to_vec())
}

fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups: Vec<&str> = groups.into_iter().map(|group| std::str::from_utf8(group).unwrap()).collect();
    format!("{}{}", if number < 0 { "-" } else { "" }, groups.join(","))
}

/// The text of a PDF, and `None` where nothing here reads one.
fn text_of(pdf: &Path) -> Option<String> {
    let read = Command::new("pdftotext").arg("-layout").arg(pdf).arg("-").output();
    let read = read.ok().filter(|read| read.status.success());
    if read.is_none() {
        println!("skipped: there is no pdftotext here (`apt-get install poppler-utils`)");
    }
    read.map(|read| String::from_utf8(read.stdout).unwrap())
}

#[test]
fn paper_has_every_number_of_every_answer() {
    let (case, answers) = wide();
    let Some(browser) = Browser::find(&case) else { return };
    for (lang, entry) in [("en", "Log entry"), ("zh", "\u{65e5}\u{5fd7}\u{8bb0}\u{5f55}")] {
        let made = case.run(&["report", "box", "--out", "wide.html", "--lang", lang]);
        assert!(made.status.success(), "{}", stderr(&made));
        let pdf = case.path("wide.pdf");
        let option = format!("--print-to-pdf={}", pdf.display());
        browser.open("wide.html", (1280, 900), &[&option, "--no-pdf-header-footer"]);
        let Some(text) = text_of(&pdf) else { return };
        for (index, numbers) in &answers {
            let (_, own) =
                text.split_once(&format!("{entry} {index} \u{b7}")).unwrap_or_else(|| panic!("{text}"));
            let own = own.split(&format!("{entry} {} \u{b7}", index + 1)).next().unwrap();
            let mut printed: BTreeMap<&str, usize> = BTreeMap::new();
            for word in own.split(|letter: char| !(letter.is_ascii_digit() || ",-".contains(letter))) {
                *printed.entry(word).or_default() += 1;
            }
            assert!(numbers.len() > 250, "{} numbers", numbers.len());
            let mut missing = Vec::new();
            for number in numbers {
                match printed.get_mut(number.as_str()).filter(|times| **times > 0) {
                    Some(times) => *times -= 1,
                    None => missing.push(number),
                }
            }
            assert!(
                missing.is_empty(),
                "{lang}, entry {index}: {} of {} numbers are not on paper: {missing:?}",
                missing.len(),
                numbers.len()
            );
        }
    }
}

/// How many pages a PDF has: its page objects are not compressed.
fn pages(pdf: &Path) -> usize {
    let bytes = std::fs::read(pdf).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}
