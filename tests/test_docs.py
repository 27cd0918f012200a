"""What the site is made of: front page, paper's map, entries, experiments' first screen, faults.

That every name in pages and links between notebooks exists is Sphinx's business: it is told to be
nitpicky, and a warning fails the build (test_site)."""
import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT, call
from docutils import nodes
from docutils.core import publish_doctree
from links import faults
from notebooks import FIGURE, shown, step

sys.path.insert(0, str(ROOT/'docs'))
import entries
import reading


@pytest.fixture(scope='module')
def paper_map(): return (ROOT/'docs/pages/paper_map.md').read_text(encoding='utf-8')


def front():
    "The cells of the front page, sources joined."
    cells = json.loads((ROOT/'nbs/index.ipynb').read_text(encoding='utf-8'))['cells']
    return [cell | dict(source=''.join(cell['source'])) for cell in cells]


def markdown_of(output): return ''.join(output.get('data', {}).get('text/markdown', ''))


def test_the_front_page_says_what_the_study_says():
    names, said = {}, []
    for cell in front():
        if cell['cell_type'] != 'code': continue
        value = step(cell['source'], names)
        told = ''.join(map(markdown_of, cell['outputs']))
        if told: said.append((value.data, told))
    assert len(said) == 4
    for now, committed in said: assert now == committed


def test_the_readme_begins_with_the_answer_in_numbers():
    text = (ROOT/'README.md').read_text(encoding='utf-8')
    first = text.split('**What the committed study says.**')[1].split('\n\n')[0]
    assert len(re.findall(r'[+-]\d+\.\d points \[', first)) == 5
    assert text.index('What the committed study says') < text.index('## ')
    for word in ('winning ticket', 'iterative magnitude pruning', 'rewinding', 'transfer learning',
                 'fine-tuning', 'ablation', 'checkpoint'): assert word in text, word


def test_the_map_names_tests_that_exist(paper_map):
    named = set(re.findall(r'`(test_\w+)` in (test_\w+)', paper_map))
    assert len(named) > 15
    for name, file in named:
        text = (ROOT/f'tests/{file}.py').read_text(encoding='utf-8')
        assert f'def {name}(' in text, f'no test {name} in {file}'


def test_the_map_has_every_section_figure_table_and_claim(paper_map):
    for part in ('Fig. 1', 'Fig. 2', 'Fig. 3', 'Fig. 4', 'column 1', 'column 2', 'column 3',
                 'Table 1', 'Table 2', 'Table 3', '1 Introduction', '2 Datasets',
                 '3 Experimental setup', '4 Results', '5 Related', '6 Conclusion', '4.1', '4.2',
                 '4.3.1', '4.3.2', '4.3.3', 'Equation', '(a)', '(b)', '(c)', '(d)', '(e)', '(f)'):
        assert part in paper_map, part
    books = {path.stem for path in (ROOT/'nbs/experiments').glob('*.ipynb')}
    books -= {'find_tickets', 'study', 'explore'}
    for book in books: assert f'[{book}](/experiments/{book}.ipynb)' in paper_map, book


def test_side_by_side_shows_what_was_measured(monkeypatch):
    monkeypatch.chdir(ROOT/'docs')
    names, told = {}, []
    for cell in nbformat.read('benchmarks.ipynb', as_version=4).cells:
        if cell.cell_type != 'code': continue
        value = step(cell.source, names)
        for output in cell.outputs:
            html = output.data.get('text/html')
            if html: told.append(value._repr_html_() == html)
    assert told == [True] * 4, 'run docs/benchmarks.ipynb again'
    assert len(names['rows']) > 30


def entry(name):
    "The table that stands below the signature of a function of pruning: a list of texts a row."
    from lth_nb import pruning
    lines = ['Remove the smallest-magnitude kept weights.']
    full, thing = f'lth_nb.pruning.{name}', getattr(pruning, name)
    entries.documented(None, 'function', full, thing, None, lines)
    rows = publish_doctree('\n'.join(lines)).findall(nodes.row)
    return [[part.astext() for part in row.findall(nodes.entry)] for row in rows]


def test_an_entry_has_a_table_of_parameters():
    head, *rows = entry('prune')
    found = {name: told for name, *told in rows}
    assert head == ['', 'type', 'default', 'meaning']
    assert found['rate'][:2] == ['float', '0.2']
    assert found['rate'][2].startswith('Share of the kept weights to remove, in [0, 1); ')
    assert found['returns'][:2] == ['Mask', '']
    assert found['weights'][0] == 'dict[str, Tensor]'


ENTRY = re.compile(r'(?m)^\.\. (?:autoclass|autofunction|py:data):: (?:[\w.]+\.)?(\w+)$')


def test_every_exported_name_has_one_entry():
    missing = []
    for path in (ROOT/'nbs').rglob('[0-9]*.ipynb'):
        if '.ipynb_checkpoints' in path.parts: continue
        cells = nbformat.read(path, as_version=4).cells
        home = reading.module_of(cells)
        if not home: continue
        made = '\n'.join(reading.entries(cell, home) for cell in cells
                         if cell.cell_type == 'code' and 'export' in reading.directives(cell))
        names, exported = ENTRY.findall(made), reading.homes().items()
        missing += [f'{home}.{name}' for name, where in exported
                    if home in where and names.count(name) != 1]
    assert not missing


def test_what_markup_would_misread_is_escaped():
    written = entries.rst("in [0, 1), a|b, `x|y`, 2 * 3, a_, '' = none")
    assert publish_doctree(written).astext() == "in [0, 1), a|b, x|y, 2 * 3, a_, '' = none"
    assert '\\ ``x|y``\\ ' in written


def cell(kind, text, *outputs, tags=()):
    "A cell of a notebook."
    more = dict(outputs=list(outputs)) if kind == 'code' else {}
    told = dict(cell_type=kind, metadata=dict(tags=list(tags)), source=text)
    return nbformat.from_dict(told | more)


def result(**data): return dict(output_type='display_data', metadata={}, data=data)


@pytest.mark.parametrize('answer, told', [
    ({'text/markdown': 'The ticket helps.'}, 'The ticket helps.'),
    ({'text/plain': "'It is open: <b>.'"}, 'It is open: <b>.')])
def test_an_experiment_begins_with_its_answer_and_figure(answer, told):
    drawn = {FIGURE: dict(data=[], layout=dict(title=dict(text='Found <b>it</b>')))}
    made = list(reading.experiment([
        cell('markdown', '# Does it?\n\n**Question.** Is it so?'),
        cell('code', 'import sys\nif not sys: install()', tags=['setup']),
        cell('code', 'target:str = "pbc" # set', tags=['parameters']),
        cell('code', 'import os'),
        cell('code', 'report', result(**{'text/markdown': 'The images pass.'})),
        cell('code', 'plan', result(**{'text/markdown': 'Nothing is missing.'}), tags=['plan']),
        cell('markdown', '## What is drawn'),
        cell('code', 'fig.show()', result(**drawn)),
        cell('code', 'said', result(**answer))], 'experiments/does_it'))
    texts = [one.source for one in made]
    assert texts[0].startswith('# Does it?') and told in texts[1] and 'pass' not in texts[1]
    figure = made[2].outputs[0].data['text/html']
    assert 'plotly-live' in figure and 'aria-label="Found' in figure
    end = next(place for place, text in enumerate(texts) if text.startswith('## Parameters'))
    assert 'lth run does_it' in texts[end]
    first, *others = made[end + 1:]
    assert first.source == 'target:str = "pbc" # set' and 'hide-input' not in first.metadata.tags
    assert [one.source for one in others] == ['import sys\nif not sys: install()', 'import os', 'plan']
    assert all('hide-input' in one.metadata.tags for one in others)
    assert sum('plotly-live' in str(one) for one in made) == 1


@pytest.mark.parametrize('inside, told', [
    ('<a href="b.html">b</a>', 'leads nowhere'),
    ('<a href="#nowhere">x</a>', 'has no such place'),
    ('<img src="a.html">', 'has no words'),
    ('<p>/' + 'tmp/x</p>', 'names a folder of this machine'),
    ('<script src="https://example.org/x.js"></script>', 'asks https://example.org'),
    ('<a href="a.html#here">y</a><p id="here">fine</p>', '')])
def test_a_fault_of_the_site_is_found(tmp_path, inside, told):
    (tmp_path/'a.html').write_text(f'<html><body>{inside}</body></html>', encoding='utf-8')
    found = list(faults(tmp_path))
    assert len(found) == bool(told) and all(told in line for line in found), found


def test_the_tutorial_runs_as_it_is_committed(tmp_path):
    path = os.pathsep.join((str(ROOT), os.environ.get('PYTHONPATH', '')))
    beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ['PATH']))
    around = dict(PYTHONPATH=path, PATH=beside, LTH_DATA=str(tmp_path/'none'))
    done = call('papermill', ROOT/'docs/your_data.ipynb', 'out.ipynb', cwd=tmp_path, **around)
    assert done.returncode == 0, done.stderr[-3000:]
    for file in (tmp_path/'out.ipynb', ROOT/'docs/your_data.ipynb'):
        cells = json.loads(file.read_text(encoding='utf-8'))['cells']
        assert sum(FIGURE in data for data in shown(cells)) == 2, file.name
