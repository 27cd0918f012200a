"""Sixty short transfers of one target, against a process of the plain loop for each, two at a time.

    python benchmarks/grid.py [--runs 60] [--repeats 3] [--json FILE]

Each run: resnet20_8, 32 px, 240 training images, batches of 32, six epochs. Ours: threads of one process, as many as
`--threads` (2). The peer: `peer.py --rounds 0`, one thread each, as a shell loop would start them, from the JPEGs."""
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chain import drawn
from measured import asked, finish, in_turns, ratios, row

from lth_nb.bank import Bank
from lth_nb.compute import compute
from lth_nb.datasets import load
from lth_nb.experiments import request
from lth_nb.runs import Runs
from lth_nb.sweep import sweep

HERE = Path(__file__).parent


def main():
    "One row."
    options = asked(__doc__, 3, runs=60, threads=2)
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        folder, number = drawn(home/'set'), iter(range(1000))
        seeds = options.runs // 2

        def ours():
            out = home/f'{next(number)}'
            asked_for = request(dict(target=str(folder), preset='demo', recipe='tuned', rounds='10', train='240',
                                     batch=32, seeds=str(seeds), arms='scratch,ticket', device='cpu',
                                     change='max_epochs=6,finetune_tries=1', out=str(out)))
            splits = load(folder, px=asked_for.protocols['tuned'].px, cache=out/'cache')
            banks = [Bank(f'cifar10-resnet20_8-tuned-s{seed}') for seed in range(5)]
            work = sweep(asked_for, splits, dict(cifar10=banks))
            assert len(work.specs) == 2 * seeds
            compute(work, Runs(out), workers=options.threads)

        few = home/'few'
        for split in ('train', 'val', 'test'):
            for place in sorted((folder/split).iterdir()):
                (few/split/place.name).mkdir(parents=True)
                for file in sorted(place.iterdir())[:30 if split == 'train' else None]:
                    (few/split/place.name/file.name).symlink_to(file)

        def one(seed):
            words = [few, '--rounds', 0, '--epochs', 6, '--batch', 32, '--workers', 0, '--threads', 1, '--seed', seed]
            subprocess.run([sys.executable, HERE/'peer.py', *map(str, words)], check=True, capture_output=True)

        def theirs():
            with ThreadPoolExecutor(2) as pool: list(pool.map(one, range(2 * seeds)))
        taken = in_turns(options.repeats, ours=ours, peer=theirs)
    rows = [row(f'grid: {2 * seeds} short transfers, a process a run over ours', ratios(taken['peer'], taken['ours']),
                'times', wanted=4, beside=f"{taken['ours'][-1]:.0f} s against {taken['peer'][-1]:.0f}")]
    return finish('grid', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
