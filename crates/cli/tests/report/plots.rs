//! Plots of `ask --plot`: what they show, and in which programs.

use crate::command::{Case, stderr};
use crate::page::Page;
use crate::report::TIERS;

/// Promise: a plot is whole for programs that read no style sheets: every shape and text has its colours as attributes.
#[test]
fn plots_need_no_style_sheet() {
    let case = Case::new(400);
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    for name in ["ask", "metrics"] {
        let fixed = [name, "box", "--recipient", "brand-insights", "--plot", "plain.svg"];
        let asked = case.run(&[&fixed[..], if name == "ask" { &[TIERS] } else { &[] }].concat());
        assert!(asked.status.success(), "{}", stderr(&asked));
        let text = std::fs::read_to_string(case.path("plain.svg")).unwrap();
        std::fs::remove_file(case.path("plain.svg")).unwrap();
        assert!(!text.contains("var("), "{text}");
        // What the style holds is for browsers in the dark alone.
        let (before, style) = text.split_once("<style>").unwrap();
        let (style, after) = style.split_once("</style>").unwrap();
        let light = style.split("@media").next().unwrap();
        assert!(!light.contains(".chart"), "{light}");
        let plot = Page::read(&format!("{before}{after}"));
        assert_eq!(plot.mistakes, [] as [&str; 0]);
        let mut seen = 0;
        for (element, painted) in [("text", "fill"), ("rect", "fill"), ("path", "stroke")] {
            for one in plot.all(element) {
                let colour = one.attribute(painted).unwrap_or_default();
                assert!(
                    colour.starts_with('#') || colour.starts_with("url(#"),
                    "{element}: {colour:?}: {text}"
                );
                seen += 1;
            }
        }
        assert!(seen > 20, "{text}");
        assert!(
            plot.all("text").iter().all(|one| one.attribute("font-size").is_some()
                || plot.all("svg")[0].attribute("font-size").is_some())
        );
    }
}

#[test]
fn plots_show_intervals_and_hatch_what_is_suppressed() {
    let case = Case::new(400);
    assert!(case.init("4").status.success() && case.seal("e1").status.success());
    for (name, arguments) in [("ask", vec![TIERS]), ("metrics", vec![])] {
        let fixed = vec![name, "box", "--recipient", "brand-insights", "--plot", "a.svg"];
        let ran = case.run(&[fixed, arguments].concat());
        assert!(ran.status.success(), "{}", stderr(&ran));
        let text = std::fs::read_to_string(case.path("a.svg")).unwrap();
        let plot = Page::read(&text);
        assert_eq!(plot.mistakes, [] as [&str; 0]);
        let svg = plot.all("svg")[0];
        assert_eq!(svg.attribute("xmlns"), Some("http://www.w3.org/2000/svg"));
        assert!(!text.contains("var("), "viewers other than browsers know no variables");
        let class = |name: &str| plot.elements.iter().filter(|e| e.attribute("class") == Some(name)).count();
        assert!(class("bar") > 0 && class("bar") == class("interval"), "{name}");
        if name == "ask" {
            let hidden: Vec<_> =
                plot.elements.iter().filter(|e| e.attribute("class") == Some("hidden")).collect();
            assert!(
                !hidden.is_empty() && hidden.iter().all(|e| e.attribute("fill") == Some("url(#plot-hatch)"))
            );
            assert!(
                plot.with_id("plot-desc").text.contains("few people, "),
                "{}",
                plot.with_id("plot-desc").text
            );
        }
        assert!(svg.text.contains("log entry") || name == "metrics");
    }
    let both = ["ask", "box", "--recipient", "brand-insights", "--plot", "a.svg", "--forecast", TIERS];
    assert_eq!(case.run(&both).status.code(), Some(2));
}
