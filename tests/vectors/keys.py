"""Writes keys.json: what the crate derives and seals, computed again with the packages `blake3` and `cryptography`.

python tests/vectors/keys.py > tests/vectors/keys.json
"""

import hashlib
import hmac
import json

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"hushseal\x01"


def fixed(name, size=32):
    """Bytes that anyone can make again."""
    return hashlib.shake_256(name.encode()).digest(size)


def derive(key, context):
    return blake3(key, derive_key_context=context).digest()


def derive_for(key, context, text):
    return blake3(text, key=derive(key, context)).digest()


def seal(key, parts, plain, size, salt):
    message_key = derive_for(key, "hushtag 2026 v1 message key", salt)
    framed = MAGIC + b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    content = len(plain).to_bytes(8, "little") + plain + bytes(size - len(plain))
    return MAGIC + salt + AESGCM(message_key).encrypt(bytes(12), content, framed)


def canonical(*texts):
    return json.dumps(texts, separators=(",", ":"), ensure_ascii=False).encode()


def leaf_hash(content):
    return hashlib.sha256(b"\x00" + content).digest()


def tree(leaves):
    while len(leaves) > 1:
        pairs = zip(leaves[::2], leaves[1::2])
        leaves = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return leaves[0]


def consent_tree(epoch_key, place, people):
    salts = derive_for(epoch_key, "hushtag 2026-11 v1 salts of a consent tree", canonical(*place))
    leaves_of_people = []
    for ids, person, stands in people:
        salt = derive_for(salts, "hushtag 2026-11 v1 salt of a consent leaf", canonical(ids, person))
        text = canonical(*place, ids, person, stands)
        leaf = leaf_hash(hmac.new(salt, text, hashlib.sha256).digest())
        leaves_of_people.append({"ids": ids, "id": person, "stands": stands, "salt": salt.hex(), "leaf": leaf.hex()})
    size = 256
    padding = [
        leaf_hash(derive_for(salts, "hushtag 2026-11 v1 padding of a consent tree", at.to_bytes(8, "little")))
        for at in range(len(people), size)
    ]
    leaves = [bytes.fromhex(leaf["leaf"]) for leaf in leaves_of_people]
    return {"place": place, "people": leaves_of_people, "root": tree(sorted(leaves + padding)).hex()}


root, sandbox, epoch = fixed("root"), "4f1c", "2026-q3"
# Random in a real sandbox, and sealed under the root key together with the number of that and the size of the log.
sandbox_key, number, log_size = fixed("sandbox key"), 3, 1 << 40
epoch_key = fixed("epoch key")
wrap = derive_for(sandbox_key, "hushtag 2026 v1 epoch wrap", sandbox.encode())
parts = [sandbox.encode(), epoch.encode()]
derived = [
    ("hushtag 2026 v1 ledger mac", "4f1c"),
    ("hushtag 2026 v1 ledger mac", "4f1d"),
    ("hushtag 2026 v1 epoch wrap", "4f1c"),
    ("hushtag 2026 v1 sign wrap", "4f1c"),
    ("hushtag 2026-11 v1 stored answers", "4f1c"),
    ("hushtag 2026-11 v1 consent register", "4f1c"),
    ("hushtag 2026-11 v1 consent register", ""),
]
sealed = [
    ([], b"", 0),
    ([b"sandbox", b"epoch"], b"cells", 5),
    ([b"sandboxe", b"poch"], b"cells", 64),
    ([b"", b"\x00\xff"], bytes(range(256)), 300),
]
print(
    json.dumps(
        {
            "source": "tests/vectors/keys.py",
            "root_key": root.hex(),
            "sandbox_keys": [
                {
                    "sandbox": text,
                    "key": sandbox_key.hex(),
                    "number": number,
                    "log_size": log_size,
                    "file": seal(
                        derive_for(root, "hushtag 2026-11 v1 sandbox wrap", text.encode()),
                        [text.encode(), b"sandbox key"],
                        number.to_bytes(8, "big") + log_size.to_bytes(8, "big") + sandbox_key,
                        48,
                        fixed(f"salt of the sandbox {text}"),
                    ).hex(),
                }
                for text in ["4f1c", "4f1d", ""]
            ],
            "derived": [
                {"context": context, "sandbox": text, "key": derive_for(sandbox_key, context, text.encode()).hex()}
                for context, text in derived
            ],
            "epoch": {
                "sandbox": sandbox,
                "epoch": epoch,
                "key": epoch_key.hex(),
                "file": seal(wrap, parts, epoch_key, 32, fixed("salt of the epoch")).hex(),
                "cubes": derive(epoch_key, "a further use").hex(),
            },
            "consent_tree": consent_tree(
                epoch_key,
                [sandbox, epoch, "blake3:" + fixed("study").hex(), "brand-insights"],
                [
                    ("phone", "13800000001", "in"),
                    ("phone", "13800000002", "out"),
                    ("card", "13800000001", "in"),
                    ("phone", 'a "quoted" \\ id \u00e9\u4e2d', "out"),
                ],
            ),
            "sealed": [
                {
                    "key": fixed(f"key {at}").hex(),
                    "associated": [part.hex() for part in parts],
                    "plain": plain.hex(),
                    "sealed": seal(fixed(f"key {at}"), parts, plain, size, fixed(f"salt {at}")).hex(),
                }
                for at, (parts, plain, size) in enumerate(sealed)
            ],
        },
        indent=1,
    )
)
