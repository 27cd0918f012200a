"""What a graphics card gains: one script of under ten minutes, for a machine that has one.

    python benchmarks/gpu.py [--repeats 5] [--json FILE]
    python benchmarks/gpu.py --device cpu          that the script runs; a CPU gains nothing by this

resnet20_8, 320 drawn images, 32 px, batches of 32, one run at a time unless said otherwise. Every figure is images/s of
one way over another, one right after the other in each repeat, and every act waits for the card to be done. Nothing is
wanted of them yet: no card has been measured."""
import os
import sys
import tempfile
from dataclasses import replace
from itertools import count

os.environ.setdefault('OMP_NUM_THREADS', '1')

import torch  # noqa: E402 its threads are set above
from measured import asked, finish, in_turns, ratios, row  # noqa: E402

from lth_nb.datasets import Batches, channel_stats, load, subset  # noqa: E402
from lth_nb.datasets.resident import Resident  # noqa: E402
from lth_nb.masks import full_mask  # noqa: E402
from lth_nb.models import build, prunable  # noqa: E402
from lth_nb.protocol import make_protocol  # noqa: E402
from lth_nb.pruning import prune  # noqa: E402
from lth_nb.stack import Stack, stack_step  # noqa: E402
from lth_nb.training import autocast, begin, pruned_places, train_step  # noqa: E402

STEPS, BATCH, CLASSES = 30, 32, 8
STACKS = 2, 4, 8, 16
PROTOCOL = replace(make_protocol('demo', 'tuned'), precision='float32')


def wait(device):
    "Until the device has done what it was told."
    if device == 'cuda': torch.cuda.synchronize()


def begun(device, seed=0, layout=torch.channels_last):
    "A pruned network at its start, and its mask."
    network = build('resnet20_8', CLASSES, seed=seed).to(device, memory_format=layout)
    mask = prune(network.state_dict(), full_mask(prunable(network)), .8)
    return begin(network.train(), mask, PROTOCOL, STEPS), mask


def single(batches, device, precision='float32', layout=torch.channels_last):
    "Steps of one network; a function."
    course, mask = begun(device, layout=layout)
    places, step = pruned_places(course.model, mask), count()

    def act():
        for _ in range(STEPS):
            x, y = batches[next(step)]
            with autocast(device, precision): train_step(course.model, places, course.opt, x, y)
        wait(device)
    return act


def stacked(batches, device, networks):
    "Steps of several networks as one; a function."
    courses, masks = zip(*(begun(device, seed) for seed in range(networks)))
    stack, step = Stack([course.model for course in courses], masks), count()

    def act():
        for _ in range(STEPS): stack_step(stack, courses, *batches[next(step)], precision='float32')
        wait(device)
    return act


def graphed(batches):
    "Steps of one network, recorded once and played again; a function."
    course, mask = begun('cuda')
    places, (x, y) = pruned_places(course.model, mask), batches[0]
    aside = torch.cuda.Stream()
    with torch.cuda.stream(aside):
        for _ in range(3): train_step(course.model, places, course.opt, x, y)
    torch.cuda.current_stream().wait_stream(aside)
    graph, step = torch.cuda.CUDAGraph(), count()
    with torch.cuda.graph(graph): train_step(course.model, places, course.opt, x, y)

    def act():
        for _ in range(STEPS):
            new_x, new_y = batches[next(step)]
            x.copy_(new_x)
            y.copy_(new_y)
            graph.replay()
        wait('cuda')
    return act


def compared(what, other, plain, repeats, networks=1):
    "A row: how many times the images/s of the plain way."
    for act in (other, plain): act()
    taken = in_turns(repeats, other=other, plain=plain)
    times = [networks * times for times in ratios(taken['plain'], taken['other'])]
    speed = networks * STEPS * BATCH / sorted(taken['other'])[repeats // 2]
    return row(f'gpu: {what}', times, 'times', beside=f'{speed:,.0f} images/s')


def main():
    "Every way against the plain one."
    options = asked(__doc__, device='cuda')
    device, repeats = options.device, options.repeats
    if device == 'cuda' and not torch.cuda.is_available():
        print('no GPU that torch can use is here: run this where there is one, or try --device cpu', file=sys.stderr)
        return 0
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        images = subset(load('mouse_lba', folder, px=32, cache=f'{folder}/cache').train, '320', seed=0)
    mean, std = channel_stats(images)
    common = dict(px=32, batch=BATCH, mean=mean, std=std, device=device)
    host, there = Batches(images, **common), Resident(images, **common)
    def plain(): return single(there, device)
    def against(what, act, networks=1): return compared(what, act, plain(), repeats, networks)
    rows = [against('one network, crops cut on the host', single(host, device)),
            against('one network, in torch\'s own layout', single(there, device, layout=torch.contiguous_format))]
    rows += [against(f'{size} networks as one', stacked(there, device, size), size) for size in STACKS]
    if device == 'cuda':
        rows += [against('one network, bfloat16', single(there, device, 'bfloat16')),
                 against('one network, a CUDA graph', graphed(there))]
        memory = torch.cuda.max_memory_allocated() / 2**20
        rows.append(row('gpu: memory of all of this', [memory], 'MB'))
        print(torch.cuda.get_device_name(), flush=True)
    return finish('gpu', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
