"The site's hand-kept parts: the map from the paper names things that exist, entries are read as they were written."
import ast
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT/'docs'))
import api
import build
import papermap


def names_in(file):
    "Names of the tests of a file of tests/."
    tree = ast.parse((ROOT/f'tests/{file}.py').read_text(encoding='utf-8'))
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith('test_')}


@pytest.mark.parametrize('row', papermap.rows(), ids=lambda row: row.part[:50])
def test_the_map_names_what_exists(row):
    book = [p for p in (ROOT/'nbs', ROOT/'nbs/experiments') if (p/f'{row.notebook}.ipynb').exists()]
    assert book, f'no notebook {row.notebook}'
    for full in row.names.split():
        module, name = full.split('.')
        assert name in api.exported(module), f'{name} is not exported by {module}'
    for full in row.tests.split():
        file, name = full.split('::')
        assert name in names_in(file), f'no test {name} in {file}'


def test_the_map_has_every_section_figure_table_and_claim():
    text = ' '.join(row.part for row in papermap.rows()) + ' '.join(papermap.MAP)
    for part in [*(f'Fig. {i}' for i in (1, 2, 3, 4)), 'column 1', 'column 2', 'column 3', 'Table 1', 'Table 2', 'Table 3',
                 '1 Introduction', '2 Datasets', '3 Experimental setup', '4 Results', '5 Related', '6 Conclusion',
                 '4.1', '4.2', '4.3.1', '4.3.2', '4.3.3', 'Equation',
                 *(f'({letter})' for letter in 'abcdef')]: assert part in text, part
    books = {p.stem for p in (ROOT/'nbs/experiments').glob('*.ipynb')} - {'find_tickets', 'study', 'explore'}
    assert books == {row.notebook for row in papermap.rows()} & books


def test_an_entry_has_signature_table_and_source():
    text = api.entries('pruning', (ROOT/'lth_nb/pruning.py').read_text(encoding='utf-8'))
    assert '(lth_nb.pruning.prune)=\n### `prune`' in text and "prune(weights, mask, rate=0.2, *, scope='global') -> Mask" in text
    assert '| **`rate`** | `float` | `0.2` | Share of the kept weights to remove, in \\[0, 1); ' in text
    assert '| *returns* | `Mask` | |' in text and '_cut' not in text
    line = int(text.split('source/pruning.html#L-')[1].split('"')[0])
    assert (ROOT/'lth_nb/pruning.py').read_text(encoding='utf-8').splitlines()[line - 1].startswith('def prune(')


def test_every_exported_name_has_one_place():
    modules = [p.stem for p in (ROOT/'lth_nb').glob('*.py') if not p.stem.startswith('_')]
    found = {module: api.labels(module) for module in modules}
    for module in modules: assert api.exported(module) <= found[module].keys(), module
    places = [label for some in found.values() for label in some.values()]
    assert len(places) == len(set(places)) > 200


def test_what_a_table_would_misread_is_escaped():
    assert api.cell('in [0, 1), a|b, `x|y`, 2 * 3, <out>, $HOME') == r'in \[0, 1), a\|b, `x\|y`, 2 \* 3, \<out>, \$HOME'


@pytest.mark.parametrize('inside, told', [
    ('<a href="b.html">b</a>', 'leads nowhere'), ('<a href="#nowhere">x</a>', 'has no such place'),
    ('<img src="a.html">', 'has no words'), ('<p>/' + 'tmp/x</p>', 'names a folder of this machine'),
    ('<script src="https://example.org/x.js"></script>', 'asks https://example.org'),
    ('<a href="a.html#here">y</a><p id="here">fine</p>', '')])
def test_a_fault_of_the_site_is_found(tmp_path, inside, told):
    Path(tmp_path/'a.html').write_text(f'<html><body>{inside}</body></html>', encoding='utf-8')
    found = build.faults(tmp_path)
    assert len(found) == bool(told) and all(told in line for line in found), found
