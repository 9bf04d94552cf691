//! Promise 6: a witness that an auditor names must have cosigned the checkpoint (C2SP tlog-cosignature); the lines are made
//! here from the words of the specification, with nothing of the library.

use crate::command::{Case, stderr, stdout};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

const NAME: &str = "witness.example/w1";

struct Witness(Ed25519KeyPair);

impl Witness {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    /// The signature type 0x04 and the public key.
    fn typed_key(&self) -> Vec<u8> {
        [&[4][..], self.0.public_key().as_ref()].concat()
    }

    /// `SHA-256(<name> || 0x0A || 0x04 || 32-byte key)[:4]`
    fn id(&self) -> Vec<u8> {
        let text = [NAME.as_bytes(), b"\n", &self.typed_key()].concat();
        digest(&SHA256, &text).as_ref().iter().copied().take(4).collect()
    }

    fn vkey(&self) -> String {
        let id: String = self.id().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{NAME}+{id}+{}", BASE64.encode(self.typed_key()))
    }

    /// The id, the time in eight big-endian bytes, and the signature over the two lines and the note's text.
    fn line(&self, time: u64, text: &str) -> String {
        let signature = self.0.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
        let bytes = [&self.id()[..], &time.to_be_bytes(), signature.as_ref()].concat();
        format!("— {NAME} {}\n", BASE64.encode(bytes))
    }
}

#[test]
fn a_witness_that_is_named_must_have_cosigned_the_checkpoint() {
    let case = Case::new(40);
    case.init("4");
    let witness = Witness::new(3);
    let vkey = witness.vkey();
    let verify = |vkey: &str| case.run(&["audit", "verify", "box", "--witness", vkey, "--format", "json"]);
    let missing = verify(&vkey);
    assert_eq!(missing.status.code(), Some(5));
    let said = stderr(&missing);
    assert!(
        said.contains(&format!("log/checkpoint: the witness `{NAME}`")) && said.contains("fix:"),
        "{said}"
    );

    let bare = std::fs::read_to_string(case.path("box/log/checkpoint")).unwrap();
    let text = format!("{}\n", bare.split_once("\n\n").unwrap().0);
    case.append("box/log/checkpoint", &witness.line(1_790_000_000, &text));
    let verified: Value = serde_json::from_str(&stdout(&verify(&vkey))).unwrap();
    assert_eq!(verified["witnesses"], serde_json::json!([{ "name": NAME, "at": 1_790_000_000 }]));
    assert_eq!(verify(&Witness::new(4).vkey()).status.code(), Some(5), "another key of that name");
    assert_eq!(verify("no+key").status.code(), Some(2));

    let right = std::fs::read_to_string(case.path("box/log/checkpoint")).unwrap();
    let other = witness.line(7, &text.replace('\n', "\n\n"));
    case.write("box/log/checkpoint", &format!("{bare}{other}"));
    assert_eq!(verify(&vkey).status.code(), Some(5), "a line over something else");
    case.write("box/log/checkpoint", &right);

    // The line is kept by everyone who opens the sandbox, and is of no use for a later checkpoint.
    assert_eq!(case.ask("SELECT nothing").status.code(), Some(2), "nothing was written to the log");
    assert_eq!(verify(&vkey).status.code(), Some(0));
    assert_eq!(case.seal("e1").status.code(), Some(0));
    assert_eq!(verify(&vkey).status.code(), Some(5));
}
