"""What it costs to keep the state of a training: the same training with a state every 60 s, and without.

    python benchmarks/resume.py [--repeats 5] [--json FILE]

resnet20_8 on 320 drawn images of 32 px in batches of 32, as the demo trains, one thread; both right after each other
in each repeat, in turns the one first and the other. The figure is the median ratio with its smallest and largest.
Beside it what one state takes, in ms and kB: at 60 s between two of them that is the share that is paid."""
import os
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

os.environ.setdefault('OMP_NUM_THREADS', '1')

import torch  # noqa: E402 its threads are set above
from measured import asked, finish, row  # noqa: E402

from lth_nb.datasets import Batches, load, subset  # noqa: E402
from lth_nb.datasets.images import channel_stats  # noqa: E402
from lth_nb.masks import full_mask  # noqa: E402
from lth_nb.models import bare, init_state, prunable  # noqa: E402
from lth_nb.protocol import make_protocol  # noqa: E402
from lth_nb.training import Best, Course, Resume, copy_state, fit, optimizer  # noqa: E402

WANTED = 1.01  # Largest ratio


def work(folder):
    "A training that begins anew at every call; takes the state's place or None, returns seconds."
    splits = load('mouse_lba', folder, px=32, cache=f'{folder}/cache')
    images = subset(splits.train, '320', seed=0)
    mean, std = channel_stats(images)
    common = dict(px=32, batch=32, mean=mean, std=std)
    train, val = Batches(images, seed=0, **common), Batches(subset(splits.val, '80', seed=0), train=False, **common)
    protocol = make_protocol('demo', 'tuned', '', max_epochs=15)
    model = bare('resnet20_8', len(splits.classes), px=32)
    start = init_state(model, protocol.init, 0)
    mask = full_mask(prunable(model))

    def trained(resume):
        model.load_state_dict(start)
        began = perf_counter()
        fit(model, mask, train, val, protocol, resume=resume)
        return perf_counter() - began
    return trained, model, protocol


def one_state(model, protocol, place):
    "Milliseconds and kilobytes of one state."
    course = Course(model, optimizer(model, protocol), Best(protocol), 0)
    for weight in model.parameters(): course.opt.state[weight]['momentum_buffer'] = torch.zeros_like(weight)
    course.best.state = copy_state(model)
    taken = []
    for _ in range(20):
        began = perf_counter()
        Resume(place, every=0.).keep(course, 0.)
        taken.append(perf_counter() - began)
    return 1000 * median(taken), place.stat().st_size / 1000


def main():
    "Two rows."
    options = asked(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        trained, model, protocol = work(folder)
        trained(None)  # warm
        found = []
        for repeat in range(options.repeats):
            place = Path(folder)/f'{repeat}/state'
            order = [None, Resume(place)] if repeat % 2 else [Resume(place), None]
            seconds = {resume is not None: trained(resume) for resume in order}
            found.append(seconds[True] / seconds[False])
        milliseconds, kilobytes = one_state(model, protocol, Path(folder)/'one')
    rows = [
        row('resume: training with a state every 60 s over without', found, 'times', wanted=WANTED, better='less'),
        row('resume: one state', [milliseconds], 'ms', beside=f'{kilobytes:.0f} kB')]
    return finish('resume', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
