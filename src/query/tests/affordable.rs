//! Promise: the price that a refusal suggests fits, and is the finest of its kind that does.

use super::*;

/// The cost that is reported to fit what is left does, and nothing finer would.
#[test]
fn a_price_that_fits_is_the_finest_that_does() {
    let asked = [
        "SELECT COUNT(*) FROM tags",
        "SELECT COUNT(*) FROM tags GROUP BY audience WITH (error = 7)",
        "SELECT AVG(spend) FROM tags GROUP BY audience WITH (error = 3, error(spend) = 1000)",
        "SELECT SUM(fans_spend) FROM tags WITH (error(fans_spend) = 17)",
        "SELECT MEDIAN(spend) FROM tags GROUP BY region, audience",
        "SELECT AVG(spend), COUNT(*) FROM tags WITH (epsilon = 2)",
    ];
    for (question, accounting) in asked.into_iter().flat_map(|q| [(q, ZCDP), (q, Accounting::Pure)]) {
        let plan = |text: &str| {
            Plan::new(&parse(text, &catalogue()).unwrap(), &catalogue(), &defaults(), accounting).ok()
        };
        let dear = plan(question).unwrap();
        let bare = question.split(" WITH ").next().unwrap();
        for part in [1, 2, 7, 1_000, 1_000_000] {
            let left = dear.cost() / part;
            let Some(price) = dear.price_within(left) else {
                assert!(left < 1_000, "{question}: {left}");
                continue;
            };
            let cost = |price: &str| plan(&format!("{bare} WITH ({price})")).map(|plan| plan.cost());
            assert!(cost(&price).is_some_and(|cost| cost <= left), "{question}: {price} for {left}");
            // One step finer in the first setting that changed, all that changed in their proportion, is beyond it, unless it is
            // what was asked.
            let changed = |setting: &&str| {
                let (name, number) = setting.split_once(" = ").unwrap();
                name == "epsilon" || price_of(&dear, name) != number.parse::<u64>().unwrap()
            };
            let Some(first) = price.split(", ").find(changed) else {
                assert_eq!(part, 1, "{question}");
                continue;
            };
            let (name, number) = first.split_once(" = ").unwrap();
            let finer = match name {
                "epsilon" => {
                    let epsilon = NanoEpsilon::parse(number).unwrap().get() + 1;
                    format!("epsilon = {}", NanoEpsilon::new(epsilon))
                }
                _ => {
                    let (own, first) = (number.parse::<u64>().unwrap() - 1, price_of(&dear, name));
                    let settings = price.split(", ").map(|setting| {
                        let (name, _) = setting.split_once(" = ").unwrap();
                        if !changed(&setting) {
                            return setting.to_owned();
                        }
                        format!("{name} = {}", (price_of(&dear, name) * own).div_ceil(first).max(1))
                    });
                    settings.collect::<Vec<_>>().join(", ")
                }
            };
            assert!(
                part == 1 || cost(&finer).is_some_and(|cost| cost > left),
                "{question}: {finer} for {left}"
            );
        }
        assert_eq!(dear.price_within(0), None, "{question}");
    }
}

/// The error that is suggested first is that of the most expensive aggregate alone; the others change where they leave no room.
#[test]
fn the_most_expensive_aggregate_alone_grows_if_that_fits() {
    let plan =
        |text: &str| Plan::new(&parse(text, &catalogue()).unwrap(), &catalogue(), &defaults(), ZCDP).unwrap();
    let question = "SELECT AVG(spend) FROM tags GROUP BY audience WITH (error = 3, error(spend) = 1000)";
    let dear = plan(question);
    let forecast = dear.forecast();
    let cost = |name: &str| forecast.parts.iter().find(|part| part.name == name).unwrap().cost;
    let (count, sum) = (cost("COUNT(*)"), cost("SUM(spend)"));
    assert!(sum > count);
    let price = dear.price_within(dear.cost() / 2).unwrap();
    assert!(price.starts_with("error = 3, error(spend) = ") && !price.ends_with(" = 1000"), "{price}");
    // The count alone costs all that is left: now it grows, too.
    let price = dear.price_within(count).unwrap();
    assert!(!price.contains("error = 3,") && !price.ends_with(" = 1000"), "{price}");
}

/// The price of a setting as the canonical query says it.
fn price_of(plan: &Plan, name: &str) -> u64 {
    let (_, settings) = plan.question().split_once(" WITH (").unwrap();
    let settings = settings.strip_suffix(')').unwrap().split(", ");
    let found = settings.map(|setting| setting.split_once(" = ").unwrap()).find(|(known, _)| *known == name);
    found
        .map(|(_, number)| number.parse().unwrap())
        .unwrap_or_else(|| panic!("{name} in {}", plan.question()))
}
