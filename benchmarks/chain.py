"""A whole search against what a careful user writes: load, train, validate, prune, rewind, save.

    python benchmarks/chain.py [--data FOLDER] [--rounds 5] [--epochs 6] [--repeats 5] [--json FILE]

FOLDER has train, val and test with a folder a class; without one JPEGs are drawn. Both sides: resnet20_8, 32 px,
batches of 64, two threads, the same steps in each round (after the first they go on from the second epoch, to which
both rewind), validation after every epoch, a test evaluation and a saved state a round. The
peer is `peer.py`, in a process of its own that reports its own seconds, without the imports; ours starts with no
cache, so its decoding is part of it. Beside both stands the masked step alone, on one batch that is there: what a
search adds to its steps. `open_lth.py` beside this races open_lth, which reads CIFAR-10 alone."""
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import step
import torch
from measured import asked, finish, ratios, row, timed
from PIL import Image

from lth_nb.bank import search_splits
from lth_nb.datasets import load
from lth_nb.datasets.standins import draw_standin
from lth_nb.protocol import make_protocol

HERE = Path(__file__).parent
REWOUND = 2 # Epoch both sides rewind to, as peer.py does


def drawn(folder):
    "1,200 stand-ins as JPEGs of short side 192, in three splits."
    for split, number in (('train', 800), ('val', 160), ('test', 240)):
        images, labels = draw_standin('mouse_lba', split, np.arange(number), 192)
        for at, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = folder/split/f'{label}'
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place/f'{at:05d}.jpg', quality=82)
    return folder


def ours(folder, options, scratch):
    "Seconds of our search, decoding included, and its training images."
    change = f'max_epochs={options.epochs},rewind_at={REWOUND}ep,patience=0,batch={step.BATCH},model=resnet20_8'
    protocol = make_protocol('demo', 'paper', change, rounds=options.rounds)
    began = perf_counter()
    splits = load(folder, px=32, role='source', source_val=.1, cache=scratch/'cache')
    search_splits(splits, protocol, folder=scratch/'banks')
    return perf_counter() - began, len(splits.train)


def theirs(folder, options):
    "Seconds of the peer's search."
    words = [f'--rounds={options.rounds}', f'--epochs={options.epochs}', '--threads=2']
    peer = [sys.executable, str(HERE/'peer.py'), str(folder), *words]
    done = subprocess.run(peer, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)['seconds']


def alone():
    "Our step on one batch of noise; a function that takes as many steps as those of step.py."
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(step.BATCH, 3, 32, 32, generator=draw).contiguous(memory_format=torch.channels_last)
    y = torch.randint(8, (step.BATCH,), generator=draw)
    return step.ours(lambda: itertools.repeat((x, y)))


def main():
    "Two rows."
    options = asked(__doc__, data='', rounds=5, epochs=6)
    if options.epochs <= REWOUND:
        raise SystemExit(f'--epochs {options.epochs}: at least {REWOUND + 1}, since both sides rewind to {REWOUND}')
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        folder = Path(options.data) if options.data else drawn(home/'set')
        taken, steps = dict(ours=[], peer=[], steps=[]), alone()
        steps() # warm
        for repeat in range(options.repeats):
            for name in ('ours', 'peer') if repeat % 2 else ('peer', 'ours'):
                scratch = home/f'{repeat}'
                if name == 'ours': seconds, images = ours(folder, options, scratch)
                else: seconds = theirs(folder, options)
                taken[name].append(seconds)
            taken['steps'].append(timed(steps))
    epochs = options.epochs + options.rounds * (options.epochs - REWOUND)
    trained = epochs * (images // step.BATCH) * step.BATCH # whole batches
    speeds = [trained / seconds for seconds in taken['ours']]
    bare = [step.STEPS * step.BATCH / seconds for seconds in taken['steps']]
    rows = [
        row('chain: a whole search, the plain loop over ours', ratios(taken['peer'], taken['ours']), 'times',
            wanted=1.5, beside=f'{median(speeds):.0f} training images/s'),
        row('chain: training images/s of the whole search over those of the step alone', ratios(speeds, bare), 'times',
            wanted=.9, beside=f'{median(bare):.0f} images/s of steps by two threads')]
    return finish('chain', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
