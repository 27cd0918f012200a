"""The site: `python docs/build.py` writes it to _docs/. A warning, a name or link that leads nowhere, a picture without
words or a path of this machine fails the build. Nothing is executed and nothing asked of a network."""
import csv
import json
import os
import re
import shutil
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

root = Path(__file__).resolve().parents[1]
site, made = root/'_docs', root/'docs/_build'
MACHINE = re.compile(r'(?<![\w.}])/(?:home|root|work|tmp|opt|Users)/[\w.]')
SECTIONS = dict(
    core=('Core', 'Winning tickets in reading order: protocol, masks, pruning, networks, training, the search by iterative '
          'magnitude pruning with rewinding, banks, transfer learning, finished runs, sweeps.'),
    datasets=('Datasets', 'Image sets: found, checked, split and loaded; how each set of the study is had.'),
    stats=('Statistics', 'From a table of finished runs to comparisons, their words and one sentence.'),
    figures=('Figures', 'What is drawn: accuracy over sparsity, the ladder (an ablation), pictures.'),
    paper=('The paper', "The paper's questions, its claims, its table 2 and its curves."),
    explore=('Explorer', 'What stands behind the controls of the notebook explore.'),
    experiments=('Experiments', 'Each is a notebook that papermill runs, committed executed on the committed study; '
                 '`lth run NAME` runs it on your images.'))


def title_of(path):
    "First heading of a notebook, and the line below it."
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    text = ''.join(next(cell['source'] for cell in cells if cell['cell_type'] == 'markdown'))
    lead = re.search(r'(?m)^> (.+)$', text)
    return re.search(r'(?m)^# (.+)$', text)[1], lead[1] if lead else ''


def section(name, src):
    "The page of a section: its notebooks in reading order, with their one line."
    title, about = SECTIONS[name]
    folder = src if name == 'core' else src/name
    paths = sorted(folder.glob('[0-9]*.ipynb' if name == 'core' else '*.ipynb'))
    rows = [f'| [{heading}](/{path.relative_to(src)}) | {line} |' for path in paths for heading, line in [title_of(path)]]
    toc = [f'/{path.relative_to(src).with_suffix("")}' for path in paths]
    table = '\n'.join(['| notebook | |', '|---|---|', *rows])
    toctree = '\n'.join(['```{toctree}', ':hidden:', *toc, '```'])
    (src/f'{name}.md').write_text(f'# {title}\n\n{about}\n\n{table}\n\n{toctree}\n', encoding='utf-8')


def sets_of(kind):
    "The sets of one kind, each as a short list: a table of eight columns is not read."
    rows = csv.DictReader((root/'lth_nb/datasets/sources.csv').open(encoding='utf-8', newline=''))
    parts = []
    for row in rows:
        if row['of'] != kind: continue
        facts = '\n'.join(f':{name}: {row[name]}' for name in ('where', 'terms', 'checked', 'trap', 'source'))
        code = 'bash' if row['command'].startswith('lth ') else 'text'
        parts.append(f"### {row['name']}\n\n{row['what'].capitalize()}.\n\n{facts}\n\n```{code}\n{row['command']}\n```")
    return '\n\n'.join(parts)


def computed():
    "What stands in double braces in a page."
    cards = [json.loads(path.read_text(encoding='utf-8')) for path in sorted((root/'lth_nb/banks').glob('*/card.json'))]
    rows = [f"| `{card['source']}-{card['model']}-{card['recipe']}-s{card['search_seed']}` | {len(card['rounds']) - 1} | "
            f"{100 * (1 - card['rounds'][-1]['sparsity']):.1f} % |" for card in cards]
    fields = [', '.join(f'`{key}`' for key in card) for card in (cards[0], cards[0]['rounds'][-1])]
    return dict(study=sets_of('study'), public=sets_of('public'), card='. Per round: '.join(fields),
                banks='\n'.join(['| bank | rounds | weights kept in the last |', '|---|---|---|', *rows]))


def gather(src):
    "Copies of all that Sphinx reads: notebooks, pages, and the project's own texts."
    shutil.rmtree(src, ignore_errors=True)
    shutil.copytree(root/'nbs', src, ignore=shutil.ignore_patterns('.*', 'images'))
    parts = computed()
    for path in (root/'docs/pages').iterdir():
        text = re.sub(r'\{\{ (\w+) \}\}', lambda match: parts[match[1]], path.read_text(encoding='utf-8'))
        (src/path.name).write_text(text, encoding='utf-8')
    for name in ('CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CITATION.cff', 'docs/your_data.ipynb'): shutil.copy2(root/name, src)
    for name in SECTIONS: section(name, src)


class Page(HTMLParser):
    "The anchors of a page, what it links to, and its pictures without words."
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.wordless = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[key] for key in ('id', 'name') if given.get(key)}
        self.links += [given[key] for key in ('href', 'src') if given.get(key) and tag != 'base']
        if tag == 'img' and given.get('alt') is None: self.wordless.append(given.get('src'))


def faults(folder):
    "Links and anchors that lead nowhere, scripts from elsewhere, pictures without words, paths of a machine: a line each."
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding='utf-8') for path in sorted(folder.rglob('*.html'))}
    pages, bad = {name: Page(text) for name, text in texts.items()}, []
    for name, page in pages.items():
        bad += [f'{name}: picture {src} has no words' for src in page.wordless]
        bad += [f'{name}: names a folder of this machine: {match[0]}' for match in MACHINE.finditer(texts[name])]
        asked = re.finditer(r'<(?:script|img|link)[^>]+(?:src|href)="(https?://[^"]+)"', texts[name])
        bad += [f'{name}: asks {match[1]}' for match in asked]
        for link in sorted(set(page.links)):
            at = urlsplit(link)
            if at.scheme or at.netloc: continue
            path = os.path.normpath(os.path.join(os.path.dirname(name), unquote(at.path))) if at.path else name
            if not (folder/path).exists(): bad.append(f'{name}: {link} leads nowhere')
            elif at.fragment and path in pages and unquote(at.fragment) not in pages[path].ids | {'', 'top'}:
                bad.append(f'{name}: {link} has no such place')
    return bad


def main():
    "Gather, build, check; the exit code."
    from sphinx.cmd.build import build_main
    start = time.time()
    gather(made/'src')
    shutil.rmtree(made/'html', ignore_errors=True)
    code = build_main(['-n', '-W', '--keep-going', '-q', '-E', '-j', os.environ.get('JOBS', '1'), '-d', str(made/'doctrees'),
                       '-c', str(root/'docs'), str(made/'src'), str(made/'html')])
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(made/'html', site)
    bad = faults(site)
    for line in bad: print(line, file=sys.stderr)
    for name in ('.nojekyll', *(['.failed'] if code or bad else [])): (site/name).touch()
    print(f'{len(list(site.rglob("*.html")))} pages in _docs: {time.time() - start:.0f} s, {len(bad)} faults')
    return int(bool(code or bad))


if __name__ == '__main__': sys.exit(main())
