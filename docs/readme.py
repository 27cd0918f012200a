"README.md from nbs/index.ipynb: `python docs/readme.py` writes it, `--check` says whether it is in step."
import re
import sys
from pathlib import Path

import nbformat

root = Path(__file__).resolve().parents[1]
FIRST = '<!-- Generated from nbs/index.ipynb by `make readme`; edit that notebook. -->'
LINK = re.compile(r'(\]\(|src="|srcset="|href=")(?!\w+:|#|/)')


def relink(text):
    "Make the links of a notebook in nbs/ work one folder up."
    return LINK.sub(r'\1nbs/', text).replace('nbs/../', '')


def shown(output):
    "One output: Markdown as it is, text between fences, figures not at all."
    data = output.get('data', {'text/plain': output.get('text', '')})
    if 'text/markdown' in data: return relink(data['text/markdown'].strip())
    if [*data] == ['text/plain']: return '```\n{}\n```'.format(data['text/plain'].strip('\n'))
    return ''


def told(cell):
    "The source of a cell, '' where it is hidden."
    text = re.sub(r'(?m)^#\|.*\n?', '', cell.source).strip()
    if not text or '#| hide' in cell.source or '#| echo: false' in cell.source: return ''
    return relink(text) if cell.cell_type == 'markdown' else f'```python\n{text}\n```'


def readme(cells):
    "Cells in order, each with its outputs; code that follows code stands in the same block."
    parts = [FIRST]
    for cell in cells:
        parts.append(told(cell))
        if '#| hide' not in cell.source: parts += map(shown, cell.get('outputs', []))
    return '\n\n'.join(filter(None, parts)).replace('\n```\n\n```python\n', '\n') + '\n'


if __name__ == '__main__':
    file = root/'README.md'
    text = readme(nbformat.read(root/'nbs/index.ipynb', as_version=4).cells)
    if '--check' not in sys.argv: file.write_text(text, encoding='utf-8')
    elif not file.exists() or file.read_text(encoding='utf-8') != text:
        sys.exit('README.md differs from nbs/index.ipynb: run make readme')
