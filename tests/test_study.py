"The committed studies: their numbers follow from their files, and their plans run to the same bits twice."
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from lth_nb.bank import find_banks
from lth_nb.compute import compute
from lth_nb.datasets import load
from lth_nb.runs import Runs
from lth_nb.study import open_study, predictions, read_line, read_plan
from lth_nb.sweep import sweep

TABLES = sorted(path.parent for path in (ROOT/'studies').glob('*/table.csv'))


@pytest.mark.parametrize('folder', TABLES, ids=[folder.name for folder in TABLES])
def test_ten_runs_are_counted_again_from_their_predictions(folder):
    rows = open_study(folder).table
    for _, row in rows.iloc[np.linspace(0, len(rows) - 1, 10).astype(int)].iterrows():
        guessed, true = predictions(folder, row)
        assert len(true) == row.n_test
        assert np.mean(guessed == true) == pytest.approx(row.test_acc, abs=1e-6), row.key


def test_no_seed_of_the_deep_study_meets_the_search_of_another():
    plan = read_plan(ROOT/'studies/deep/study.json')
    asked = [read_line(line) for line in plan.transfers]
    assert all(each.seeds == each.search_seeds for each in asked)
    core = [each for line, each in zip(plan.transfers, asked) if line['part'] == 'core']
    assert sorted(seed for each in core for seed in each.seeds) == sorted([*range(16)] * 4)
    banks = {(each.seeds, each.bank != '') for each in core}
    assert banks == {((seed,), seed > 4) for seed in range(16)}


def test_three_transfers_of_the_plan_end_in_the_same_bits(tmp_path):
    line, *_ = read_plan(ROOT/'studies/deep/study.json').transfers
    less = dict(target='mouse_lba', train='48', change='max_epochs=2', arms='scratch,ticket,shuffled')
    ask = read_line(line | less)
    splits = load('mouse_lba', px=ask.protocols['tuned'].px, cache=tmp_path/'cache')
    work = sweep(ask, splits, find_banks('', 'resnet20_8', ask.sources, ask.search_seeds))
    assert len(work.specs) == 3
    first, again = Runs(tmp_path/'first'), Runs(tmp_path/'again')
    for store in (first, again): compute(work, store)
    for spec in work.specs:
        one, other = (np.load(store.folder(spec)/'predictions.npz') for store in (first, again))
        assert all((one[name] == other[name]).all() for name in one.files), spec.name
        curves = [pd.read_csv(store.folder(spec)/'history.csv').drop(columns='seconds', errors='ignore')
                  for store in (first, again)]
        assert curves[0].equals(curves[1]), spec.name
