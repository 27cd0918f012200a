"""What every benchmark shares: repeats that alternate, a row for each figure, the machine it is of.

A row says what was measured, the median with the smallest and the largest of n repeats, its unit, what is wanted and
whether more or less of it is better. `finish` prints the rows, writes them where `--json` says, and gives the exit
status: 1 where a row is not as wanted. The page of the site is made from these files."""
import argparse
import json
import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter

PACKAGES = 'lth_nb', 'torch', 'torchvision', 'numpy', 'pandas', 'distributed'


def asked(doc, repeats=5, **more):
    "The options: those of all, and name=default of this one."
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--repeats', type=int, default=repeats, help=f'default {repeats}')
    parser.add_argument('--json', default='', help='file for the rows')
    for name, value in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=f'default {value}')
    return parser.parse_args()


def timed(act):
    "Seconds an act takes."
    began = perf_counter()
    act()
    return perf_counter() - began


def in_turns(repeats, **acts):
    "Seconds of each act, one right after the other in each repeat, the other way round in every second."
    taken = {name: [] for name in acts}
    for repeat in range(repeats):
        order = list(acts) if repeat % 2 == 0 else list(acts)[::-1]
        for name in order: taken[name].append(timed(acts[name]))
    return taken


def row(what, values, unit, *, wanted=None, better='more', beside='', **facts):
    "One figure; facts are values that a program may read."
    values = [float(value) for value in values]
    return dict(what=what, value=median(values), low=min(values), high=max(values), n=len(values), unit=unit,
                wanted=wanted, better=better, beside=beside, **facts)


def ratios(over, under):
    "How many times one is the other, pair by pair."
    return [a / b for a, b in zip(over, under, strict=True)]


def holds(found):
    "Whether a row is as wanted; one that nothing is wanted of is."
    if found['wanted'] is None: return True
    return found['value'] >= found['wanted'] if found['better'] == 'more' else found['value'] <= found['wanted']


def told(found):
    "A row in one line."
    spread = f" [{found['low']:.4g}, {found['high']:.4g}], n = {found['n']}" if found['n'] > 1 else ''
    limit = 'at least' if found['better'] == 'more' else 'at most'
    wanted = '' if found['wanted'] is None else f"   [wanted: {limit} {found['wanted']:g}]"
    beside = f"; {found['beside']}" if found['beside'] else ''
    return f"{found['what']}: {found['value']:.4g} {found['unit']}{spread}{beside}{wanted}"


def processor():
    "The CPU's name, where the system tells."
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(': ')[1] for line in lines if line.startswith('model name')), platform.processor())


def installed(name):
    "A package's version, '' where it is not there."
    try: return version(name)
    except PackageNotFoundError: return ''


def machine():
    "What the figures are of."
    versions = {name: installed(name) for name in PACKAGES if installed(name)}
    return dict(cpu=processor(), cores=os.cpu_count(), python=platform.python_version(), **versions)


def finish(name, rows, to=''):
    "Print, write, judge."
    for found in rows: print(told(found), flush=True)
    if to:
        record = dict(benchmark=name, date=str(date.today()), machine=machine(), rows=rows)
        Path(to).parent.mkdir(parents=True, exist_ok=True)
        Path(to).write_text(json.dumps(record, indent=1) + '\n', encoding='utf-8')
    return int(not all(map(holds, rows)))
