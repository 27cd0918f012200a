"""Every figure and table of the paper as one command: at its defaults it draws the committed study, in smoke it runs.

The notebooks run in this process, as `executed` says; one runs by papermill, to show the same."""
import json
import re
import shutil
from functools import cache

import pandas as pd
import pytest
from conftest import ROOT, call
from notebooks import FIGURE, executed, files_of, last_value, shown, text_of, walk

from lth_nb.study import missing, open_study, predictions, read_plan, wanted

DRAWN = ('fig1_tickets', 'fig3_transfer', 'fig4_finetuned', 'fig4_related', 'fig4_size', 'ladder', 'recipes', 'table2',
         'what_we_found')
OTHERS = ('fig2_samples', 'table1', 'table2_check', 'paper_curves', 'study')
QUICK = dict(fig2_samples=dict(px=16, columns=3))
STUDY = ROOT/'studies/real_small'


@pytest.fixture(scope='session')
def desk(tmp_path_factory):
    "An empty folder that all smoke runs share: what one has trained the next finds."
    return tmp_path_factory.mktemp('desk')


@pytest.fixture(scope='session')
def drawn(tmp_path_factory):
    "drawn(name): the folder and the cells of a notebook after a run at its defaults, run once."
    @cache
    def run(name):
        folder = tmp_path_factory.mktemp(name)
        return folder, executed(name, folder, **QUICK.get(name, {}))
    return run


@pytest.mark.parametrize('name', DRAWN)
def test_at_its_defaults_a_figure_draws_the_study_and_trains_nothing(name, drawn):
    folder, cells = drawn(name)
    last = last_value(cells)
    assert cells[-1]['source'].rstrip().endswith('v') and len(last) > 40
    assert 'SMOKE' not in last and 'STAND-IN' not in last
    assert not files_of(folder/'runs') and not (folder/'runs/banks').exists()
    plan = text_of(cells)
    assert f'lth run {name} -p preset paper' in plan and re.search('runs are missing|No run is missing', plan)
    if name != 'table2' and 'missing' not in last:
        assert any(FIGURE in data for data in shown(cells))


@pytest.mark.parametrize('name', ['table1', 'table2_check', 'paper_curves', 'fig2_samples'])
def test_what_needs_no_run_works_at_its_defaults(name, drawn):
    folder, cells = drawn(name)
    assert len(last_value(cells)) > 40 and not files_of(folder/'runs')


def test_papermill_shows_the_same(drawn, tmp_path):
    done = call('papermill', ROOT/'nbs/experiments/table2_check.ipynb', 'out.ipynb', cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads((tmp_path/'out.ipynb').read_text(encoding='utf-8'))['cells']
    assert last_value(cells) == last_value(drawn('table2_check')[1])


@pytest.mark.parametrize('name', [*DRAWN, *OTHERS])
def test_smoke_runs_end_to_end_and_is_never_evidence(name, desk):
    recipe = 'tuned,paper' if name == 'recipes' else 'tuned'
    said = last_value(executed(name, desk, smoke=True, **(dict(recipe=recipe) if name in DRAWN else {})))
    assert re.search('(?i)smoke|stand-in|paper has', said), said
    assert {p.name for p in (desk/'runs').iterdir()} <= {'smoke', 'cache'}
    table = [p for p in (desk/'runs/smoke').rglob('table.csv')]
    assert all((pd.read_csv(p).smoke == True).all() for p in table)  # noqa: E712, a column


def test_a_second_smoke_run_finds_everything(desk):
    before = {k: p.stat().st_mtime_ns for k, p in files_of(desk/'runs/smoke').items()}
    cells = executed('ladder', desk, smoke=True, recipe='tuned')
    assert before and {k: p.stat().st_mtime_ns for k, p in files_of(desk/'runs/smoke').items()} == before
    assert 'No run is missing.' in text_of(cells)


def test_plan_lists_what_is_missing_by_name_with_its_command(tmp_path):
    done = call('lth', 'run', 'fig4_finetuned', '--plan', '-p', 'preset', 'demo', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'runs are missing' in done.stdout and 'cifar10 finetuned r10 s0-2' in done.stdout
    assert re.search(r'\n +lth run run_transfer .*-p target human_lba', done.stdout)
    assert not files_of(tmp_path/'runs')


def test_a_bigger_study_is_drawn_by_the_same_notebook(tmp_path):
    "A target with twice the seeds, put beside the committed ones, hides none of them."
    t = open_study(STUDY).table
    twin = t[t.target == 'pbc'].assign(target='pbc_twin', fingerprint='0' * 64)
    more = pd.concat([t, twin, twin.assign(seed=twin.seed + 4)])
    (tmp_path/'big').mkdir()
    more.to_csv(tmp_path/'big/table.csv', index=False)
    names = walk('ladder', table=str(tmp_path/'big'), out=str(tmp_path/'out'))
    assert {'pbc', 'pbc_twin', 'lc25000'} <= set(names['rungs'].target)
    rungs = names['rungs'].query("rung == 'ticket - scratch' and source == 'cifar10'")
    assert set(rungs.pairs[rungs.target == 'pbc_twin']) == {8} and set(rungs.pairs[rungs.target == 'pbc']) == {4}


MIXED = dict(protocol=['a', 'b'], fingerprint=['a', 'b'], smoke=[True, False], target_kind=['real', 'stand-in'])


@pytest.mark.parametrize('column, values', MIXED.items())
def test_what_may_not_share_a_curve_is_refused(column, values, tmp_path):
    t = open_study(STUDY).table
    t = t[(t.target == 'pbc') & (t.n_train == 320)].copy()
    t[column] = [values[k % 2] for k in range(len(t))]
    t.to_csv(tmp_path/'mixed.csv', index=False)
    with pytest.raises(ValueError, match=f'{column} differs between runs of pbc'):
        walk('fig3_transfer', table=str(tmp_path/'mixed.csv'), out=str(tmp_path/'out'))


NAMED_TWICE = dict(fingerprint=('recipe', 'paper'), target_kind=('recipe', 'paper'), source_kind=('arm', 'ticket'))


@pytest.mark.parametrize('column, where', NAMED_TWICE.items())
@pytest.mark.parametrize('name', ['ladder', 'table2'])
def test_one_name_over_two_sets_is_refused(name, column, where, tmp_path):
    "Runs that never meet in one curve, and would stand beside each other under one name."
    t = open_study(STUDY).table
    t = t[(t.target == 'pbc') & (t.n_train == 320)].copy()
    t.loc[(t[where[0]] == where[1]) & (t[column] != ''), column] = 'stand-in'
    t.to_csv(tmp_path/'mixed.csv', index=False)
    with pytest.raises(ValueError, match=f'{column} differs between runs of (pbc|cifar10)'):
        walk(name, table=str(tmp_path/'mixed.csv'), out=str(tmp_path/'out'))


def test_a_misspelt_search_recipe_or_target_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown search_recipe 'tunde': choose from paper, tuned"):
        walk('ladder', search_recipe='tunde', out=str(tmp_path))
    with pytest.raises(ValueError, match="unknown target 'pcb': choose from .*pbc"):
        walk('ladder', target='pcb', out=str(tmp_path))


def test_another_search_recipe_and_a_bare_table_end_in_a_sentence(tmp_path):
    assert 'No ticket has been run yet' in walk('table2', search_recipe='tuned', recipe='paper', out=str(tmp_path))['v']
    t = open_study(STUDY).table
    t.to_csv(tmp_path/'bare.csv', index=False)
    for name in ('fig1_tickets', 'fig4_finetuned', 'fig3_transfer'):
        assert len(walk(name, table=str(tmp_path/'bare.csv'), out=str(tmp_path/'out'))['v']) > 40


def test_an_under_trained_baseline_allows_no_reading(tmp_path):
    t = open_study(STUDY).table
    t.loc[t.arm == 'scratch', ['test_acc', 'test_balanced_acc']] = .14 # eight classes: guessing gives .125
    t[t.target == 'pbc'].to_csv(tmp_path/'weak.csv', index=False)
    names = walk('ladder', table=str(tmp_path/'weak.csv'), out=str(tmp_path/'out'))
    assert set(names['rungs'].word[names['rungs'].reason == '']) == {'under-trained: no reading'}
    assert 'under-trained: no reading' in names['v'] and '+0.' not in names['v']
    found = walk('fig4_finetuned', table=str(tmp_path/'weak.csv'), out=str(tmp_path/'out'))['found']
    assert set(found.word_holm) == {'under-trained: no reading'}


def test_one_seed_has_no_interval_and_says_why(tmp_path):
    t = open_study(STUDY).table
    t[(t.seed == 0)].to_csv(tmp_path/'one.csv', index=False)
    names = walk('recipes', table=str(tmp_path/'one.csv'), out=str(tmp_path/'out'))
    assert '(no interval)' in names['v'] and 'n = 1' in names['v']
    subtitle = names['figures']['pbc'].layout.title.subtitle.text
    assert 'no spread' in subtitle and 'n = 1' in subtitle


def test_a_damaged_run_is_named_and_the_rest_is_read(desk, tmp_path):
    store = shutil.copytree(desk/'runs/smoke', tmp_path/'smoke')
    key, file = sorted(files_of(store).items())[0]
    file.write_text('{"val_acc": 0.')
    study = open_study(store)
    assert [note for note in study.notes if key[:12] in note and 'damaged' in note]
    assert len(study.table) == len(files_of(store)) - 1


def test_the_committed_study_is_whole():
    study = open_study('real_small')
    assert set(study.table.target_kind) == {'real'} and not study.table.smoke.astype(bool).any()
    assert study.table.key.is_unique
    plan = read_plan(STUDY/'study.json')
    assert study.card['runs'] == len(study.table) >= len(wanted(plan)) - missing(plan, study.table).runs.sum() > 100
    assert study.card['asked'] == len(wanted(plan))
    for row in study.table.sample(5, random_state=0).itertuples():
        guess, label = predictions(STUDY, study.table.loc[row.Index])
        assert len(guess) == row.n_test and abs((guess == label).mean() - row.test_acc) < 1e-6
    curves = pd.read_csv(STUDY/'history.csv.gz')
    assert set(curves.key) == set(study.table.key)
    assert curves.groupby('key').size().to_dict() == study.table.set_index('key').epochs.to_dict()
    assert study.card['machines'] and {'fingerprint', 'n_test', 'kind'} <= set(study.card['data']['pbc'])
