#!/usr/bin/env python3
"""Vectors of pseudonyms and tokens, by a BLAKE3 written from its paper (sections 2.2 to 2.4; one chunk of input is enough here).

    python3 tests/vectors/make.py    writes tokens.json and pseudonyms.json beside itself

Nothing of the crate is used, so that what it computes is checked and not repeated.
"""

import json
import pathlib
import struct

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
START, END, ROOT, KEYED, CONTEXT, MATERIAL = 1, 2, 8, 16, 32, 64
MASK = 0xFFFFFFFF


def compress(chaining, words, length, flags):
    v = list(chaining) + IV[:4] + [0, 0, length, flags]

    def turn(x, by):
        return (x >> by | x << (32 - by)) & MASK

    def mix(a, b, c, d, x, y):
        v[a] = (v[a] + v[b] + x) & MASK
        v[d] = turn(v[d] ^ v[a], 16)
        v[c] = (v[c] + v[d]) & MASK
        v[b] = turn(v[b] ^ v[c], 12)
        v[a] = (v[a] + v[b] + y) & MASK
        v[d] = turn(v[d] ^ v[a], 8)
        v[c] = (v[c] + v[d]) & MASK
        v[b] = turn(v[b] ^ v[c], 7)

    m = list(words)
    for _ in range(7):
        for i in range(4):
            mix(i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1])
        for i in range(4):
            mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i])
        m = [m[at] for at in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def blake3(key, data, mode):
    assert len(data) <= 1024, "one chunk"
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    chaining = key
    for number, block in enumerate(blocks):
        flags = mode | (START if number == 0 else 0) | (END | ROOT if number == len(blocks) - 1 else 0)
        chaining = compress(chaining, struct.unpack("<16I", block.ljust(64, b"\0")), len(block), flags)
    return struct.pack("<8I", *chaining)


def words(key):
    return list(struct.unpack("<8I", key))


def keyed_hash(key, data):
    return blake3(words(key), data, KEYED)


def derive_key(context, material):
    return blake3(words(blake3(IV, context.encode(), CONTEXT)), material, MATERIAL)


def derive_for(secret, context, text):
    return keyed_hash(derive_key(context, secret), text.encode())


# The paper's own vectors, https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json, inputs of 0 and 1 byte.
assert blake3(IV, b"", 0).hex().startswith("af1349b9f5f9a1a6a0404dea36dcc949")
KEY = b"whats the Elvish word for friend"
assert keyed_hash(KEY, b"").hex().startswith("92b2b75604ed3c761f9d6f62392c8a92")
PAPER = "BLAKE3 2019-12-27 16:29:52 test vectors context"
assert derive_key(PAPER, b"").hex().startswith("2cc39783c223154fea8dfb7c1b1660f2")

IDS = ["13800000000", "7", "007", "-1", "a.b@example.com", "110105194912310021", "é", "上海", "x" * 64, "y" * 65]
NAMESPACES = ["phone", "card", "电话"]
KEYS = [bytes(32), bytes(range(32)), bytes([255] * 32)]


def tokens(agreed):
    key = derive_key("hushtag 2026-11 v1 key of tokens", agreed)
    name = derive_key("hushtag 2026-11 v1 name of a key of tokens", key)[:8].hex()
    of = {n: derive_for(key, "hushtag 2026-11 v1 token of an id", n) for n in NAMESPACES}
    cases = [{"ids": n, "id": i, "token": keyed_hash(of[n], i.encode())[:16].hex()} for n in NAMESPACES for i in IDS]
    return {"agreed": agreed.hex(), "key_id": name, "tokens": cases}


def pseudonyms(epoch):
    of = {n: derive_for(epoch, "hushtag 2026-11 v1 pseudonym of an id", n) for n in NAMESPACES}
    cases = [{"ids": n, "id": i, "pseudonym": keyed_hash(of[n], i.encode())[:16].hex()} for n in NAMESPACES for i in IDS]
    return {"epoch_key": epoch.hex(), "pseudonyms": cases}


here = pathlib.Path(__file__).parent
for file, make in [("tokens.json", tokens), ("pseudonyms.json", pseudonyms)]:
    all = {"made_by": "tests/vectors/make.py", "keys": [make(key) for key in KEYS]}
    (here / file).write_text(json.dumps(all, indent=1, ensure_ascii=False) + "\n")
