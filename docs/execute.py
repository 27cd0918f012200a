"""Executed copies of notebooks for the site, kept as long as nothing they depend on has changed.

An experiment is committed without outputs. Here papermill runs it in an empty folder without data, so it draws
the committed study; the copy is found again by a hash of the notebook, its parameters, the modules it imports and the
studies and banks."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[1]
build = root/'docs/_build'
SMOKE = ('find_tickets', 'run_transfer') # these two train at their defaults
IMPORT = re.compile(r'^\s*(?:from|import) +(?:lth_nb)?\.(\w+)', re.M)


def modules(
    text:str, # Python, or a notebook as it is stored
)->set[str]: # Names of modules of lth_nb it reaches
    "Imports, and imports of imports."
    found, todo = set(), re.findall(r'(?:from|import) +lth_nb\.(\w+)', text) + (['cli'] if '!lth' in text else [])
    while todo:
        name = todo.pop()
        file = root/f'lth_nb/{name}.py'
        if name in found or not file.exists(): continue
        found.add(name)
        todo += IMPORT.findall(file.read_text(encoding='utf-8'))
    return found


def key(
    path:Path,          # Notebook
    options:tuple=(),   # papermill's
)->str: # 16 hexadecimal digits
    "What an executed copy depends on."
    text = path.read_text(encoding='utf-8')
    cells = [[c['cell_type'], c['source'], c['metadata'].get('tags', [])] for c in json.loads(text)['cells']]
    files = [root/f'lth_nb/{m}.py' for m in sorted(modules(text))]
    files += sorted(p for p in (root/'studies').rglob('*') if p.is_file() and p.suffix != '.ipynb')
    files += sorted((root/'lth_nb/banks').rglob('card.json'))
    h = hashlib.sha256(json.dumps([cells, options, sys.version_info[:2]]).encode())
    for file in files: h.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return h.hexdigest()[:16]


def desk(
    name:str, # Of a notebook
)->Path: # An empty folder, with the studies beside it as in the project
    "Where a notebook is executed."
    folder = build/'work'/name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root/'studies', folder/'studies', ignore=shutil.ignore_patterns('banks', '*.ipynb'))
    return folder


def without_pictures(
    path:Path, # Notebook
    to:Path,   # Folder of the copy
)->Path: # The copy
    "A copy that writes no SVG and PNG beside its figures: the site draws them live, and a browser per notebook is slow."
    nb = json.loads(path.read_text(encoding='utf-8'))
    code = 'import kaleido\nasync def nothing(*args, **kwargs): pass\nkaleido.write_fig_from_object = nothing'
    cell = dict(cell_type='code', id='no-pictures', metadata={}, source=code, outputs=[], execution_count=None)
    (to/path.name).write_text(json.dumps(nb | dict(cells=[cell, *nb['cells']])), encoding='utf-8')
    return to/path.name


def without_first(text): return json.dumps((nb := json.loads(text)) | dict(cells=nb['cells'][1:]))


def environment()->dict[str, str]: # For a subprocess
    "This project's package and commands first; no data, one thread, figures as plotly's own JSON."
    env = {k: v for k, v in os.environ.items() if k != 'LTH_DATA'}
    paths = os.pathsep.join(filter(None, (str(root), env.get('PYTHONPATH', ''))))
    return env | dict(PYTHONPATH=paths, PATH=os.pathsep.join((str(Path(sys.executable).parent), env['PATH'])),
                      OMP_NUM_THREADS='1', PLOTLY_RENDERER='plotly_mimetype', PYTHONWARNINGS='ignore', TQDM_DISABLE='1')


def scrub(
    text:str,    # Of a notebook
    folder:Path, # Where it was executed
)->str: # The same, its paths as a reader would see them
    "No path of this machine in a page."
    for place, said in ((folder, 'study'), (root, 'lth_nb')): text = text.replace(str(place), said)
    return text


def executed(
    path:Path,        # Notebook
    options:tuple=(), # papermill's, such as -p smoke True
)->Path: # The executed copy
    "Execute a notebook, or find its copy."
    to = build/'executed'/f'{path.stem}-{key(path, options)}.ipynb'
    if to.exists(): return to
    folder = desk(path.stem)
    copy = without_pictures(path, folder)
    start = [sys.executable, '-m', 'papermill', '--no-progress-bar']
    done = subprocess.run([*start, copy.name, 'out.ipynb', *options], cwd=folder, env=environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode: raise RuntimeError(f'{path.name} does not run:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}')
    to.parent.mkdir(parents=True, exist_ok=True)
    for old in to.parent.glob(f'{path.stem}-' + '?' * 16 + '.ipynb'): old.unlink()
    aside = to.with_suffix('.part')
    text = without_first((folder/'out.ipynb').read_text(encoding='utf-8'))
    aside.write_text(scrub(text, folder), encoding='utf-8')
    return aside.rename(to)


def options_of(
    name:str, # Of an experiment
)->tuple[str, ...]: # papermill's
    "Defaults, but a smoke run where defaults train."
    return ('-p', 'smoke', 'True', '-p', 'threads', '1') if name in SMOKE else ()
