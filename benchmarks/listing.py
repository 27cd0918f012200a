"""How long it takes to know what is left of a large grid: seconds for 16,560 runs, the paper's own size.

    python benchmarks/listing.py [--runs 16560] [--repeats 5] [--json FILE]

The runs are copies of one, made here under keys of their own. Asked for the first time every file is read and checked;
after that the index says so, and four `stat` a run tell that nothing changed. Beside it the table of all runs, which
reads them. Medians with smallest and largest; the file system is that of the temporary folder, its cache warm."""
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from measured import asked, finish, row, timed

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
    "Three rows."
    options = asked(__doc__, runs=16560)
    with tempfile.TemporaryDirectory() as folder:
        specs = filled(folder, options.runs)
        first = timed(lambda: Runs(folder).missing(specs))
        again = [timed(lambda: Runs(folder).missing(specs)) for _ in range(options.repeats)]
        as_table = timed(lambda: table(Runs(folder)))
    rows = [
        row(f'store: what is left of {options.runs:,} runs', again, 's', wanted=WANTED, better='less'),
        row('store: the same without its index', [first], 's'),
        row(f'store: {options.runs:,} runs as a table', [as_table], 's')]
    return finish('listing', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
