#!/usr/bin/env python3
"""Verifies the log of a sandbox, the bundle of an answer, a person's proof and a receipt.

Written from docs/src/formats.md alone, without a look at the program. It needs the package `cryptography`
for Ed25519; with the package `blake3` it is faster.

    verify.py log FOLDER VKEY       the log of the sandbox in FOLDER, and what in FOLDER its entries name by hash
    verify.py bundle FILE VKEY
    verify.py person FILE VKEY
    verify.py receipt FILE VKEY

Exit code 0 and one line: valid. 5: what is wrong, and where. 2: the arguments are wrong.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import sys
import tomllib
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXACT = 2**53 - 1


class Wrong(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Wrong(what)


# --- BLAKE3 ---------------------------------------------------------------------------------------------------------

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
LANES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def compress(cv, block, counter, length, flags):
    m = [int.from_bytes(block[i:i + 4], "little") for i in range(0, 64, 4)]
    v = list(cv) + list(IV[:4]) + [counter & MASK, counter >> 32, length, flags]
    for turn in range(7):
        for i, (a, b, c, d) in enumerate(LANES):
            for word, right_d, right_b in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                v[a] = (v[a] + v[b] + word) & MASK
                x = v[d] ^ v[a]
                v[d] = (x >> right_d | x << (32 - right_d)) & MASK
                v[c] = (v[c] + v[d]) & MASK
                x = v[b] ^ v[c]
                v[b] = (x >> right_b | x << (32 - right_b)) & MASK
        if turn < 6:
            m = [m[i] for i in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def blake3_slow(data):
    def node(first, part, top):
        if len(part) <= 1024:
            cv = IV
            blocks = [part[i:i + 64] for i in range(0, len(part), 64)] or [b""]
            for i, block in enumerate(blocks):
                flags = CHUNK_START if i == 0 else 0
                if i == len(blocks) - 1:
                    flags |= CHUNK_END | (ROOT if top else 0)
                cv = compress(cv, block.ljust(64, b"\0"), first, len(block), flags)
            return cv
        left = 1024 << (((len(part) - 1) // 1024).bit_length() - 1)
        words = node(first, part[:left], False) + node(first + left // 1024, part[left:], False)
        block = b"".join(w.to_bytes(4, "little") for w in words)
        return compress(IV, block, 0, 64, PARENT | (ROOT if top else 0))

    return b"".join(w.to_bytes(4, "little") for w in node(0, data, True)).hex()


try:
    from blake3 import blake3 as blake3_fast

    def blake3(data):
        return blake3_fast(data).hexdigest()
except ImportError:
    blake3 = blake3_slow


# --- conventions ----------------------------------------------------------------------------------------------------

def unbase64(text, length, what):
    """Strict: with padding, and only the one spelling of the bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong(f"{what}: not base64") from None
    need(base64.b64encode(raw).decode() == text, f"{what}: not the canonical base64")
    need(length is None or len(raw) == length, f"{what}: {len(raw)} bytes where {length} belong")
    return raw


def unhex(text, what):
    need(isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text), f"{what}: not 64 lower-case hex digits")
    return bytes.fromhex(text)


def commitment(key, message):
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def check_values(value, what):
    if isinstance(value, dict):
        for key, inner in value.items():
            need(key.isascii(), f"{what}: a key that is not ASCII")
            check_values(inner, what)
    elif isinstance(value, list):
        for inner in value:
            check_values(inner, what)
    elif isinstance(value, int) and not isinstance(value, bool):
        need(-EXACT <= value <= EXACT, f"{what}: an integer beyond 2^53 - 1")


def parse(raw, what):
    """Canonical JSON from bytes."""
    def no(text):
        raise Wrong(f"{what}: {text[:20]} is no integer")

    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_float=no, parse_constant=no)
        check_values(value, what)
        same = canonical(value).encode("utf-8") == raw
    except (ValueError, RecursionError) as e:
        raise Wrong(f"{what}: no JSON: {e}") from None
    need(same, f"{what}: not in canonical form")
    return value


def parse_text(text, what):
    need(isinstance(text, str), f"{what}: not a text")
    return parse(text.encode("utf-8"), what)


def number(text, what):
    need(re.fullmatch("0|[1-9][0-9]{0,18}", text), f"{what}: no decimal")
    return int(text)


# --- trees ----------------------------------------------------------------------------------------------------------

def leaf_hash(raw):
    return hashlib.sha256(b"\0" + raw).digest()


def inner_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(hashes):
    """The root of RFC 6962 over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    stack = []
    for i, h in enumerate(hashes):
        while i & 1:
            h = inner_hash(stack.pop(), h)
            i >>= 1
        stack.append(h)
    h = stack.pop()
    while stack:
        h = inner_hash(stack.pop(), h)
    return h


def root_from_proof(index, size, leaf, hashes, what):
    """RFC 9162, section 2.1.3.2, which verifies the proofs of RFC 6962."""
    need(0 <= index < size, f"{what}: index {index} in a tree of {size}")
    fn, sn, r = index, size - 1, leaf
    for p in hashes:
        need(sn != 0, f"{what}: the proof is too long")
        if fn & 1 or fn == sn:
            r = inner_hash(p, r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = inner_hash(r, p)
        fn >>= 1
        sn >>= 1
    need(sn == 0, f"{what}: the proof is too short")
    return r


# --- keys and notes -------------------------------------------------------------------------------------------------

def good_name(name):
    return name and "+" not in name and not any(c.isspace() or unicodedata.category(c) == "Cc" for c in name)


def key_id(name, key):
    return hashlib.sha256(name.encode() + b"\n\1" + key).digest()[:4]


def small_order(raw):
    y, p = int.from_bytes(raw, "little") % 2 ** 255, 2 ** 255 - 19
    eight = ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
             "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    return y in (0, 1, p - 1, p, p + 1) or y.to_bytes(32, "little").hex() in eight


class Key:
    def __init__(self, vkey, what):
        need(isinstance(vkey, str), f"{what}: not a text")
        parts = vkey.split("+", 2)
        need(len(parts) == 3 and good_name(parts[0]), f"{what}: no vkey")
        self.vkey, self.name = vkey, parts[0]
        raw = unbase64(parts[2], 33, what)
        need(raw[0] == 1, f"{what}: a key of type {raw[0]}")
        self.raw = raw[1:]
        need(not small_order(self.raw), f"{what}: a key of small order")
        self.id = key_id(self.name, self.raw)
        need(self.id.hex() == parts[1], f"{what}: the id is not that of the key")
        self.public = Ed25519PublicKey.from_public_bytes(self.raw)

    def verifies(self, signature, message):
        try:
            self.public.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Note:
    def __init__(self, raw, what):
        self.what = what
        try:
            note = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Wrong(f"{what}: not UTF-8") from None
        need(not any(c < " " and c != "\n" for c in note), f"{what}: a control character")
        cut = note.rfind("\n\n")
        need(cut >= 0 and note.endswith("\n"), f"{what}: no note")
        self.text = note[:cut + 1]
        self.lines = []
        lines = note[cut + 2:-1].split("\n")
        need(len(lines) <= 100, f"{what}: more than 100 signature lines")
        for line in lines:
            parts = line.split(" ")
            need(len(parts) == 3 and parts[0] == "\u2014" and good_name(parts[1]), f"{what}: not a signature line: {line[:40]!r}")
            signature = unbase64(parts[2], None, f"{what}: signature of {parts[1]}")
            need(len(signature) > 4, f"{what}: signature of {parts[1]} is too short")
            self.lines.append((parts[1], signature[:4], signature[4:]))

    def signed_by(self, key, any_name=False):
        found = False
        for name, line_id, signature in self.lines:
            wanted = key_id(name, key.raw) if any_name else key.id
            if line_id == wanted and (any_name or name == key.name):
                need(len(signature) == 64 and key.verifies(signature, self.text.encode()),
                     f"{self.what}: the signature of {name} does not verify")
                found = True
        return found


class Checkpoint(Note):
    def __init__(self, raw, what):
        super().__init__(raw, what)
        self.raw = raw
        lines = self.text.split("\n")
        need(len(lines) == 4 and lines[3] == "", f"{what}: not three lines")
        self.origin = lines[0]
        self.size = number(lines[1], f"{what}: size")
        self.root = unbase64(lines[2], 32, f"{what}: root")
        need(re.fullmatch("hushtag/[0-9a-f]{16}", self.origin), f"{what}: origin {self.origin[:40]!r}")

    def check(self, key):
        need(self.origin == key.name, f"{self.what}: of {self.origin}, the key is of {key.name}")
        need(self.signed_by(key), f"{self.what}: not signed by {key.vkey}")


# --- entries --------------------------------------------------------------------------------------------------------

def is_text(v):
    return isinstance(v, str) and v != ""


def is_name(v):
    return isinstance(v, str) and re.fullmatch("[a-z0-9][a-z0-9-]{0,62}", v) is not None


def is_bool(v):
    return isinstance(v, bool)


def is_count(v):
    return isinstance(v, int) and not isinstance(v, bool) and v >= 0


def is_positive(v):
    return is_count(v) and v > 0


def is_amount(v):
    return is_count(v) or isinstance(v, str) and re.fullmatch("[1-9][0-9]{15,38}", v) is not None and int(v) > EXACT


def is_hex(v):
    return isinstance(v, str) and re.fullmatch("[0-9a-f]{64}", v) is not None


def is_hash(v):
    return isinstance(v, str) and v.startswith("blake3:") and is_hex(v[7:])


def is_instant(v):
    if not isinstance(v, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", v):
        return False
    try:
        datetime.datetime.strptime(v, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return False
    return v[17:19] < "60"


def seconds(instant):
    return int(datetime.datetime.strptime(instant, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp())


def is_vkey(v):
    try:
        Key(v, "")
    except Wrong:
        return False
    return True


def one_of(*words):
    return lambda v: isinstance(v, str) and v in words


def shape(**fields):
    """An object with exactly these fields; a name that ends in `_` may be absent."""
    wanted = {name.rstrip("_") if name.endswith("_") else name: (test, name.endswith("_")) for name, test in fields.items()}

    def test(v):
        return isinstance(v, dict) and all(k in wanted and wanted[k][0](x) for k, x in v.items()) and all(
            k in v or free for k, (_, free) in wanted.items())

    test.wanted = wanted
    return test


def list_of(test):
    return lambda v: isinstance(v, list) and all(test(x) for x in v)


def either(*tests):
    return lambda v: any(t(v) for t in tests)


def is_sandbox(v):
    return isinstance(v, str) and re.fullmatch("[0-9a-f]{16}", v) is not None


def is_auditor(v):
    return isinstance(v, str) and re.fullmatch("x25519:[0-9a-f]{64}", v) is not None


adopted = shape(id=is_name, hash=is_hash, regime=is_name, regime_hash=is_hash)
accounting = either(shape(kind=one_of("zcdp"), delta=is_text), shape(kind=one_of("pure")))
approval = one_of("signatures", "none")

KINDS = {
    "init": [shape(sandbox=is_sandbox, studies=list_of(adopted), approval=approval, accounting=accounting, limit=is_amount,
                   window_days_=is_positive, handlers=list_of(shape(id=is_name, vkey=is_vkey)), anchored=is_bool, anchor_=is_hash,
                   auditor_=is_auditor)],
    "approve": [shape(study=is_name, hash=is_hash, regime_hash=is_hash, handler=is_name, vkey=is_vkey)],
    "adopt": [shape(study=is_name, adopted=adopted, approval=approval, replaces_=is_hash)],
    "seal": [shape(epoch=is_name, as_of=is_instant, ends=is_instant, studies=list_of(shape(id=is_name, hash=is_hash)),
                   cubes=list_of(shape(study=is_name, recipient=is_name, blake3=is_hex, consents_=is_hex, demand_=is_hash)),
                   inputs_=list_of(either(shape(commitment=is_hex, dataset=is_name),
                                          shape(commitment=is_hex, consents=lambda v: v is True))),
                   openings_=is_hex, register_=is_hex, register_sealed_=is_hex, joined_=is_hex)],
    "ask": [shape(study=is_name, policy=is_hash, recipient=is_name, epoch=is_name, question=is_text, units=is_amount,
                  answer=is_hex)],
    "refuse": [shape(act=one_of("ask", "seal", "adopt", "renew"), rules=list_of(is_text), study_=is_name, recipient_=is_name,
                     epoch_=is_name, question_=is_text, hash_=is_hash, number_=is_positive)],
    "inspect": [shape(epoch=is_name)],
    "person": [shape(person=is_hex, places_=is_hex)],
    "access": [shape(act=one_of("consent-status", "consent-export", "report", "prove", "open-input"),
                     role=one_of("operator", "auditor"), epoch_=is_name),
               shape(act=one_of("seal"), role=one_of("operator", "auditor"), epoch=is_name,
                     failed=one_of("input", "refused", "register", "key", "ledger", "storage", "damaged", "other", "stopped"))],
    "renew": [shape(number=is_positive, limit=is_amount, window_days=is_positive, note=is_text)],
    "retire": [shape(epoch=is_name, because=one_of("operator", "retention"))],
    "key": [shape(old=is_vkey, new=is_vkey, note=is_text), shape(key=one_of("root"), number=is_positive)],
}


def entry(raw, what, kind=None):
    need(len(raw) <= 65535, f"{what}: longer than 65,535 bytes")
    e = parse(raw, what)
    need(isinstance(e, dict), f"{what}: no object")
    need(e.get("v") == 1 and e["v"] is not True, f"{what}: version {e.get('v')!r}")
    need(isinstance(e.get("kind"), str) and e["kind"] in KINDS, f"{what}: kind {e.get('kind')!r}")
    need(kind is None or e["kind"] == kind, f"{what}: kind {e['kind']} where {kind} belongs")
    need(is_instant(e.get("at")), f"{what}: at {e.get('at')!r}")
    need(is_positive(e.get("ledger_seq")) if e["kind"] == "ask" else "ledger_seq" not in e, f"{what}: ledger_seq")
    body = {k: v for k, v in e.items() if k not in ("v", "kind", "at", "ledger_seq")}
    shapes = KINDS[e["kind"]]
    if not any(test(body) for test in shapes):
        second = len(shapes) > 1 and ("key" in body or body.get("act") == "seal")
        wanted = shapes[1].wanted if second else shapes[0].wanted
        for k in body:
            need(k in wanted, f"{what}: {e['kind']} has no field {k!r}")
            need(wanted[k][0](body[k]), f"{what}: field {k!r} of {e['kind']}: {str(body[k])[:80]}")
        raise Wrong(f"{what}: {e['kind']} lacks {', '.join(k for k, (_, free) in wanted.items() if k not in body and not free)}")
    return e


def entry_text(text, what, kind):
    need(isinstance(text, str), f"{what}: not a text")
    return entry(text.encode("utf-8"), what, kind)


def labelled(line, label, what):
    need(line.startswith(label), f"{what}: {line[:40]!r} where {label!r} belongs")
    return line[len(label):]


def size_and_root(line, what):
    parts = labelled(line, "log: ", what).split(" ")
    need(len(parts) == 2, f"{what}: the line of the log")
    return number(parts[0], f"{what}: size"), unbase64(parts[1], 32, f"{what}: root")


def check_rotation(e, index, sandbox, what):
    """The note of a `key` entry. Returns both keys and the root in it."""
    old, new = Key(e["old"], what), Key(e["new"], what)
    note = Note(e["note"].encode(), f"{what}: note")
    lines = note.text.split("\n")
    need(len(lines) == 6 and lines[5] == "" and lines[0] == "hushtag-key@v1", f"{what}: the text of the note")
    need(lines[1] == f"sandbox: {sandbox}", f"{what}: the note is of another sandbox")
    size, root = size_and_root(lines[2], what)
    need(size == index, f"{what}: the note is for entry {size}")
    need(lines[3] == f"old: {e['old']}" and lines[4] == f"new: {e['new']}", f"{what}: the note names other keys")
    need(old.name == new.name == f"hushtag/{sandbox}", f"{what}: the names of the keys")
    need(old.raw != new.raw, f"{what}: the new key is the old one")
    need(len(note.lines) == 2, f"{what}: not two signatures")
    for key in (old, new):
        need(note.signed_by(key), f"{what}: not signed by {key.vkey}")
    return old, new, root


def check_chain(trusted, rotations):
    """The key that signs the checkpoint, from (where, old, new) in order and the key that is trusted."""
    if not rotations:
        return trusted
    for (_, _, before), (what, old, _) in zip(rotations, rotations[1:]):
        need(old.vkey == before.vkey, f"{what}: the old key is not the new one of the change before")
    need(trusted.vkey in [rotations[0][1].vkey] + [new.vkey for _, _, new in rotations],
         f"the trusted key {trusted.vkey} is none of the keys of this log")
    return rotations[-1][2]


def read_texts(study, regime, what):
    """The ids of a study and a regime, and of the handlers that the study names."""
    try:
        s, r = tomllib.loads(study.decode()), tomllib.loads(regime.decode())
        return s["study"]["id"], r["regime"]["id"], [h["id"] for h in s["handlers"]]
    except (ValueError, KeyError, TypeError) as e:
        raise Wrong(f"{what}: the text of the study or the regime cannot be read: {e!r}") from None


def check_study_approval(study, regime, note_raw, pinned, what):
    """The note over the texts (bytes) of a study and a regime. Returns the number of handlers that signed."""
    study_id, regime_id, handlers = read_texts(study, regime, what)
    note = Note(note_raw, f"{what}: approval")
    text = f"hushtag-study@v1\n{study_id}\nblake3:{blake3(study)}\n{regime_id}\nblake3:{blake3(regime)}\n"
    need(note.text == text, f"{what}: the approval is of other texts")
    need(handlers, f"{what}: the study names no handler")
    for h in handlers:
        need(h in pinned, f"{what}: handler {h} has no key in the init entry")
        need(note.signed_by(pinned[h], any_name=True), f"{what}: not signed by handler {h}")
    return len(handlers)


def pinned_keys(init):
    keys = {h["id"]: Key(h["vkey"], "init: handlers") for h in init["handlers"]}
    need(len(keys) == len(init["handlers"]), "init: a handler is named twice")
    return keys


# --- the log --------------------------------------------------------------------------------------------------------

def is_tile(where):
    """Whether a path below log/ is that of a tile or bundle, of whatever log."""
    match = re.fullmatch(r"tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:[.]p/([1-9][0-9]{0,2}))?", where)
    if match is None:
        return False
    n = int(match[1].replace("/", "").replace("x", ""))
    return n < 2**64 and tile_name(n) == match[1] and (match[2] is None or int(match[2]) < 256)


def tile_name(n):
    name = f"{n % 1000:03}"
    while n >= 1000:
        n //= 1000
        name = f"x{n % 1000:03}/{name}"
    return name


def read_file(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        raise Wrong(f"{path}: {e.strerror}") from None


def read_log(log, checkpoint):
    """All entries as bytes, and their hashes; every bundle and tile is compared with the root of the checkpoint."""
    entries, known = [], {"checkpoint"}
    for n in range(-(-checkpoint.size // 256)):
        width = min(256, checkpoint.size - 256 * n)
        where = os.path.join("tile/entries", tile_name(n) + (f".p/{width}" if width < 256 else ""))
        known.add(where)
        data, at = read_file(os.path.join(log, where)), 0
        for i in range(width):
            need(at + 2 <= len(data), f"{where}: ends before entry {256 * n + i}")
            length = int.from_bytes(data[at:at + 2], "big")
            need(at + 2 + length <= len(data), f"{where}: ends inside entry {256 * n + i}")
            entries.append(data[at + 2:at + 2 + length])
            at += 2 + length
        need(at == len(data), f"{where}: {len(data) - at} bytes behind the last entry")
    leaves = [leaf_hash(e) for e in entries]
    level, nodes = 0, leaves
    while nodes:
        for n in range(-(-len(nodes) // 256)):
            part = nodes[256 * n:256 * n + 256]
            where = os.path.join(f"tile/{level}", tile_name(n) + (f".p/{len(part)}" if len(part) < 256 else ""))
            known.add(where)
            data = read_file(os.path.join(log, where))
            if data != b"".join(part):
                at = next((i for i, h in enumerate(part) if data[32 * i:32 * i + 32] != h), len(part))
                raise Wrong(f"{where}: hash {at} is not that of the entries")
        nodes = [root_of(nodes[i:i + 256]) for i in range(0, len(nodes) - 255, 256)]
        level += 1
    need(root_of(leaves) == checkpoint.root, "the root of the entries is not that of the checkpoint")
    for folder, _, names in os.walk(log):
        for name in names:
            where = os.path.relpath(os.path.join(folder, name), log)
            if where not in known:
                need(is_tile(where), f"{where}: no file of a log")
                print(f"left by a stopped append: {where}", file=sys.stderr)
    return entries, leaves


def check_renewal(e, index, sandbox, before, leaves, pinned, accounting, what):
    note = Note(e["note"].encode(), f"{what}: note")
    lines = note.text.split("\n")
    need(len(lines) == 8 and lines[7] == "" and lines[0] == "hushtag-renewal@v1", f"{what}: the text of the note")
    need(lines[1] == f"sandbox: {sandbox}", f"{what}: the note is of another sandbox")
    need(e["number"] == before + 1, f"{what}: renewal {e['number']} after {before}")
    need(lines[2] == f"renewal: {e['number']}", f"{what}: the note is of another number")
    meaning = "nano-epsilon, epsilon [0-9.]+"
    if accounting["kind"] == "zcdp":
        meaning = "nano-rho, epsilon [0-9.]+ at delta " + re.escape(accounting["delta"])
    need(re.fullmatch(f"limit: {e['limit']} {meaning}", lines[3]), f"{what}: the note names another limit")
    need(lines[4] == f"window: {e['window_days']}d", f"{what}: the note names another window")
    size, root = size_and_root(lines[5], what)
    need(1 <= size <= index, f"{what}: the note is of a log of {size}")
    need(root_of(leaves[:size]) == root, f"{what}: the log had another root at {size} entries")
    reason = labelled(lines[6], "reason: ", what)
    need(reason == reason.strip() and 1 <= len(reason) <= 500 and not any(unicodedata.category(c) == "Cc" for c in reason),
         f"{what}: the reason")
    need(pinned, f"{what}: init pins no handler")
    for h, key in pinned.items():
        need(note.signed_by(key, any_name=True), f"{what}: not signed by handler {h}")


def consents_root(raw, what):
    """The file holds the leaves, then the nodes of heights 8, 16, ...; returns the number of leaves and the root."""
    need(len(raw) % 32 == 0, f"{what}: not whole hashes")
    for height in range(8, 48):
        count = sum(2 ** (height - h) for h in range(0, height + 1, 8))
        if 32 * count == len(raw):
            break
        need(32 * count < len(raw), f"{what}: no such number of hashes")
    hashes = [raw[i:i + 32] for i in range(0, len(raw), 32)]
    nodes, at = hashes[:2 ** height], 0
    need(nodes == sorted(nodes), f"{what}: leaves are not sorted")
    while True:
        need(hashes[at:at + len(nodes)] == nodes, f"{what}: a node is not that of the leaves")
        at += len(nodes)
        if len(nodes) < 256:
            return root_of(nodes)
        nodes = [root_of(nodes[i:i + 256]) for i in range(0, len(nodes), 256)]


def verify_log(folder, trusted):
    log = os.path.join(folder, "log")
    checkpoint = Checkpoint(read_file(os.path.join(log, "checkpoint")), "checkpoint")
    need(checkpoint.origin == trusted.name, f"checkpoint: of {checkpoint.origin}, the key is of {trusted.name}")
    need(checkpoint.size > 0, "checkpoint: an empty log")
    # The checkpoint is signed by the last key of the log, which only the entries name: the signature is checked after them.
    raw, leaves = read_log(log, checkpoint)
    sandbox = checkpoint.origin.removeprefix("hushtag/")
    entries, rotations, roots, renewals, back = [], [], 0, 0, 0
    epochs, retired, charges, approvals, force = {}, {}, {}, set(), []
    for i, data in enumerate(raw):
        what = f"entry {i}"
        e = entry(data, what, "init" if i == 0 else None)
        entries.append(e)
        kind = e["kind"]
        if i == 0:
            init, pinned = e, pinned_keys(e)
            pool = e
            need(e["sandbox"] == sandbox, "entry 0: of another sandbox")
        else:
            need(kind != "init", f"{what}: a second init")
        back += i > 0 and e["at"] < entries[i - 1]["at"]
        if kind == "seal":
            need(e["epoch"] not in epochs, f"{what}: epoch {e['epoch']} is sealed twice")
            epochs[e["epoch"]] = i
        elif kind == "retire":
            need(e["epoch"] in epochs, f"{what}: epoch {e['epoch']} was not sealed")
            need(e["epoch"] not in retired, f"{what}: epoch {e['epoch']} is retired twice")
            retired[e["epoch"]] = i
        elif kind == "ask" and "ledger_seq" in e:
            other = charges.setdefault(e["ledger_seq"], i)
            need(other == i, f"{what}: the charge of entry {other}")
        elif kind == "approve":
            need(e["handler"] in pinned and e["vkey"] == pinned[e["handler"]].vkey, f"{what}: not the key that init pins")
            approvals.add((e["study"], e["hash"], e["regime_hash"], e["handler"]))
        elif kind == "renew":
            check_renewal(e, i, sandbox, renewals, leaves, pinned, init["accounting"], what)
            need("window_days" in pool and seconds(e["at"]) >= seconds(pool["at"]) + 86400 * pool["window_days"],
                 f"{what}: the window of the pool before is not over")
            pool = e
            renewals += 1
        elif kind == "key" and "note" in e:
            old, new, root = check_rotation(e, i, sandbox, what)
            need(root == root_of(leaves[:i]), f"{what}: the log had another root at {i} entries")
            rotations.append((what, old, new))
        elif kind == "key":
            roots += 1
            need(e["number"] == roots, f"{what}: change {e['number']} of the root key after {roots - 1}")
        if kind in ("init", "adopt"):
            force += [(what, s) for s in (e["studies"] if kind == "init" else [e["adopted"]])]
        if kind == "adopt":
            need(e["study"] == e["adopted"]["id"], f"{what}: two ids of the study")
            need(e["approval"] == init["approval"], f"{what}: another approval than that of init")
    checkpoint.check(check_chain(trusted, rotations))

    checked, missing, signed = 0, set(), 0
    for what, s in force:
        found = []
        for kind, digest in (("studies", s["hash"]), ("regimes", s["regime_hash"])):
            path = os.path.join(folder, kind, digest[7:] + ".toml")
            if not os.path.exists(path):
                missing.add(path)
                continue
            data = read_file(path)
            need("blake3:" + blake3(data) == digest, f"{path}: not the text that {what} names")
            found.append(data)
            checked += 1
        if len(found) == 2:
            study_id, regime_id, handlers = read_texts(*found, what)
            need(study_id == s["id"] and regime_id == s["regime"],
                 f"{what}: the text of {s['id']} or of {s['regime']} has another id")
            if init["approval"] == "signatures":
                note = os.path.join(folder, "studies", s["hash"][7:] + ".sig")
                signed += check_study_approval(*found, read_file(note), pinned, note)
                for h in handlers:
                    need((s["id"], s["hash"], s["regime_hash"], h) in approvals,
                         f"{what}: no entry says that {h} approved {s['id']}")
    for epoch, i in epochs.items():
        e, what = entries[i], f"entry {i}"
        if epoch in retired:
            continue
        files = [(f"{c['study']}.{c['recipient']}.cube", c["blake3"]) for c in e["cubes"]]
        files += [(name, e[field]) for name, field in (("inputs.sealed", "openings"), ("register.sealed", "register_sealed"),
                                                       ("joined.sealed", "joined")) if field in e]
        for name, digest in files:
            path = os.path.join(folder, "epochs", epoch, name)
            if os.path.exists(path):
                need(blake3(read_file(path)) == digest, f"{path}: not the file that {what} names")
                checked += 1
        for c in e["cubes"]:
            path = os.path.join(folder, "epochs", epoch, f"{c['study']}.{c['recipient']}.consents")
            if "consents" in c and os.path.exists(path):
                need(consents_root(read_file(path), path).hex() == c["consents"], f"{path}: not the tree that {what} names")
                checked += 1
    line = (f"valid: log of {sandbox}, {len(entries)} entries, {renewals} renewals, {len(rotations)} changes of key, "
            f"{checked} files by hash, {signed} approvals")
    if missing:
        line += f", {len(missing)} texts are not there"
    if back:
        line += f", the clock was set back {back} times"
    return line


# --- files that are handed over -------------------------------------------------------------------------------------

class Proof:
    def __init__(self, text, what):
        need(isinstance(text, str), f"{what}: not a text")
        head, empty, checkpoint = text.partition("\n\n")
        need(empty, f"{what}: no checkpoint")
        lines = head.split("\n")
        need(lines.pop(0) == "c2sp.org/tlog-proof@v1", f"{what}: no tlog-proof@v1")
        if lines and lines[0].startswith("extra "):
            unbase64(lines.pop(0)[6:], None, f"{what}: extra")
        need(lines and lines[0].startswith("index "), f"{what}: no index")
        self.what, self.index = what, number(lines.pop(0)[6:], f"{what}: index")
        self.hashes = [unbase64(line, 32, f"{what}: hash {i}") for i, line in enumerate(lines)]
        self.checkpoint = Checkpoint(checkpoint.encode("utf-8"), f"{what}: checkpoint")

    def check(self, text):
        c = self.checkpoint
        root = root_from_proof(self.index, c.size, leaf_hash(text.encode()), self.hashes, self.what)
        need(root == c.root, f"{self.what}: does not lead to the root")


def fields(value, wanted, optional, what):
    need(isinstance(value, dict), f"{what}: no object")
    for k in wanted:
        need(k in value, f"{what}: lacks {k}")
    for k in value:
        need(k in wanted or k in optional, f"{what}: has no field {k!r}")


class Handed:
    """What a bundle and a person's proof have in common: the init entry, the keys, one checkpoint."""

    def __init__(self, file, format, wanted, optional):
        raw = read_file(file)
        need(raw.endswith(b"\n"), "the file does not end in a line feed")
        self.v = v = parse(raw[:-1], "the file")
        fields(v, ["format", "init", "init_proof"] + wanted, ["keys"] + optional, "the file")
        need(v["format"] == format, f"format: {str(v['format'])[:40]!r}")
        self.init = entry_text(v["init"], "init", "init")
        self.proof = Proof(v["init_proof"], "init_proof")
        need(self.proof.index == 0, "init_proof: not of entry 0")
        self.proof.check(v["init"])
        self.checkpoint = self.proof.checkpoint
        self.sandbox = self.init["sandbox"]
        need(self.checkpoint.origin == f"hushtag/{self.sandbox}", "init: of another sandbox than the checkpoint")
        self.rotations, last = [], 0
        need("keys" not in v or isinstance(v["keys"], list) and v["keys"], "keys: no list, or an empty one")
        for i, k in enumerate(v.get("keys", [])):
            what = f"keys[{i}]"
            fields(k, ["entry", "proof"], [], what)
            e, index = self.proven(k["entry"], k["proof"], "key", what)
            need("note" in e, f"{what}: not a change of the log's key")
            need(index > last, f"{what}: not in order")
            last = index
            old, new, _ = check_rotation(e, index, self.sandbox, what)
            self.rotations.append((what, old, new))

    def proven(self, text, proof, kind, what):
        e, p = entry_text(text, what, kind), Proof(proof, f"proof of {what}")
        need(p.checkpoint.raw == self.checkpoint.raw, f"proof of {what}: another checkpoint than that of init_proof")
        p.check(text)
        return e, p.index

    def signed(self, trusted):
        need(trusted.name == self.checkpoint.origin, f"checkpoint: of {self.checkpoint.origin}, the key is of {trusted.name}")
        self.checkpoint.check(check_chain(trusted, self.rotations))


def is_decimal(v):
    return isinstance(v, str) and re.fullmatch("-?[1-9][0-9]*|0", v) is not None


def is_fraction(v):
    return isinstance(v, str) and re.fullmatch("[1-9][0-9]*(/[1-9][0-9]*)?", v) is not None


is_body = shape(v=lambda v: v == 1 and v is not True, sandbox=is_sandbox, study=is_name, policy=is_hash, recipient=is_name, epoch=is_name,
                question=is_text, ledger_seq=is_positive, reach=is_positive, units=is_decimal,
                parts=list_of(shape(mechanism=one_of("discrete-gaussian", "discrete-laplace"), parameter=is_fraction,
                                    l1=is_decimal, l2_squared=is_decimal, values=list_of(is_decimal))))


def verify_bundle(file, trusted):
    h = Handed(file, "hushtag-answer@v1", ["entry", "proof", "answer", "opening", "study"], ["regime", "approval"])
    v, init = h.v, h.init
    h.signed(trusted)
    e, index = h.proven(v["entry"], v["proof"], "ask", "entry")
    body = parse_text(v["answer"], "answer")
    need(is_body(body), "answer: not the fields of an answer's body")
    need(commitment(unhex(v["opening"], "opening"), v["answer"].encode()) == e["answer"], "answer: not what the entry commits to")
    need(body["sandbox"] == h.sandbox, "answer: of another sandbox")
    for k in ("study", "policy", "recipient", "epoch", "question", "ledger_seq"):
        need(body[k] == e.get(k), f"answer: {k} is not that of the entry")
    need(body["units"] == str(e["units"]), "answer: units are not those of the entry")
    need(isinstance(v["study"], str), "study: not a text")
    study = v["study"].encode()
    need("blake3:" + blake3(study) == e["policy"], "study: not the text that the entry names")
    if init["approval"] == "signatures":
        need(isinstance(v.get("regime"), str) and isinstance(v.get("approval"), str), "regime or approval is missing")
        check_study_approval(study, v["regime"].encode(), v["approval"].encode(), pinned_keys(init), "approval")
    else:
        need("regime" not in v and "approval" not in v, "regime and approval in a sandbox without signatures")
    return f"valid: answer of entry {index} of {h.sandbox}, log of {h.checkpoint.size}: {e['question']}"


def verify_person(file, trusted):
    h = Handed(file, "hushtag-person@v2", ["person", "look", "places"], [])
    v = h.v
    h.signed(trusted)
    need(isinstance(v["person"], list) and len(v["person"]) == 2 and all(isinstance(x, str) for x in v["person"]),
         "person: not [NAMESPACE, ID]")
    need(isinstance(v["places"], list) and v["places"], "places: none")
    listed = []
    for i, p in enumerate(v["places"]):
        what = f"places[{i}]"
        fields(p, ["entry", "proof", "study", "recipient", "inside", "salt", "index", "leaves", "hashes"], [], what)
        e, index = h.proven(p["entry"], p["proof"], "seal", f"{what}")
        need(is_name(p["study"]) and is_name(p["recipient"]) and is_bool(p["inside"]) and is_count(p["index"]) and is_count(p["leaves"])
             and isinstance(p["hashes"], list), f"{what}: a field of another kind")
        roots = [c.get("consents") for c in e["cubes"] if c["study"] == p["study"] and c["recipient"] == p["recipient"]]
        need(len(roots) == 1 and roots[0], f"{what}: the seal has no consent tree for this study and recipient")
        hashes = [s["hash"] for s in e["studies"] if s["id"] == p["study"]]
        need(len(hashes) == 1, f"{what}: the seal does not name the study")
        word = "in" if p["inside"] else "out"
        message = canonical([h.sandbox, e["epoch"], hashes[0], p["recipient"], *v["person"], word])
        leaf = leaf_hash(bytes.fromhex(commitment(unhex(p["salt"], f"{what}: salt"), message.encode())))
        need(p["leaves"] >= 256 and p["leaves"] & (p["leaves"] - 1) == 0, f"{what}: {p['leaves']} leaves")
        path = [unhex(x, f"{what}: hashes") for x in p["hashes"]]
        root = root_from_proof(p["index"], p["leaves"], leaf, path, what)
        need(root.hex() == roots[0], f"{what}: the leaf does not lead to the root of the seal")
        listed.append([index, p["study"], p["recipient"], word])
    fields(v["look"], ["entry", "proof", "opening"], [], "look")
    e, look = h.proven(v["look"]["entry"], v["look"]["proof"], "person", "look")
    message = canonical([*v["person"], listed])
    need(commitment(unhex(v["look"]["opening"], "look: opening"), message.encode()) == e.get("places"),
         "look: not the places that the entry commits to")
    need(all(index < look for index, *_ in listed), "look: a place was sealed after it")
    return f"valid: {len(listed)} places of a person in the log of {h.sandbox}, {h.checkpoint.size} entries, shown by entry {look}"


def verify_receipt(file, trusted):
    note = Note(read_file(file), "receipt")
    lines = note.text.split("\n")
    need(len(lines) == 3 and lines[2] == "" and lines[0] == "hushtag-receipt@v1", "receipt: not two lines")
    body = parse_text(lines[1], "receipt")
    fields(body, ["event", "person", "recorded_at", "salt", "sandbox"], [], "receipt")
    need(is_sandbox(body["sandbox"]) and is_hex(body["person"]) and is_hex(body["salt"]) and is_instant(body["recorded_at"])
         and isinstance(body["event"], dict), "receipt: a field of another kind")
    need(trusted.name == f"hushtag/{body['sandbox']}", f"receipt: of {body['sandbox']}, the key is of {trusted.name}")
    need(note.signed_by(trusted), f"receipt: not signed by {trusted.vkey}")
    return f"valid: receipt of {body['sandbox']}, recorded at {body['recorded_at']}"


COMMANDS = {"log": verify_log, "bundle": verify_bundle, "person": verify_person, "receipt": verify_receipt}


def main(args):
    if len(args) != 3 or args[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(COMMANDS[args[0]](args[1], Key(args[2], "VKEY")))
    except Wrong as e:
        print(f"wrong: {e}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
