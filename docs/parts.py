"What stands in double braces in a page: tables and lists that come from the package and its notebooks."
import sys
from pathlib import Path

import nbformat
import pandas as pd

from lth_nb.bank import Bank, summary
from lth_nb.datasets.sources import COLLECTIONS, PUBLIC
from lth_nb.experiments import last_value, read_json, request
from lth_nb.paper.questions import core
from lth_nb.protocol import TARGETS, make_protocol
from lth_nb.study import read_line, wanted

nbs = Path(__file__).resolve().parents[1]/'nbs'
benchmarks = nbs.parent/'benchmarks'
sys.path.append(str(benchmarks))
from measured import holds
from reading import figure

PAPER = dict(preset='paper', recipe='', search_recipe='paper') # Fig. 3 at the paper's size, by both recipes
NATURAL = dict(cifar10=45_000, cifar100=45_000, fashion_mnist=54_000) # Images of a search, without validation
SPEED = 1000 # Training images a second a card: a round figure
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
    value = f"{found['value']:.3g}"
    if not holds(found): value = f'**{value}**'
    if found['n'] == 1: return f"{value} {found['unit']}"
    return f"{value} {found['unit']} [{found['low']:.3g}, {found['high']:.3g}], n = {found['n']}"


def limit(found):
    "What was wanted, '' where nothing was."
    if found['wanted'] is None: return ''
    return f"{dict(more='≥', less='≤')[found['better']]} {found['wanted']:g}"


def measured():
    "Every figure of benchmarks/results, and the machines they are of."
    rows, machines = [], set()
    for path in sorted((benchmarks/'results').glob('*.json')):
        record = read_json(path)
        machines.add(', '.join(f'{name} {value}' for name, value in record['machine'].items()))
        for found in record['rows']:
            rows.append({'what': found['what'], 'measured': held(found), ' ': found['beside'], 'wanted': limit(found)})
    return f"{table(rows)}\n\nMeasured on: {'; '.join(sorted(machines))}."


def growth():
    "Seconds over size, both as multiples of their first, of every row of benchmarks/results/growth.json that has them."
    rows = [found for found in read_json(benchmarks/'results/growth.json')['rows'] if 'seconds' in found]
    lines = [dict(type='scatter', name=found['of'], x=[size / found['sizes'][0] for size in found['sizes']],
                  y=[seconds / found['seconds'][0] for seconds in found['seconds']]) for found in rows]
    axes = {axis: dict(type='log', title=dict(text=f'{what}, times the smallest'), tickvals=[1, 2, 4, 8])
            for axis, what in (('xaxis', 'size'), ('yaxis', 'time'))}
    return figure(dict(data=lines, layout=dict(title=dict(text='How time grows'), height=420) | axes))


def cost():
    "What the paper's study takes at most: its runs and searches, on so many cards of a round speed."
    protocol, plan = make_protocol('paper', 'paper'), core(request(PAPER))
    images = {name: sizes[0] for name, sizes in TARGETS.items()} | NATURAL
    an_epoch = [images[name] for name in wanted(plan).target] # of each run
    a_round = []                                              # of each search, an epoch of one of its rounds
    for line in plan.searches: a_round += [images[line['source']]] * len(read_line(line).search_seeds)
    per_search = protocol.max_epochs * (protocol.rounds + 1)
    in_all = protocol.max_epochs * sum(an_epoch) + per_search * sum(a_round)
    longest, rows = per_search * max(a_round), []
    for cards in (1, 8, 64, 256):
        bound = 'the longest search' if longest > in_all / cards else 'training'
        days = max(longest, in_all / cards) / SPEED / 86_400
        rows.append({'cards': cards, 'days': f'{days:.1f}', 'bound by': bound})
    return table(rows)


banks = summary()
card = Bank(banks[0]['bank']).card
PARTS = dict(
    study='\n\n'.join(map(described, COLLECTIONS.values())),
    public='\n\n'.join(map(described, PUBLIC.values())),
    banks=table(banks),
    benchmarks=measured(),
    cost=cost(),
    growth=growth(),
    abstract=last_value(nbs/'experiments/what_we_found.ipynb'), # as that notebook ended
    card=f"{fields(card)}. Per round: {fields(card['rounds'][-1])}",
    core=notebooks('[0-9]*.ipynb'),
    **{folder: notebooks(f'{folder}/*.ipynb') for folder in FOLDERS})
