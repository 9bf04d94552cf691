//! Keys, tokens and proofs are those that an independent program computes (`tests/vectors/blind_tokens.py`).

use serde_json::Value;

use super::*;
use crate::deidentify::{TokenKeyId, TokenPublicKey, blind_context, hashed_id};
use crate::oprf::{Element, Encoded, SecretScalar, blind, blind_evaluate, generate_proof, verify_proof};

fn made() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/blind_tokens.json")).unwrap()
}

fn hex<const N: usize>(text: &Value) -> [u8; N] {
    let digits = text.as_str().unwrap();
    std::array::from_fn(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2).unwrap(), 16).unwrap())
}

fn keys(made: &Value) -> [BlindTokenKey; 2] {
    [0, 1].map(|at| BlindTokenKey::from_seed(Secret::new(hex(&made["seeds"][at]))).unwrap())
}

/// A scalar below the order of the group, from its 32 bytes.
fn scalar(text: &Value) -> SecretScalar {
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(&hex::<32>(text));
    SecretScalar::from_uniform(&wide).unwrap()
}

#[test]
fn keys_are_derived_as_another_program_does_it() {
    let made = made();
    let publics = keys(&made).map(|key| key.public());
    for (at, public) in publics.iter().enumerate() {
        let text = made["public"][at].as_str().unwrap();
        assert_eq!(public.to_string(), text);
        assert_eq!(TokenPublicKey::parse(text).as_ref(), Ok(public));
    }
    let [one, other] = &publics;
    assert_eq!(TokenKeyId::of_both(one, other).to_string(), made["key_id"].as_str().unwrap());
}

#[test]
fn tokens_are_those_of_another_program_in_either_direction() {
    let made = made();
    let [a, b] = keys(&made);
    // The namespaces of the study, so that both can be asked for.
    let text =
        DEMO.replacen("ids = \"phone\"\nowner = \"payer\"", "ids = \"bank-card\"\nowner = \"payer\"", 1);
    let links = "\n[datasets.cards]\nkind = \"links\"\nhandler = \"payment-platform\"\ncategory = \"profile\"\ncolumns = { phone = \"phone\", bank-card = \"card\" }\n[tokens]\nmax_ids = 1000\npadding = 8\n";
    let keyed = [("social-platform", &a), ("payment-platform", &b)].iter().fold(text, |text, (id, key)| {
        text.replace(
            &format!("id = \"{id}\"\n"),
            &format!("id = \"{id}\"\ntoken_key = \"{}\"\n", key.public()),
        )
    });
    let study = Study::parse("both.toml", &(keyed + links)).unwrap();
    let world = World { a, b, study };
    for (own, peer) in [(&world.a, &world.b), (&world.b, &world.a)] {
        let (image, books) = (Image::new(), Image::new());
        let namespaces = BTreeSet::from(["phone", "bank-card"]);
        let mut request =
            Request::new(world.parties(own), own, at(&image, "state"), namespaces, work()).unwrap();
        let cases = made["tokens"].as_array().unwrap();
        for case in cases {
            request.add(case["ids"].as_str().unwrap(), case["id"].as_str().unwrap().as_bytes()).unwrap();
        }
        request.finish(at(&image, "request")).unwrap();
        world.evaluate(peer, &image, &books).unwrap();
        let tokens = world.unblind(own, &image).unwrap();
        for case in cases {
            let namespace = tokens.namespace(case["ids"].as_str().unwrap()).unwrap();
            let token = namespace.token(case["id"].as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(token, hex::<16>(&case["token"]), "{case}");
        }
    }
}

#[test]
fn blinding_evaluation_and_proof_are_those_of_another_program() {
    let made = made();
    let [_, b] = keys(&made);
    let context = blind_context();
    let session = &made["session"];
    let all = |name: &str| session[name].as_array().unwrap().iter().map(hex).collect::<Vec<Encoded>>();
    let ids = made["tokens"].as_array().unwrap().iter().take(3);
    let hashed: Vec<_> = ids
        .map(|case| hashed_id(&context, "phone", case["id"].as_str().unwrap().as_bytes()).unwrap())
        .collect();
    let blinds: Vec<_> = session["blinds"].as_array().unwrap().iter().map(scalar).collect();
    let blinded = blind(blinds.iter().zip(&hashed));
    assert_eq!(blinded, all("blinded"));
    let elements: Vec<_> = blinded.iter().map(|one| Element::decode(one).unwrap()).collect();
    let evaluated = blind_evaluate(b.scalar(), &elements);
    assert_eq!(evaluated, all("evaluated"));
    let nonce = scalar(&session["nonce"]);
    let proof =
        generate_proof(&context, b.scalar(), (&elements, &blinded), &evaluated, |_, _| Some(nonce)).unwrap();
    assert_eq!(proof, hex::<64>(&session["proof"]));
    let results: Vec<_> = evaluated.iter().map(|one| Element::decode(one).unwrap()).collect();
    let public = Element::decode(&b.public().element).unwrap();
    assert!(verify_proof(&context, &public, (&elements, &blinded), (&results, &evaluated), &proof));
}
