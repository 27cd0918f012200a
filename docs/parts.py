"What stands in double braces in a page: tables and lists that come from the package and its notebooks."
from pathlib import Path

import nbformat
import pandas as pd

from lth_nb.bank import Bank, summary
from lth_nb.datasets.sources import COLLECTIONS, PUBLIC
from lth_nb.experiments import last_value

nbs = Path(__file__).resolve().parents[1]/'nbs'
FOLDERS = 'datasets', 'stats', 'figures', 'paper', 'explore', 'experiments'


def table(rows):
    "Rows of Markdown, one dict each, as a table."
    return f'```{{csv-table}}\n:header-rows: 1\n\n{pd.DataFrame(rows).to_csv(index=False)}```'


def row_of(path):
    "A notebook's title, which leads there, and the line below it."
    cells = nbformat.read(path, as_version=4).cells
    lines = next(cell.source for cell in cells if cell.cell_type == 'markdown').splitlines()
    leads = [line.removeprefix('> ') for line in lines if line.startswith('> ')]
    title = lines[0].removeprefix('# ')
    return {'notebook': f'[{title}](/{path.relative_to(nbs)})', ' ': ''.join(leads[:1])}


def notebooks(pattern):
    "The notebooks of a section in reading order."
    return table(row_of(path) for path in sorted(nbs.glob(pattern)))


def described(collection):
    "A set as a short list: a table of eight columns is not read."
    parts = 'where', 'terms', 'checked', 'trap', 'source'
    facts = '\n'.join(f':{name}: {getattr(collection, name)}' for name in parts)
    lexer = 'bash' if collection.command.startswith('lth ') else 'text'
    what = collection.what.capitalize()
    return f'### {collection.name}\n\n{what}.\n\n{facts}\n\n```{lexer}\n{collection.command}\n```'


def fields(facts): return ', '.join(f'`{name}`' for name in facts)


banks = summary()
card = Bank(banks[0]['bank']).card
PARTS = dict(
    study='\n\n'.join(map(described, COLLECTIONS.values())),
    public='\n\n'.join(map(described, PUBLIC.values())),
    banks=table(banks),
    abstract=last_value(nbs/'experiments/what_we_found.ipynb'), # as that notebook ended
    card=f"{fields(card)}. Per round: {fields(card['rounds'][-1])}",
    core=notebooks('[0-9]*.ipynb'),
    **{folder: notebooks(f'{folder}/*.ipynb') for folder in FOLDERS})
