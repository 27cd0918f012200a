"""The peer: what a careful user writes with torch and torchvision alone. Nothing of lth_nb.

ImageFolder, DataLoader with workers that stay, transforms of torchvision, `torch.nn.utils.prune`, SGD with Nesterov
momentum, the best epoch by validation, rewinding to an early epoch. `python benchmarks/peer.py FOLDER` searches tickets
on FOLDER/train, val and test, each with a folder a class; with `--rounds 0` it trains one network."""
import argparse
import copy
import json
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import torch.nn.utils.prune as prune
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder


class Block(nn.Module):
    "Two convolutions beside a shortcut that costs nothing."
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        self.stride, self.more = stride, (outside - inside) // 2

    def forward(self, x):
        inner = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        short = x if self.stride == 1 else F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        return F.relu(inner + short)


def resnet20(width, classes):
    "ResNet-20 for small images."
    layers, inside = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()], width
    for outside, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        for at in range(3):
            layers.append(Block(inside, outside, stride if at == 0 else 1))
            inside = outside
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))


def optimizer(model): return torch.optim.SGD(model.parameters(), .1, .9, nesterov=True, weight_decay=1e-5)


def loaders(folder, px, batch, workers):
    "Training, validation and test batches."
    norm = transforms.Normalize((.5,) * 3, (.5,) * 3)
    resized = transforms.Resize(px * 8 // 7)
    cropped = transforms.Compose([resized, transforms.RandomCrop(px), transforms.ToTensor(), norm])
    centred = transforms.Compose([resized, transforms.CenterCrop(px), transforms.ToTensor(), norm])
    kept = dict(num_workers=workers, persistent_workers=workers > 0)
    train = DataLoader(ImageFolder(Path(folder, 'train'), cropped), batch, shuffle=True, drop_last=True, **kept)
    return train, *(DataLoader(ImageFolder(Path(folder, split), centred), 256, **kept) for split in ('val', 'test'))


@torch.no_grad()
def evaluated(model, batches):
    "Mean loss and accuracy."
    model.eval()
    count = right = loss = 0.
    for x, y in batches:
        out = model(x)
        count += len(y)
        right += (out.argmax(1) == y).sum().item()
        loss += F.cross_entropy(out, y, reduction='sum').item()
    return loss / count, right / count


def trained(model, train, val, epochs, early=0):
    "Train; the network ends with its best weights. The state after epoch `early` comes back."
    opt, best, kept = optimizer(model), (float('inf'), {}), None
    for epoch in range(epochs):
        model.train()
        for x, y in train:
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch + 1 == early: kept = copy.deepcopy(model.state_dict())
        val_loss, _ = evaluated(model, val)
        if val_loss < best[0]: best = val_loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(best[1])
    return kept


def searched(folder, *, px=32, epochs=6, rounds=5, batch=64, width=8, early=2, workers=2, seed=0):
    """Train, prune a fifth, rewind, and again; seconds and test accuracies.

    A round that begins at the rewound epoch trains on from there, so it has `epochs - early` epochs."""
    torch.manual_seed(seed)
    train, val, test = loaders(folder, px, batch, workers)
    model = resnet20(width, len(train.dataset.classes))
    convs = [(module, 'weight') for module in model.modules() if isinstance(module, nn.Conv2d)]
    for conv in convs: prune.identity(*conv)
    began, theta, accuracies = time.perf_counter(), None, []
    with tempfile.TemporaryDirectory() as place:
        for at_round in range(rounds + 1):
            if at_round == 0: theta = trained(model, train, val, epochs, early)
            else: trained(model, train, val, epochs - early)
            accuracies.append(evaluated(model, test)[1])
            torch.save(model.state_dict(), f'{place}/{at_round}.pt')
            if at_round == rounds: break
            prune.global_unstructured(convs, prune.L1Unstructured, amount=.2)
            masks = {name: value.clone() for name, value in model.state_dict().items() if name.endswith('_mask')}
            model.load_state_dict({**theta, **masks})
    return dict(seconds=time.perf_counter() - began, accuracies=accuracies)


def main():
    "One JSON line."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder')
    numbers = dict(px=32, epochs=6, rounds=5, batch=64, width=8, early=2, workers=2, seed=0, threads=2)
    for name, value in numbers.items(): parser.add_argument(f'--{name}', type=int, default=value)
    asked = vars(parser.parse_args())
    torch.set_num_threads(asked.pop('threads'))
    print(json.dumps(searched(**asked)))


if __name__ == '__main__': main()
