"""Seconds of `lth predict` on 10,000 new images of 80 px, on one core.

    python benchmarks/predict.py [--images 10000] [--repeats 3] [--json FILE]

A resnet20_8 is trained on drawn cells for a moment and kept, so what is timed is the command as it is typed: the whole
process, its start, every file found, decoded, looked at and named, and the table written. The images are JPEGs of
drawn cells. Where the system can, the process is held to one core."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measured import asked, finish, row, timed
from PIL import Image

from lth_nb.compute import compute
from lth_nb.datasets.standins import draw_standin
from lth_nb.runs import Runs

sys.path.insert(0, str(Path(__file__).parents[1]/'tests'))
import test_keep  # noqa: E402 the folder of the tests comes first

LTH = Path(sys.executable).with_name('lth')
WANTED, FILES = 60., 10_000 # Seconds; images they are for
DRAWN = 500 # Different images; the others are these again


def kept(home):
    "A network that was trained for a moment and kept; its folder."
    cells = test_keep.draw(home/'cells', n=40, px=80)
    compute(test_keep.question(cells, home, px=32, batch=32), Runs(home), folder=home/'results', keep='best')
    return next(path.parent for path in (home/'results').rglob('model.json'))


def new(folder, images):
    "So many files of drawn cells."
    folder.mkdir()
    arrays, _ = draw_standin('mouse_lba', 'test', np.arange(min(images, DRAWN)), 80)
    for number in range(images):
        Image.fromarray(arrays[number % DRAWN]).save(folder/f'{number:05d}.jpg', quality=90)
    return folder


def one_core():
    "Hold this process to one of the cores it may have, where the system can."
    if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def main():
    "One row."
    options = asked(__doc__, repeats=3, images=FILES)
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        words = [LTH, 'predict', kept(home), new(home/'new', options.images), '--to', home/'predictions.csv']

        def predicted():
            "The command; its table must name every image."
            subprocess.run(words, env=os.environ | dict(OMP_NUM_THREADS='1'), preexec_fn=one_core, check=True,
                           cwd=home, stdin=subprocess.DEVNULL, capture_output=True)
            named = len((home/'predictions.csv').read_text().splitlines()) - 1
            if named != options.images: raise SystemExit(f'{named} of {options.images} images are in the table')
            (home/'predictions.csv').unlink()
        taken = [timed(predicted) for _ in range(options.repeats)]
    wanted = WANTED if options.images == FILES else None
    rows = [row(f'predict: {options.images:,} images of 80 px on one core', taken, 's', wanted=wanted, better='less')]
    return finish('predict', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
