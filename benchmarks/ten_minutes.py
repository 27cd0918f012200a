"""What ten minutes of this machine tell: the half-width of ticket - scratch on each of four real sets.

    python benchmarks/ten_minutes.py --sets blood_cells,tissue,genres,painters [--data FOLDER] [--json FILE]

`lth run run_transfer -p target SET` with its defaults, as a newcomer types it, stopped after ten minutes where it is
not done. What is finished by then is read as the notebook would read it. Half the interval's length counts, in points,
and not where it lies. Sets that are not in the data folder are named, and passed over."""
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from measured import asked, finish, row

from lth_nb.runs import Runs
from lth_nb.stats import pooled, readings

LTH = Path(sys.executable).with_name('lth')
MINUTES, WANTED = 10., 5. # Until it is stopped; points
NOTHING = 100. # Points: where no interval can be given, nothing is excluded


def for_so_long(words, minutes, cwd):
    "Minutes of a command that is stopped when its time is over."
    own = {name: value for name, value in os.environ.items() if name != 'OMP_NUM_THREADS'} # as many as it takes itself
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = perf_counter()
    process = subprocess.Popen(words, cwd=cwd, env=own, start_new_session=True, **quiet)
    try: status = process.wait(60 * minutes)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    else:
        if status: raise SystemExit(f"{' '.join(map(str, words))} ended with {status}: type it to see why")
    return (perf_counter() - began) / 60


def learned(store):
    "Half-width in points and n of ticket - scratch among the runs that are there."
    runs = Runs(store).table()
    if not {'ticket', 'scratch'} <= set(runs.arm): return NOTHING, 0
    one, = readings(runs)
    found = pooled([one], 'ticket', 'scratch')
    return 50 * (found.hi - found.lo) if found.n > 1 else NOTHING, found.n


def main():
    "A row a set."
    options = asked(__doc__, 1, sets='blood_cells,tissue,genres,painters', minutes=MINUTES,
                    data=os.environ.get('LTH_DATA', 'data'))
    rows = []
    for name in options.sets.split(','):
        if not (Path(options.data)/name).exists():
            print(f'{name} is not in {options.data}: lth data prepare {name}', file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as home:
            words = [LTH, 'run', 'run_transfer', '-p', 'target', name, '-p', 'data', Path(options.data).absolute(),
                     '-p', 'out', f'{home}/runs']
            taken = for_so_long(words, options.minutes, home)
            half_width, n = learned(f'{home}/runs')
        wanted = WANTED if options.minutes == MINUTES else None
        rows.append(row(f'ten minutes: half-width of ticket - scratch on {name}', [half_width], 'points',
                        wanted=wanted, better='less', beside=f'n = {n} seeds after {taken:.1f} min'))
    return finish('ten_minutes', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
