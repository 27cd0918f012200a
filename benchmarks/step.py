"""The masked training step, and what the data path leaves of it.

    python benchmarks/step.py [--repeats 7] [--json FILE]

resnet20_8, 32 px, batches of 64, float32, one thread. Ours: channels last, fused SGD, the mask laid on after the step.
The peer: the same network in torch's own order, `torch.nn.utils.prune`, plain SGD. Then our step with batches from a
warm cache against the same step on one batch that is there."""
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import tempfile  # noqa: E402 its threads are set above
from itertools import cycle, islice  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import peer  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import torch.nn.utils.prune as prune  # noqa: E402
from measured import asked, finish, in_turns, ratios, row  # noqa: E402
from torch import nn  # noqa: E402

from lth_nb.datasets import Batches, load, subset  # noqa: E402
from lth_nb.datasets.images import channel_stats  # noqa: E402
from lth_nb.masks import apply_mask_, full_mask  # noqa: E402
from lth_nb.models import bare, init_state, prunable  # noqa: E402
from lth_nb.protocol import make_protocol  # noqa: E402
from lth_nb.pruning import prune as prune_weights  # noqa: E402
from lth_nb.training import optimizer, pruned_places, train_step  # noqa: E402

STEPS, BATCH = 40, 64


def ours(batches):
    "Our steps on batches; a function."
    protocol = make_protocol('demo', 'tuned')
    model = bare('resnet20_8', 8, px=32)
    model.load_state_dict(init_state(model, protocol.init, 0))
    mask = prune_weights(model.state_dict(), full_mask(prunable(model)), .8)
    apply_mask_(model, mask).train()
    places, opt = pruned_places(model, mask), optimizer(model, protocol)

    def steps():
        for x, y in islice(batches(), STEPS): train_step(model, places, opt, x, y)
    return steps


def theirs(x, y):
    "Their steps on one batch; a function."
    model = peer.resnet20(8, 8).train()
    convs = [(module, 'weight') for module in model.modules() if isinstance(module, nn.Conv2d)]
    prune.global_unstructured(convs, prune.L1Unstructured, amount=.8)
    opt = peer.optimizer(model)

    def steps():
        for _ in range(STEPS):
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
    return steps


def main():
    "Two rows."
    options = asked(__doc__)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        splits = load('mouse_lba', folder, px=32, cache=f'{folder}/cache')
        images = subset(splits.train, '320', seed=0)
        mean, std = channel_stats(images)
        epochs = SimpleNamespace(at=0)

        def from_cache():
            "Epoch after epoch."
            while True:
                batches = Batches(images, px=32, batch=BATCH, mean=mean, std=std, seed=epochs.at)
                epochs.at += 1
                yield from batches
        x, y = next(from_cache())
        plain = x.contiguous(memory_format=torch.contiguous_format)
        acts = dict(there=ours(lambda: cycle([(x, y)])), cached=ours(from_cache), peer=theirs(plain, y))
        for act in acts.values(): act()
        taken = in_turns(options.repeats, **acts)
    speed = [STEPS * BATCH / seconds for seconds in taken['there']]
    rows = [
        row('step: masked training step against prune and plain SGD', ratios(taken['peer'], taken['there']), 'times',
            wanted=1.15, beside=f'{sorted(speed)[len(speed) // 2]:.0f} images/s a thread'),
        row('wait: step rate with data over without', ratios(taken['there'], taken['cached']), 'times', wanted=.95)]
    return finish('step', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
