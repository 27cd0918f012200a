"""How long it takes to know what is left of a large grid: seconds for 16,560 runs, the paper's own size.

    python benchmarks/listing.py [--runs 16560] [--repeats 5] [--json FILE]

The runs are copies of one, made here under keys of their own. Asked for the first time every file is read and checked;
after that the index says so, and four `stat` a run tell that nothing changed. Beside it the table of all runs, which
reads them. Medians with smallest and largest; the file system is that of the temporary folder, its cache warm."""
import argparse
import json
import platform
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from lth_nb.protocol import make_protocol, seen_fields
from lth_nb.runs import Runs, Spec, table
from lth_nb.training import Scores
from lth_nb.transfer import Run

WANTED = .5  # Seconds, once the index is there


def filled(folder, number):
    "A store of so many small runs, and their specs."
    scores = Scores(.7, .5, torch.rand(200, 8), torch.arange(200) % 8)
    metrics = dict(val_loss=.7, val_acc=.5, test_acc=.5, seconds=2., steps=10, epochs=1)
    run = Run(metrics, tuple(dict(epoch=at, val_loss=.7) for at in range(30)), scores, scores)
    protocol = seen_fields(make_protocol('demo', 'tuned'), 'scratch')
    target = dict(name='cells', kind='real', fingerprint='f' * 64, train='', n_train=300, n_val=80, n_test=200, px=32)
    labels = dict(preset='demo', recipe='tuned', source='', round='')
    first = Spec(protocol, target, {}, 'scratch', 0, labels)
    runs, specs = Runs(folder), [replace(first, seed=seed) for seed in range(number)]
    for spec in specs: runs.add(spec, run)
    (Path(folder)/'index.jsonl').unlink()
    return specs


def main():
    "Seconds; the status is 1 where the index takes longer than is wanted."
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--runs', type=int, default=16560)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--json', default='')
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        specs = filled(folder, asked.runs)

        def timed(act):
            began = perf_counter()
            act()
            return perf_counter() - began
        first = timed(lambda: Runs(folder).missing(specs))
        again = [timed(lambda: Runs(folder).missing(specs)) for _ in range(asked.repeats)]
        rows = timed(lambda: table(Runs(folder)))
    found = dict(runs=asked.runs, first=first, again=median(again), low=min(again), high=max(again), n=len(again),
                 table=rows, machine=platform.machine())
    print(f'{asked.runs:,} runs: what is left is known in {found["again"]:.2f} s [{found["low"]:.2f}, '
          f'{found["high"]:.2f}], n = {found["n"]}; the first time {first:.1f} s; as a table {rows:.1f} s')
    if asked.json: Path(asked.json).write_text(json.dumps(found, indent=1) + '\n')
    return int(found['again'] > WANTED)


if __name__ == '__main__': raise SystemExit(main())
