"""What a transfer and the decoding of a large set take of memory.

    python benchmarks/memory.py [--gigabytes 20] [--json FILE]

Peaks of a process and all its children, read thirty times a second; memory two of them share is counted twice. The
transfer: `lth run run_transfer` on a drawn set of 320 images, ten runs by two threads. The set: JPEGs of 640 px that
are decoded to so many gigabytes of pixels, once to a tenth of it and once to all; the file is written to the folder
that $TMPDIR names, and removed."""
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import shutil  # noqa: E402 its threads are set above
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import psutil  # noqa: E402
from measured import asked, finish, row  # noqa: E402

SIDE = 448  # Of a decoded image
ASKED = dict(target='mouse_lba', train=320, seeds=2, search_seeds=2, rounds=10, threads=2,
             change='max_epochs=4,finetune_tries=1')
DECODE = """
import sys
from pathlib import Path
from lth_nb.datasets.images import cached
files, count = Path(sys.argv[1]), int(sys.argv[3])
drawn = [file.read_bytes() for file in sorted(files.iterdir())]
def entries():
    for number in range(count): yield f'{number:07}.jpg', drawn[number % len(drawn)]
print(cached(sys.argv[2], entries, 448).images.pixels.nbytes)
"""


def tree(process):
    "Bytes a process and its children hold now; shared files that are mapped are no memory of theirs."
    held = 0
    for one in [process, *process.children(recursive=True)]:
        try: held += one.memory_info().rss - one.memory_info().shared
        except psutil.Error: continue
    return held


def peak_of(words, **where):
    "Largest gigabytes of a command, and what it printed."
    with tempfile.TemporaryFile() as printed:
        started = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.DEVNULL, **where)
        process, peak = psutil.Process(started.pid), 0
        while started.poll() is None:
            try: peak = max(peak, tree(process))
            except psutil.Error: break
            time.sleep(.03)
        if started.wait(): raise SystemExit(f'{words[:4]} failed')
        printed.seek(0)
        return peak / 2**30, printed.read().decode()


def drawn_into(folder):
    "Forty JPEGs of noise, smooth enough to be of the size of photographs."
    import numpy as np
    from PIL import Image
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        rough = Image.fromarray(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8))
        rough.resize((640, 640)).save(folder/f'{number:02}.jpg', quality=90)
    return folder


def main():
    "Two rows for the set, one for a transfer."
    options, rows = asked(__doc__, 1, gigabytes=20.), []
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        lth = Path(sys.executable).with_name('lth')
        words = [word for name, value in ASKED.items() for word in ('-p', name, str(value))]
        peak, _ = peak_of([str(lth), 'run', 'run_transfer', *words, '-p', 'out', str(home/'runs')], cwd=home)
        rows.append(row('memory: peak of run_transfer, command and kernel', [peak], 'GB'))
        files = drawn_into(home/'files')
        for gigabytes in (options.gigabytes / 10, options.gigabytes):
            count = round(gigabytes * 2**30 / (SIDE * SIDE * 3))
            if shutil.disk_usage(home).free < 1.2 * gigabytes * 2**30:
                print(f'{home} has no room for {gigabytes:g} GB: name another folder by TMPDIR', file=sys.stderr)
                continue
            began = time.monotonic()
            peak, said = peak_of([sys.executable, '-c', DECODE, str(files), str(home/'cache'), str(count)])
            rows.append(row(f'memory: peak of decoding a set to {int(said) / 2**30:.3g} GB of pixels', [peak], 'GB',
                            beside=f'{count:,} images in {time.monotonic() - began:.0f} s'))
            for left in home.glob('cache*'): shutil.rmtree(left) if left.is_dir() else left.unlink()
    return finish('memory', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
