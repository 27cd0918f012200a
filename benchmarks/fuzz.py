"""Thousands of damaged files: each is refused in words or read as it was; how long the slowest took, and how much memory.

    python benchmarks/fuzz.py [--examples 3000] [--seed 0] [--json FILE]

Banks, packed banks, runs, studies, networks, image sets and archives, each with one damage drawn by hypothesis: a bit
turned, a piece cut, doubled or overwritten, a value of a JSON file replaced. The tests try a few hundred of the same."""
import argparse
import json
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as draws

sys.path.insert(0, str(Path(__file__).parents[1]/'tests'))
import fuzzing  # noqa: E402
import test_keep  # noqa: E402

from lth_nb.compute import compute  # noqa: E402
from lth_nb.runs import Runs  # noqa: E402

LONGEST, LARGEST_MB = 30., 2048 # Seconds of one reading; memory of all


def tried(thing, number, drawn, folder):
    "What became of so many damaged files of one kind, and the seconds of the slowest."
    became, slowest = Counter(), [0.]

    @seed(drawn)
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(draws.sampled_from(thing.files), fuzzing.CHANGES)
    def damage(file, change):
        began = perf_counter()
        became[fuzzing.outcome(thing, file, change, folder)] += 1
        slowest[0] = max(slowest[0], perf_counter() - began)
    damage()
    return dict(kind=thing.name, tried=sum(became.values()), **became, slowest=round(slowest[0], 2))


def main():
    "One row a kind; an error of a reader ends it with the damage that made it."
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--examples', type=int, default=3000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', default='')
    asked, rows = parser.parse_args(), []
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        work = test_keep.question(test_keep.draw(home/'cells'), home)
        compute(work, Runs(home), folder=home/'results', keep='best')
        model = next(path.parent for path in (home/'results').rglob('model.json'))
        things = fuzzing.things(home/'things', model)
        (home/'at').mkdir()
        for thing in things:
            few = 10 if thing.name == 'study' else 1 # a study of 932 runs takes a while to read
            rows.append(tried(thing, asked.examples // len(things) // few, asked.seed, home/'at'))
            print(rows[-1], flush=True)

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    slowest = max(row['slowest'] for row in rows)
    print(f'slowest {slowest:.1f} s, peak {peak:.0f} MB of memory')
    if asked.json:
        found = dict(kinds=rows, peak_mb=round(peak), slowest=slowest, tried=sum(row['tried'] for row in rows))
        Path(asked.json).write_text(json.dumps(found, indent=1) + '\n')
    return int(slowest > LONGEST or peak > LARGEST_MB)


if __name__ == '__main__': raise SystemExit(main())
