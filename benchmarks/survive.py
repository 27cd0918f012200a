"""Killed at random moments, again and again: does the same command end with the same bits?

    python benchmarks/survive.py [--kills 30] [--seed 0] [--json FILE]

A search and a grid of transfers run once undisturbed. Then each is started in another folder,
killed (SIGKILL, its whole process group) at a random moment, and started again by the same command,
until it was killed so many times and has finished; where it finishes sooner, it begins in a new
folder. What lies there in the end is compared with the undisturbed one: every byte of the bank but
wall time, every column of the run table but those that time enters. Steps of training are counted,
so what the kills cost is known: at most an epoch each, since a state is written after every epoch."""
import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.sharedctypes import RawValue
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1') # a fork has one thread
sys.path.insert(0, str(Path(__file__).resolve().parents[1]/'tests'))

from measured import finish, row
from notebooks import walk  # noqa: E402 the folder of the tests comes first

import lth_nb.training  # noqa: E402
from lth_nb.runs import Runs, table  # noqa: E402

SEARCH = dict(source='digits', model='mlp', rounds='3', search_seeds='1', train='200', threads=1, batch='20',
              keep_trained='0,3', change='max_epochs=30,rewind_at=4it', checkpoint_s=0)
GRID = dict(target='digits', source='digits', model='mlp', rounds='1,3', arms='scratch,ticket', recipe='paper',
            seeds='2', train='200', px='16', batch='20', change='max_epochs=30', threads=1, checkpoint_s=0, keep='none')
TIMED = ['seconds', 'images_per_s', 'whole_seconds']  # Columns that differ from run to run
EPOCH = 10  # Steps: 200 images in batches of 20

train_step, counted = lth_nb.training.train_step, RawValue('q', 0)


def step(*args, **loss):
    "A step of training, counted in memory that outlives this process."
    counted.value += 1
    return train_step(*args, **loss)


def begin(name, before, parameters):
    "A process that runs a notebook up to a cell; the number of the process, which leads a group of its own."
    child = os.fork()
    if child: return child
    os.setsid()
    status = 1
    try:
        lth_nb.training.train_step = step
        with open(os.devnull, 'w') as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
            walk(name, before=before, **parameters)
        status = 0
    finally: os._exit(status)


def ended(child, seconds):
    "Whether a process ended by itself within some seconds, which must be well; else it is killed."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status: raise SystemExit(f'it failed by itself: status {status}')
            return True
        time.sleep(.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def undisturbed(name, before, parameters):
    "Seconds and steps of a run that nobody kills."
    counted.value, began = 0, time.monotonic()
    ended(begin(name, before, parameters), 3600)
    return time.monotonic() - began, counted.value


def tormented(name, before, parameters_in, kills, whole_seconds, chance):
    "The folders in which it finished at last, and the steps it took; killed so many times."
    folders, left = [], kills
    counted.value = 0
    while left or not folders or not folders[-1][1]:
        if not folders or folders[-1][1]: folders.append([Path(tempfile.mkdtemp()), False])
        place = folders[-1]
        seconds = chance.uniform(0, .6 * whole_seconds) if left else 3600
        if ended(begin(name, before, parameters_in(place[0])), seconds): place[1] = True
        else: left -= 1
    return [folder for folder, _ in folders], counted.value


def bank_in(folder):
    "Everything a bank holds but wall time."
    bank = folder/'banks/digits-mlp-paper-s0'
    card = json.loads((bank/'card.json').read_text())
    for report in card['rounds']: report.pop('seconds')
    return card, {path.name: path.read_bytes() for path in sorted(bank.iterdir()) if path.name != 'card.json'}


def table_in(folder):
    "Every run of a store, but for what time enters; and what is left over."
    rows = table(Runs(folder)).drop(columns=TIMED).sort_values('key').reset_index(drop=True)
    left = sorted(str(path.relative_to(folder)) for path in (folder/'unfinished').rglob('*') if path.is_file())
    return rows.to_csv(), left


def survived(what, notebook, parameters_in, content, kills, seed):
    "Kill it so many times; what it cost, and whether the end is the same."
    whole = Path(tempfile.mkdtemp())
    seconds, steps = undisturbed(*notebook, parameters_in(whole))
    folders, taken = tormented(*notebook, parameters_in, kills, seconds, random.Random(seed))
    same = all(content(folder) == content(whole) for folder in folders)
    return whole, dict(what=what, kills=kills, finished=len(folders), same=same, steps=steps * len(folders),
                       repeated=taken - steps * len(folders), epoch=EPOCH, seconds=round(seconds, 2))


def main():
    "Both, one line each; the status is 1 where an end differs or a kill cost more than an epoch."
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--kills', type=int, default=30)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', default='')
    asked = parser.parse_args()
    data = tempfile.mkdtemp()

    def search_in(folder): return SEARCH | dict(out=str(folder), bank=str(folder/'banks'), data=data)
    whole, search = survived('search', ('find_tickets', ''), search_in, bank_in, asked.kills, asked.seed)

    def grid_in(folder): return GRID | dict(out=str(folder), bank=str(whole/'banks'), data=data)
    _, grid = survived('grid', ('run_transfer', 'Verdict'), grid_in, table_in, asked.kills, asked.seed)
    for found in (search, grid):
        print(f"{found['what']}: killed {found['kills']} times, finished {found['finished']} times, the same bits: "
              f"{found['same']}; {found['repeated']} of {found['steps']} steps were repeated")
    rows = [row(f"survive: {found['what']}, steps repeated for each kill -9", [found['repeated'] / found['kills']],
                'steps', wanted=EPOCH, better='less',
                beside=f"{found['kills']} kills", kills=found['kills'], same=found['same'])
            for found in (search, grid)]
    finish('survive', rows, asked.json)
    return int(any(not found['same'] or found['repeated'] > found['kills'] * EPOCH for found in (search, grid)))


if __name__ == '__main__': raise SystemExit(main())
