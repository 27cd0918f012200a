"""How time and memory grow with what is asked: images, pixels, epochs, seeds, rounds; how time shrinks with workers.

    python benchmarks/growth.py [--repeats 5] [--json FILE]
    python benchmarks/growth.py --only memory [--json FILE]         three minutes; without it time alone, ten minutes

resnet20_8 on drawn images, one thread. Of time, a figure is the exponent p in seconds ~ size^p, fitted on a log-log
scale through sizes each twice the one before; 1 is proportional. Overheads that do not grow (start, evaluation of a
fixed validation and test split) pull an exponent below 1. The rows hold the seconds at each size, from which the page's
figure is drawn. Of memory, a figure is the peak of a process that does one such piece of work, at the largest size over
the smallest.
Workers: a grid of eight runs by one thread over the same by two."""
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import sys  # noqa: E402 its threads are set above
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from measured import asked, finish, in_turns, ratios, row  # noqa: E402
from memory import peak_of  # noqa: E402

from lth_nb.bank import Bank, SourceSet, carry_out_search  # noqa: E402
from lth_nb.compute import carry, compute  # noqa: E402
from lth_nb.datasets import channel_stats, load  # noqa: E402
from lth_nb.experiments import request  # noqa: E402
from lth_nb.protocol import make_protocol, written  # noqa: E402
from lth_nb.runs import Runs  # noqa: E402
from lth_nb.sweep import sweep  # noqa: E402

OF_BOTH = dict(train=('200', '400', '800'), px=('16', '32', '64'), seeds=(1, 2, 4), rounds=(2, 4, 8))
OF_TIME = OF_BOTH | dict(epochs=(2, 4, 8))
OF_MEMORY = OF_BOTH | dict(workers=(1, 2, 4))
WHAT = dict(train='training images', px='the side in pixels', epochs='epochs', seeds='seeds', rounds='rounds',
            workers='workers')


def question(home, *, train='200', px='32', epochs=4, seeds='1'):
    "A sweep of scratch and ticket."
    asked_for = request(dict(target='mouse_lba', preset='demo', recipe='tuned', rounds='10', seeds=seeds, train=train,
                             px=px, arms='scratch,ticket', change=f'max_epochs={epochs},finetune_tries=1',
                             device='cpu', out=str(home)))
    splits = load('mouse_lba', str(home), px=int(px), cache=home/'cache')
    banks = [Bank(f'cifar10-resnet20_8-tuned-s{seed}') for seed in range(5)]
    return sweep(asked_for, splits, dict(cifar10=banks))


def searched(home, rounds):
    "A search of so many networks, the unpruned one among them; a function."
    splits = load('mouse_lba', str(home), px=32, cache=home/'cache').shrunk(100, 100)
    brief = make_protocol('demo', 'tuned', model='resnet20_8', rounds=rounds - 1, max_epochs=2, rewind_at='1it')
    images = splits.train.take(range(200))
    mean, std = channel_stats(images)
    card = dict(source='mouse_lba', model='resnet20_8', recipe='tuned', search_seed=0, kept_trained=[0],
                protocol=written(brief), fingerprint=splits.fingerprint, classes=len(splits.classes), px=32,
                mean=mean.tolist(), std=std.tolist())

    def act():
        with tempfile.TemporaryDirectory() as folder:
            carry_out_search(SourceSet(splits, images, brief), card | dict(name='one'), folder=Path(folder))
    return act


def grown(name, acts, repeats):
    "A row of time: acts by size, each size twice the one before."
    for act in acts.values(): act() # warm
    sizes, taken = [float(size) for size in acts], in_turns(repeats, **{str(size): act for size, act in acts.items()})
    slopes = [np.polyfit(np.log(sizes), np.log(seconds), 1)[0] for seconds in zip(*taken.values(), strict=True)]
    middle = [median(seconds) for seconds in taken.values()]
    return row(f'growth: exponent of the seconds in {WHAT[name]}', slopes, '', sizes=sizes, seconds=middle, of=name,
               beside=', '.join(f'{seconds:.2f} s at {size:g}' for size, seconds in zip(sizes, middle, strict=True)))


def run(home, **given):
    "One run; a function."
    work = question(home, **given)
    return lambda: carry(work.specs[0], work, 'cpu')


def grid(home, seeds, workers=1):
    "Two runs a seed, each time into a new store; a function."
    work = question(home, seeds=str(seeds))
    return lambda: compute(work, Runs(tempfile.mkdtemp(dir=home)), workers=workers)


def piece(home, name, size):
    "The work that is as large as `size` in what `name` says; a function."
    if name == 'rounds': return searched(home, int(size))
    if name == 'seeds': return grid(home, size)
    if name == 'workers': return grid(home, 4, int(size))
    return run(home, **{name: int(size) if name == 'epochs' else size})


def memory():
    "Rows of the peak of a process, at four times the size over that at one."
    rows = []
    for name, sizes in OF_MEMORY.items():
        peaks = [peak_of([sys.executable, __file__, '--of', name, '--at', str(size)])[0] for size in sizes]
        rows.append(row(f'growth: peak memory with four times {WHAT[name]}', [peaks[-1] / peaks[0]], 'times',
                        sizes=[float(size) for size in sizes], gigabytes=peaks, of=name,
                        beside=f'{1024 * peaks[0]:.0f} MB and {1024 * peaks[-1]:.0f} MB'))
    return rows


def main():
    "Rows of time and of workers, or of memory."
    options, rows = asked(__doc__, only='', of='', at=''), []
    if options.only == 'memory': return finish('growth', memory(), options.json)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        if options.of:
            piece(home, options.of, options.at)()
            return 0

        for name, sizes in OF_TIME.items():
            rows.append(grown(name, {size: piece(home, name, size) for size in sizes}, options.repeats))
        taken = in_turns(options.repeats, one=grid(home, 4), two=grid(home, 4, workers=2))
        rows.append(row('growth: eight runs by one thread over two', ratios(taken['one'], taken['two']), 'times'))
    return finish('growth', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
