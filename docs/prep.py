"""Everything Sphinx reads, written to docs/_build/src: rooms with API entries, executed experiments, the paper's map, pages.

Rooms keep the outputs they were committed with; experiments and the tutorial are executed (execute.py)."""
import ast
import html
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import api
import papermap
from execute import build, executed, options_of, root

src = build/'src'
LAYERS = {0: ('words', 'No training: the protocol, masks, effects, drawings, pixels, and how a file is read.'),
          1: ('things', 'What a study is made of: pruning rules, images, sets, networks. Each imports only lower numbers.'),
          2: ('acts', 'Training, the search, the transfer. They get networks and batches as arguments.'),
          3: ('memory', 'What stays: banks of tickets, finished runs, plans, studies.'),
          4: ('judgement', 'Tables in, intervals, verdicts and figures out. Never trains, never imports torch.'),
          5: ('doors', 'How a person comes in: the command line, the explorer, the tables of the experiments.'),
          9: ('audit', 'The style as code: reads every notebook and names what breaks a rule.')}
GROUPS = {'Find and transfer': ('find_tickets', 'run_transfer', 'explore'),
          'New questions': ('ladder', 'recipes', 'what_we_found', 'study'),
          'Figures of the paper': ('fig1_tickets', 'fig2_samples', 'fig3_transfer', 'fig4_finetuned', 'fig4_related', 'fig4_size'),
          'Tables of the paper': ('table1', 'table2', 'table2_check', 'paper_curves')}
KERNEL = re.compile(r'(?m)^\[IPKernelApp\] .*\n?') # a kernel's own log, among the words of a command
FENCE = re.compile(r'(?ms)(^```.*?^```|^:::.*?$)')
TICK = re.compile(r'(?<![`\[\w])`([\w.]+)`(?!`)')
ROOMS = {p.stem: p for p in sorted((root/'nbs').glob('[0-9][0-9]_*.ipynb'))}
EXPERIMENTS = {p.stem: p for p in sorted((root/'nbs/experiments').glob('*.ipynb'))}
LABELS = {stem[3:]: api.labels(stem[3:]) for stem in ROOMS if (root/f'lth_nb/{stem[3:]}.py').exists()}


def text_of(c): return ''.join(c['source'])
def directives(c): return re.findall(r'(?m)^#\| *(\w+)', text_of(c))
def bare(text): return re.sub(r'(?m)^#\|.*\n?', '', text).strip()
def markdown(text, **more): return dict(cell_type='markdown', metadata={}, source=text, **more)


def known_in(
    cells:list[dict], # Of a notebook
    module:str='',    # It exports, if any
)->dict[str, str]: # Name to label
    "The names a notebook can speak of: its own, and those it imports from lth_nb."
    found = {}
    for c in cells:
        if c['cell_type'] != 'code': continue
        try: tree = ast.parse(bare(text_of(c)))
        except SyntaxError: continue # a cell of shell commands
        for n in ast.walk(tree):
            if isinstance(n, ast.ImportFrom) and (n.module or '').startswith('lth_nb.'):
                own = LABELS.get(n.module[7:], {})
                for a in n.names:
                    found |= {k: v for k, v in own.items() if k == a.name or k.startswith(a.name + '.')}
    return found | LABELS.get(module, {})


def linked(
    text:str,             # Markdown
    known:dict[str, str], # Name to label
    up:str='..',          # From the page to the top
)->str: # The same with links
    "Backticked names become links: what is exported, rooms, experiments. Fenced code and headings stay."
    def link(m):
        name = m[1].removesuffix('.ipynb')
        if m[1] in known: return f'[`{m[1]}`](#{known[m[1]]})'
        if name in ROOMS: return f'[`{name}`]({up}/rooms/{name}.ipynb)'
        if name in EXPERIMENTS: return f'[`{name}`]({up}/experiments/{name}.ipynb)'
        return m[0]
    def line(text): return text if re.match(r'\s*(#|\()', text) and text.lstrip('#( ')[:1] == '`' else TICK.sub(link, text)
    parts = FENCE.split(text)
    return ''.join(p if p.startswith(('```', ':::')) else '\n'.join(map(line, p.split('\n'))) for p in parts)


def spaced(text): return re.sub(r'(?ms)\n*^(\$\$.*?\$\$)\s*$\n?', r'\n\n\1\n\n', text).strip()


def figure(
    data:dict,   # Of a plotly figure
    words:str='', # What a person who cannot see it should know
)->str: # HTML
    "A figure that live.js draws when it comes into view."
    title = re.sub('<[^>]*>', ' ', ((data.get('layout') or {}).get('title') or {}).get('text') or '')
    height = (data.get('layout') or {}).get('height') or 450
    shown = json.dumps(dict(data=data['data'], layout=data.get('layout', {})), separators=(',', ':')).replace('</', '<\\/')
    alt = html.escape(' '.join(f'{title}. {words}'.split()).strip('. ') or 'interactive figure', quote=True)
    return (f'<figure class="plotly-live" role="img" aria-label="{alt}" style="min-height:{height}px">'
            f'<script type="application/json">{shown}</script></figure>')


def sentence(
    text:str, # As a notebook computed it
)->str: # HTML
    "A computed sentence; a long one with one part per line."
    parts, depth = [''], 0
    for before, c in zip(' ' + text, text):
        depth += (c == '(') - (c == ')')
        if c == ' ' and depth == 0 and before in ';.' and len(text) > 300: parts.append('')
        else: parts[-1] += c
    return '<p class="sentence">' + ''.join(f'<span>{html.escape(part)} </span>' for part in parts) + '</p>'


def value_of(
    text:str, # The repr of a cell's value
)->list[str]: # Its words, where the value is a string or several; else nothing
    "Sentences are shown as sentences, not as Python writes them."
    try: value = ast.literal_eval(text)
    except (SyntaxError, ValueError): return []
    if isinstance(value, str): return [value]
    if isinstance(value, (tuple, set)) and value and all(isinstance(v, str) for v in value): return list(value)
    return []


def shown(
    outputs:list[dict], # Of a cell
    before:str='',      # The words that led to it
    prose:bool=False,   # Strings as sentences
)->list[dict]: # What the page shows
    "Figures live, sentences as prose, nothing from stderr, no empty values."
    kept = []
    for o in outputs:
        data = o.get('data') or {}
        if o['output_type'] == 'stream' and o.get('name') == 'stderr': continue
        if o['output_type'] == 'stream': o = dict(o, text=KERNEL.sub('', ''.join(o['text'])))
        if o['output_type'] == 'execute_result' and not data: continue
        if 'application/vnd.plotly.v1+json' in data:
            data = {'text/html': figure(data['application/vnd.plotly.v1+json'], before)}
        elif prose and set(data) == {'text/plain'} and (words := value_of(''.join(data['text/plain']))):
            data = {'text/html': ''.join(map(sentence, words))}
        elif 'application/vnd.jupyter.widget-view+json' in data: data = {'text/plain': data.get('text/plain', '')}
        kept.append(dict(o, data=data, metadata={}) if data else o)
    return kept


def write(
    cells:list[dict], # markdown and code
    to:Path,          # In src
)->None: # Nothing
    "A notebook for myst-nb."
    for i, c in enumerate(cells):
        c['id'] = f'c{i}'
        c['metadata'] = {'tags': c['metadata']['tags']} if c['metadata'].get('tags') else {}
        if c['cell_type'] == 'code': c['execution_count'] = None
        for o in c.get('outputs', []):
            if o['output_type'] == 'execute_result': o['execution_count'] = None
    kernel = dict(display_name='python3', language='python', name='python3')
    nb = dict(cells=cells, metadata=dict(kernelspec=kernel, language_info=dict(name='python', pygments_lexer='ipython3')), nbformat=4, nbformat_minor=5)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(nb), encoding='utf-8')


def only_imports(source):
    "Whether a cell does nothing but import."
    try: body = ast.parse(source).body
    except SyntaxError: return False
    return bool(body) and all(isinstance(n, (ast.Import, ast.ImportFrom)) for n in body)


def download(path, said):
    "A link to a notebook as it is committed."
    (src/'notebooks').mkdir(parents=True, exist_ok=True)
    shutil.copy(path, src/'notebooks'/path.name)
    return '{download}`%s <../notebooks/%s>`' % (said, path.name)


def room(
    path:Path, # A library notebook
)->None: # Nothing; the page is written
    "A room: prose, entries before their definitions, lessons with the outputs they were committed with."
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    module = path.stem[3:] if path.stem[3:] in LABELS else ''
    known, out, before, depth = known_in(cells, module), [], '', 1
    for c in cells:
        said, text = directives(c), bare(text_of(c))
        if 'hide' in said or 'default_exp' in said or not text: continue
        if c['cell_type'] == 'markdown':
            before = re.sub(r'[#>`*$]', '', text).strip()[:300]
            out.append(markdown(linked(spaced(text), known)))
            depth = max([len(h) for h in re.findall(r'(?m)^(#+) ', text)][-1:] or [depth])
            if len(out) == 1: out.append(markdown(where(path, module)))
            elif 'export' in said and module: out.append(markdown(api.contents(module)))
            continue
        tags = []
        if 'export' in said:
            made = api.entries(module, text, min(depth + 1, 3))
            if made: out.append(markdown(linked(made, known)))
            tags = ['hide-input']
        elif only_imports(text): tags = ['hide-input']
        out.append(dict(cell_type='code', metadata=dict(tags=tags), source=text,
                        outputs=shown(c.get('outputs', []), before)))
    write(out, src/'rooms'/path.name)


def where(path, module):
    "The line under a room's title."
    layer = LAYERS[int(path.stem[0])][0]
    parts = [f'Room {path.stem[:2]}, [{layer}](layer{path.stem[0]}.md)']
    if module: parts.append(f'<a href="../source/{module}.html">source of <code>lth_nb.{module}</code></a>')
    return ':::{div} where\n' + ' · '.join([*parts, download(path, 'notebook')]) + '\n:::'


def verdict(cells):
    "The last value of an executed notebook, as words."
    outputs = [o for o in cells[-1].get('outputs', []) if 'text/plain' in o.get('data', {})]
    words = value_of(''.join(outputs[-1]['data']['text/plain'])) if outputs else []
    return words[0] if words else ''


NOTES = dict(
    smoke=':::{admonition} A smoke run: never evidence\n:class: warning\nAt its defaults this notebook trains for minutes. The '
          'page was made with `smoke=True`, in seconds, to show what it draws. Its numbers mean nothing.\n:::',
    still=':::{admonition} Lives in JupyterLab\n:class: note\nIts controls answer to a running kernel: `make lab` opens it. '
          'Here are its figures as it opens.\n:::')


def experiment(
    name:str, # Of a notebook in nbs/experiments
)->None: # Nothing; the page is written
    "An experiment, executed: question, computed answer, figures live, code folded away."
    path = EXPERIMENTS[name]
    if name == 'what_we_found' and (there := root/'studies/real_small/what_we_found.ipynb').exists(): done = there
    else: done = executed(path, options_of(name))
    cells = json.loads(done.read_text(encoding='utf-8'))['cells']
    known, out, before = known_in(cells), [], ''
    for c in cells:
        text, tags = bare(text_of(c)), c['metadata'].get('tags', [])
        if not text or 'refuse_unknown' in text and only_imports(text) or text == 'refuse_unknown(In)': continue
        if c['cell_type'] == 'markdown':
            before = re.sub(r'[#>`*$]', '', text).strip()[:300]
            out.append(markdown(linked(spaced(text), known)))
            if len(out) == 1: out += [markdown(part) for part in opening(path, name, cells)]
            continue
        fold = [] if 'parameters' in tags or 'injected-parameters' in tags else ['hide-cell'] if 'plan' in tags else ['hide-input']
        out.append(dict(cell_type='code', metadata=dict(tags=fold), source=text, outputs=shown(c.get('outputs', []), before, prose=True)))
    write(out, src/'experiments'/path.name)


def opening(path, name, cells):
    "What stands under an experiment's question."
    smoke = ' '.join(options_of(name)[:3])
    parts = ['```bash\nlth run ' + f'{name} {smoke}'.strip() + '\n```\n\n' + download(path, 'notebook, without outputs')]
    if smoke: parts.append(NOTES['smoke'])
    if name == 'explore': parts.append(NOTES['still'])
    words = verdict(cells)
    if words: parts.append(':::{admonition} The answer, as the last cell computes it\n:class: tip\n```{raw} html\n'
                           + sentence(words) + '\n```\n:::')
    return parts


def title_of(path):
    "First heading, and the line or the question that follows."
    text = next(text_of(c) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'markdown')
    lead = re.search(r'(?m)^> (.+)$', text)
    return re.search(r'(?m)^# (.+)$', text)[1], lead[1] if lead else ''


def layers()->list[str]: # Pages, for the sidebar
    "One page per layer, with its rooms."
    pages = []
    for digit, (name, about) in LAYERS.items():
        rooms = [stem for stem in ROOMS if stem[0] == str(digit)]
        if not rooms: continue
        rows = '\n'.join(f'| [{stem[:2]} {title_of(ROOMS[stem])[0]}]({stem}.ipynb) | {title_of(ROOMS[stem])[1]} |' for stem in rooms)
        toc = '```{toctree}\n:hidden:\n' + '\n'.join(f'{title_of(ROOMS[s])[0]} <{s}>' for s in rooms) + '\n```'
        head = name.capitalize()
        (src/'rooms').mkdir(parents=True, exist_ok=True)
        (src/f'rooms/layer{digit}.md').write_text(f'# {head}\n\n{about}\n\n| room | |\n|---|---|\n{rows}\n\n{toc}\n', encoding='utf-8')
        pages.append(f'rooms/layer{digit}')
    return pages


def experiments_page()->None: # Nothing
    "The list of experiments, by kind."
    left = [n for n in EXPERIMENTS if n not in sum(GROUPS.values(), ())]
    parts, toc = ['# Experiments\n\nEach is a notebook that papermill runs and that ends in one computed sentence. The pages show '
                  'them executed on the committed study; `lth run NAME` runs them on yours.'], []
    for group, names in (GROUPS | ({'More': tuple(left)} if left else {})).items():
        there = [n for n in names if n in EXPERIMENTS]
        rows = '\n'.join(f'| [{n}]({n}.ipynb) | {title_of(EXPERIMENTS[n])[0]} |' for n in there)
        parts.append(f'## {group}\n\n| notebook | question |\n|---|---|\n{rows}')
        toc += [f'{n} <{n}>' for n in there]
    parts.append('```{toctree}\n:hidden:\n' + '\n'.join(toc) + '\n```')
    (src/'experiments/index.md').write_text('\n\n'.join(parts) + '\n', encoding='utf-8')


def quickstart()->None: # Nothing
    "The sections of nbs/index.ipynb that a beginner needs, with links of this site."
    cells, out = json.loads((root/'nbs/index.ipynb').read_text(encoding='utf-8'))['cells'], []
    def moved(text):
        text = re.sub(r'\]\((\d\d_\w+\.ipynb)\)', r'](rooms/\1)', text)
        text = text.replace('](../studies/real_small/what_we_found.ipynb)', '](experiments/what_we_found.ipynb)')
        return text.replace('](../CONTRIBUTING.md)', '](contributing.md)')
    for c in cells[1:]:
        text = bare(text_of(c))
        if not text or 'hide' in directives(c) or text.startswith('<picture'): continue
        if c['cell_type'] == 'markdown': out.append(markdown(moved(text)))
        else: out.append(dict(cell_type='code', metadata={}, source=text, outputs=shown(c.get('outputs', []))))
    write([markdown('# Quick start')] + out, src/'quickstart.ipynb')


def ladder()->str: # HTML in Markdown
    "The ladder of the committed study: each target's figure, live, and the sentence its notebook computes."
    cells = json.loads(executed(EXPERIMENTS['ladder']).read_text(encoding='utf-8'))['cells']
    figures = [o['data']['application/vnd.plotly.v1+json'] for c in cells for o in c.get('outputs', [])
               if 'application/vnd.plotly.v1+json' in o.get('data', {})]
    words = verdict(cells)
    def name(f): return re.sub('<[^>]*>', '', ((f.get('layout') or {}).get('title') or {}).get('text') or 'ladder').split(':')[0].strip()
    tabs = '\n'.join(f'::::{{tab-item}} {name(f)}\n```{{raw}} html\n{figure(f)}\n```\n::::' for f in figures)
    shown = f':::::{{tab-set}}\n{tabs}\n:::::' if len(figures) > 1 else f'```{{raw}} html\n{figure(figures[0])}\n```' if figures else ''
    first, _, rest = words.partition(' ticket - scratch in each: ')
    more = f'<details><summary>Target by target</summary>{sentence(rest)}</details>' if rest else ''
    return f'{shown}\n\n```{{raw}} html\n{sentence(first)}{more}\n```'


def tutorial()->None: # Nothing
    "The tutorial, executed on a folder made from scikit-learn's digits."
    path = root/'docs/your_data.ipynb'
    cells = json.loads(executed(path).read_text(encoding='utf-8'))['cells']
    known, out, before = known_in(cells), [], ''
    for c in cells:
        text = bare(text_of(c))
        if not text: continue
        if c['cell_type'] == 'markdown':
            before = re.sub(r'[#>`*$]', '', text).strip()[:300]
            out.append(markdown(linked(spaced(text), known, up='.')))
        else: out.append(dict(cell_type='code', metadata=dict(tags=c['metadata'].get('tags', [])), source=text,
                              outputs=shown(c.get('outputs', []), before, prose=True)))
    write(out, src/'your_data.ipynb')


def filled(
    text:str, # A page with {{ name }}
)->str: # Markdown
    "Pages are written by hand; what is computed stands in double braces."
    from lth_nb.bank import summary
    from lth_nb.datasets import COLLECTIONS, PUBLIC
    parts = dict(ladder=ladder, map=lambda: papermap.page(ROOMS, LABELS), layers=lambda: '\n'.join(layers()),
                 house=house,
                 banks=lambda: rows_table(summary('')), study=lambda: COLLECTIONS, public=lambda: PUBLIC, card=card)
    def value(m):
        found = parts[m[1]]()
        return collections(found) if isinstance(found, dict) else found
    return re.sub(r'\{\{ (\w+) \}\}', value, text)


def house():
    "The layers as a table."
    there = [d for d in LAYERS if any(stem[0] == str(d) for stem in ROOMS)]
    lines = [f"| [{LAYERS[d][0]}](rooms/layer{d}.md) | {sum(s[0] == str(d) for s in ROOMS)} | {LAYERS[d][1]} |" for d in there]
    return '| layer | rooms | |\n|---|---|---|\n' + '\n'.join(lines)


def rows_table(rows):
    "Rows of one shape as a Markdown table."
    head = list(rows[0])
    lines = [head, ['---'] * len(head), *[[api.cell(str(v)) for v in row.values()] for row in rows]]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def collections(found):
    "Each set as a small list: a table of eight columns is not read."
    parts = []
    for name, c in found.items():
        facts = [(k, getattr(c, k)) for k in ('where', 'terms', 'checked', 'trap', 'source') if getattr(c, k, '')]
        kind = 'bash' if c.command.startswith('lth ') else 'text'
        body = '\n'.join(f':{k}: {api.cell(str(v))}' for k, v in facts)
        parts.append(f'### {name}\n\n{api.cell(str(c.what)).capitalize()}.\n\n{body}\n\n```{kind}\n{c.command}\n```')
    return '\n\n'.join(parts)


def card():
    "The fields of a bank's card, from an embedded one."
    found = json.loads(next((root/'lth_nb/banks').glob('*/card.json')).read_text(encoding='utf-8'))
    return ', '.join(f'`{k}`' for k in found) + '. Per round: ' + ', '.join(f'`{k}`' for k in found['rounds'][-1])


def main(jobs:int=1): # Notebooks executed at the same time
    "Write all of docs/_build/src."
    shutil.rmtree(src, ignore_errors=True)
    src.mkdir(parents=True)
    for path in ROOMS.values(): room(path)
    with ThreadPoolExecutor(jobs) as pool: list(pool.map(lambda do: do(), [tutorial, *(lambda n=n: experiment(n) for n in EXPERIMENTS)]))
    experiments_page()
    quickstart()
    for path in sorted((root/'docs/pages').glob('*.md')):
        (src/path.name).write_text(filled(path.read_text(encoding='utf-8')), encoding='utf-8')
    layers()
    for name, to in dict(CHANGELOG='changes', CONTRIBUTING='contributing').items():
        (src/f'{to}.md').write_text((root/f'{name}.md').read_text(encoding='utf-8'), encoding='utf-8')
    shutil.copy(root/'CITATION.cff', src)


if __name__ == '__main__': main()
