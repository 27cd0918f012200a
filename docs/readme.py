"README.md from nbs/index.ipynb: `python docs/readme.py` writes it, `--check` says whether it is in step."
import json
import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[1]
FIRST = '<!-- Generated from nbs/index.ipynb by `make readme`; edit that notebook. -->'
LINK = re.compile(r'(\]\(|src="|srcset="|href=")(?!\w+:|#|/)([^)"]+)')


def relink(text):
    "Make the links of a notebook in nbs/ work one folder up."
    return LINK.sub(lambda m: m[1] + (m[2][3:] if m[2].startswith('../') else f'nbs/{m[2]}'), text)


def shown(output):
    "One output: Markdown as it is, text between fences, figures not at all."
    data = output.get('data', {'text/plain': output.get('text', '')})
    if 'text/markdown' in data: return relink(''.join(data['text/markdown']).strip())
    text = '' if len(data) > 1 else ''.join(data.get('text/plain', '')).strip('\n')
    return f'```\n{text}\n```' if text else ''


def readme(notebook):
    "Cells in order: what is hidden is left out, of `#| echo: false` only the outputs stay."
    parts = [FIRST]
    for cell in notebook['cells']:
        source = ''.join(cell['source']).strip()
        text = re.sub(r'(?m)^#\|.*\n?', '', source).strip()
        if not text or '#| hide' in source: continue
        if cell['cell_type'] == 'markdown': parts.append(relink(text))
        elif '#| echo: false' not in source and parts[-1].startswith('```python'): parts[-1] = f'{parts[-1][:-4]}\n{text}\n```'
        elif '#| echo: false' not in source: parts.append(f'```python\n{text}\n```')
        parts += filter(None, map(shown, cell.get('outputs', [])))
    return '\n\n'.join(parts) + '\n'


if __name__ == '__main__':
    text, file = readme(json.loads((root/'nbs/index.ipynb').read_text(encoding='utf-8'))), root/'README.md'
    if '--check' in sys.argv:
        same = file.exists() and file.read_text(encoding='utf-8') == text
        sys.exit(0 if same else 'README.md differs from nbs/index.ipynb: run make readme')
    file.write_text(text, encoding='utf-8')
