"""Images per second: ours, once cached, against ImageFolder and a DataLoader of two workers with the same crops.

    python benchmarks/data.py                      JPEGs of short side 192, drawn here
    python benchmarks/data.py --data pbc.tar       a folder or an archive of your own

The peer at its best reasonable settings: two workers kept alive between passes, a warm-up pass that is not counted,
Pillow's resize (short side 8/7 of the crop), a random crop, ToTensor, Normalize, batches of 64. Ours: batches of 64
from a warm cache, in one thread. Both give normalised float32 batches. Each repeat times one right after the other,
so their ratio is of one moment of a busy machine; the figure is the median ratio with its smallest and largest.

Building a cache is timed likewise, against one warm pass of the same loader.
"""
import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import PIL
import torch
import torchvision
from measured import finish, row
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from lth_nb.datasets.folders import entries_of
from lth_nb.datasets.images import Batches, cached, channel_stats
from lth_nb.datasets.standins import draw_standin

TARGET = {32: 15, 64: 8, 224: 3}  # times the peer's images/s
BUILD = 1.2                       # passes of the peer that a cache may cost


def drawn_folder(
    folder:Path, # To be filled
    n:int,       # Images
)->Path: # The same folder: <class>/<number>.jpg
    "Stand-ins as JPEGs of short side 192."
    for k, (image, label) in enumerate(zip(*draw_standin('mouse_lba', 'train', np.arange(n), 192))):
        (folder/str(label)).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder/str(label)/f'{k:05d}.jpg', quality=82)
    return folder


def class_folders(
    source:Path, # A folder or an archive
    scratch:Path, # Where an archive is unpacked, since ImageFolder reads no archives
)->Path: # The folder that holds the class folders: train/ where there are splits
    "A folder that ImageFolder can read."
    if not source.is_dir():
        for name, data in entries_of(source):
            (scratch/name).parent.mkdir(parents=True, exist_ok=True)
            if data is not None: (scratch/name).write_bytes(data)
        source = scratch
    while len(inside := [p for p in source.iterdir() if p.is_dir()]) == 1: source = inside[0]
    return source/'train' if (source/'train').is_dir() else source


def peer(
    folder:Path, # Of class folders
    *,
    px:int,      # Side of the crop
    mean:list,   # Of each channel
    std:list,    # Of each channel
    workers:int, # Processes
)->DataLoader: # Of normalised batches of 64
    "torchvision's way."
    chain = [transforms.Resize(round(px * 8 / 7)), transforms.RandomCrop(px), transforms.ToTensor(),
             transforms.Normalize(mean, std)]
    return DataLoader(ImageFolder(folder, transforms.Compose(chain)), 64, shuffle=True, drop_last=True,
                      num_workers=workers, persistent_workers=workers > 0)


def one_pass(
    loader:DataLoader, # Of `peer`
)->tuple: # Images and seconds
    "Go through the set once."
    start = perf_counter()
    return sum(len(y) for x, y in loader), perf_counter() - start


def cached_pass(
    batches:Batches, # Ours
    seconds:float,   # Time to spend at least, so that a fast pass is not over before it can be timed
)->tuple: # Images and seconds
    "Take batches, one epoch after another."
    start, step, n = perf_counter(), 0, 0
    while step < len(batches) or perf_counter() - start < seconds:
        n, step = n + len(batches[step][1]), step + 1
    return n, perf_counter() - start


def told(
    values:list, # One per repeat
    digits:int=1, # After the point
)->str: # 'median (smallest to largest, n = 5)'
    "Values of repeats in a few words."
    middle, low, high = (f'{v:,.{digits}f}' for v in (median(values), min(values), max(values)))
    return f'{middle} ({low} to {high}, n = {len(values)})'


def compare(
    folder:Path, # Of class folders
    px:int,      # Side of the crop
    *,
    repeats:int, # Pairs
    workers:int, # Of the peer
)->tuple: # Ratios of images/s, and of a build to a pass
    "Time both at one size, in pairs, and say what came out."
    with tempfile.TemporaryDirectory() as scratch:
        def build(k): return cached(Path(scratch, str(k)), lambda: entries_of(folder), round(px * 8 / 7))
        store = build('kept')
        mean, std = channel_stats(store.images)
        ours = Batches(store.images, px=px, batch=64, mean=mean, std=std)
        loader = peer(folder, px=px, mean=mean.tolist(), std=std.tolist(), workers=workers)
        one_pass(loader)
        theirs, fast, rates, builds = [], [], [], []
        for k in range(repeats):
            (n, slow), (many, quick) = one_pass(loader), cached_pass(ours, 1)
            start = perf_counter()
            build(k)
            builds.append((perf_counter() - start) / slow * n / len(store.paths))  # the loader drops the last batch
            theirs.append(n / slow)
            fast.append(many / quick)
            rates.append(fast[-1] / theirs[-1])
    print(f'{px:4d} px  {told(theirs, 0)} images/s theirs, {told(fast, 0)} ours: {told(rates)} times'
          f'   [wanted: {TARGET.get(px, 1)}]')
    print(f'         a cache costs {told(builds, 2)} passes   [wanted: at most {BUILD}]', flush=True)
    return rates, builds


def main():
    "Read the command line, measure, print; exit code 1 where a median misses what is wanted."
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument('--data', default='', help='folder or archive of class folders, perhaps in splits; empty: drawn')
    ask.add_argument('--images', type=int, default=640, help='how many to draw')
    ask.add_argument('--px', default='32,64,224', help='sides of the crop')
    ask.add_argument('--repeats', type=int, default=5, help='pairs of passes')
    ask.add_argument('--workers', type=int, default=2, help='processes of the DataLoader')
    ask.add_argument('--threads', type=int, default=1, help="torch's threads in this process")
    ask.add_argument('--json', default='', help='file for the rows')
    a = ask.parse_args()
    torch.set_num_threads(a.threads)
    model = [line.split(': ')[1] for line in Path('/proc/cpuinfo').read_text().splitlines() if 'model name' in line] \
        if Path('/proc/cpuinfo').exists() else [platform.processor()]
    print(f'{model[0]}, {os.cpu_count()} cores; Python {platform.python_version()}, torch {torch.__version__}, '
          f'torchvision {torchvision.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}')
    with tempfile.TemporaryDirectory() as scratch:
        folder = class_folders(Path(a.data), Path(scratch)) if a.data else drawn_folder(Path(scratch), a.images)
        count = sum(data is not None for _, data in entries_of(folder, read=False))
        print(f"{count:,} images of {Path(a.data).name if a.data else 'drawn stand-ins, JPEG, 192 px'}; "
              f'batches of 64, {a.workers} workers, {a.threads} thread(s) here', flush=True)
        sizes = [int(px) for px in a.px.split(',')]
        found = {px: compare(folder, px, repeats=a.repeats, workers=a.workers) for px in sizes}
    rows = []
    for px, (rates, builds) in found.items():
        what = f'data: images/s from a warm cache at {px} px over ImageFolder and DataLoader'
        rows.append(row(what, rates, 'times', wanted=TARGET.get(px, 1)))
        what = f'data: building that cache at {px} px over a pass of the loader'
        rows.append(row(what, builds, 'times', wanted=BUILD, better='less'))
    return finish('data', rows, a.json)


if __name__ == '__main__': sys.exit(main())
