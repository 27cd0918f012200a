"""Experiments run in this process: the same sources in the same order as papermill's, without a kernel's start.

`walk` gives the names a notebook has made, up to a cell; `executed` gives its cells with their outputs."""
import ast
import json
import sys
from contextlib import chdir, contextmanager

from conftest import ROOT
from IPython.core.interactiveshell import InteractiveShell
from nbformat import from_dict
from papermill import execute_notebook
from papermill.engines import Engine, papermill_engines

FIGURE = 'application/vnd.plotly.v1+json'


def stored(name):
    "The cells of experiment `name`, as they lie on disk, sources joined."
    notebook = json.loads((ROOT/f'nbs/experiments/{name}.ipynb').read_text(encoding='utf-8'))
    return [cell | dict(source=''.join(cell['source'])) for cell in notebook['cells']]


def given(parameters):
    "The cell that papermill puts below the one tagged `parameters`."
    lines = ['# Parameters', *(f'{name} = {value!r}' for name, value in parameters.items())]
    return dict(cell_type='code', source='\n'.join(lines), metadata=dict(tags=['injected-parameters']))


def filled(name, parameters):
    "The cells of experiment `name` with `parameters` given."
    for cell in stored(name):
        yield cell
        if parameters and 'parameters' in cell['metadata'].get('tags', []): yield given(parameters)


def step(source, names):
    "Execute one cell; the value of a last expression, else None."
    body = ast.parse(source).body
    value = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), '<cell>', 'exec'), names)
    return eval(compile(value, '<cell>', 'eval'), names) if value else None


def walk(name, *, until='', before='', **parameters):
    "The names of notebook `name` after its cell tagged `until`, or before its heading `before`; `_` is the last value."
    names, met = dict(In=[''], _=None), not until and not before
    for cell in filled(name, parameters):
        met = met or (before and cell['source'] == f'## {before}')
        if before and met: return names
        if cell['cell_type'] == 'code':
            names['In'].append(cell['source'])
            names['_'] = step(cell['source'], names)
        if until and until in cell['metadata'].get('tags', []): return names
    assert met, f'{name} has no {until or before}'
    return names


@contextmanager
def shell():
    "A shell that runs cells and keeps their outputs; what it changes in this process is put back."
    from execnb.shell import CaptureShell
    before, main, argv = InteractiveShell._instance, sys.modules['__main__'], sys.argv
    here = CaptureShell(mpl_format=None)
    try: yield here
    finally:
        here.close()
        InteractiveShell._instance, sys.modules['__main__'], sys.argv = before, main, argv


class InProcess(Engine):
    "Papermill's work without a kernel: parameters, cells one by one, outputs, stop at an error."
    @classmethod
    def execute_managed_notebook(cls, manager, kernel_name, **options):
        with shell() as here:
            for place, cell in enumerate(manager.nb.cells):
                manager.cell_start(cell, place)
                if cell.cell_type == 'code': cell.outputs = [from_dict(dict(out)) for out in here.run(cell.source)]
                if here.exc: return manager.cell_exception(cell, place)
                manager.cell_complete(cell, place)


@contextmanager
def without_kernels():
    "Within, papermill runs notebooks in this process, those too that a notebook runs."
    before = papermill_engines._engines[None]
    papermill_engines.register(None, InProcess)
    try: yield
    finally: papermill_engines.register(None, before)


def executed(name, folder, **parameters):
    "Run notebook `name` in `folder` by papermill, in this process: its cells with their outputs."
    path = ROOT/f'nbs/experiments/{name}.ipynb'
    with chdir(folder), without_kernels():
        return execute_notebook(path, f'{name}.ipynb', parameters, progress_bar=False).cells


def shown(cells):
    "What the cells show: one dict of kind -> content an output."
    return [output.get('data', {}) for cell in cells for output in cell.get('outputs', [])]


def text_of(cells, kind='text/markdown'):
    "All that the cells show of one kind, one text."
    return ''.join(''.join(data.get(kind, '')) for data in shown(cells))


def last_value(cells):
    "The text of the last cell's value."
    return ''.join(cells[-1]['outputs'][-1]['data']['text/plain']).strip('\'"')


def files_of(folder):
    "Finished runs in a store: key -> the file that makes it finished."
    return {p.parent.name: p for p in folder.glob('??/*/result.json') if not p.parent.name.startswith('.')}
