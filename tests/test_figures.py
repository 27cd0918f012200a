"""Every figure and table of the paper as one command: at its defaults it draws the committed study, in smoke it runs.

The notebooks run in this process, as `executed` says; one runs by papermill, to show the same."""
import json
import re
import shutil
from base64 import b64decode
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, call
from notebooks import FIGURE, executed, files_of, last_value, shown, stored, text_of, walk

from lth_nb.figures.style import OWN, SCRATCH, SOURCES, caption_of
from lth_nb.study import missing, open_study, predictions, read_plan, wanted

DRAWN = ('fig1_tickets', 'fig3_transfer', 'fig4_finetuned', 'fig4_related', 'fig4_size', 'ladder', 'recipes', 'table2',
         'what_we_found')
OTHERS = ('fig2_samples', 'table1', 'table2_check', 'paper_curves', 'study')
EXECUTED = ('fig1_tickets', 'fig3_transfer', 'fig4_finetuned', 'fig4_related', 'fig4_size', 'ladder',
            'recipes', 'table1')
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
        with pytest.MonkeyPatch.context() as patch: # no SVG and PNG: a browser takes longer than all the rest
            patch.setattr('lth_nb.figures.style.draw_files', lambda *args, **options: '')
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


def decoded(values):
    "A list of a figure as an array; plotly packs long ones of numbers."
    if not isinstance(values, dict): return np.array(values, dtype=object)
    return np.frombuffer(b64decode(values['bdata']), np.dtype(values['dtype'])).astype(object)


def drawn_numbers(cells):
    "What the figures of some cells draw: name, and both coordinates of every trace."
    figures = [data[FIGURE] for data in shown(cells) if FIGURE in data]
    return [(trace.get('name'), decoded(trace.get('x', [])), decoded(trace.get('y', [])))
            for figure in figures for trace in figure['data']]


@pytest.mark.parametrize('name', EXECUTED)
def test_the_committed_figure_is_what_the_study_gives(name, drawn):
    "Numbers, not pixels: what the page shows on the web is what its cells draw today."
    there, here = (drawn_numbers(cells) for cells in (stored(name), drawn(name)[1]))
    assert [name for name, *_ in there] == [name for name, *_ in here]
    for (trace, *old), (_, *new) in zip(there, here):
        for before, after in zip(old, new):
            assert len(before) == len(after), trace
            for one, other in zip(before, after):
                if isinstance(one, str) or one is None: assert one == other, trace
                else: assert other == pytest.approx(one, abs=1e-6, nan_ok=True), trace
    assert last_value(stored(name)) == last_value(drawn(name)[1])


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
    rungs = names['rungs'].query("comparison == 'ticket - scratch' and source == 'cifar10'")
    assert set(rungs.n[rungs.target == 'pbc_twin']) == {8} and set(rungs.n[rungs.target == 'pbc']) == {4}


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
    read = names['rungs'].query("comparison == 'ticket - scratch'")
    assert set(read.word) == {''} and set(read.reason) == {'under-trained: no reading'}
    assert 'under-trained: no reading' in names['v'] and not re.search('higher|lower|no different|open', names['v'])
    found = walk('fig4_finetuned', table=str(tmp_path/'weak.csv'), out=str(tmp_path/'out'))['differences']
    found = found[found.source != 'pbc'] # of its own tickets nothing was fine-tuned
    assert set(found.word) == {''} and set(found.reason) == {'under-trained: no reading'}


def test_one_seed_has_no_interval_and_says_why(tmp_path):
    t = open_study(STUDY).table
    t[(t.seed == 0)].to_csv(tmp_path/'one.csv', index=False)
    names = walk('recipes', table=str(tmp_path/'one.csv'), out=str(tmp_path/'out'))
    assert '(no interval)' in names['v'] and 'n = 1' in names['v']
    caption = caption_of(names['figures']['pbc'])
    assert 'no spread' in caption and 'n = 1' in caption


def test_a_damaged_run_is_named_and_the_rest_is_read(desk, tmp_path):
    store = shutil.copytree(desk/'runs/smoke', tmp_path/'smoke')
    key, file = sorted(files_of(store).items())[0]
    file.write_text('{"val_acc": 0.')
    study = open_study(store)
    assert [note for note in study.notes if key[:12] in note and 'damaged' in note]
    assert len(study.table) == len(files_of(store)) - 1


MACHADO = dict( # Machado, Oliveira, Fernandes, IEEE TVCG 15 (2009), severity 1.0, on linear RGB
    protan=[[.152286, 1.052583, -.204868], [.114503, .786281, .099216], [-.003882, -.048116, 1.051998]],
    deutan=[[.367322, .860646, -.227968], [.280085, .672501, .047413], [-.011820, .042940, .968881]],
    tritan=[[1.255528, -.076749, -.178779], [-.078411, .930809, .147602], [.004733, .691367, .303900]])


def lab(colour, matrix):
    "CIELAB of '#rrggbb' as somebody with that deficiency sees it."
    share = np.array([int(colour[at:at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(share <= .04045, share / 12.92, ((share + .055) / 1.055)**2.4)
    to_xyz = np.array([[.41246, .35758, .18044], [.21267, .71515, .07218], [.01933, .11919, .95030]])
    xyz = to_xyz @ np.clip(np.array(matrix) @ linear, 0, 1) / to_xyz.sum(1)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return 116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])


def ciede2000(first, second):
    "Distance of two CIELAB colours, Sharma, Wu and Dalal (2005)."
    (l1, a1, b1), (l2, a2, b2) = first, second
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    grey = 1 + .5 * (1 - np.sqrt(mean**7 / (mean**7 + 25**7)))
    c1, c2 = np.hypot(a1 * grey, b1), np.hypot(a2 * grey, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * grey)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (1 - .17 * np.cos(np.radians(hue - 30)) + .24 * np.cos(np.radians(2 * hue))
         + .32 * np.cos(np.radians(3 * hue + 6)) - .2 * np.cos(np.radians(4 * hue - 63)))
    parts = ((l2 - l1) / (1 + .015 * (light - 50)**2 / np.sqrt(20 + (light - 50)**2)),
             (c2 - c1) / (1 + .045 * chroma),
             2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + .015 * chroma * t))
    swing = np.sin(np.radians(60 * np.exp(-((hue - 275) / 25)**2)))
    rotate = -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7)) * swing
    return np.sqrt(sum(part**2 for part in parts) + rotate * parts[1] * parts[2])


def test_ciede2000_gives_the_published_pairs():
    assert ciede2000((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert ciede2000((50, 2.5, 0), (73, 25, -18)) == pytest.approx(27.1492, abs=1e-4)


@pytest.mark.parametrize('kind', MACHADO)
def test_sources_can_be_told_apart_by_everybody(kind):
    seen = [lab(colour, MACHADO[kind]) for colour, _ in (*SOURCES.values(), OWN, SCRATCH)]
    assert min(ciede2000(*pair) for pair in combinations(seen, 2)) > 10


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
