"""Checks hushtag's conversion of rho-zCDP into (epsilon, delta) against dp-accounting and OpenDP.

Reads the lines of the binary `conversions`, prints a Markdown table, and exits with 1 if hushtag promises too much
(an epsilon below a peer's) or gives away more than it must.
"""

import argparse
import json
import math
import sys
from importlib.metadata import version

import dp_accounting
import numpy as np
import opendp.prelude as dp
from dp_accounting.rdp import RdpAccountant

BELOW = 1e-9  # absolute: the unit of hushtag's epsilon
ABOVE = 1e-6  # relative
NANO = 10**9

# A measurement that says of itself that it is d_in-zCDP: OpenDP then converts the very rho, with no scale in between.
dp.enable_features("contrib", "honest-but-curious")
CLAIMED = dp.c.make_zCDP_to_approxDP(
    dp.m.make_user_measurement(
        input_domain=dp.atom_domain(T=int),
        input_metric=dp.absolute_distance(T=float),
        output_measure=dp.zero_concentrated_divergence(),
        function=lambda value: value,
        privacy_map=lambda rho: rho,
    )
)


def by_opendp(rho, delta):
    return CLAIMED.map(rho).epsilon(delta)


def by_dp_accounting(rho, delta):
    """The accountant takes the best of the orders it is given, so they are given ever closer to the best one."""
    excess = np.geomspace(0.011, 1e5, 1001)
    epsilon = math.inf
    for _ in range(3):
        accountant = RdpAccountant(orders=1 + excess)
        accountant.compose(dp_accounting.ZCDpEvent(rho=rho))
        found, order = accountant.get_epsilon_and_optimal_order(delta)
        epsilon = min(epsilon, found)
        best = int(np.argmin(np.abs(1 + excess - order)))
        low, high = excess[max(best - 1, 0)], excess[min(best + 1, len(excess) - 1)]
        excess = np.linspace(low, high, 1001)
    return epsilon


def fault(ours, peer):
    if ours < peer - BELOW:
        return "below"
    return "above" if ours > peer * (1 + ABOVE) else None


def by_gaussian(rho, delta):
    """The exact curve of one continuous Gaussian of that rho: what the detour over zCDP gives away. Not checked."""
    return dp_accounting.get_epsilon_gaussian(math.sqrt(0.5 / rho), delta)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="?", help="a file with the lines (default: standard input)")
    path = parser.parse_args().lines
    with open(path, encoding="utf-8") if path else sys.stdin as lines:
        rows = [json.loads(line) for line in lines]
    if not rows:
        parser.error("no lines to check")

    print("| rho | delta | hushtag epsilon | dp-accounting epsilon | OpenDP epsilon | difference |")
    print("|---:|---:|---:|---:|---:|---:|")
    faults, differences, spared = [], [], []
    for row in rows:
        rho, delta, ours = row["rho_nano"] / NANO, row["delta"], row["epsilon_nano"] / NANO
        peers = {"dp-accounting": by_dp_accounting(rho, delta), "OpenDP": by_opendp(rho, delta)}
        apart = [ours - peer for peer in peers.values()]
        largest = max(apart, key=abs)
        shown = " | ".join(f"{peer:.12f}" for peer in peers.values())
        print(f"| {rho:g} | {delta:g} | {ours:.9f} | {shown} | {largest:+.1e} |")
        differences += apart
        spared.append(1 - by_gaussian(rho, delta) / ours)
        for name, peer in peers.items():
            if kind := fault(ours, peer):
                faults.append(f"rho {rho:g}, delta {delta:g}: hushtag's {ours:.9f} is {kind} {name}'s {peer:.12f}")

    print(f"\n{len(rows)} conversions; dp-accounting {version('dp-accounting')}, OpenDP {version('opendp')}.")
    print(f"Hushtag minus a peer: from {min(differences):+.1e} to {max(differences):+.1e}.")
    print(f"One continuous Gaussian, by its exact curve: {min(spared):.1%} to {max(spared):.1%} less epsilon.")
    for line in faults:
        print(line, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
