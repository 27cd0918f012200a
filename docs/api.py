"""API entries as Markdown, read from exported code: signature, a table of parameters from docments, a link to the source.

A room's cells and its module hold the same lines, so everything here reads text and imports nothing of `lth_nb`."""
import ast
import io
import re
import textwrap
import tokenize
from functools import lru_cache
from pathlib import Path

root = Path(__file__).resolve().parents[1]
WIDE = 88 # columns of a signature on one line
TICKS = re.compile(r'(`[^`]*`)')


def cell(
    text:str, # Plain words and `code`, as docments are
)->str: # The same, safe in a cell of a Markdown table
    "Escape what Markdown, maths and tables would read as their own."
    def plain(part): return re.sub(r'([<*$\[\]])', r'\\\1', part)
    parts = [part if part.startswith('`') else plain(part) for part in TICKS.split(text)]
    return ''.join(parts).replace('|', r'\|')


def comments(
    source:str, # Python
)->dict[int, str]: # Line, from 1, to the words behind #
    "The comment of each line that has one."
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip('#').strip() for t in tokens if t.type == tokenize.COMMENT}


def parameters(
    node:ast.FunctionDef, # A function or method
    said:dict[int, str],  # From `comments`
)->list[dict]: # name, type, default, meaning of each; self and cls left out
    "What a function takes."
    a = node.args
    plain = [*a.posonlyargs, *a.args]
    pairs = list(zip(plain, [None] * (len(plain) - len(a.defaults)) + a.defaults))
    pairs += [(a.vararg, None)] * bool(a.vararg) + list(zip(a.kwonlyargs, a.kw_defaults)) + [(a.kwarg, None)] * bool(a.kwarg)
    stars = {id(a.vararg): '*', id(a.kwarg): '**'}
    rows = []
    for arg, default in pairs:
        if arg.arg in ('self', 'cls'): continue
        last = default or arg.annotation or arg
        rows.append(dict(name=stars.get(id(arg), '') + arg.arg, type=ast.unparse(arg.annotation) if arg.annotation else '',
                         default=ast.unparse(default) if default else '', meaning=said.get(last.end_lineno, '')))
    return rows


def fields(
    node:ast.ClassDef,   # A dataclass or named tuple
    said:dict[int, str], # From `comments`
)->list[dict]: # As `parameters` gives them
    "What a class holds."
    found = [n for n in node.body if isinstance(n, ast.AnnAssign) and not n.target.id.startswith('_')]
    return [dict(name=n.target.id, type=ast.unparse(n.annotation), default=ast.unparse(n.value) if n.value else '',
                 meaning=said.get(n.end_lineno, '')) for n in found]


def signature(
    name:str,               # As it is called
    args:ast.arguments|None, # None: no brackets
    returns:ast.expr|None,  # Annotation of what comes out
    rows:list[dict],        # Fields, for a dataclass
)->str: # Python, on one line where it fits
    "How a thing is called."
    if args is None: parts = [r['name'] + (f"={r['default']}" if r['default'] else '') for r in rows]
    else: parts = _written(args)
    out = f' -> {ast.unparse(returns)}' if returns else ''
    line = f"{name}({', '.join(parts)}){out}"
    if len(line) <= WIDE: return line
    return f'{name}(\n' + ''.join(f'    {p},\n' if p != '*' else '    *,\n' for p in parts) + f'){out}'


def _written(args):
    "Names and defaults, without annotations and self."
    plain = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(plain) - len(args.defaults)) + args.defaults
    parts = [a.arg + (f'={ast.unparse(d)}' if d else '') for a, d in zip(plain, defaults) if a.arg not in ('self', 'cls')]
    if args.vararg: parts.append('*' + args.vararg.arg)
    elif args.kwonlyargs: parts.append('*')
    parts += [a.arg + (f'={ast.unparse(d)}' if d else '') for a, d in zip(args.kwonlyargs, args.kw_defaults)]
    return parts + (['**' + args.kwarg.arg] if args.kwarg else [])


def table(
    rows:list[dict], # From `parameters` or `fields`
    returns:str='',  # Meaning of what comes out
    kind:str='',     # Its type
)->str: # A Markdown table, '' for nothing to tell
    "Name, type, default, meaning; what comes out in the last row."
    if not rows and not returns: return ''
    code = lambda text: f"`{text}`".replace('|', r'\|') if text else ''
    lines = ['| | type | default | meaning |', '|---|---|---|---|']
    lines += [f"| **{code(r['name'])}** | {code(r['type'])} | {code(r['default'])} | {cell(r['meaning'])} |" for r in rows]
    if returns: lines.append(f'| *returns* | {code(kind)} | | {cell(returns)} |')
    return ':::{div} api-table\n' + '\n'.join(lines) + '\n:::'


def names_of(
    tree:ast.Module, # An exported cell or a module
)->list[str]: # Public names, in order
    "What a cell defines for others."
    found = []
    for n in tree.body:
        if isinstance(n, (ast.FunctionDef, ast.ClassDef)): found.append(n.name)
        if isinstance(n, (ast.Assign, ast.AnnAssign)):
            for target in n.targets if isinstance(n, ast.Assign) else [n.target]:
                found += [t.id for t in ast.walk(target) if isinstance(t, ast.Name)]
    return [name for name in found if not name.startswith('_')]


@lru_cache
def tree_of(
    module:str, # Stem of a file of lth_nb/
)->ast.Module: # Parsed
    "An exported module."
    return ast.parse((root/f'lth_nb/{module}.py').read_text(encoding='utf-8'))


@lru_cache
def labels(
    module:str, # Stem of a file of lth_nb/
)->dict[str, str]: # Public name, and Class.method, to its label; classes apart, as labels know no capitals
    "The targets of a module's entries."
    found = {}
    for n in tree_of(module).body:
        if isinstance(n, ast.ClassDef) and not n.name.startswith('_'):
            found[n.name] = f'lth_nb.{module}.class.{n.name}'.lower()
            found |= {f'{n.name}.{m.name}': f'{found[n.name]}.{m.name}'.lower() for m in methods(n)}
        elif isinstance(n, (ast.FunctionDef, ast.Assign, ast.AnnAssign)):
            found |= {name: f'lth_nb.{module}.{name}'.lower() + ('.value' if name.isupper() else '')
                      for name in names_of(ast.Module([n], []))}
    public = exported(module)
    return {name: label for name, label in found.items() if '.' in name or name in public}


@lru_cache
def exported(
    module:str, # Stem of a file of lth_nb/
)->set[str]: # Its __all__
    "What a module gives to others."
    for n in tree_of(module).body:
        if isinstance(n, ast.Assign) and getattr(n.targets[0], 'id', '') == '__all__': return set(ast.literal_eval(n.value))
    return set()


def methods(
    node:ast.ClassDef, # Any
)->list[ast.FunctionDef]: # In order
    "Methods and properties that have a name of their own."
    return [m for m in node.body if isinstance(m, ast.FunctionDef) and not m.name.startswith('_')]


def line_of(
    module:str, # Stem of a file of lth_nb/
    name:str,   # A function, class, constant, or Class.method
)->int: # From 1
    "Where `name` stands in the exported module."
    at = tree_of(module)
    for part in name.split('.'):
        at = next(n for n in at.body if getattr(n, 'name', '') == part or part in names_of(ast.Module([n], [])))
    return at.lineno


def source_link(
    module:str, # Stem of a file of lth_nb/
    name:str,   # As `line_of` takes it
)->str: # HTML, for a page one folder deep
    "A link to the line of the module on this site."
    return f'<a class="api-source" href="../source/{module}.html#L-{line_of(module, name)}">source</a>'


def entry(
    module:str, # Stem of a file of lth_nb/
    name:str,   # `name` or `Class.method`
    node:ast.FunctionDef|ast.ClassDef, # Its definition
    said:dict[int, str],               # Comments of the cell it stands in
    level:int=3, # Of the heading
)->str: # Markdown
    "One entry: heading, signature, one line, table, source; a class with its methods."
    rows, kind, out, args, ret = [], '', '', None, None
    if isinstance(node, ast.ClassDef):
        init = next((m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == '__init__'), None)
        rows = parameters(init, said) if init else fields(node, said)
        args = init.args if init else None
    else:
        rows, args, ret = parameters(node, said), node.args, node.returns
        if ret: kind, out = ast.unparse(ret), said.get(ret.end_lineno) or said.get(node.body[0].end_lineno, '')
    prop = any(getattr(d, 'id', '') in ('property', 'cached_property') for d in getattr(node, 'decorator_list', []))
    shown = signature(name, args, ret, rows) if not prop else name + (f' -> {ast.unparse(ret)}' if ret else '')
    if isinstance(node, ast.ClassDef): shown = f"class {shown.replace('()', '')}"
    words = (ast.get_docstring(node) or '').replace('\n', ' ')
    parts = [f"({labels(module)[name]})=\n{'#' * level} `{name}`", source_link(module, name),
             f'```python\n{shown}\n```', cell(words).replace(r'\|', '|'), table(rows, out, kind)]
    for m in methods(node) if isinstance(node, ast.ClassDef) else []:
        parts.append(entry(module, f'{name}.{m.name}', m, said, level + 1))
    return '\n\n'.join(part for part in parts if part)


def entries(
    module:str, # Stem of a file of lth_nb/
    source:str, # An exported cell
    level:int=3, # Of the headings
)->str: # Markdown, '' where the cell defines nothing for others
    "Entries of all that a cell defines for others; constants get a target and a link."
    source = textwrap.dedent(source)
    tree, said, known, parts = ast.parse(source), comments(source), labels(module), []
    for n in tree.body:
        if isinstance(n, (ast.FunctionDef, ast.ClassDef)):
            if n.name in known: parts.append(entry(module, n.name, n, said, level))
        else:
            for name in names_of(ast.Module([n], [])):
                if name in known: parts.append(f"({known[name]})=\n{'#' * level} `{name}`\n\n{source_link(module, name)}")
    return '\n\n'.join(parts)


def contents(
    module:str, # Stem of a file of lth_nb/
)->str: # A Markdown table
    "Every entry of a module with its one line."
    tree = tree_of(module)
    said = {n.name: ast.get_docstring(n) or '' for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    lines = [f"| [`{name}`](#{label}) | {cell(said.get(name, 'a constant').split(chr(10))[0])} |"
             for name, label in labels(module).items() if '.' not in name]
    return ':::{div} api-table in-room\n| in this room | |\n|---|---|\n' + '\n'.join(lines) + '\n:::' if lines else ''
