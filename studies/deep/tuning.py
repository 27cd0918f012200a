"""How long scratch is trained, and at which side: read on validation alone, the test split sealed.

    python studies/deep/tuning.py FOLDER_OF_DATA [TARGET ...]

A row per run joins tuning.csv beside this file; rows that are there are not repeated. Where a
doubling gained less than a point, longer ones are not asked for: the rule has been decided."""
import csv
import os
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean

import torch

import lth_nb as lth
from lth_nb.datasets import subset
from lth_nb.masks import full_mask
from lth_nb.models import prunable
from lth_nb.protocol import changed, seed_from

TRAIN = dict(blood_cells='40/class', tissue='60/class', genres='40/class', painters='20/class')
SIDES = dict(blood_cells=(32,), tissue=(32,), genres=(32, 64), painters=(32, 64))
BUDGETS = 30, 60, 120, 240
LARGEST = 60 # Epochs at 64 px, asked only whether they are worth four times the time
SEEDS = 0, 1, 2
ENOUGH = .01 # A doubling that gains less in the mean is not worth its time
COLUMNS = ('target', 'fingerprint', 'recipe', 'changed', 'train', 'px', 'epochs', 'seed',
           'val_acc', 'val_loss')
table = Path(__file__).with_name('tuning.csv')


def rows():
    "What is there."
    if not table.exists():
        return []
    with table.open(newline='') as opened:
        return list(csv.DictReader(opened))


def keep(row):
    "Add a row."
    new = not table.exists()
    with table.open('a', newline='') as opened:
        writer = csv.DictWriter(opened, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def trained(target, data, px, max_epochs, seed):
    "One scratch run, read on validation."
    protocol = lth.protocol('demo', 'tuned', max_epochs=max_epochs, px=px)
    splits = lth.load(target, data, px=px)
    part = subset(splits.train, TRAIN[target], seed)
    model = lth.build(protocol.model, classes=len(splits.classes), px=px,
                      seed=seed_from('tuning', target, seed))
    fewer = replace(splits, train=part)
    fitted = lth.fit(model, full_mask(prunable(model)), fewer, protocol, seed=seed)
    best = min(fitted.history, key=lambda epoch: epoch['val_loss'])
    return dict(target=target, fingerprint=splits.fingerprint, recipe='tuned',
                changed=changed(protocol, 'demo', 'tuned'), train=TRAIN[target], px=px,
                epochs=max_epochs, seed=seed, val_acc=best['val_acc'], val_loss=best['val_loss'])


def reached(target, max_epochs):
    "Mean validation accuracy at 32 px, or None where a seed is missing."
    asked = (target, '32', str(max_epochs))
    found = [float(row['val_acc']) for row in rows()
             if (row['target'], row['px'], row['epochs']) == asked]
    return mean(found) if len(found) == len(SEEDS) else None


def decided(target, max_epochs):
    "Has an earlier doubling gained too little, so that this length answers nothing?"
    lengths = [reached(target, shorter) for shorter in BUDGETS if shorter < max_epochs]
    doublings = [pair for pair in zip(lengths, lengths[1:]) if None not in pair]
    return any(longer - shorter < ENOUGH for shorter, longer in doublings)


def wanted(targets):
    "Target, side, epochs and seed of every run, the shortest first."
    for max_epochs, target in product(BUDGETS, targets):
        if decided(target, max_epochs):
            continue
        for px in SIDES[target]:
            if px == 32 or max_epochs == LARGEST:
                yield from product([target], [px], [max_epochs], SEEDS)


def main(data, targets):
    "Every run that is not there yet."
    torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', '1')))
    for target, px, max_epochs, seed in wanted(targets or TRAIN):
        there = {(row['target'], row['px'], row['epochs'], row['seed']) for row in rows()}
        if (target, str(px), str(max_epochs), str(seed)) not in there:
            keep(trained(target, data, px, max_epochs, seed))
            print(target, px, max_epochs, seed, flush=True)


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
