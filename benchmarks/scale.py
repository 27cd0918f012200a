"""The parts of which the cost of a large study is made, measured one by one.

    python benchmarks/scale.py [--tasks 16560] [--seeds 15] [--repeats 3] [--json FILE]

A training step of ResNet-50 at 224 px on this CPU, one thread; empty tasks through a Dask scheduler with two workers on
loopback; what goes to a worker once, what comes back from a run, and the seconds in which the owner of the store writes
it; what a run takes on disk; a grid by two worker processes, four runs a seed, against the same by two threads."""
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import pickle  # noqa: E402 its threads are set above
import tempfile  # noqa: E402
from concurrent.futures import wait  # noqa: E402
from pathlib import Path  # noqa: E402
from time import perf_counter  # noqa: E402

import torch  # noqa: E402
from measured import asked, finish, ratios, row, timed  # noqa: E402

from lth_nb.bank import Bank  # noqa: E402
from lth_nb.cluster import workers_at  # noqa: E402
from lth_nb.compute import by_value, carry, compute  # noqa: E402
from lth_nb.datasets import load  # noqa: E402
from lth_nb.experiments import request  # noqa: E402
from lth_nb.masks import apply_mask_, full_mask  # noqa: E402
from lth_nb.models import bare, init_state, prunable  # noqa: E402
from lth_nb.protocol import make_protocol  # noqa: E402
from lth_nb.runs import Runs  # noqa: E402
from lth_nb.sweep import sweep  # noqa: E402
from lth_nb.training import optimizer, pruned_places, train_step  # noqa: E402


def resnet50(repeats):
    "Seconds an image of a training step at 224 px."
    protocol, batch = make_protocol('paper', 'paper'), 8
    model = bare('resnet50', 10, px=224)
    model.load_state_dict(init_state(model, protocol.init, 0))
    mask = full_mask(prunable(model))
    apply_mask_(model, mask).train()
    places, opt = pruned_places(model, mask), optimizer(model, protocol)
    x = torch.randn(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    y = torch.arange(batch) % 10
    train_step(model, places, opt, x, y) # warm
    return [timed(lambda: train_step(model, places, opt, x, y)) / batch for _ in range(repeats)]


def nothing(at): return at


def empty_tasks(number):
    "Seconds of so many tasks that do nothing, on two workers of a scheduler."
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host='127.0.0.1') as here:
        with Client(here) as client:
            executor = client.get_executor(pure=False)
            executor.submit(nothing, 0).result() # warm
            began = perf_counter()
            wait([executor.submit(nothing, at) for at in range(number)])
            return perf_counter() - began


def grid(home, seeds):
    "A sweep of short runs over drawn images, four a seed."
    asked_for = request(dict(target='mouse_lba', preset='demo', recipe='tuned', rounds='10', seeds=str(seeds),
                             arms='scratch,dense,ticket,reinit', change='max_epochs=4,finetune_tries=1', device='cpu',
                             out=str(home)))
    splits = load('mouse_lba', str(home), px=32, cache=home/'cache')
    banks = [Bank(f'cifar10-resnet20_8-tuned-s{seed}') for seed in range(5)]
    return sweep(asked_for, splits, dict(cifar10=banks))


def by_workers(work, runs):
    "Seconds of all runs by two processes of a scheduler that have done one before; of that one; of reaching them."
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host='127.0.0.1') as here:
        with Client(here) as client:
            first = timed(lambda: client.run(carry, work.specs[0], by_value(work), 'cpu'))
            seconds = timed(lambda: compute(work, runs, cluster=here.scheduler_address))
            return seconds, first, timed(lambda: reach(here, work))


def reach(cluster, work):
    "Connect, ask for versions, and send images and tickets."
    with workers_at(cluster.scheduler_address, by_value(work), 2): pass


def main():
    "A row a part."
    options = asked(__doc__, tasks=16560, seeds=15)
    torch.set_num_threads(1)
    rows = [row('ResNet-50 at 224 px: a training step, one thread', resnet50(options.repeats), 's an image')]
    seconds = empty_tasks(options.tasks)
    rows.append(row(f'scheduler: {options.tasks:,} empty tasks, two workers', [seconds], 's', wanted=60, better='less',
                    beside=f'{1000 * seconds / options.tasks:.1f} ms each'))
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        work = grid(home, options.seeds)
        one = carry(work.specs[0], work, 'cpu')

        def written(at): return timed(lambda: Runs(home/f'w{at}').add(work.specs[0], one.run, **one.facts))
        writing = [1000 * written(at) for at in range(20)]
        kept = sum(file.stat().st_size for file in (home/'w0').rglob('*') if file.is_file())
        rows += [
            row('sent to a worker once: images and tickets', [len(pickle.dumps(by_value(work))) / 1e6], 'MB'),
            row('comes back from a run', [len(pickle.dumps(one)) / 1e3], 'kB'),
            row('store: to write a run', writing, 'ms'),
            row('store: bytes of a run', [kept / 1e3], 'kB')]
        taken, numbers = dict(threads=[], workers=[], first=[], reached=[]), iter(range(100))
        for _ in range(options.repeats):
            taken['threads'].append(timed(lambda: compute(work, Runs(home/f'{next(numbers)}'), workers=2)))
            parts = by_workers(work, Runs(home/f'{next(numbers)}'))
            for name, seconds in zip(('workers', 'first', 'reached'), parts, strict=True): taken[name].append(seconds)
        extra = [1000 * (b - a) / len(work.specs) * 2 for a, b in zip(taken['threads'], taken['workers'], strict=True)]
        rows += [
            row(f'cluster: {len(work.specs)} runs by two threads over two workers',
                ratios(taken['threads'], taken['workers']), 'times', wanted=.95,
                beside=f"{taken['threads'][-1]:.0f} s of threads"),
            row('cluster: more than a thread takes, a run', extra, 'ms', wanted=50, better='less'),
            row('cluster: the first run of a worker that was just started', taken['first'], 's',
                beside='its imports with it'),
            row('cluster: to reach workers and send them images and tickets', taken['reached'], 's')]
    return finish('scale', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
