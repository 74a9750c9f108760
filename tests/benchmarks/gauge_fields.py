"""Functions of Wilson loops, learnt by circuits, networks and regression.

`python -m tests.benchmarks.gauge_fields` trains on 400 fields of each group with five
seeds, and prints the share of the variance of 500 new fields that is explained: mean ±
standard deviation of the sample, in the frames of training and in random ones.
"""

from __future__ import annotations

import argparse

import torch

from tests.test_example_pictures import load

STEPS = {"u1": 250, "su2": 500}
"""Steps of the circuits; networks have four times as many."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", action="append", choices=["u1", "su2"])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    example = load("gauge")
    for group in options.group or example.TASKS:
        found, models, _ = example.measure(group, options.seeds, STEPS[group])
        example.print_table(group, found, models)


if __name__ == "__main__":
    main()
