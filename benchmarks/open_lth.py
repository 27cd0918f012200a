"""A whole search on CIFAR-10 against open_lth, where you have both on disk.

    git clone https://github.com/facebookresearch/open_lth
    python benchmarks/open_lth.py --open-lth open_lth --cifar FOLDER [--rounds 3] [--epochs 4] [--json FILE]

FOLDER holds cifar-10-batches-py as torchvision unpacks it. Both sides: the ResNet-20 of eight filters, batches of 64,
two threads, a tenth of the training images (the same number; theirs are drawn, ours are the first), rewinding to the
first epoch, a fifth of the weights pruned a round. Theirs reads the test set before and after each round; ours reads
its validation images after every epoch and the test set once a round, and decodes with no cache. Theirs trains each
round after the first from the rewound epoch, as ours does. Its datasets and results go to a home of their own."""
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch
from measured import asked, finish, ratios, row, timed

from lth_nb.bank import search_splits
from lth_nb.datasets import load
from lth_nb.protocol import make_protocol

SHARE = .1
MISSING = ('open_lth is not raced: git clone https://github.com/facebookresearch/open_lth, put cifar-10-batches-py '
           'into a folder, and name both by --open-lth and --cifar')


def theirs(options, home):
    "Seconds of open_lth's search, its start included."
    datasets = home/'open_lth_datasets/cifar10'
    datasets.mkdir(parents=True)
    (datasets/'cifar-10-batches-py').symlink_to(Path(options.cifar).resolve()/'cifar-10-batches-py')
    words = ['lottery', '--default_hparams=cifar_resnet_20', '--model_name=cifar_resnet_20_8', '--batch_size=64',
             f'--levels={options.rounds}', f'--training_steps={options.epochs}ep', '--rewinding_steps=1ep',
             f'--subsample_fraction={SHARE}', '--transformation_seed=0', '--num_workers=2', '--evaluate_only_at_end']
    around = os.environ | dict(HOME=str(home), OMP_NUM_THREADS='2', CUDA_VISIBLE_DEVICES='')
    began = perf_counter()
    subprocess.run([sys.executable, 'open_lth.py', *words], cwd=options.open_lth, env=around, check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def ours(options, home):
    "Our search; a function."
    change = f'max_epochs={options.epochs},rewind_at=1ep,patience=0,batch=64,model=resnet20_8'
    protocol = make_protocol('demo', 'paper', change, rounds=options.rounds)

    def act():
        splits = load(Path(options.cifar)/'cifar-10-batches-py', px=32, role='source', cache=home/'cache')
        few = splits.train.take(range(round(SHARE * 50_000)))
        search_splits(replace(splits, train=few), protocol, folder=home/'banks')
    return act


def main():
    "One row, or what is missing."
    options = asked(__doc__, open_lth='', cifar='', rounds=3, epochs=4)
    if not options.open_lth or not options.cifar:
        print(MISSING, file=sys.stderr)
        return 0
    torch.set_num_threads(2)
    taken = dict(ours=[], peer=[])
    for repeat in range(options.repeats):
        for name in ('ours', 'peer') if repeat % 2 else ('peer', 'ours'):
            with tempfile.TemporaryDirectory() as home:
                home = Path(home)
                taken[name].append(timed(ours(options, home)) if name == 'ours' else theirs(options, home))
    rows = [row('chain: a whole search on CIFAR-10, open_lth over ours', ratios(taken['peer'], taken['ours']), 'times',
                beside=f"{taken['ours'][-1]:.0f} s against {taken['peer'][-1]:.0f}")]
    return finish('open_lth', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
