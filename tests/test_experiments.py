"The experiments as a person types them: papermill, papermill into a pipe, and lth; on a smoke run of each."
import json
import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, WITH_BROWSER, call
from nbconvert import HTMLExporter
from notebooks import files_of, walk
from test_bad_input import draw

from lth_nb.bank import Bank
from lth_nb.datasets import subset
from lth_nb.explore.own import results
from lth_nb.runs import COLUMNS

ASKED = ('-p', 'target', 'mouse_lba', '-p', 'smoke', 'True', '-p', 'px', '16', '-p', 'rounds', '1',
         '-p', 'recipe', 'tuned,paper')
VARY = ['seconds', 'images_per_s', 'whole_seconds']  # with the machine's load


@pytest.fixture(scope='session')
def mine(tmp_path_factory):
    "A folder with copies of the experiments, as somebody works in it."
    return shutil.copytree(ROOT/'nbs/experiments', tmp_path_factory.mktemp('person')/'mine')


@pytest.fixture(scope='session')
def typed(mine, tickets):
    "papermill with an output path: its folder of runs."
    given = '-p', 'bank', tickets, '-p', 'out', 'here'
    done = call('papermill', 'run_transfer.ipynb', 'out.ipynb', *ASKED, *given, cwd=mine)
    assert done.returncode == 0, done.stderr
    return mine/'here/smoke'


@pytest.fixture(scope='session')
def commanded(tickets, tmp_path_factory):
    "lth from an empty folder: that folder, and what was printed."
    folder = tmp_path_factory.mktemp('empty')
    given = '-p', 'bank', tickets, '-p', 'out', 'there'
    done = call('lth', 'run', 'run_transfer', *ASKED, *given, cwd=folder, **WITH_BROWSER)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def rows(store): return pd.read_csv(store/'mouse_lba/table.csv', keep_default_na=False)
def outputs(path): return [o for c in json.loads(path.read_text())['cells'] for o in c.get('outputs', [])]
def values(path): return ''.join(''.join(o.get('data', {}).get('text/plain', '')) for o in outputs(path))


def test_papermill_and_lth_write_the_same_runs(typed, commanded):
    a, b = rows(typed), rows(commanded[0]/'there/smoke')
    assert a.drop(columns=VARY).equals(b.drop(columns=VARY))
    assert len(a) == 9 and set(a.key) == set(files_of(typed)) == set(files_of(commanded[0]/'there/smoke'))


def test_the_second_time_everything_is_found(typed, mine, tickets):
    "With stdout in place of the output path, as `papermill run_transfer.ipynb -p target mouse_lba > out.ipynb`."
    before, table = {k: p.stat().st_mtime_ns for k, p in files_of(typed).items()}, rows(typed)
    line = ' '.join(map(str, ('exec "$0" run_transfer.ipynb', *ASKED, '-p bank', tickets, '-p out here > piped.ipynb')))
    done = call('bash', '-c', line, Path(sys.executable).with_name('papermill'), cwd=mine)
    assert done.returncode == 0, done.stderr
    assert {k: p.stat().st_mtime_ns for k, p in files_of(typed).items()} == before
    assert rows(typed).equals(table)
    assert '9 runs asked for; nothing left to run' in values(mine/'piped.ipynb')
    assert '9 runs asked for; 9 runs left' in values(mine/'out.ipynb')


def test_table(typed):
    t = rows(typed)
    assert tuple(t.columns) == tuple(COLUMNS)
    arms = dict(tuned=['dense', 'finetuned_dense', 'reinit', 'scratch', 'shuffled', 'ticket'],
                paper=['dense', 'scratch', 'ticket'])
    assert {recipe: sorted(runs.arm) for recipe, runs in t.groupby('recipe')} == arms
    assert set(t.target) == {'mouse_lba'} and set(t.target_kind) == {'stand-in'} and set(t.smoke) == {True}
    for column in ('key', 'fingerprint', 'model', 'preset', 'protocol', 'test_acc', 'steps', 'params_kept', 'version'):
        assert (t[column].astype(str) != '').all(), column
    scratch = t[t.arm == 'scratch'][['source', 'source_kind', 'bank', 'search_recipe', 'round', 'search_seed']]
    assert (scratch == '').all(axis=None)
    tickets = t[t.arm != 'scratch']
    assert set(tickets.source) == {'digits'} and set(tickets.source_kind) == {'real'}
    assert t[t.arm == 'ticket'].ticket.nunique() == 1
    for column in ('val_acc', 'test_acc', 'test_balanced_acc', 'test_macro_f1', 'test_ece'):
        assert t[column].between(0, 1).all(), column


def test_progress_has_a_line_for_every_run(typed):
    lines = [json.loads(line) for line in (typed/'mouse_lba/progress.jsonl').read_text().splitlines()]
    assert [line['event'] for line in lines] == ['start', *['run'] * 9, 'end']
    assert [line['done'] for line in lines[:-1]] == list(range(10)) and {line['of'] for line in lines} == {9}
    assert {line['arm'] for line in lines[1:-1]} == set(rows(typed).arm)


def test_every_run_is_whole(typed):
    assert {p.name for p in next(iter(files_of(typed).values())).parent.iterdir()} == {
        'spec.json', 'result.json', 'history.csv', 'predictions.npz'}
    for file in files_of(typed).values():
        assert len(pd.read_csv(file.with_name('history.csv'))) == json.loads(file.read_text())['epochs'] <= 3


def test_a_smoke_run_has_no_verdict_and_a_stand_in_says_so(typed, mine):
    saved = json.loads((typed/'mouse_lba/verdict.json').read_text())
    assert saved.keys() == {'tuned', 'paper'}
    for said in saved.values():
        assert said['word'] == 'smoke run: no verdict' and said['kind'] == 'stand-in' and said['smoke'] is True
        assert said['effect'] is None and not said['comparisons']
        assert 'STAND-IN' in said['sentence'] and 'smoke run: no verdict' in said['sentence']
    last = json.loads((mine/'out.ipynb').read_text())['cells'][-1]
    assert last['source'][-1].strip() == 'v' and 'STAND-IN' in str(last['outputs'])


@pytest.mark.parametrize('figure', ['panel', 'ladder'])
def test_figures_open_offline_and_say_what_they_show(commanded, figure):
    place = commanded[0]/'there/smoke/mouse_lba'
    page = (place/f'{figure}.html').read_text(encoding='utf-8')
    assert 'plotly.js v' in page and len(page) > 3e6, 'the page carries no plotly of its own'
    assert not re.search(r'<script[^>]*\ssrc=|<link[^>]*\shref=', page)
    drawing = page[page.rindex('Plotly.newPlot('):]
    assert 'mouse_lba' in drawing and re.search('stand-in', drawing, re.I) and 'digits' in drawing
    images = {p.suffix for p in place.glob(f'{figure}.*')}
    assert images == {'.html', '.svg', '.png'} or 'no SVG or PNG: ' in values(place/'run_transfer.ipynb')


def test_without_a_browser_the_notebook_says_so_and_its_figures_are_live(typed, mine):
    assert 'no SVG or PNG: ' in values(mine/'out.ipynb')
    assert {p.suffix for p in (typed/'mouse_lba').glob('panel.*')} == {'.html'}
    assert [o for o in outputs(mine/'out.ipynb') if 'application/vnd.plotly.v1+json' in o.get('data', {})]


def test_a_page_made_of_the_notebook_shows_its_figures(commanded):
    path = commanded[0]/'there/smoke/mouse_lba/run_transfer.ipynb'
    live = [o['data'] for o in outputs(path) if 'application/vnd.plotly.v1+json' in o.get('data', {})]
    if 'no SVG or PNG: ' in values(path): pytest.skip('no browser draws them')
    page, _ = HTMLExporter().from_filename(str(path))
    assert page.count('src="data:image/svg+xml;base64,') == len(live) > 3


def test_lth_ends_with_notebook_verdict_and_panel(commanded):
    folder, said = commanded
    place = folder.resolve()/'there/smoke/mouse_lba'
    notebook, verdict, panel = said.rstrip().splitlines()[-3:]
    assert notebook == f"notebook: {place/'run_transfer.ipynb'}" and panel == f"panel: {place/'panel.html'}"
    found = json.loads((place/'verdict.json').read_text())
    sentences = [f"Recipe {recipe}: {v['sentence']}" for recipe, v in found.items()]
    assert verdict == 'verdict: ' + ' '.join(sentences)
    assert (place/'run_transfer.ipynb').is_file() and (place/'panel.html').is_file()
    assert [p.name for p in folder.iterdir()] == ['there']  # nothing is written elsewhere


def test_plan_says_what_is_left_and_trains_nothing(typed, mine, tickets, tmp_path):
    one = next(iter(files_of(typed).values())).parent
    shutil.copytree(one, tmp_path/'out/smoke'/one.parent.name/one.name)
    shutil.copytree(typed/'cache', tmp_path/'out/smoke/cache')
    done = call('lth', 'run', 'run_transfer', *ASKED, '-p', 'bank', tickets, '-p', 'out', 'out', '--plan', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    seconds = json.loads((one/'result.json').read_text())['whole_seconds']
    assert f'9 runs asked for; 8 runs left, {seconds:.1f} s each (median of 1), about' in done.stdout
    assert set(files_of(tmp_path/'out/smoke')) == {one.name} and not list(tmp_path.rglob('table.csv'))
    plan = json.loads((tmp_path/'out/smoke/mouse_lba/plan.json').read_text())
    assert (plan['asked'], plan['left'], plan['seconds_each'], plan['half_width']) == (9, 8, seconds, None)
    assert not list(tmp_path.rglob('*.ipynb'))


def test_a_misspelt_parameter_is_refused_by_papermill(mine, tmp_path):
    done = call('papermill', mine/'run_transfer.ipynb', 'out.ipynb', '-p', 'tarket', 'mouse_lba', cwd=tmp_path)
    assert done.returncode != 0
    assert re.search(r'ValueError: unknown parameter tarket: this notebook knows .*\btarget\b', done.stderr)
    assert [p.name for p in tmp_path.iterdir()] == ['out.ipynb']


def test_a_misspelt_parameter_is_refused_by_lth(tmp_path):
    done = call('lth', 'run', 'run_transfer', '-p', 'tarket', 'mouse_lba', cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == '' and done.stderr.count('\n') == 1
    assert re.match(r"lth: unknown parameter .*'tarket'.*\btarget\b", done.stderr)
    assert not list(tmp_path.iterdir()), 'no kernel was started, nothing was written'


def test_the_smoke_search_writes_a_bank(tickets):
    bank = Bank('digits-resnet20_8-paper-s0', tickets)
    assert bank.rounds == (0, 1) and bank.card['source_kind'] == 'real'
    first, second = bank.ticket(0), bank.ticket(1)
    assert first.mask.density == 1 and round(second.mask.density, 3) == .8
    assert second.trained is not None and second.card['test_acc'] == bank.card['rounds'][1]['test_acc']
    assert [p.name for p in tickets.iterdir()] == [bank.name]


def test_a_smoke_bank_is_no_evidence(tickets, tmp_path):
    "The bank of the fixture with its card as the smoke run wrote it."
    card = shutil.copytree(tickets, tmp_path/'banks')/'digits-resnet20_8-paper-s0/card.json'
    card.write_text(json.dumps(json.loads(card.read_text()) | dict(smoke=True)))
    asked = dict(target='digits', rounds='1', bank=str(tmp_path/'banks'), out=str(tmp_path/'out'), threads=1)
    with pytest.raises(ValueError, match='is from a smoke run, which is never evidence'):
        walk('run_transfer', until='plan', **asked)


def test_a_finished_search_is_found(tickets, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in tickets.rglob('*')}
    names = walk('find_tickets', smoke=True, bank=str(tickets), out=str(tmp_path), threads=1)
    assert names['todo'] == [] and names['_'].startswith('Smoke run, no evidence. digits-resnet20_8-paper-s0')
    assert {p: p.stat().st_mtime_ns for p in tickets.rglob('*')} == before


def test_another_search_of_that_name_is_refused(tickets, tmp_path):
    with pytest.raises(FileExistsError, match='digits-resnet20_8-paper-s0 exists and differs in protocol.*bank='):
        walk('find_tickets', smoke=True, bank=str(tickets), out=str(tmp_path), threads=1, change='scope=layer')


def test_without_a_bank_named_the_embedded_ones_are_used(tmp_path):
    names = walk('run_transfer', until='plan', target='digits', out=str(tmp_path), threads=1)
    assert {b.folder.parent for bs in names['found'].values() for b in bs} == {ROOT/'lth_nb/banks'}
    assert {s.labels['source'] for s in names['work'].specs if s.arm == 'ticket'} == set(names['found'])
    assert re.match(r'\d+ runs asked for; \d+ runs left', str(names['_']))


def test_a_search_can_see_the_draw_its_transfer_will_train_on(tmp_path):
    about = dict(smoke=True, out=str(tmp_path), threads=1)
    first, second = (walk('find_tickets', until='plan', train_seed=seed, **about) for seed in (0, 1))
    for seed, names in ((0, first), (1, second)):
        assert (subset(names['splits'].train, '128', seed=seed).offset == names['images'].offset).all()
        assert names['cards'][0].get('train_seed', 0) == seed
    assert (first['images'].offset != second['images'].offset).any()
    assert '-p train_seed 1 ' in second['cards'][0]['command'] and 'train_seed' not in first['cards'][0]['command']


def test_two_sets_of_one_name_keep_their_results(tickets, tmp_path):
    "Another folder, and the same one after it has grown; the explorer shows each its own."
    given = '-p', 'smoke', 'True', '-p', 'bank', tickets, '-p', 'recipe', 'tuned', '-p', 'arms', 'scratch,ticket'
    given = *given, '-p', 'rounds', '1', '-p', 'px', '16', '-p', 'threads', '1'
    runs, kept = tmp_path/'runs/smoke', {}
    def transfer(site):
        done = call('lth', 'run', 'run_transfer', '-p', 'target', f'{site}/cells', *given, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert {p: p.read_bytes() for p in kept} == kept
        place = Path(re.search('(?m)^notebook: (.*)/run_transfer.ipynb$', done.stdout)[1])
        names = {p.name for p in place.iterdir()}
        assert names >= {'set.json', 'table.csv', 'verdict.json', 'panel.html', 'run_transfer.ipynb'}
        kept.update((p, p.read_bytes()) for p in place.rglob('*') if p.is_file())
        table = pd.read_csv(place/'table.csv')
        assert {str(p.parent) for p in kept if p.name == 'table.csv'} == {str(p) for p in runs.glob('cells*')}
        assert (place.name in ('cells', f'cells-{table.fingerprint[0][:6]}')) and not [*runs.glob('*.ipynb')]
        assert f"panel: {place/'panel.html'}" in done.stdout
        assert ('holds the results of another set called cells' in done.stdout) == (place.name != 'cells')
        shown = results(f'{tmp_path}/{site}/cells', tmp_path/'runs', True, smoke=True)
        assert shown.key.tolist() == table.key.tolist()
        return place.name
    a, b = draw(tmp_path/'siteA/cells'), draw(tmp_path/'siteB/cells', classes=('p', 'q', 'r'))
    first, second = transfer('siteA'), transfer('siteB')
    assert first == 'cells' and second != 'cells'
    fingerprints = [set(results(str(s), tmp_path/'runs', False, smoke=True).fingerprint) for s in (a, b)]
    assert [len(f) for f in fingerprints] == [1, 1] and fingerprints[0] != fingerprints[1]
    more = draw(tmp_path/'more', n=21)/'b/20.png'  # the last of another draw
    shutil.copy(more, a/'a/more.png')
    assert transfer('siteA') not in (first, second)


def test_a_failed_transfer_leaves_the_notebook_of_a_finished_one(tmp_path):
    (tmp_path/'runs/smoke/mouse_lba').mkdir(parents=True)
    finished = tmp_path/'runs/smoke/mouse_lba/run_transfer.ipynb'
    finished.write_text('{"cells": []}')
    done = call('lth', 'run', 'run_transfer', '-p', 'smoke', 'True', '-p', 'px', 'small', cwd=tmp_path)
    assert done.returncode == 1 and finished.read_text() == '{"cells": []}'
    failed, = (tmp_path/'runs/smoke').glob('*.ipynb')
    assert failed.name == 'run_transfer-mouse_lba.failed.ipynb' and f'notebook: {failed}' in done.stdout
