"""What a reader sees of a notebook, changed while Sphinx reads it: no file is written.

A library notebook gets an entry (entries.py) before each exported cell. An experiment begins with its answer and its first
figure; parameters, imports and plan stand at the end. Code in prose that names something of the library leads there."""
import ast
import html
import json
import re
from functools import cache
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path
from pkgutil import walk_packages
from symtable import symtable

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sphinx.addnodes import pending_xref

import lth_nb

PLOTLY = 'application/vnd.plotly.v1+json'
README_ONLY = '<picture', '[!['  # Paragraphs: a still figure, badges
STILL = """:::{admonition} Runs on your machine
:class: note
This notebook is committed without outputs: it trains, or its controls answer to a running kernel.
:::"""


# What a cell holds

def directives(cell): return re.findall(r'(?m)^#\| *(\w+)', cell.source)
def bare(cell): return re.sub(r'(?m)^#\|.*\n?', '', cell.source).strip()
def tags_of(cell): return cell.metadata.get('tags', [])
def outputs_of(cell): return cell.get('outputs', [])
def data_of(output): return output.get('data', {})
def is_figure(output): return PLOTLY in data_of(output)


def statements(cell):
    "Of Python; none where a cell holds prose or shell lines."
    if cell.cell_type != 'code': return []
    try: return ast.parse(bare(cell)).body
    except SyntaxError: return []


def only_imports(cell):
    "Whether a cell does nothing but import."
    kinds = {type(node) for node in statements(cell)}
    return bool(kinds) and kinds <= {ast.Import, ast.ImportFrom}


def sentence_of(output):
    "The words of a value that is one string, '' for every other."
    if [*data_of(output)] != ['text/plain']: return ''
    try: value = ast.literal_eval(output.data['text/plain'])
    except (SyntaxError, ValueError): return ''
    return value if isinstance(value, str) else ''


# What the page has instead

def prose(cell):
    "The words of a cell; links that lead up from nbs/ start at the top."
    kept = [part for part in bare(cell).split('\n\n') if not part.startswith(README_ONLY)]
    return new_markdown_cell('\n\n'.join(kept).replace('](../', '](/'))


def figure(drawn):
    "A figure that live.js draws when it comes into view; its title is for who cannot see it."
    layout = drawn.get('layout', {})
    title = layout.get('title', {})
    words = f"{title.get('text', '')}. {title.get('subtitle', {}).get('text', '')}"
    label = html.escape(' '.join(re.sub('<[^>]*>', ' ', words).split()))
    shown = json.dumps(dict(data=drawn['data'], layout=layout), separators=(',', ':')).replace('</', '<\\/')
    return (f'<figure class="plotly-live" role="img" aria-label="{label}" style="min-height:{layout.get("height", 450)}px">'
            f'<script type="application/json">{shown}</script></figure>')


def rendered(output):
    "A figure live, a string as a sentence, all else as it is."
    if is_figure(output): text = figure(output.data[PLOTLY])
    elif sentence_of(output): text = f'<p class="sentence">{html.escape(sentence_of(output))}</p>'
    else: return output
    return new_output('display_data', {'text/html': text})


def page_cell(source, outputs, *tags, words=''):
    "A cell as myst-nb takes it; `words` are for who cannot see a picture among its outputs."
    shown = [rendered(output) for output in outputs if data_of(output) or output.output_type == 'stream']
    return new_code_cell(source, outputs=shown, metadata=dict(tags=[*tags], mystnb=dict(image=dict(alt=words))))


# Names, their entries and what leads to them

@cache
def homes():
    "Every exported name with the modules that export it."
    found = {}
    for part in walk_packages(lth_nb.__path__, 'lth_nb.'):
        if part.ispkg or part.name.startswith('lth_nb._'): continue
        for name in import_module(part.name).__all__: found.setdefault(name, []).append(part.name)
    return found


def module_of(cells):
    "The module a notebook is exported to, '' for none."
    room = re.match(r'#\| default_exp (\S+)', cells[0].source)
    return f'lth_nb.{room[1]}' if room else ''


def known_in(cells):
    "The names a notebook can speak of, its own and those it imports, each with its full name."
    imports = [node for cell in cells for node in statements(cell) if isinstance(node, ast.ImportFrom)]
    places = {alias.name: node.module for node in imports for alias in node.names}
    places |= {name: module_of(cells) for name in homes() if module_of(cells) in homes()[name]}
    full = {}
    for name, place in places.items():
        there = [home for home in homes().get(name, []) if f'{home}.'.startswith(f'{place}.')]
        if len(there) == 1: full[name] = f'{there[0]}.{name}'
    return full


def entry(module, name):
    "autodoc's directive for a name."
    thing = getattr(import_module(module), name)
    if isclass(thing): return f'.. autoclass:: {module}.{name}\n   :members:\n'
    if isfunction(thing): return f'.. autofunction:: {module}.{name}\n'
    return f'.. py:data:: {name}\n   :module: {module}\n'


def entries(cell, module):
    "The entries of what a cell defines for others, '' for none."
    symbols = symtable(bare(cell), module, 'exec').get_symbols()
    names = [symbol.get_name() for symbol in symbols if symbol.is_assigned()]
    made = [entry(module, name) for name in names if module in homes().get(name, [])]
    return '\n'.join(['```{eval-rst}', *made, '```']) if made else ''


def link_names(app, doctree):
    "Code in prose that names something of the library, or a notebook, leads there."
    known = app.env.temp_data.get('known', {})
    for code in [*doctree.findall(nodes.literal)]:
        name = code.astext().removesuffix('.ipynb')
        books = [book for book in (name, f'experiments/{name}') if (app.srcdir/f'{book}.ipynb').exists()]
        if isinstance(code.parent, (nodes.reference, pending_xref)): continue
        if name in known: link = pending_xref(refdomain='py', reftype='obj', reftarget=known[name], refwarn=True)
        elif books: link = nodes.reference(refuri=app.builder.get_relative_uri(app.env.docname, books[0]), internal=True)
        else: continue
        code.replace_self(link)
        link += code


# Pages

def where(docname, module):
    "The line under a title: the module, and the notebook itself."
    name = docname.split('/')[-1]
    return new_markdown_cell(f':::{{div}} where\n`{module}` · {{download}}`notebook <{name}.ipynb>`\n:::')


def folded(cell, module):
    "How myst-nb shows the code of a cell: not at all, folded away, or open."
    if 'echo' in directives(cell): return ['remove-input']
    if 'export' in directives(cell) or (module and only_imports(cell)): return ['hide-input']
    return []


def library(cells, docname):
    "A library notebook: entries before exported cells, whose code is folded away."
    module, words = module_of(cells), ''
    for cell in cells:
        if not bare(cell) or {'hide', 'default_exp'} & {*directives(cell)}: continue
        if cell.cell_type == 'markdown':
            yield prose(cell)
            if module and not words: yield where(docname, module)
            words = ' '.join(re.sub(r'[#>`*$]', '', bare(cell)).split())[:300]
            continue
        if 'export' in directives(cell): yield new_markdown_cell(entries(cell, module))
        yield page_cell(bare(cell), outputs_of(cell), *folded(cell, module), words=words)


def answers(cells):
    "The outputs that say the answer: the first Markdown below the plan, else the last cell's sentence."
    plans = [place for place, cell in enumerate(cells) if 'plan' in tags_of(cell)]
    for cell in cells[max(plans, default=-1) + 1:]:
        told = [output for output in outputs_of(cell) if 'text/markdown' in data_of(output)]
        if told: return told
    return [*filter(sentence_of, outputs_of(cells[-1]))][:1]


def answered(told):
    "The answer of an experiment in a box."
    words = '\n\n'.join(answer.data.get('text/markdown') or sentence_of(answer) for answer in told)
    return new_markdown_cell(f'::::{{admonition}} The answer, as the notebook computes it\n:class: tip\n{words}\n::::')


def experiment(cells, docname):
    "An experiment: question, answer and first figure; then the page; parameters, setup, imports and plan at the end."
    title, *rest = cells
    name, outputs = docname.split('/')[-1], [output for cell in cells for output in outputs_of(cell)]
    told, drawn = answers(cells), next(filter(is_figure, outputs), None)
    yield prose(title)
    if told: yield answered(told)
    if not outputs: yield new_markdown_cell(STILL)
    if drawn: yield page_cell('# what is drawn', [drawn], 'remove-input')
    plumbing = []
    for cell in rest:
        left = [output for output in outputs_of(cell) if output not in told and output is not drawn]
        below = {'plan', 'setup'} & {*tags_of(cell)} or only_imports(cell)
        if cell.cell_type == 'markdown': yield prose(cell)
        elif 'parameters' in tags_of(cell): plumbing.insert(0, page_cell(bare(cell), left))
        elif below: plumbing.append(page_cell(bare(cell), left, 'hide-input'))
        else: yield page_cell(bare(cell), left, 'hide-input')
    yield new_markdown_cell(f'## Parameters and plan\n\n```bash\nlth run {name}\n```\n\n{{download}}`notebook <{name}.ipynb>`')
    yield from plumbing


def read(app, docname, content):
    "Sphinx hands over the text of a file that it is about to parse."
    if app.env.doc2path(docname).suffix != '.ipynb': return
    notebook = nbformat.reads(content[0], as_version=4)
    app.env.temp_data['known'] = known_in(notebook.cells)
    of_results = docname.startswith('experiments/')
    cells = [*(experiment if of_results else library)(notebook.cells, docname)]
    if docname == 'index': cells.append(new_markdown_cell(Path(__file__).with_name('contents.md').read_text(encoding='utf-8')))
    about = dict(language_info=dict(name='python', pygments_lexer='ipython3'), source_map=[*range(len(cells))])
    if of_results or docname in ('index', 'your_data', 'benchmarks'): about['hide-toc'] = True
    content[0] = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=about))


def setup(app):
    "Connect the reading; modules are loaded once, before Sphinx divides its work."
    homes()
    app.connect('source-read', read)
    app.connect('doctree-read', link_names)
    return dict(version='1', parallel_read_safe=True, parallel_write_safe=True)
