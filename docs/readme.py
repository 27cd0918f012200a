"README.md from nbs/index.ipynb: `python docs/readme.py` writes it, `--check` says if it is in step."
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

root = Path(__file__).resolve().parents[1]
FIRST = '<!-- Generated from nbs/index.ipynb by `make readme`; edit that notebook. -->\n\n'
LINK = re.compile(r'(\]\(|src="|srcset="|href=")(?!\w+:|#|/)')


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
    file = root/'README.md'
    text = readme(nbformat.read(root/'nbs/index.ipynb', as_version=4))
    if '--check' not in sys.argv: file.write_text(text, encoding='utf-8')
    elif not file.exists() or file.read_text(encoding='utf-8') != text:
        sys.exit('README.md differs from nbs/index.ipynb: run make readme')
