"The package as others get it: wheel and source archive, the lock, the oldest Python, make without an environment."
import json
import os
import re
import shutil
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email import message_from_string
from importlib.metadata import version

import pytest
from conftest import ROOT, call, copy_project
from packaging.requirements import Requirement

EXPERIMENTS = {'find_tickets.ipynb', 'run_transfer.ipynb'}


def settings():
    ini = ConfigParser(delimiters=['='], interpolation=None)
    ini.read(ROOT/'settings.ini', encoding='utf-8')
    return ini['DEFAULT']


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    "A folder with the wheel and the source archive, built from a copy without a network."
    folder = tmp_path_factory.mktemp('built')
    project = copy_project(folder/'project')
    done = call('python', '-m', 'build', '--no-isolation', '--outdir', folder, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope='module')
def wheel(built): return next(built.glob('*.whl'))


@pytest.fixture(scope='module')
def names(wheel):
    with zipfile.ZipFile(wheel) as z: return set(z.namelist())


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    "An empty folder with nothing but the installed wheel."
    folder = tmp_path_factory.mktemp('installed')
    done = call('python', '-m', 'pip', 'install', '--no-deps', '--no-index', '--target', folder, wheel)
    assert done.returncode == 0, done.stderr
    return folder


def elsewhere(installed, cwd, *args):
    "Run Python with the installed copy first on its path, outside the project."
    return call('python', *args, cwd=cwd, PYTHONPATH=str(installed))


def kept(folder, *patterns):
    "Files of this project matching `patterns` under `folder`, as paths relative to it."
    found = [p for pattern in patterns for p in (ROOT/folder).glob(pattern) if p.is_file()]
    return {p.relative_to(ROOT/folder).as_posix() for p in found}


def test_wheel_carries_every_module(names):
    assert {f'lth_nb/{name}' for name in kept('lth_nb', '**/*.py')} <= names
    assert not {n.split('/')[0] for n in names} - {'lth_nb', f"lth_nb-{settings()['version']}.dist-info"}


def test_wheel_carries_banks(names):
    banks = kept('lth_nb/banks', '**/*')
    assert banks, 'no bank lies in lth_nb/banks'
    assert {f'lth_nb/banks/{name}' for name in banks} <= names


def test_wheel_carries_experiments_and_studies(names):
    ours = {f'lth_nb/_share/experiments/{n}' for n in kept('nbs/experiments', '*.ipynb') | EXPERIMENTS}
    files = ('table.csv', 'card.json', 'study.json', 'predictions.npz', 'history.csv.gz')
    ours |= {f'lth_nb/_share/studies/{n}' for n in kept('studies', *(f'*/{file}' for file in files))}
    assert ours == {n for n in names if '/_share/' in n}


def test_wheel_built_from_the_source_archive_is_the_same(built, names):
    with tarfile.open(next(built.glob('*.tar.gz'))) as tar: held = {n.split('/', 1)[-1] for n in tar.getnames()}
    assert {'Makefile', 'LICENSE', 'README.md', 'settings.ini', 'requirements.lock', '.ci/run', 'nbs/index.ipynb',
            'nbs/01_masks.ipynb', 'nbs/images/forest.svg', 'nbs/experiments/.notest', 'tests/test_house.py'} <= held
    assert {n for n in names if n.startswith('lth_nb/') and '/_share/' not in n} <= held


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as z:
        text = {n.split('/')[-1]: z.read(n).decode() for n in z.namelist() if '.dist-info/' in n}
    meta, c = message_from_string(text['METADATA']), settings()
    assert (meta['Name'], meta['Version']) == (c['lib_name'], c['version'])
    assert meta['Requires-Python'] == '>=' + c['min_python'] and meta['License-Expression'] == 'Apache-2.0'
    assert len([r for r in meta.get_all('Requires-Dist') if 'extra ==' not in r]) == len(c['requirements'].split())
    for door in 'lth = lth_nb.cli:main', 'lth_nb = lth_nb._modidx:d': assert door in text['entry_points.txt']


LOOK = """
import json, sys, lth_nb
for name in sys.argv[1:]: __import__(name)
from lth_nb.bank import Bank, banks
from lth_nb.paper.curves import published_curves
for name in banks(): Bank(name).ticket(1)
print(json.dumps(dict(file=lth_nb.__file__, banks=list(banks()), curves=len(published_curves()))))
"""


@pytest.fixture(scope='module')
def found(installed, tmp_path_factory):
    "What the installed copy says of itself, with every module imported, in an empty folder."
    names = [p.relative_to(ROOT).with_suffix('') for p in sorted((ROOT/'lth_nb').rglob('*.py'))]
    names = ['.'.join(name.parts) for name in names if not name.name.startswith('_')]
    done = elsewhere(installed, tmp_path_factory.mktemp('empty'), '-c', LOOK, *names)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_installed_package_imports_elsewhere(found, installed):
    assert found['file'] == str(installed/'lth_nb/__init__.py')


def test_installed_package_finds_its_banks(found):
    assert set(found['banks']) == {n.split('/')[0] for n in kept('lth_nb/banks', '*/card.json')} != set()


def test_installed_package_holds_what_was_published(found):
    assert found['curves'] > 500


def test_installed_command_works_elsewhere(installed, tmp_path):
    done = elsewhere(installed, tmp_path, installed/'bin/lth', '--help')
    assert done.returncode == 0, done.stderr
    assert {'run', 'notebooks', 'data', 'bank'} <= set(re.findall(r'\w+', done.stdout))
    done = elsewhere(installed, tmp_path, installed/'bin/lth', 'notebooks', tmp_path/'mine')
    assert done.returncode == 0, done.stderr
    assert EXPERIMENTS <= {p.name for p in (tmp_path/'mine').rglob('*.ipynb')}


def test_installed_package_shows_its_study_and_writes_nothing_into_it(installed, tmp_path):
    study = installed/'lth_nb/_share/studies/real_small'
    before = {p.name: p.stat().st_mtime_ns for p in study.iterdir()}
    done = elsewhere(installed, tmp_path, installed/'bin/lth', 'run', 'study')
    assert done.returncode == 0, done.stderr
    assert 'runs are finished' in done.stdout
    done = elsewhere(installed, tmp_path, installed/'bin/lth', 'run', 'study', '-p', 'compute', 'True')
    assert done.returncode and 'is part of the installed package: copy it' in done.stdout + done.stderr
    assert before == {p.name: p.stat().st_mtime_ns for p in study.iterdir()}


def test_older_python_is_refused(wheel, tmp_path):
    done = call('python', '-m', 'pip', 'download', '--no-deps', '--no-index', '--only-binary', ':all:',
                '--python-version', '3.10', '--dest', tmp_path, wheel)
    assert done.returncode != 0 and 'requires a different Python' in done.stderr, done.stderr


def test_make_says_what_is_wrong_with_the_python(project):
    old = project/'old'
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18 && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = call('make', 'setup', f'PYTHON={old}', cwd=project)
    assert done.returncode != 0 and 'Python 3.9.18 is too old, lth_nb needs Python >= 3.11' in done.stdout
    done = call('make', 'setup', 'PYTHON=no-such-python', cwd=project)
    assert done.returncode != 0 and "'no-such-python' not found" in done.stdout
    assert not (project/'.venv').exists()


STAND_IN = """#!/bin/sh
echo "$*" >> "$LOG"
case "$*" in
  *"pip show"*) exit $TORCH;;
  *urlopen*) exit $INDEX;;
  *"index-url"*) exit $FOUND;;
esac
"""
NONE_HERE = "it cannot be had from here: the registry's build is taken, which may bring CUDA along"
WAYS = [ # torch is there, index answers, it has a build; the driver, what make was given -> said, installed
    (1, 0, 0, False, '', False, True), (1, 1, 0, False, '', True, False), (1, 0, 1, False, '', True, True),
    (0, 0, 0, False, '', False, False), (1, 0, 0, True, '', False, False),
    (1, 0, 0, False, 'CPU_TORCH=', False, False)]


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere the usual build of torch is one for CPUs')
@pytest.mark.parametrize('torch, index, found, driver, given, said, installed', WAYS)
def test_make_setup_takes_torch_for_cpus(torch, index, found, driver, given, said, installed, tmp_path):
    "With a stand-in for the environment's Python, which writes down what it is asked."
    for name in ('Makefile', 'settings.ini', 'pyproject.toml', 'setup.py'): shutil.copy(ROOT/name, tmp_path)
    for place, text in {'.venv/bin/python': STAND_IN, 'bin/nvidia-smi': f'#!/bin/sh\nexit {int(not driver)}\n'}.items():
        (tmp_path/place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/place).write_text(text)
        (tmp_path/place).chmod(0o755)
    done = call('make', 'setup', *filter(None, [given]), cwd=tmp_path, LOG=str(tmp_path/'log'), TORCH=str(torch),
                INDEX=str(index), FOUND=str(found), PATH=f"{tmp_path/'bin'}:{os.environ['PATH']}")
    asked = (tmp_path/'log').read_text()
    assert done.returncode == 0, done.stderr
    assert (NONE_HERE in done.stdout) == said
    wanted = ' '.join(r for r in settings()['requirements'].split() if r.startswith('torch'))
    assert (re.search(rf'index-url \S+/cpu {wanted}\n', asked) is not None) == installed
    assert asked.rstrip().splitlines()[-2].endswith('pip install -e .[dev]')


def test_make_clean_keeps_results_and_banks(project):
    stay = ['runs/mouse_lba/table.csv', 'runs/__pycache__/x', 'lth_nb/banks/b/card.json', 'data/a.tar']
    go = ['lth_nb/__pycache__/x.pyc', 'lth_nb/_share/x', 'build/x', 'nbs/.ipynb_checkpoints/x', 'lth_nb.egg-info/x']
    for name in stay + go:
        (project/name).parent.mkdir(parents=True, exist_ok=True)
        (project/name).write_text('')
    done = call('make', 'clean', cwd=project)
    assert done.returncode == 0, done.stderr
    assert [n for n in stay + go if (project/n).exists()] == stay


@pytest.fixture(scope='module')
def locked():
    "Each entry of the lock: (requirement, its text with the hashes)."
    text = (ROOT/'requirements.lock').read_text(encoding='utf-8')
    entries = re.split(r'\n(?=\S)', text.strip())
    return [(Requirement(e.split('\\')[0].strip()), e) for e in entries]


def test_lock_has_hashes_and_no_addresses(locked):
    for requirement, entry in locked:
        head, *hashes = entry.split(' \\\n')
        assert re.fullmatch(r'==[\w.]+', str(requirement.specifier)) and not requirement.url, head
        assert hashes and all(re.fullmatch(r' {4}--hash=sha256:[0-9a-f]{64}', h) for h in hashes), head


def test_lock_holds_every_requirement(locked):
    c = settings()
    for wanted in map(Requirement, (c['requirements'] + c['dev_requirements']).split()):
        found = [r for r, _ in locked if r.name.lower() == wanted.name.lower()]
        assert found, f'{wanted.name} is not in requirements.lock: run make lock'
        for r in found: assert wanted.specifier.contains(next(iter(r.specifier)).version), f'{r} is not {wanted}'


def test_pip_takes_the_lock(locked, tmp_path):
    here = [e for r, e in locked if (r.marker is None or r.marker.evaluate()) and have(r.name) in r.specifier]
    assert here, 'nothing installed here is in the lock'
    (tmp_path/'part.lock').write_text('\n'.join(here) + '\n', encoding='utf-8')
    done = call('python', '-m', 'pip', 'install', '--require-hashes', '--no-deps', '--no-index', '--dry-run', '-r',
                tmp_path/'part.lock', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('Requirement already satisfied') == len(here)


def have(name):
    "The installed version of `name`, '0' where there is none."
    try: return version(name)
    except ImportError: return '0'
