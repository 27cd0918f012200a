"""Thousands of damaged files, each refused in words or read as it was; the seconds of the slowest, the memory of all.

    python benchmarks/fuzz.py [--examples 3000] [--seed 0] [--json FILE]

Banks, packed banks, runs, studies, networks, image sets and archives, each with one damage drawn by hypothesis:
a bit turned, a piece cut, doubled or overwritten, a value of a JSON file replaced. The tests try a few hundred."""
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as drawn_from
from hypothesis import strategies as draws
from measured import asked, finish, row

sys.path.insert(0, str(Path(__file__).parents[1]/'tests'))
import fuzzing  # noqa: E402
import test_keep  # noqa: E402

from lth_nb.compute import compute  # noqa: E402
from lth_nb.runs import Runs  # noqa: E402

LONGEST, LARGEST_MB = 30., 2048 # Seconds of one reading; memory of all


def tried(thing, number, drawn, folder):
    "What became of so many damaged files of one kind, and the seconds of the slowest."
    became, slowest = Counter(), [0.]

    @drawn_from(drawn)
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
    options, kinds = asked(__doc__, examples=3000, seed=0), []
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        work = test_keep.question(test_keep.draw(home/'cells'), home)
        compute(work, Runs(home), folder=home/'results', keep='best')
        model = next(path.parent for path in (home/'results').rglob('model.json'))
        things = fuzzing.things(home/'things', model)
        (home/'at').mkdir()
        for thing in things:
            few = 10 if thing.name == 'study' else 1 # a study of 932 runs takes a while to read
            kinds.append(tried(thing, max(1, options.examples // len(things) // few), options.seed, home/'at'))
            print(kinds[-1], flush=True)

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    became = {what: sum(kind.get(what, 0) for kind in kinds) for what in ('tried', 'refused', 'read')}
    rows = [
        row(f"fuzz: the slowest of {became['tried']:,} damaged files", [max(kind['slowest'] for kind in kinds)], 's',
            wanted=LONGEST, better='less', beside=f"{became['refused']:,} refused in words, {became['read']:,} read"),
        row('fuzz: most memory', [peak], 'MB', wanted=LARGEST_MB, better='less')]
    return finish('fuzz', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
