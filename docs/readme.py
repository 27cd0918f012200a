"README.md from nbs/index.ipynb: `python docs/readme.py` writes it, `--check` says whether it is in step."
import json
import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[1]
FIRST = '<!-- Generated from nbs/index.ipynb by `make readme`; edit that notebook. -->'
LINK = re.compile(r'(\]\(|src="|srcset="|href=")(?!\w+:|#|/)([^)"]+)')


def relink(
    text:str, # Markdown whose relative links start in nbs/
)->str: # The same with links that start in the root
    "Make the links of a notebook in nbs/ work one folder up."
    return LINK.sub(lambda m: m[1] + (m[2][3:] if m[2].startswith('../') else f'nbs/{m[2]}'), text)


def fence(
    text:str,        # What stands inside
    language:str='', # '' for output, python for code
)->str: # A fenced block
    "Put `text` between fences."
    return f'```{language}\n' + text.strip('\n').rstrip() + '\n```'


def shown(
    output:dict, # One output of a cell, as nbformat 4 stores it
)->str: # Markdown, '' where there is nothing a README can show
    "One output: Markdown as it is, text between fences, nothing else."
    data = output.get('data', {})
    if 'text/markdown' in data: return relink(''.join(data['text/markdown']).strip())
    text = ''.join(data.get('text/plain', output.get('text', ''))).strip('\n')
    return fence(text) if text else ''


def readme(
    notebook:dict, # A notebook of nbformat 4
)->str: # README.md's text
    "Cells in order, `#| hide` and directives dropped; code cells that follow each other share a block."
    parts = [FIRST]
    for cell in notebook['cells']:
        lines = ''.join(cell['source']).strip().splitlines()
        text = '\n'.join(line for line in lines if not line.startswith('#|')).strip()
        if not text or any(line.startswith('#| hide') for line in lines): continue
        if cell['cell_type'] == 'markdown':
            parts.append(relink(text))
            continue
        if parts[-1].startswith('```python'): text = f'{parts.pop()[len("```python"):-len("```")]}\n{text}'
        parts += [fence(text, 'python'), *filter(None, map(shown, cell['outputs']))]
    return '\n\n'.join(parts) + '\n'


if __name__ == '__main__':
    text = readme(json.loads((root/'nbs/index.ipynb').read_text(encoding='utf-8')))
    file = root/'README.md'
    if '--check' in sys.argv:
        same = file.exists() and file.read_text(encoding='utf-8') == text
        sys.exit(0 if same else 'README.md differs from nbs/index.ipynb: run make readme')
    file.write_text(text, encoding='utf-8')
