"The house in step: what is generated equals what it is generated from, and nothing of a machine is kept."
import json
import os
import re
import tomllib
from configparser import ConfigParser

import nbformat
from conftest import MACHINE, call
from nbdev.config import get_config

import lth_nb
from lth_nb.figures.stills import without_still

REGISTRY = re.compile(r'pypi\.org|pythonhosted|//download\.pytorch|registry\.npmjs|--(?:extra-)?index-url +\S+:')


def modules(folder):
    "Name -> text of each module of the package in `folder`."
    return {p.name: p.read_text(encoding='utf-8') for p in sorted((folder/'lth_nb').rglob('*.py'))}


def test_readme_is_the_index(root):
    done = call('python', 'docs/readme.py', '--check', cwd=root)
    assert done.returncode == 0, done.stderr
    text = (root/'README.md').read_text(encoding='utf-8')
    links = re.findall(r'\]\((?!\w+:|#)([^)]+)\)', text) + re.findall(r'src(?:set)?="([^"]+)"', text)
    assert [link for link in links if not (root/link).exists()] == []
    assert {'nbs/images/forest.svg', 'nbs/images/forest_dark.svg'} <= set(links)


def test_badges_are_true(root):
    ini = ConfigParser(delimiters=['='], interpolation=None)
    ini.read(root/'settings.ini', encoding='utf-8')
    for name, said in (('python', ini['DEFAULT']['min_python'] + ' or newer'), ('licence', ini['DEFAULT']['license'])):
        assert f'<title>{name}: {said}</title>' in (root/f'nbs/images/badge_{name}.svg').read_text(encoding='utf-8')


def test_settings_and_pyproject_agree(root):
    ini = ConfigParser(delimiters=['='], interpolation=None)
    ini.read(root/'settings.ini', encoding='utf-8')
    ini, toml = ini['DEFAULT'], tomllib.loads((root/'pyproject.toml').read_text(encoding='utf-8'))
    assert ini['version'] == lth_nb.__version__ == get_config(root).version
    assert ini['lib_name'] == toml['project']['name'] and ini['lib_path'] == toml['tool']['nbdev']['lib_path']
    assert toml['project']['requires-python'] == '>=' + ini['min_python']
    assert f"## {ini['version']}" in (root/'CHANGELOG.md').read_text(encoding='utf-8')


def test_modules_are_what_the_notebooks_export(root, project):
    for path in (project/'lth_nb').rglob('*.py'):
        if not path.name.startswith('__'): path.unlink()  # those are written by hand
    done = call('nbdev-export', cwd=project)
    assert done.returncode == 0, done.stderr
    ours, exported = modules(root), modules(project)
    assert sorted(ours) == sorted(exported), 'run nbdev-export: a module has no notebook or a notebook no module'
    assert [name for name in ours if ours[name] != exported[name]] == [], 'run nbdev-export'


def test_modules_import_what_they_use(root):
    done = call('ruff', 'check', '--no-cache', '--select', 'F401', '--exclude', '__init__.py', 'lth_nb', cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_notebooks_are_clean(root, project):
    done = call('nbdev-clean', cwd=project)
    assert done.returncode == 0, done.stderr
    paths = sorted(p.relative_to(project) for p in (project/'nbs').rglob('*.ipynb'))
    assert [str(p) for p in paths if (root/p).read_bytes() != (project/p).read_bytes()] == [], 'run nbdev-clean'


def test_no_notebook_carries_a_copy_of_plotly(root):
    paths = [p for folder in ('nbs', 'studies', 'docs') for p in (root/folder).rglob('*.ipynb')]
    paths = [p for p in paths if '_build' not in p.parts]
    fat = [p.name for p in paths if 'PlotlyConfig' in p.read_text(encoding='utf-8')]
    assert paths and fat == [], 'run its lessons with PLOTLY_RENDERER=plotly_mimetype'


def test_every_figure_of_a_notebook_is_seen_where_plotly_does_not_run(root):
    paths = sorted([*(root/'nbs').rglob('*.ipynb'), *(root/'docs').glob('*.ipynb')])
    lacking = [path.name for path in paths if without_still(nbformat.read(path, as_version=4))]
    assert paths and lacking == [], 'run python docs/figures.py'


def test_cleaning_keeps_the_parameters_tag(root, project):
    path = project/'nbs/experiments/tagged.ipynb'
    cell = dict(cell_type='code', id='a', metadata=dict(tags=['parameters']), source=['x:int = 1 # one'], outputs=[],
                execution_count=3)
    kernel = dict(kernelspec=dict(display_name='python3', language='python', name='python3'))
    path.write_text(json.dumps(dict(cells=[cell], metadata=kernel, nbformat=4, nbformat_minor=5)), encoding='utf-8')
    assert call('nbdev-clean', '--fname', path, cwd=project).returncode == 0
    cleaned = json.loads(path.read_text(encoding='utf-8'))['cells'][0]
    assert cleaned['metadata'] == {'tags': ['parameters']} and cleaned['execution_count'] is None


def test_no_machine_or_registry_is_named(project):
    kinds = {'.py', '.md', '.ini', '.toml', '.ipynb', '.in', '.lock', '.svg', '.js', '.css', '.json', '.csv', ''}
    files = [p for p in project.rglob('*') if p.is_file() and p.suffix in kinds and p.stat().st_size]
    texts = {str(p.relative_to(project)): p.read_text(encoding='utf-8') for p in files}
    assert len(texts) > 20
    assert [name for name, text in texts.items() if MACHINE.search(text)] == []
    own = 'tests/test_house.py'
    public = re.search(r'(?m)^CPU_TORCH .*$', texts['Makefile'])[0]  # PyTorch's own index, a choice of `make setup`
    texts['Makefile'] = texts['Makefile'].replace(public, '')
    assert [name for name, text in texts.items() if name != own and REGISTRY.search(text)] == []


def test_ci_runs_make_test(root):
    text = (root/'.ci/run').read_text(encoding='utf-8')
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    assert os.access(root/'.ci/run', os.X_OK)
    assert len(lines) == 3 and lines[1:] == ['make --no-print-directory extras', 'exec make --no-print-directory test']
