"""How the time of a run grows with what is asked: images, pixels, epochs; and how a grid shrinks with workers.

    python benchmarks/growth.py [--repeats 5] [--json FILE]

resnet20_8 on drawn images, one thread. A figure is the exponent p in seconds ~ size^p, fitted on a log-log scale
through three sizes each twice the one before; 1 is proportional. Overheads that do not grow (start, evaluation of a
fixed validation and test split) pull an exponent below 1. Workers: a grid of eight runs by one thread over the same
by two."""
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import tempfile  # noqa: E402 its threads are set above
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from measured import asked, finish, in_turns, ratios, row  # noqa: E402

from lth_nb.bank import Bank  # noqa: E402
from lth_nb.compute import carry, compute  # noqa: E402
from lth_nb.datasets import load  # noqa: E402
from lth_nb.experiments import request  # noqa: E402
from lth_nb.runs import Runs  # noqa: E402
from lth_nb.sweep import sweep  # noqa: E402


def question(home, *, train='200', px='32', epochs=4, seeds='1'):
    "A sweep of scratch and ticket."
    asked_for = request(dict(target='mouse_lba', preset='demo', recipe='tuned', rounds='10', seeds=seeds, train=train,
                             px=px, arms='scratch,ticket', change=f'max_epochs={epochs},finetune_tries=1',
                             device='cpu', out=str(home)))
    splits = load('mouse_lba', str(home), px=int(px), cache=home/'cache')
    banks = [Bank(f'cifar10-resnet20_8-tuned-s{seed}') for seed in range(5)]
    return sweep(asked_for, splits, dict(cifar10=banks))


def exponents(taken, sizes):
    "The slope of each repeat."
    return [np.polyfit(np.log(sizes), np.log(seconds), 1)[0] for seconds in zip(*taken.values(), strict=True)]


def main():
    "Four rows."
    options, rows = asked(__doc__), []
    torch.set_num_threads(1)
    sizes = dict(train=('200', '400', '800'), px=('16', '32', '64'), epochs=(2, 4, 8))
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        for name, values in sizes.items():
            works = {str(value): question(home, **{name: value}) for value in values}

            def act(work): return lambda: carry(work.specs[0], work, 'cpu')
            acts = {value: act(work) for value, work in works.items()}
            for one in acts.values(): one() # warm
            taken = in_turns(options.repeats, **acts)
            numbers = [float(value) for value in values]
            what = dict(train='training images', px='the side in pixels', epochs='epochs')[name]
            middle = sorted(taken[str(values[1])])[options.repeats // 2]
            rows.append(row(f'growth: exponent of the seconds of a run in {what}', exponents(taken, numbers), '',
                            beside=f'{middle:.2f} s at {values[1]}'))
        work, number = question(home, seeds='4'), iter(range(100))

        def by(workers): return lambda: compute(work, Runs(home/f'r{next(number)}'), workers=workers)
        taken = in_turns(options.repeats, one=by(1), two=by(2))
        rows.append(row('growth: eight runs by one thread over two', ratios(taken['one'], taken['two']), 'times'))
    return finish('growth', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
