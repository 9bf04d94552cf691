"""Compares blind tokens with the private set intersection of OpenMined (openmined-psi), on the same ids in one run.

Each platform has so many ids, half of which the other one has too. hushtag: both platforms make tokens of their ids through the files of
`hushtag token request`, `token evaluate` and `tokenize`, and the tokens are joined. openmined-psi: one platform, the client, learns which of its
ids the other one has (ECDH over P-256, raw sets, messages serialised as they would be sent). Both find the same ids, or the script fails.

    taskset -c 0 venv/bin/python psi.py ../../target/release/hushtag 100000
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import private_set_intersection.python as psi
import pyarrow.parquet as parquet

STUDY = Path(__file__).resolve().parents[2] / "policies/demo/study.toml"
SIDES = {"a": ("social-platform", "members", "user,region", "user"), "b": ("payment-platform", "payments", "payer,amount,at,merchant", "payer")}


def ids(first, count):
    return [f"138{number:08}" for number in range(first, first + count)]


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Hushtag:
    """Two platforms that make blind tokens by the command."""

    def __init__(self, command, folder, sets):
        self.command, self.folder, self.took = command, folder, {}
        study = STUDY.read_text()
        for side, (handler, _, head, _) in SIDES.items():
            public = self.run(["key", "new", "--out", f"{side}.key", "--for", "blind-token"]).strip()
            line = f'[[handlers]]\nid = "{handler}"\n'
            assert line in study
            study = study.replace(line, f'{line}token_key = "{public}"\n')
            more = {"a": ",east", "b": ",100,2026-08-01T10:00:00+08:00,m"}[side]
            rows = "".join(f"{one}{more}\n" for one in sets[side])
            (folder / f"{side}.csv").write_text(f"{head}\n{rows}")
        (folder / "study.toml").write_text(f"{study}\n[tokens]\nmax_ids = 100_000_000\npadding = 4_096\n")

    def run(self, arguments):
        return subprocess.run([self.command, *arguments], cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def timed(self, step, arguments):
        start, before = time.perf_counter(), children()
        self.run(arguments)
        wall, processor = self.took.get(step, (0, 0))
        self.took[step] = (wall + time.perf_counter() - start, processor + children() - before)

    def tokens(self, side, other):
        _, dataset, _, column = SIDES[side]
        common = ["--study", "study.toml"]
        files = ["--key", f"{side}.key", "--state", f"{side}.state"]
        self.timed("request", ["token", "request", *common, "--dataset", dataset, f"{side}.csv", *files, "--out", f"{side}.request"])
        self.timed(
            "evaluate",
            ["token", "evaluate", f"{side}.request", *common, "--key", f"{other}.key", "--book", f"{other}.book", "--out", f"{side}.reply"],
        )
        out = f"{side}.parquet"
        self.timed("tokenize", ["tokenize", *common, "--dataset", dataset, f"{side}.csv", out, *files, "--reply", f"{side}.reply"])
        return set(parquet.read_table(self.folder / out, columns=[column])[column].to_pylist())


def openmined(sets):
    """How many ids of the client the server has, and the seconds of each side."""
    took = {"client": 0.0, "server": 0.0}

    def by(side, work):
        start = time.perf_counter()
        result = work()
        took[side] += time.perf_counter() - start
        return result

    client, server = psi.client.CreateWithNewKey(True), psi.server.CreateWithNewKey(True)
    a, b = sets["a"], sets["b"]
    raw = psi.DataStructure.RAW
    setup = by("server", lambda: server.CreateSetupMessage(0.0, len(a), b, raw).SerializeToString())
    request = by("client", lambda: client.CreateRequest(a).SerializeToString())
    response = by("server", lambda: server.ProcessRequest(message(psi.Request, request)).SerializeToString())
    found = by("client", lambda: client.GetIntersection(message(psi.ServerSetup, setup), message(psi.Response, response)))
    return {a[at] for at in found}, took


def message(kind, content):
    made = kind()
    made.ParseFromString(content)
    return made


def main():
    command, count = str(Path(sys.argv[1]).resolve()), int(sys.argv[2])
    sets = {"a": ids(0, count), "b": ids(count // 2, count)}
    with tempfile.TemporaryDirectory() as folder:
        ours = Hushtag(command, Path(folder), sets)
        tokens = {side: ours.tokens(side, other) for side, other in [("a", "b"), ("b", "a")]}
    assert all(len(made) == count for made in tokens.values())
    joined = len(tokens["a"] & tokens["b"])
    found, took = openmined(sets)
    assert found == set(sets["a"]) & set(sets["b"]) and joined == len(found), (joined, len(found))
    print(f"{count} ids a platform, {joined} of both, {len(os.sched_getaffinity(0))} processors, openmined-psi {version('openmined-psi')}")
    for step, (wall, processor) in ours.took.items():
        print(f"hushtag {step}, both directions: {wall:.2f} s, {processor:.2f} s of a processor")
    for side, seconds in took.items():
        print(f"openmined-psi {side}: {seconds:.2f} s")
    wall, theirs = sum(wall for wall, _ in ours.took.values()), sum(took.values())
    print(f"hushtag {wall:.2f} s, openmined-psi {theirs:.2f} s: {wall / theirs:.2f} times")
    print(f"a multiplication: {wall / (6 * count) * 1e6:.1f} µs of six an id, {theirs / (4 * count) * 1e6:.1f} µs of four an id")


if __name__ == "__main__":
    main()
