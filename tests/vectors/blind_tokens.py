#!/usr/bin/env python3
"""Vectors of blind tokens, by ristretto255 written from RFC 9496, RFC 9497 and RFC 9380, and the BLAKE3 of make.py.

    python3 tests/vectors/blind_tokens.py    writes blind_tokens.json beside itself

Slow, and in variable time: to check with, not to use. Nothing of the crate is used.
"""

import hashlib
import json
import pathlib

from make import derive_key

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
CONTEXT = b"hushtag 2026-12 v1 blind token OPRFV1-\x01-ristretto255-SHA512"


def negative(x):
    return x % P & 1


def absolute(x):
    return P - x % P if negative(x) else x % P


def sqrt_ratio(u, v):
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


# RFC 9496, section 4.1, which fixes one of the two roots.
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
assert SQRT_AD_MINUS_ONE**2 % P == (-D - 1) % P
INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]


def add(p, q):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = p, q
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * D * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


IDENTITY = (0, 1, 1, 0)


def times(k, p):
    q = IDENTITY
    for bit in bin(k % L)[2:]:
        q = add(q, q)
        if bit == "1":
            q = add(q, p)
    return q


def encode(p):
    x0, y0, z0, t0 = p
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    inverse = sqrt_ratio(1, u1 * u2 * u2)[1]
    d1, d2 = inverse * u1 % P, inverse * u2 % P
    z_inverse = d1 * d2 * t0 % P
    if negative(t0 * z_inverse):
        x, y, d = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, d1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, d = x0, y0, d2
    if negative(x * z_inverse):
        y = -y % P
    return absolute(d * (z0 - y)).to_bytes(32, "little")


def decode(data):
    s = int.from_bytes(data, "little")
    assert s < P and not negative(s)
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, inverse = sqrt_ratio(1, v * u2 * u2)
    dx = inverse * u2 % P
    dy = inverse * dx * v % P
    x, y = absolute(2 * s * dx), u1 * dy % P
    t = x * y % P
    assert square and not negative(t) and y
    return x, y, 1, t


def to_map(t):
    r = SQRT_M1 * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -absolute(s * t) % P, r
    n = (c * (r - 1) * (D - 1) * (D - 1) - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def from_uniform(data):
    halves = [int.from_bytes(half, "little") % 2**255 % P for half in (data[:32], data[32:])]
    return add(to_map(halves[0]), to_map(halves[1]))


def expand(message, tag, length=64):
    tag += bytes([len(tag)])
    start = hashlib.sha512(bytes(128) + message + length.to_bytes(2, "big") + b"\0" + tag).digest()
    return hashlib.sha512(start + b"\1" + tag).digest()[:length]


def hash_to_group(message, context=CONTEXT):
    return from_uniform(expand(message, b"HashToGroup-" + context))


def hash_to_scalar(message, tag=b"HashToScalar-" + CONTEXT):
    return int.from_bytes(expand(message, tag), "little") % L


def framed(part):
    return len(part).to_bytes(2, "big") + part


def derive_key_pair(seed, info, context=CONTEXT):
    for counter in range(256):
        scalar = hash_to_scalar(seed + framed(info) + bytes([counter]), b"DeriveKeyPair" + context)
        if scalar:
            return scalar


BASE = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


def prove(key, blinded, evaluated, nonce):
    public = encode(times(key, BASE))
    seed = hashlib.sha512(framed(public) + framed(b"Seed-" + CONTEXT)).digest()
    m = z = IDENTITY
    for number, (c, d) in enumerate(zip(blinded, evaluated)):
        weight = hash_to_scalar(framed(seed) + number.to_bytes(2, "big") + framed(c) + framed(d) + b"Composite")
        m, z = add(m, times(weight, decode(c))), add(z, times(weight, decode(d)))
    parts = [encode(m), encode(z), encode(times(nonce, BASE)), encode(times(nonce, m))]
    challenge = hash_to_scalar(b"".join(framed(part) for part in [public] + parts) + b"Challenge")
    return challenge.to_bytes(32, "little") + ((nonce - challenge * key) % L).to_bytes(32, "little")


def ed25519_public(seed):
    digest = bytearray(hashlib.sha512(seed).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    # The base point of RFC 8032: y = 4/5, x even.
    y = 4 * pow(5, P - 2, P) % P
    x = sqrt_ratio(y * y - 1, D * y * y + 1)[1]
    scalar, q, point = int.from_bytes(digest, "little"), IDENTITY, (x, y, 1, x * y % P)
    for bit in bin(scalar)[2:]:
        q = add(q, q)
        if bit == "1":
            q = add(q, point)
    inverse = pow(q[2], P - 2, P)
    x, y = q[0] * inverse % P, q[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def key_of(seed):
    scalar = derive_key_pair(seed, b"hushtag 2026-12 v1 blind token key")
    signs = ed25519_public(derive_key("hushtag 2026-12 v1 signature of a blind token request", seed))
    return scalar, encode(times(scalar, BASE)), signs


def token(a, b, namespace, identifier):
    name = framed(namespace.encode())
    point = encode(times(a * b, hash_to_group(name + identifier.encode())))
    return derive_key("hushtag 2026-12 v1 blind token", name + point)[:16]


def check():
    """What RFC 9496 and RFC 9497 give, so that a wrong formula here is not taken for one there."""
    label = hashlib.sha512(b"Ristretto is traditionally a short shot of espresso coffee").digest()
    assert encode(from_uniform(label)).hex() == "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"
    voprf = b"OPRFV1-\x01-ristretto255-SHA512"
    key = derive_key_pair(b"\xa3" * 32, b"test key", voprf)
    assert key.to_bytes(32, "little").hex() == "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909"
    blind = int.from_bytes(bytes.fromhex("64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"), "little")
    blinded = encode(times(blind, hash_to_group(b"\0", voprf)))
    assert blinded.hex() == "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"
    assert ed25519_public(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")).hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )


def main():
    check()
    seeds = [bytes(range(32)), bytes(range(32, 64))]
    (a, public_a, signs_a), (b, public_b, signs_b) = map(key_of, seeds)
    names = sorted([public_a, public_b])
    key_id = derive_key("hushtag 2026-12 v1 name of two blind token keys", b"".join(names))[:8].hex()
    text = "ristretto255:{}+ed25519:{}"
    ids = ["13800000000", "13800000001", "", "a", "å", "x" * 300, "ann@example.com"]
    cases = [
        {"ids": namespace, "id": identifier, "token": token(a, b, namespace, identifier).hex()}
        for namespace in ("phone", "bank-card")
        for identifier in ids
    ]
    blinds = [hash_to_scalar(b"blind" + bytes([number])) for number in range(3)]
    hashed = [hash_to_group(framed(b"phone") + identifier.encode()) for identifier in ids[:3]]
    blinded = [encode(times(r, h)) for r, h in zip(blinds, hashed)]
    evaluated = [encode(times(b, decode(point))) for point in blinded]
    nonce = hash_to_scalar(b"nonce")
    session = {
        "blinds": [r.to_bytes(32, "little").hex() for r in blinds],
        "blinded": [point.hex() for point in blinded],
        "evaluated": [point.hex() for point in evaluated],
        "nonce": nonce.to_bytes(32, "little").hex(),
        "proof": prove(b, blinded, evaluated, nonce).hex(),
    }
    made = {
        "seeds": [seed.hex() for seed in seeds],
        "public": [text.format(public_a.hex(), signs_a.hex()), text.format(public_b.hex(), signs_b.hex())],
        "key_id": key_id,
        "tokens": cases,
        "session": session,
    }
    place = pathlib.Path(__file__).with_name("blind_tokens.json")
    place.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
