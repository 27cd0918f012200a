"Shared by all tests: the project's folder, a copy of it, and programs run without a terminal."
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

os.environ.setdefault('PLOTLY_RENDERER', 'plotly_mimetype')
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Pictures are drawn by a browser, seconds a notebook: in the tests that look at them, and in no other.
BROWSER = os.environ.get('CHROMIUM') or shutil.which('chromium') or 'none'
WITH_BROWSER = dict(BROWSER_PATH=BROWSER)
os.environ['BROWSER_PATH'] = 'none'
os.environ.setdefault('HYPOTHESIS_STORAGE_DIRECTORY', str(Path(tempfile.gettempdir())/'hypothesis'))
LONG = ('test_figures.py', 'test_lab.py', 'test_site.py', 'test_experiments.py', 'test_survival.py',
        'test_package.py')
ROOT = Path(__file__).resolve().parents[1]
MACHINE = re.compile(r'(?<![\w.}])/(?:home|root|work|tmp|opt|Users)/')
LEFT = shutil.ignore_patterns(
    '.venv*', '.git', 'runs', 'data', 'build', 'dist', '_docs', '_build', '_share', 'llms.txt',
    '*.egg-info', '__pycache__', '.pytest_cache', '.ruff_cache', '.import_linter_cache',
    '.ipynb_checkpoints', '.hypothesis')


def call(*args, cwd=ROOT, **env):
    "Run a program with nothing on stdin; a name without a folder is looked up beside this Python first."
    own = Path(sys.executable).parent/str(args[0])
    args = [str(own) if own.exists() else str(args[0]), *map(str, args[1:])]
    env = {**os.environ, **env}
    return subprocess.run(args, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def copy_project(into):
    "A copy of what is kept of this project: no environment, results, data or caches."
    shutil.copytree(ROOT, into, ignore=LEFT)
    return into


@pytest.fixture
def root(): return ROOT


@pytest.fixture
def project(tmp_path): return copy_project(tmp_path/'project')


def once(tmp_path_factory, name, make):
    "The folder `name`, which `make` fills once for all workers of a session."
    base = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ: base = base.parent
    folder, done = base/name, base/f'{name}.done'
    with FileLock(base/f'{name}.lock'):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def search(folder):
    "A smoke search on digits with resnet20_8, rounds 0 and 1, whose bank is then said to be a real one."
    given = '-p', 'smoke', 'True', '-p', 'bank', folder/'banks', '-p', 'threads', '1'
    done = call('papermill', ROOT/'nbs/experiments/find_tickets.ipynb', 'out.ipynb', *given, cwd=folder)
    assert done.returncode == 0, done.stderr
    for card in (folder/'banks').glob('*/card.json'):  # a smoke bank is refused elsewhere; here it plays a real one
        facts = json.loads(card.read_text())
        assert facts['smoke'] is True
        card.write_text(json.dumps(facts | dict(smoke=False)))


@pytest.fixture(scope='session')
def tickets(tmp_path_factory):
    "A folder with one bank, as find_tickets' smoke run leaves it."
    return once(tmp_path_factory, 'tickets', search)/'banks'


def pytest_collection_modifyitems(items):
    "Files that take long come first, so that two workers end together."
    order = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONG)))
