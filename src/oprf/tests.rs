//! The functions of RFC 9497 against its own vectors and those of RFC 9380 and RFC 9496, and what a proof must not pass.

use curve25519_dalek::scalar::Scalar;
use ring::digest::{SHA512, digest};
use serde_json::Value;

use super::expand_message::expand_message;
use super::*;
use crate::types::Secret;

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2).unwrap(), 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap()
}

/// The vectors join the parts of a batch with commas.
fn parts(text: &Value) -> Vec<Vec<u8>> {
    text.as_str().unwrap().split(',').map(|part| hex(&part.into())).collect()
}

fn scalar(bytes: &[u8]) -> SecretScalar {
    SecretScalar(Option::from(Scalar::from_canonical_bytes(fixed(bytes))).unwrap())
}

fn suite_context(suite: &Value) -> Context {
    let mode = u8::try_from(suite["mode"].as_u64().unwrap()).unwrap();
    let context = Context::new(&[b"OPRFV1-".as_slice(), &[mode], b"-ristretto255-SHA512"].concat());
    assert_eq!(context.tag(b"HashToGroup-"), hex(&suite["groupDST"]));
    context
}

#[test]
fn vectors_of_rfc_9497_oprf_and_voprf_single_and_batch() {
    let all: Value = serde_json::from_str(include_str!("../../tests/vectors/rfc9497.json")).unwrap();
    let (mut singles, mut batches) = (0, 0);
    for suite in all["suites"].as_array().unwrap() {
        let context = suite_context(suite);
        let seed = Secret::new(fixed(&hex(&suite["seed"])));
        let key = derive_key_pair(&context, &seed, &hex(&suite["keyInfo"])).unwrap();
        assert_eq!(key.0.to_bytes().to_vec(), hex(&suite["skSm"]));
        if let Some(public) = suite.get("pkSm") {
            assert_eq!(key.public().encode().to_vec(), hex(public));
        }
        for vector in suite["vectors"].as_array().unwrap() {
            let inputs = parts(&vector["Input"]);
            let blinds: Vec<_> = parts(&vector["Blind"]).iter().map(|bytes| scalar(bytes)).collect();
            let hashed: Vec<_> =
                inputs.iter().map(|input| hash_to_group(&context, &[input]).unwrap()).collect();
            let blinded = blind(blinds.iter().zip(&hashed));
            let bytes = |all: &[Encoded]| all.iter().map(|one| one.to_vec()).collect::<Vec<_>>();
            assert_eq!(bytes(&blinded), parts(&vector["BlindedElement"]));
            let elements: Vec<_> = blinded.iter().map(|one| Element::decode(one).unwrap()).collect();
            let evaluated = blind_evaluate(&key, &elements);
            assert_eq!(bytes(&evaluated), parts(&vector["EvaluationElement"]));
            let results: Vec<_> = evaluated.iter().map(|one| Element::decode(one).unwrap()).collect();
            if let Some(proof) = vector.get("Proof") {
                let nonce = scalar(&hex(&proof["r"]));
                let made =
                    generate_proof(&context, &key, (&elements, &blinded), &evaluated, |_, _| Some(nonce))
                        .unwrap();
                assert_eq!(made.to_vec(), hex(&proof["proof"]));
                let (one, other) = ((&elements[..], &blinded[..]), (&results[..], &evaluated[..]));
                assert!(verify_proof(&context, &key.public(), one, other, &made));
            }
            let one = SecretScalar(Scalar::ONE);
            let factors = invert(&one, &blinds);
            let unblinded = unblind(factors.iter().zip(&results));
            let output = |(input, element): (&Vec<u8>, &Encoded)| {
                let mut transcript = Vec::new();
                framed(&mut transcript, input);
                framed(&mut transcript, element);
                transcript.extend_from_slice(b"Finalize");
                digest(&SHA512, &transcript).as_ref().to_vec()
            };
            assert_eq!(
                inputs.iter().zip(&unblinded).map(output).collect::<Vec<_>>(),
                parts(&vector["Output"])
            );
            if inputs.len() > 1 { batches += 1 } else { singles += 1 }
        }
    }
    assert_eq!((singles, batches), (4, 1));
}

#[test]
fn vectors_of_rfc_9380_and_rfc_9496() {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/vectors/hash_to_ristretto.json")).unwrap();
    let expand = &all["expand_message_xmd"];
    let tag = expand["dst"].as_str().unwrap().as_bytes();
    let cases = expand["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        // In two parts, which must make no difference.
        let (one, other) =
            case["msg"].as_str().unwrap().as_bytes().split_at(case["msg"].as_str().unwrap().len() / 2);
        let uniform = hex(&case["uniform"]);
        match uniform.len() {
            32 => assert_eq!(expand_message::<32>(&[one, other], tag).to_vec(), uniform),
            _ => assert_eq!(expand_message::<128>(&[one, other], tag).to_vec(), uniform),
        }
    }
    for case in all["one_way_map"]["cases"].as_array().unwrap() {
        let label = digest(&SHA512, case["label"].as_str().unwrap().as_bytes());
        let element = Element::from_uniform(&fixed(label.as_ref())).unwrap();
        assert_eq!(element.encode().to_vec(), hex(&case["element"]));
    }
}

#[test]
fn what_encodes_no_element_or_the_identity_is_refused() {
    let mut negative = hash_to_group(&Context::new(b"t"), &[b"x"]).unwrap().encode();
    negative[0] ^= 1;
    let mut large = [0xff; 32];
    large[0] = 0xed;
    large[31] = 0x7f;
    let mut high_bit = Element::from_uniform(&[7; 64]).unwrap().encode();
    high_bit[31] |= 0x80;
    for (why, bytes) in [
        ("identity", [0; 32]),
        ("negative", negative),
        ("p itself", large),
        ("high bit", high_bit),
        ("all ones", [0xff; 32]),
    ] {
        assert!(Element::decode(&bytes).is_err(), "{why}");
    }
}

/// `count` elements, their multiples by `key`, and a proof of it.
struct Proven {
    context: Context,
    key: SecretScalar,
    blinded: (Vec<Element>, Vec<Encoded>),
    evaluated: Vec<Encoded>,
    proof: [u8; PROOF_BYTES],
}

fn key(byte: u8) -> SecretScalar {
    SecretScalar::from_uniform(&[byte; 64]).unwrap()
}

fn decoded(bytes: &[Encoded]) -> Vec<Element> {
    bytes.iter().map(|one| Element::decode(one).unwrap()).collect()
}

fn proven(count: u8) -> Proven {
    let (context, own) = (Context::new(b"test"), key(9));
    let elements: Vec<_> = (0..count).map(|one| hash_to_group(&context, &[&[one]]).unwrap()).collect();
    let encoded: Vec<_> = elements.iter().map(Element::encode).collect();
    let evaluated = blind_evaluate(&own, &elements);
    let proof =
        generate_proof(&context, &own, (&elements, &encoded), &evaluated, |_, _| Some(key(3))).unwrap();
    Proven { context, key: own, blinded: (elements, encoded), evaluated, proof }
}

impl Proven {
    fn holds(&self, public: &SecretScalar, evaluated: &[Encoded], proof: &[u8; PROOF_BYTES]) -> bool {
        let elements = decoded(evaluated);
        let blinded = (&self.blinded.0[..], &self.blinded.1[..]);
        verify_proof(&self.context, &public.public(), blinded, (&elements, evaluated), proof)
    }
}

#[test]
fn a_proof_holds_for_its_key_its_elements_and_their_order_alone() {
    let all = proven(5);
    assert!(all.holds(&all.key, &all.evaluated, &all.proof));
    assert!(!all.holds(&key(8), &all.evaluated, &all.proof), "another public key");
    for at in 0..5 {
        // Tagging: one element under a second key.
        let mut tagged = all.evaluated.clone();
        tagged[at] = blind_evaluate(&key(8), &all.blinded.0[at..=at])[0];
        assert!(!all.holds(&all.key, &tagged, &all.proof), "element {at} under another key");
    }
    let mut swapped = all.evaluated.clone();
    swapped.swap(0, 1);
    assert!(!all.holds(&all.key, &swapped, &all.proof));
    assert!(!all.holds(&all.key, &all.evaluated[..4], &all.proof), "fewer");
    for at in 0..PROOF_BYTES {
        let mut changed = all.proof;
        changed[at] ^= 1;
        assert!(!all.holds(&all.key, &all.evaluated, &changed), "byte {at}");
    }
    // The same scalar in another encoding is another text, which is refused.
    let mut longer = all.proof;
    longer[31] |= 0x80;
    assert!(!all.holds(&all.key, &all.evaluated, &longer));
    let none = proven(1);
    assert!(generate_proof(&none.context, &none.key, (&[], &[]), &[], |_, _| Some(key(3))).is_none());
}

/// Sums of errors that cancel without weights: `D_0 + E` and `D_1 - E`.
#[test]
fn errors_that_cancel_in_a_sum_do_not_cancel_under_the_weights() {
    let all = proven(2);
    let error = key(4).public().0;
    let points = decoded(&all.evaluated);
    let moved = [Element(points[0].0 + error).encode(), Element(points[1].0 - error).encode()];
    assert!(!all.holds(&all.key, &moved, &all.proof));
}
