"What stands in double braces in a page: tables and lists that come from the package and its notebooks."
import json
from pathlib import Path

import nbformat
import pandas as pd

from lth_nb.bank import Bank, summary
from lth_nb.datasets.sources import COLLECTIONS, PUBLIC
from lth_nb.experiments import last_value
from lth_nb.paper.questions import SIX
from lth_nb.protocol import TARGETS, make_protocol

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


def held(found):
    "A median with its spread; bold where it is not as wanted."
    spread = f" [{found['low']:.3g}, {found['high']:.3g}], n = {found['n']}" if found['n'] > 1 else ''
    missed = found['wanted'] is not None and (found['value'] < found['wanted']) == (found['better'] == 'more')
    return f"{'**' * missed}{found['value']:.3g}{'**' * missed} {found['unit']}{spread}"


def measured():
    "Every figure of benchmarks/results, and the machines they are of."
    records = [json.loads(path.read_text(encoding='utf-8')) for path in sorted((nbs.parent/'benchmarks/results').glob('*.json'))]
    limits = dict(more='≥', less='≤')
    rows = [{'what': found['what'], 'measured': held(found), ' ': found['beside'],
             'wanted': '' if found['wanted'] is None else f"{limits[found['better']]} {found['wanted']:g}"}
            for record in records for found in record['rows']]
    machines = {', '.join(f'{name} {value}' for name, value in record['machine'].items()) for record in records}
    return f"{table(rows)}\n\nMeasured on: {'; '.join(sorted(machines))}."


def cost():
    "What the paper's study takes at most: its runs and searches, on so many cards of a round speed."
    protocol, speed = make_protocol('paper', 'paper'), 1000
    targets = [TARGETS[name][0] for name in SIX]
    natural = [45_000, 45_000, 54_000] # CIFAR-10, CIFAR-100 and Fashion-MNIST without their validation parts
    rounds, seeds, epochs = protocol.rounds + 1, 4, protocol.max_epochs
    runs = 16_560 // len(targets) * sum(targets) * epochs
    searches = seeds * rounds * epochs * sum(natural + targets)
    chain = rounds * epochs * max(natural) / speed / 3600
    def hours(cards): return max((runs + searches) / speed / cards / 3600, chain)
    return table({'cards': cards, 'days': f'{hours(cards) / 24:.1f}', 'bound by': 'the longest search'
                  if hours(cards) == chain else 'training'} for cards in (1, 8, 64, 256))


banks = summary()
card = Bank(banks[0]['bank']).card
PARTS = dict(
    study='\n\n'.join(map(described, COLLECTIONS.values())),
    public='\n\n'.join(map(described, PUBLIC.values())),
    banks=table(banks),
    benchmarks=measured(),
    cost=cost(),
    abstract=last_value(nbs/'experiments/what_we_found.ipynb'), # as that notebook ended
    card=f"{fields(card)}. Per round: {fields(card['rounds'][-1])}",
    core=notebooks('[0-9]*.ipynb'),
    **{folder: notebooks(f'{folder}/*.ipynb') for folder in FOLDERS})
