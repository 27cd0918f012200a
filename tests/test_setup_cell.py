"The first cell of a notebook that is opened on Colab or Binder: it installs what is missing, else it does nothing."
import json
import os
import re
import subprocess
import sys
from contextlib import chdir
from types import SimpleNamespace

import pytest
from conftest import ROOT
from notebooks import stored

NOTEBOOKS = 'run_transfer', 'explore'


def first_code(name): return next(cell for cell in stored(name) if cell['cell_type'] == 'code')


@pytest.fixture
def opened(monkeypatch, capsys):
    "opened(folder, **how) runs the cell in `folder`: the commands it started, and the lines it printed."
    def run(folder, installed=False, gpu=True, by_lth=False):
        asked = []
        cuda = SimpleNamespace(is_available=lambda: gpu, get_device_name=lambda: 'Tesla T4')
        monkeypatch.setattr('importlib.util.find_spec', lambda name: object() if installed else None)
        monkeypatch.setattr(subprocess, 'run', lambda words, check: asked.append(words))
        monkeypatch.setitem(sys.modules, 'torch', SimpleNamespace(cuda=cuda))
        monkeypatch.delenv('LTH_RUN', raising=False)
        if by_lth: monkeypatch.setenv('LTH_RUN', '1')
        with chdir(folder): exec(first_code('run_transfer')['source'], {})
        return asked, capsys.readouterr().out.splitlines()
    return run


def test_it_stands_before_the_parameters_in_both_and_has_left_nothing():
    first, second = map(first_code, NOTEBOOKS)
    assert first['source'] == second['source'] and first['metadata'] == second['metadata']
    assert first['metadata'] == {'jupyter': {'source_hidden': True}, 'tags': ['setup']}
    assert first['outputs'] == second['outputs'] == []


def test_where_it_is_installed_nothing_happens(opened, tmp_path): assert opened(tmp_path, installed=True) == ([], [])


def test_where_it_is_missing_it_is_installed_in_a_line_and_the_gpu_is_named(opened, tmp_path):
    (words,), said = opened(tmp_path)
    assert words == [sys.executable, '-m', 'pip', 'install', '-q', 'lth_nb']
    assert said == ['installing lth_nb, which takes a minute or two', 'GPU: Tesla T4']
    assert opened(tmp_path, gpu=False)[1][1] == 'no GPU: choose a runtime that has one'


def test_in_a_clone_it_installs_the_clone(opened, tmp_path):
    (tmp_path/'clone/lth_nb').mkdir(parents=True)
    (tmp_path/'clone/lth_nb/cli.py').touch()
    (tmp_path/'clone/nbs/experiments').mkdir(parents=True)
    (words,), said = opened(tmp_path/'clone/nbs/experiments')
    assert words[-1] == os.path.realpath(tmp_path/'clone') and len(said) == 2


def test_lth_run_installs_nothing_into_another_kernel(opened, tmp_path):
    assert opened(tmp_path, by_lth=True) == ([], [])


def test_a_container_and_binder_have_a_python_that_is_new_enough():
    container = json.loads((ROOT/'.devcontainer/devcontainer.json').read_text(encoding='utf-8'))
    runtime = (ROOT/'.binder/runtime.txt').read_text(encoding='utf-8')
    for name in container['image'], runtime: assert int(re.search(r'3\.(\d+)', name)[1]) >= 11
    assert container['postCreateCommand'].startswith('make setup')
