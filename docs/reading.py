"""What a reader sees of a notebook, changed while Sphinx reads it: no file is written.

A library notebook gets an entry (entries.py) before each exported cell. An experiment begins with its answer and its first
figure; parameters, imports and plan stand at the end. Names between backticks become links to their entries."""
import ast
import html
import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path

root = Path(__file__).resolve().parents[1]
PLOTLY, WIDGET = 'application/vnd.plotly.v1+json', 'application/vnd.jupyter.widget-view+json'
STILL = (':::{admonition} Runs on your machine\n:class: note\nThis notebook is committed without outputs: it trains, or its '
         'controls answer to a running kernel.\n:::')
FENCE = re.compile(r'(?ms)(^```.*?^```|^:::.*?$)')
TICK = re.compile(r'(?<![`\[\w}])`([\w./]+)`(?!`)')


def text_of(cell): return ''.join(cell['source'])
def directives(cell): return re.findall(r'(?m)^#\| *(\w+)', text_of(cell))
def bare(cell): return re.sub(r'(?m)^#\|.*\n?', '', text_of(cell)).strip()
def markdown(text): return dict(cell_type='markdown', id='', metadata={}, source=text)


def parsed(text):
    "The statements of a cell; none where it holds shell lines."
    try: return ast.parse(text).body
    except SyntaxError: return []


@cache
def homes():
    "Every exported name with the modules that export it."
    found = {}
    for path in sorted((root/'lth_nb').rglob('[a-z]*.py')):
        module = '.'.join(path.relative_to(root).with_suffix('').parts)
        exported = re.search(r'(?ms)^__all__ = (\[.*?\])$', path.read_text(encoding='utf-8'))
        for name in ast.literal_eval(exported[1]) if exported else []: found.setdefault(name, []).append(module)
    return found


def known_in(cells, module):
    "The names a notebook can speak of, its own and those it imports, each with its full name."
    places = dict.fromkeys([name for name, where in homes().items() if module in where], module)
    for cell in cells:
        for node in parsed(bare(cell)) if cell['cell_type'] == 'code' else []:
            if not isinstance(node, ast.ImportFrom) or not (node.module or '').startswith('lth_nb'): continue
            places = {alias.name: node.module for alias in node.names} | places
    full = {}
    for name, place in places.items():
        there = [home for home in homes().get(name, []) if f'{home}.'.startswith(f'{place}.')]
        if len(there) == 1: full[name] = f'{there[0]}.{name}'
    return full


def linked(text, known):
    "Backticked names of `known` and of notebooks as links; fenced code stays."
    def link(match):
        name = match[1].removesuffix('.ipynb')
        if name in known: return f'{{py:obj}}`{name} <{known[name]}>`'
        there = [path for path in (f'{name}.ipynb', f'experiments/{name}.ipynb') if (root/'nbs'/path).exists()]
        return f'[`{match[1]}`](/{there[0]})' if there else match[0]
    text = re.sub(r'\]\((?:\.\./)+([A-Z]+\.md)', r'](/\1', text)
    text = re.sub(r'\]\((?:\.\./)*studies/\w+/what_we_found.ipynb', '](/experiments/what_we_found.ipynb', text)
    text = re.sub(r'(?ms)\n*^(\$\$.*?\$\$)\s*$\n?', r'\n\n\1\n\n', text).strip()
    return ''.join(part if part.startswith(('```', ':::')) else TICK.sub(link, part) for part in FENCE.split(text))


def figure(data, words):
    "A figure that live.js draws when it comes into view; `words` are for who cannot see it."
    layout = data.get('layout') or {}
    title = re.sub('<[^>]*>', ' ', (layout.get('title') or {}).get('text') or '')
    label = html.escape(' '.join(f'{title}. {words}'.split()).strip('. ') or 'interactive figure')
    shown = json.dumps(dict(data=data['data'], layout=layout), separators=(',', ':')).replace('</', '<\\/')
    return (f'<figure class="plotly-live" role="img" aria-label="{label}" style="min-height:{layout.get("height") or 450}px">'
            f'<script type="application/json">{shown}</script></figure>')


def sentence_of(data):
    "The words of a value that is one string, '' for every other."
    text = ''.join(data.get('text/plain', ''))
    if set(data) != {'text/plain'} or text[:1] not in '"\'(': return ''
    try: value = ast.literal_eval(text)
    except (SyntaxError, ValueError): return ''
    return value if isinstance(value, str) else ''


def shown(cell, words):
    "Outputs as the page has them: figures live, sentences as prose, nothing empty."
    kept = []
    for output in cell.get('outputs', []):
        data = output.get('data') or {}
        if output['output_type'] == 'execute_result' and not data: continue
        if PLOTLY in data: data = {'text/html': figure(data[PLOTLY], words)}
        elif sentence_of(data): data = {'text/html': f'<p class="sentence">{html.escape(sentence_of(data))}</p>'}
        data = {kind: value for kind, value in data.items() if kind != WIDGET}
        kept.append(output | dict(data=data, metadata={}) if data else output)
    return kept


def entries(text, module):
    "autodoc's directives for what a cell defines for others, '' for none."
    lines = []
    for node in parsed(text):
        named = [node.name] if hasattr(node, 'name') else [
            name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)]
        for name in named:
            if module not in homes().get(name, []): continue
            if isinstance(node, ast.ClassDef): lines += [f'.. autoclass:: {module}.{name}', '   :members:', '']
            elif isinstance(node, ast.FunctionDef): lines += [f'.. autofunction:: {module}.{name}', '']
            else: lines += [f'.. py:data:: {name}', f'   :module: {module}', '']
    return '```{entries}\n' + '\n'.join(lines) + '\n```' if lines else ''


def library(cells, docname):
    "A library notebook: entries before exported cells, whose code is folded away."
    module = next((bare_name for cell in cells for bare_name in re.findall(r'(?m)^#\| default_exp (\S+)', text_of(cell))), '')
    module = module and f'lth_nb.{module}'
    known, words = known_in(cells, module), ''
    for cell in cells:
        said, text = directives(cell), bare(cell)
        if {'hide', 'default_exp'} & {*said} or not text or text.startswith('<picture'): continue
        if cell['cell_type'] == 'markdown':
            yield markdown(linked(re.sub(r'(?m)^\[!\[.*\n\n?', '', text), known))
            if not words and module: yield markdown(where(docname, module))
            words = re.sub(r'[#>`*$]', '', text).strip()[:300]
            continue
        if 'export' in said and (made := entries(text, module)): yield markdown(made)
        only_imports = module and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in parsed(text) or [0])
        tag = 'remove-input' if 'echo' in said else 'hide-input' if 'export' in said or only_imports else ''
        yield cell | dict(source=text, metadata=dict(tags=[tag] if tag else []), outputs=shown(cell, words))


def where(docname, module):
    "The line under a title: the module, and the notebook itself."
    name = docname.split('/')[-1]
    return f':::{{div}} where\n`{module}` · {{download}}`notebook <{name}.ipynb>`\n:::'


def answer_of(cells):
    "Index of the cell that says the answer, and the answer: Markdown below the plan, or the last cell's sentence."
    for index, cell in enumerate(cells):
        for output in cell.get('outputs', []):
            said = ''.join((output.get('data') or {}).get('text/markdown', ''))
            if said and 'plan' not in cell['metadata'].get('tags', []): return index, said
    found = [sentence_of(output.get('data') or {}) for output in cells[-1].get('outputs', [])]
    return len(cells) - 1, next(filter(None, found), '')


def experiment(cells, docname):
    "An experiment: question, answer and first figure; then the page; parameters, imports and plan at the end."
    known, name = known_in(cells, ''), docname.split('/')[-1]
    at, answer = answer_of(cells)
    yield markdown(linked(text_of(cells[0]), known))
    if answer: yield markdown(f'::::{{admonition}} The answer, as the notebook computes it\n:class: tip\n{answer}\n::::')
    first = next((cell for cell in cells if any(PLOTLY in (output.get('data') or {}) for output in cell.get('outputs', []))), None)
    plumbing, words = [], ''
    if not any(cell.get('outputs') for cell in cells): yield markdown(STILL)
    if first: yield cells_with(first, parted(first, answer)[0], 'remove-input')
    for index, cell in enumerate(cells[1:], start=1):
        tags, text = cell['metadata'].get('tags', []), bare(cell)
        if cell['cell_type'] == 'markdown':
            words = re.sub(r'[#>`*$]', '', text).strip()[:300]
            yield markdown(linked(text, known))
            continue
        only_imports = all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in parsed(text) or [0])
        outputs = parted(cell, words)[1] if cell is first else [] if index == at and answer else shown(cell, words)
        page = cells_with(cell, outputs, *([] if 'parameters' in tags else ['hide-input']))
        if only_imports or {'parameters', 'plan'} & {*tags}: plumbing.append(page)
        else: yield page
    yield markdown(f'## Parameters and plan\n\n```bash\nlth run {name}\n```\n\n{{download}}`notebook <{name}.ipynb>`')
    yield from plumbing


def parted(cell, words):
    "The first figure of a cell, and its other outputs."
    outputs = shown(cell, words)
    place = next(place for place, output in enumerate(outputs) if 'plotly-live' in str(output))
    return outputs[place:place + 1], outputs[:place] + outputs[place + 1:]


def cells_with(cell, outputs, *tags): return cell | dict(source=bare(cell), metadata=dict(tags=[*tags]), outputs=outputs)


def read(app, docname, content):
    "Sphinx hands over the text of a file that it is about to parse."
    if not app.env.doc2path(docname).suffix == '.ipynb': return
    notebook = json.loads(content[0])
    change = experiment if docname.startswith('experiments/') else library
    cells = list(change(notebook['cells'], docname))
    if docname == 'index': cells.append(markdown((root/'docs/contents.md').read_text(encoding='utf-8')))
    for index, cell in enumerate(cells): cell['id'] = f'c{index}'
    notebook['metadata']['language_info'] = dict(name='python', pygments_lexer='ipython3')
    content[0] = json.dumps(notebook | dict(cells=cells))


def setup(app):
    "Connect the reading; modules are loaded once, before Sphinx divides its work."
    for module in sorted({home for found in homes().values() for home in found}): import_module(module)
    app.connect('source-read', read)
    return dict(version='1', parallel_read_safe=True, parallel_write_safe=True)
