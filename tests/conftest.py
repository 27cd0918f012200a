"Shared by all tests: the project's folder, a copy of it, and programs run without a terminal."
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault('PLOTLY_RENDERER', 'plotly_mimetype')
os.environ.setdefault('OMP_NUM_THREADS', '1')
ROOT = Path(__file__).resolve().parents[1]
LEFT = shutil.ignore_patterns('.venv*', '.git', 'runs', 'data', 'build', 'dist', '_docs', '_build', '_share',
                              'llms.txt', '*.egg-info', '__pycache__', '.pytest_cache', '.ruff_cache', '.import_linter_cache',
                              '.ipynb_checkpoints')


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


@pytest.fixture(scope='session')
def tickets(tmp_path_factory):
    "A folder with one bank, as find_tickets' smoke run leaves it: digits, resnet20_8, rounds 0 and 1."
    folder = tmp_path_factory.mktemp('tickets')
    given = '-p', 'smoke', 'True', '-p', 'bank', folder/'banks', '-p', 'threads', '1'
    done = call('papermill', ROOT/'nbs/experiments/find_tickets.ipynb', 'out.ipynb', *given, cwd=folder)
    assert done.returncode == 0, done.stderr
    for card in (folder/'banks').glob('*/card.json'):  # a smoke bank is refused elsewhere; here it plays a real one
        facts = json.loads(card.read_text())
        assert facts['smoke'] is True
        card.write_text(json.dumps(facts | dict(smoke=False)))
    return folder/'banks'
