"""What --plan says a grid takes, over what it then takes; on real images.

    python benchmarks/plan.py --sets blood_cells,tissue,genres,painters [--data FOLDER] [--json FILE]

Of each set: scratch, dense and ticket of one seed are run, as a first look would; the estimate for six seeds more is
taken; they are run by two threads. Sets differ in classes, images and files; the third is asked for at 64 px, the
fourth with longer runs, and one more grid of the first set has the recipe `paper`, which may stop early. Sets that are
not in the data folder are named, and passed over."""
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import sys  # noqa: E402 its threads are set above
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from measured import asked, finish, row, timed  # noqa: E402

from lth_nb.bank import Bank  # noqa: E402
from lth_nb.compute import compute, estimate  # noqa: E402
from lth_nb.datasets import find, load  # noqa: E402
from lth_nb.experiments import request  # noqa: E402
from lth_nb.runs import Runs  # noqa: E402
from lth_nb.sweep import sweep  # noqa: E402

COMMON = dict(preset='demo', recipe='tuned', rounds='10', arms='scratch,dense,ticket', train='15/class',
              change='max_epochs=6,finetune_tries=1', device='cpu', pretrained='')
DIFFERENT = ({}, {}, dict(px='64'), dict(change='max_epochs=12,finetune_tries=1'))


def planned(images, seeds, home, **given):
    "A sweep over a real set."
    asked_for = request(COMMON | given | dict(target=images.name, seeds=seeds, out=str(home)))
    splits = load(images, px=asked_for.protocols[asked_for.recipes[0]].px, cache=asked_for.cache)
    banks = [Bank(f'cifar10-resnet20_8-tuned-s{seed}') for seed in range(5)]
    return sweep(asked_for, splits, dict(cifar10=banks))


def estimated(images, home, **given):
    "Estimate over truth for six seeds, after one was run; and the truth in seconds."
    runs = Runs(home/'runs')
    compute(planned(images, '1', home, **given), runs, workers=2)
    work = planned(images, '7', home, **given)
    said = 60 * estimate(work, runs, workers=2).minutes
    truth = timed(lambda: compute(work, runs, workers=2))
    return said / truth, truth


def main():
    "A row for each grid, and the worst of them."
    options = asked(__doc__, 1, sets='blood_cells,tissue,genres,painters', data=os.environ.get('LTH_DATA', 'data'))
    names = options.sets.split(',')
    grids = [*zip(names, DIFFERENT), (names[0], dict(recipe='paper'))]
    rows, off = [], []
    for number, (name, given) in enumerate(grids):
        if not (Path(options.data)/name).exists():
            print(f'{name} is not in {options.data}: lth data prepare {name}', file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as home:
            ratio, truth = estimated(find(name, options.data), Path(home), **given)
        about = ', '.join(f'{field} {value}' for field, value in given.items()) or 'nothing changed'
        rows.append(row(f'plan: grid {number + 1}, {name}', [ratio], 'times the truth',
                        beside=f'{truth:.0f} s of 18 runs; {about}'))
        off.append(100 * abs(ratio - 1))
    if off: rows.append(row('plan: the estimate that is furthest off', [max(off)], '%', wanted=20, better='less'))
    return finish('plan', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
