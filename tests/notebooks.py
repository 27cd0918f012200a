"An experiment's code cells run in this process: the same sources in the same order as papermill's, without a kernel."
import ast
import json

from conftest import ROOT


def cells(name):
    "Kind, source and tags of each cell."
    nb = json.loads((ROOT/f'nbs/experiments/{name}.ipynb').read_text(encoding='utf-8'))
    return [(c['cell_type'], ''.join(c['source']), c['metadata'].get('tags', [])) for c in nb['cells']]


def step(source, names):
    "Execute one cell; the value of a last expression, else None."
    body = ast.parse(source).body
    value = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), '<cell>', 'exec'), names)
    return eval(compile(value, '<cell>', 'eval'), names) if value else None


def walk(name, *, until='', before='', **parameters):
    "The names of notebook `name` after its cell tagged `until`, or before its heading `before`; `_` is the last value."
    names, met = dict(In=[''], _=None), not until and not before
    given = '\n'.join(['# Parameters', *(f'{k} = {v!r}' for k, v in parameters.items())])
    for kind, source, tags in cells(name):
        met = met or (before and source == f'## {before}')
        if before and met: return names
        for text in [source] * (kind == 'code') + [given] * ('parameters' in tags):
            names['In'].append(text)
            names['_'] = step(text, names)
        if until and until in tags: return names
    assert met, f'{name} has no {until or before}'
    return names


def files_of(folder):
    "Finished runs in a store: key -> the file that makes it finished."
    return {p.parent.name: p for p in folder.glob('??/*/result.json') if not p.parent.name.startswith('.')}
