"""What no linter knows of a notebook: how it opens, that all is explained, what its outputs hold.

Each rule takes a notebook and yields complaints; it must name the faults planted in a sound one."""
import ast
import json
import re
import tokenize
from collections import Counter
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from conftest import MACHINE

NBS = Path(__file__).resolve().parents[1]/'nbs'
NOISE = {'a warning': re.compile(r'\b\w*Warning: '),
         'a progress bar': re.compile(r'\d%\||\bit/s\b|\r')}
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef
IMPORTS = ast.Import, ast.ImportFrom
ASSIGNMENTS = ast.Assign, ast.AugAssign, ast.AnnAssign


@dataclass(frozen=True)
class Cell:
    "One cell; directives are taken out of `text`, their lines left blank: line numbers stay true."
    place: int
    kind: str
    text: str
    flags: dict
    tags: tuple
    outputs: tuple
    tree: ast.Module

    @property
    def notes(self):
        "Line number -> comment."
        tokens = tokenize.generate_tokens(StringIO(self.text + '\n').readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def cell_of(place, raw):
    "The cell at `place`, from what is stored of it."
    lines = ''.join(raw['source']).splitlines()
    flags = dict((line[2:].strip() + ' ').split(' ', 1) for line in lines if line.startswith('#|'))
    flags = {name.rstrip(':'): rest.strip() for name, rest in flags.items()}
    text = '\n'.join('' if line.startswith('#|') else line for line in lines)
    tree = ast.parse(text if raw['cell_type'] == 'code' else '')
    tags = tuple(raw.get('metadata', {}).get('tags', ()))
    return Cell(place, raw['cell_type'], text, flags, tags, tuple(raw.get('outputs', ())), tree)


def cells_of(notebook): return [cell_of(place, raw) for place, raw in enumerate(notebook['cells'])]
def code(cells): return [cell for cell in cells if cell.kind == 'code']
def exports(cells): return [cell for cell in code(cells) if 'export' in cell.flags]
def lessons(cells): return [c for c in code(cells) if not {'export', 'default_exp'} & {*c.flags}]
def imports(cell): return [node for node in cell.tree.body if isinstance(node, IMPORTS)]


# The rules: each yields complaints, with the cell they are about

def opening(cells, module):
    "#| default_exp alone, `# title` and `> line`, the module's docstring, imports by themselves."
    first, title, intro, *_ = cells
    if first.flags != {'default_exp': module} or first.text.strip():
        yield f'cell 0: must hold #| default_exp {module} and nothing else'
    if not re.match(r'# .+\n+> .+', title.text): yield 'cell 1: must be a # title and a > line'
    if intro.kind != 'markdown' or 'export' not in intro.flags:
        yield 'cell 2: must be the exported docstring'
    if len([cell for cell in exports(cells) if imports(cell)]) > 1:
        yield 'more than one exported cell of imports'
    for cell in code(cells):
        if 0 < len(imports(cell)) < len(cell.tree.body):
            yield f'cell {cell.place}: imports beside other code'


def public(node):
    "Whether a reader of the package meets this definition."
    named = isinstance(node, (*FUNCTIONS, ast.ClassDef))
    return named and (not node.name.startswith('_') or node.name in ('__init__', '__call__'))


def parameters(function):
    "The parameters in order, without self and cls."
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [each for each in every if each and each.arg not in ('self', 'cls')]


def signature(function, notes):
    "Every parameter and the return has a type, and a comment on a line of its own."
    starred = [each for each in (function.args.vararg, function.args.kwarg) if each]
    lines = Counter(each.lineno for each in parameters(function))
    if function.returns: lines[function.returns.lineno] += 1
    for each in parameters(function):
        typed = each.annotation is not None or each in starred
        if not typed: yield f'{function.name}: {each.arg} has no type'
        alone = each.lineno in notes and lines[each.lineno] == 1
        if not alone: yield f'{function.name}: {each.arg} has no comment of its own'
    if function.name == '__init__': return
    if function.returns is None: yield f'{function.name}: no return type'
    elif parameters(function) and function.returns.end_lineno not in notes:
        yield f'{function.name}: the return has no comment'


def docstring(node, notes):
    "A docstring; a method without parameters may say it all in one comment."
    brief = isinstance(node, FUNCTIONS) and not parameters(node)
    noted = any(line in notes for line in range(node.lineno, node.body[0].lineno + 1))
    if ast.get_docstring(node) or (brief and noted) or node.name == '__init__': return
    yield f'{node.name}: no docstring'


def fields(node, notes):
    "Every field of a dataclass has a comment."
    if not any('dataclass' in ast.unparse(decorator) for decorator in node.decorator_list): return
    for field in node.body:
        if not isinstance(field, ast.AnnAssign): continue
        noted = any(line in notes for line in range(field.lineno, field.end_lineno + 1))
        if not noted: yield f'{node.name}: field {field.target.id} has no comment'


def documents(cells, module=''):
    "Public definitions are explained: what comes out, and every parameter, return and field."
    for cell in exports(cells):
        for top in filter(public, cell.tree.body):
            inner = top.body if isinstance(top, ast.ClassDef) else []
            if inner: yield from fields(top, cell.notes)
            for node in [top, *filter(public, inner)]:
                yield from docstring(node, cell.notes)
                if isinstance(node, FUNCTIONS): yield from signature(node, cell.notes)


def mentioned(cell):
    "Every name and attribute of a cell, imports aside."
    return {getattr(node, 'id', getattr(node, 'attr', '')) for node in ast.walk(cell.tree)}


def shown_by(node):
    "Names that using a definition shows: what it returns, what it inherits from."
    parts = node.bases if isinstance(node, ast.ClassDef) else filter(None, [node.returns])
    return {inner.id for part in parts for inner in ast.walk(part) if isinstance(inner, ast.Name)}


def with_shown(used, shows):
    "The names `used`, and all that using them shows."
    more = used.union(*(shows.get(name, ()) for name in used))
    return used if more == used else with_shown(more, shows)


def taught(cells, module=''):
    "Every public name is used in a lesson further down, itself or as what a used function returns."
    defined = [(cell, node) for cell in exports(cells) for node in filter(public, cell.tree.body)]
    shows = {node.name: shown_by(node) for _, node in defined}
    for cell, node in defined:
        later = [mentioned(lesson) for lesson in lessons(cells) if lesson.place > cell.place]
        if node.name not in with_shown(set().union(*later), shows):
            yield f'cell {cell.place}: no lesson uses {node.name}'


def manners(cells, module=''):
    "A lesson shows its evidence as a value: no print, no try, no assignment at its end."
    for cell in lessons(cells):
        nodes = list(ast.walk(cell.tree))
        called = {getattr(node.func, 'id', '') for node in nodes if isinstance(node, ast.Call)}
        last = nodes[0].body[-1:] if 'hide' not in cell.flags else []
        if 'print' in called: yield f'cell {cell.place}: print in a lesson'
        if any(isinstance(node, ast.Try) for node in nodes):
            yield f'cell {cell.place}: try in a lesson'
        if any(isinstance(node, ASSIGNMENTS) for node in last):
            yield f'cell {cell.place}: ends in an assignment'


def spill(output):
    "What is wrong with one output, in words."
    text = ''.join(output.get('text', '')) + ''.join(output.get('data', {}).get('text/plain', ''))
    if output['output_type'] == 'error': yield 'an error'
    if output.get('name') == 'stderr': yield 'text on stderr'
    yield from (what for what, pattern in NOISE.items() if pattern.search(text))


def litter(cells, module=''):
    "No star import, no cell that never runs, no path of a machine, no noise in an output."
    for cell in cells:
        named = [node.names for node in ast.walk(cell.tree) if isinstance(node, ast.ImportFrom)]
        wrong = [what for output in cell.outputs for what in spill(output)]
        wrong = [f'{what} in an output' for what in wrong]
        if any(names[0].name == '*' for names in named): wrong.append('star import')
        if cell.flags.get('eval') == 'false': wrong.append('never runs')
        if MACHINE.search(cell.text): wrong.append('a machine path in the source')
        if MACHINE.search(json.dumps(cell.outputs)): wrong.append('a machine path in an output')
        yield from (f'cell {cell.place}: {what}' for what in wrong)


def experiment(cells, module=''):
    "Parameters as `name:type = value # comment`, papermill's help; a value at the end."
    tagged = [cell for cell in code(cells) if 'parameters' in cell.tags]
    if len(tagged) != 1: yield f'{len(tagged)} cells tagged parameters, must be 1'
    for cell in tagged:
        for node in cell.tree.body:
            line = ast.unparse(node)
            typed = isinstance(node, ast.AnnAssign) and node.value is not None
            if not typed: yield f'cell {cell.place}: not name:type = value: {line}'
            elif node.lineno not in cell.notes: yield f'cell {cell.place}: no comment on {line}'
    last = cells[-1].tree.body[-1:]
    if not last or not isinstance(last[0], ast.Expr): yield 'the last cell shows no value'


LIBRARY = opening, documents, taught, manners, litter

# Planted faults: a sound page, and what is named once a part of it is replaced

PAGE = """#| default_exp toy
---
# toy

> A page.
---
#| export
Halves numbers.
---
#| export
from dataclasses import dataclass
---
#| export
@dataclass
class Box:
    "A box."
    width:int # in pixels; sides are equal
    @property
    def area(self)->int: return self.width ** 2 # in square pixels

def half(
    number:float, # any number
)->float: # half of it
    "Half of `number`."
    return number / 2
---
#| export
def pack(
    width:int, # in pixels
)->Box: # of that width
    "A box of `width`."
    return Box(width)
---
pack(2), half(4)"""
RUN = """# A question?
---
#| tagged
seeds:int = 3 # paired
smoke:bool = False # True: seconds on a CPU
---
value = 1
value"""
ADA = '/'.join(('', 'home', 'ada', ''))
FAULTS = [
    (opening, 'exp toy', 'exp toys', 'cell 0: must hold #| default_exp toy and nothing else'),
    (opening, '> A page.', '', 'cell 1: must be a # title and a > line'),
    (opening, '#| export\nHalves', 'Halves', 'cell 2: must be the exported docstring'),
    (opening, 'pack(2)', '#| export\nimport os\n---\n2', 'more than one exported cell of imports'),
    (opening, 'pack(2)', 'import os\nos', 'cell 6: imports beside other code'),
    (documents, ' # any number', '', 'half: number has no comment of its own'),
    (documents, ', # any number\n)->', ')->', 'half: number has no comment of its own'),
    (documents, 'number:float', 'number', 'half: number has no type'),
    (documents, ' # half of it', '', 'half: the return has no comment'),
    (documents, ')->float', ')', 'half: no return type'),
    (documents, '    "Half of `number`."\n', '', 'half: no docstring'),
    (documents, ' # in pixels; sides are equal', '', 'Box: field width has no comment'),
    (documents, ' # in square pixels', '', 'area: no docstring'),
    (documents, '->int: return', ': return', 'area: no return type'),
    (documents, '    "A box."\n', '', 'Box: no docstring'),
    (taught, 'half(4)', '4', 'cell 4: no lesson uses half'),
    (taught, 'pack(2)', '2', 'cell 4: no lesson uses Box'),
    (manners, 'pack(2)', 'print(2)', 'cell 6: print in a lesson'),
    (manners, 'pack(2)', 'try: half(1)\nexcept ValueError: 2', 'cell 6: try in a lesson'),
    (manners, 'pack(2)', 'last = 2', 'cell 6: ends in an assignment'),
    (litter, 'from dataclasses import dataclass', 'from math import *', 'cell 3: star import'),
    (litter, 'pack(2)', '#| eval: false\n2', 'cell 6: never runs'),
    (litter, '> A page.', f'> See {ADA}', 'cell 1: a machine path in the source'),
    (experiment, 'tagged', 'untagged', '0 cells tagged parameters, must be 1'),
    (experiment, 'seeds:int', 'seeds', 'cell 1: not name:type = value: seeds = 3'),
    (experiment, ' # paired', '', 'cell 1: no comment on seeds: int = 3'),
    (experiment, '1\nvalue', '1', 'the last cell shows no value')]
OUTPUTS = [
    (dict(name='stdout', text=[ADA]), 'a machine path in an output'),
    (dict(name='stdout', text='UserWarning: careful'), 'a warning in an output'),
    (dict(name='stdout', text=' 40%|####      | 4/10'), 'a progress bar in an output'),
    (dict(name='stderr', text='epoch 3'), 'text on stderr in an output'),
    (dict(output_type='error'), 'an error in an output'),
    (dict(name='stdout', text='runs/smoke/mouse_lba'), '')]


def notebook(page, **output):
    "The notebook of a PAGE or a RUN; its last cell has left `output`."
    parts = page.split('\n---\n')
    raw = [dict(source=part, cell_type='code', metadata={}) for part in parts]
    for cell, part in zip(raw, parts, strict=True):
        if re.match(r'# |#\| export\nHalves|Halves', part): cell['cell_type'] = 'markdown'
        if part.startswith('#| tagged'): cell['metadata'] = dict(tags=['parameters'])
    if output: raw[-1]['outputs'] = [dict(output_type='stream') | output]
    return cells_of(dict(cells=raw))


@pytest.mark.parametrize('rule, old, new, told', FAULTS)
def test_a_planted_fault_is_named(rule, old, new, told):
    page = RUN if rule is experiment else PAGE
    assert page.count(old) == 1 and list(rule(notebook(page), 'toy')) == []
    assert told in list(rule(notebook(page.replace(old, new)), 'toy'))


@pytest.mark.parametrize('output, told', OUTPUTS)
def test_noise_in_an_output_is_named(output, told):
    found = list(litter(notebook(PAGE, **output)))
    assert found == ([f'cell 6: {told}'] if told else [])


def complaints(path):
    "What every rule that holds for this notebook says of it."
    cells = cells_of(json.loads(path.read_text(encoding='utf-8')))
    place = path.relative_to(NBS)
    module = '.'.join([*place.parts[:-1], re.sub(r'^\d+_', '', place.stem)])
    rules = LIBRARY
    if place.parts[0] == 'experiments': rules = litter, experiment
    if place.name == 'index.ipynb': rules = (litter,)
    return [why for rule in rules for why in rule(cells, module)]


@pytest.mark.parametrize('path', sorted(NBS.rglob('*.ipynb')), ids=lambda path: path.stem)
def test_every_notebook_keeps_the_rules(path):
    assert complaints(path) == []
