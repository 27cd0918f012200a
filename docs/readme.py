"""README.md and its figure, light and dark, from nbs/index.ipynb: `python docs/readme.py` writes them,
`--check` says if all three are in step."""
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

root = Path(__file__).resolve().parents[1]
FIRST = '<!-- Generated from nbs/index.ipynb by `make readme`; edit that notebook. -->\n\n'
LINK = re.compile(r'(\]\(|src="|srcset="|href=")(?!\w+:|#|/)')
INVERTED = 'style="filter:invert(.93) hue-rotate(180deg)"' # Light ink, each hue kept
WHITE, CLEAR = 'fill: rgb(255, 255, 255); fill-opacity: 1', 'fill-opacity: 0'


def figure(notebook):
    "The still beside the first live figure."
    outputs = [output.get('data', {}) for cell in notebook.cells for output in cell.get('outputs', [])]
    stills = [data['image/svg+xml'] for data in outputs if 'image/svg+xml' in data]
    if not stills: sys.exit('nbs/index.ipynb has no still of its figure: run python docs/figures.py first')
    return stills[0]


def readme(notebook):
    "The notebook as Markdown, its links one folder up; figures are left to the still one."
    notebook.cells = [cell for cell in notebook.cells if '#| hide' not in cell.source]
    notebook.metadata.language_info = dict(name='python')
    for cell in notebook.cells:
        outputs = cell.get('outputs', [])
        cell.outputs = [output for output in outputs if 'text/plain' in output.get('data', {})]
        cell.metadata.transient = dict(remove_source='#| echo: false' in cell.source)
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    text = re.sub(r'\n{3,}', '\n\n', text).strip().replace('\n```\n\n```python\n', '\n')
    return FIRST + LINK.sub(r'\1nbs/', text).replace('nbs/../', '') + '\n'


if __name__ == '__main__':
    index = nbformat.read(root/'nbs/index.ipynb', as_version=4)
    light = figure(index)
    dark = light.replace('style=""', INVERTED, 1).replace(WHITE, CLEAR)
    made = {'README.md': readme(index), 'nbs/images/forest.svg': light, 'nbs/images/forest_dark.svg': dark}
    for name, text in made.items():
        if '--check' not in sys.argv: (root/name).write_text(text, encoding='utf-8')
        elif not (root/name).exists() or (root/name).read_text(encoding='utf-8') != text:
            sys.exit(f'{name} differs from nbs/index.ipynb: run make readme')
