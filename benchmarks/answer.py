"""Seconds a person waits: for help, for a plan, for the first finished run, for a figure of 5,000 runs.

    python benchmarks/answer.py [--repeats 5] [--json FILE]

`lth --help`, `lth data list` and `lth run run_transfer --plan` are whole processes, of somebody who has no sets of
images yet: $LTH_DATA is not passed on. The first run is that of
`lth run run_transfer -p target mouse_lba` with the defaults, from the command to the first line of a run in
progress.jsonl; it is stopped there. The figure is read from a table of 5,000 rows to a panel that can be shown."""
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from measured import asked, finish, row, timed

LTH = Path(sys.executable).with_name('lth')
FIGURE = 1. # Seconds wanted for it
NEWCOMER = {name: value for name, value in os.environ.items() if name != 'LTH_DATA'}


def command(*words, cwd):
    "Seconds of a whole process."
    quiet = dict(stdin=subprocess.DEVNULL, capture_output=True, check=True, env=NEWCOMER)
    return timed(lambda: subprocess.run([LTH, *words], cwd=cwd, **quiet))


def first_run(cwd):
    "Seconds to the first finished run of the demo."
    began = time.perf_counter()
    words = ['run', 'run_transfer', '-p', 'target', 'mouse_lba', '-p', 'out', 'runs']
    process = subprocess.Popen([LTH, *words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True, env=NEWCOMER)
    progress = Path(cwd)/'runs/mouse_lba/progress.jsonl'
    while not (progress.exists() and '"run"' in progress.read_text()):
        if process.poll() is not None: raise SystemExit(f'the run ended with {process.returncode}')
        time.sleep(.05)
    taken = time.perf_counter() - began
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return taken


def figure():
    "A panel of 5,000 runs, made from the committed study; seconds from the table."
    from lth_nb.figures import curves
    from lth_nb.stats import readings
    from lth_nb.study import open_study
    table = open_study('real_small').table
    tuned = table[table.search_recipe.isin(['', 'paper']) & (table.recipe == 'tuned')]
    parts, number = [], 0
    while sum(map(len, parts)) < 5000:
        copy = tuned.assign(seed=tuned.seed + 100 * number, key=tuned.key + f'-{number}')
        parts.append(copy)
        number += 1
    many = pd.concat(parts).head(5000)

    def drawn():
        curves(list(readings(many)), arms=('ticket', 'reinit', 'shuffled')).to_json()
    drawn() # warm
    return drawn


def main():
    "Five rows."
    options = asked(__doc__)
    with tempfile.TemporaryDirectory() as home:
        rows = []
        for what, words in (('help: lth --help', ['--help']), ('list: lth data list', ['data', 'list']),
                            ('plan: lth run run_transfer --plan', ['run', 'run_transfer', '--plan'])):
            command(*words, cwd=home) # warm
            rows.append(row(what, [command(*words, cwd=home) for _ in range(options.repeats)], 's'))
        firsts = []
        for repeat in range(min(options.repeats, 3)):
            (Path(home)/f'{repeat}').mkdir()
            firsts.append(first_run(Path(home)/f'{repeat}'))
        rows.append(row('first: from lth run to the first finished run of the demo', firsts, 's'))
        drawn = figure()
        drawing = [timed(drawn) for _ in range(options.repeats)]
        rows.append(row('figures: 5,000 runs to a panel', drawing, 's', wanted=FIGURE, better='less'))
    return finish('answer', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
