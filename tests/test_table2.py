"Table 2 of the paper taken apart: grids and pairs by hand and by enumeration; what is refused."

import statistics
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest

from lth_nb.paper.table2 import (
    Printing,
    _fits,
    _shown,
    _two_explain,
    base_rate,
    check_table,
    conventions,
    fitting_sizes,
    grid_neighbours,
    paper_table,
    possible_mean,
    printed,
    two_runs,
)

WHOLE = Printing(decimals=0)
WAYS = [(how, ddof) for how in ('truncate', 'round') for ddof in (0, 1)]


@pytest.fixture
def toy():
    "Four cells on ten images: two runs, an impossible mean, three runs, both."
    cells = dict(row='toy', column=['a', 'b', 'c', 'd'], n_test=10, seeds=[2, 2, 3, 3])
    return pd.DataFrame(cells).assign(mean=[75, 72, 76.66, 75], std=[5, 5, 4.71, 5])


def drawn_cells(runs):
    "Twelve cells printed of so many runs, four seeds claimed."
    rng = np.random.default_rng(1)
    shown = [
        printed(rng.binomial(1023, 0.8, runs), 1023, Printing(how='round')) for _ in range(12)
    ]
    cells = pd.DataFrame(shown, columns=['mean', 'std'])
    return cells.assign(row=range(12), column='acc', n_test=1023, seeds=4)


@pytest.mark.parametrize(
    'means, n_test, seeds, how, expected',
    [
        ([76, 77], 10, 3, 'either', [True, True]),
        ([11, 12, 13, 14], 8, 1, 'round', [False, True, True, False]),
    ],
)
def test_possible_means_are_those_of_whole_counts(means, n_test, seeds, how, expected):
    found = possible_mean(np.array(means), n_test, seeds, decimals=0, how=how)
    assert list(found) == expected


def test_thirds_are_cut_and_a_float_just_above_seven_is_seven():
    means = np.array([33.33, 33.34, 66.66, 66.67, 99.99, 100])
    expected = [True, False, True, False, False, True]
    assert list(possible_mean(means, 3, 1, how='truncate')) == expected
    assert possible_mean(100, 7, 1, decimals=0, how='truncate') and 100 * 0.07 > 7
    assert grid_neighbours(75, 10, 2) == (75, 75)


@pytest.mark.parametrize('how, expected', [('round', 31), ('either', 41)])
def test_three_runs_on_ten_images_have_that_many_means(how, expected):
    every = np.arange(101)
    assert possible_mean(every, 10, 3, decimals=0, how=how).sum() == expected


@pytest.mark.parametrize(
    'given, message',
    [
        (
            (0.7917, 1023, 4),
            'mean must be a percentage from 0 to 100 with at most 2 decimals, got 0.7917',
        ),
        ((179.17, 1023, 4), 'got 179.17'),
        ((-1.0, 1023, 4), 'got -1.0'),
        ((79.17, 0, 4), 'n_test and seeds must be >= 1, got 0 and 4'),
    ],
)
def test_what_is_no_printed_mean_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        possible_mean(*given)


def test_unknown_ways_of_printing_are_refused():
    with pytest.raises(ValueError, match='choose from round, truncate, either'):
        possible_mean(70, 10, 2, how='floor')
    message = "unknown way of printing 'either': choose from truncate, round"
    with pytest.raises(ValueError, match=message):
        Printing(how='either')
    with pytest.raises(ValueError, match='unknown ddof 2: choose from 0, 1'):
        Printing(ddof=2)


def test_printing_by_hand():
    assert printed([7, 8], 10, Printing(2, ddof=1)) == (75, 7.07)
    assert printed([1, 2, 3], 4, Printing(0, ddof=1)) == (50, 25)
    assert str(Printing()) == 'truncated mean and population std'
    assert str(Printing(how='round', ddof=1)) == 'rounded mean and sample std'


def test_two_runs_at_the_edges():
    assert [two_runs(95, std, 10, WHOLE) for std in (5, 15)] == [[(9, 10)], []]
    assert [two_runs(5, std, 10, WHOLE) for std in (5, 15)] == [[(0, 1)], []]
    assert two_runs(75, 7.07, 10, Printing(ddof=1)) == [(7, 8)]
    expected = [[(0, 0)], [], [(10, 10)]]
    assert [two_runs(mean, 0, 10, WHOLE) for mean in (0, 95, 100)] == expected
    ties = [(74, 75), (75, 75), (75, 76)]  # 74.5 and 75.5 are ties
    assert two_runs(75, 0, 100, Printing(0, 'round')) == ties


GRID = [(mean, std) for mean in range(101) for std in range(72)]


@pytest.mark.parametrize('how, ddof', WAYS)
def test_every_pair_on_twelve_images_is_found_and_none_besides(how, ddof):
    way = Printing(0, how, ddof)
    found = {pair: two_runs(*pair, 12, way) for pair in GRID}
    for counts in combinations_with_replacement(range(13), 2):
        assert counts in found[tuple(map(float, printed(counts, 12, way)))]
    low, high = (0, 1) if how == 'truncate' else (-0.5, 0.5)
    spread = (statistics.pstdev, statistics.stdev)[ddof]
    for (mean, std), pairs in found.items():
        for counts in pairs:
            accuracies = [100 * count / 12 for count in counts]
            assert low - 1e-9 <= statistics.mean(accuracies) - mean <= high + 1e-9
            assert low - 1e-9 <= spread(accuracies) - std <= high + 1e-9
    explained = list(_two_explain(*np.transpose(GRID), 12, way))
    assert explained == [bool(pairs) for pairs in found.values()]
    some = GRID[::11]
    explained = list(_two_explain(*np.transpose(some), 90, way))
    assert explained == [bool(two_runs(*pair, 90, way)) for pair in some]


@pytest.mark.parametrize(
    'given, message',
    [
        (
            (79.17, 0.0185, 1023),
            'std must be a percentage from 0 to 100 with at most 2 decimals, got 0.0185',
        ),
        (
            (79.17, 2, 1023, WHOLE),
            'mean must be a percentage from 0 to 100 with at most 0 decimals, got 79.17',
        ),
    ],
)
def test_what_is_no_printed_pair_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        two_runs(*given)


def test_the_papers_table_is_copied_digit_by_digit():
    paper = paper_table()
    assert paper['std'].sum().round(2) == 39.4 and paper.n_test[25] == 360


@pytest.mark.parametrize('how, ddof', WAYS)
def test_two_runs_are_always_two_runs(how, ddof):
    assert base_rate(70, 5, 30, Printing(1, how, ddof), seeds=2) == 1


EXACT = [  # enumerated in exact fractions
    ('truncate', 0, 0.11668),
    ('truncate', 1, 0.06934),
    ('round', 1, 0.06926),
]


@pytest.mark.parametrize('how, ddof, rate', EXACT)
def test_the_base_rate_is_the_enumerated_one(how, ddof, rate):
    found = base_rate(70, 5, 30, Printing(1, how, ddof), simulations=20_000)
    assert found == pytest.approx(rate, abs=0.006)


def test_draws_follow_their_seed_and_stay_within_the_test_set():
    tenths = Printing(decimals=1)
    assert base_rate(70, 5, 30, tenths) == base_rate(70, 5, 30, tenths, seed=0)
    assert base_rate(70, 5, 30, tenths) != base_rate(70, 5, 30, tenths, seed=1)
    assert 0 < base_rate(99, 5, 30, tenths) < 1  # no run has more than 30 of 30
    alike = paper_table()[:1].assign(mean=66.66, std=0.0, n_test=3)
    shown = _shown(alike, Printing(), 1, seed=0)[:, 0].tolist()
    assert shown == [[66.66, 66.66], [0, 0]]  # as printed, as drawn


def test_draws_and_seeds_have_a_least_number():
    with pytest.raises(ValueError, match='simulations must be >= 1, got 0'):
        base_rate(70, 5, 20, simulations=0)
    with pytest.raises(ValueError, match='seeds of one, cell must be a whole number >= 2, got 1'):
        base_rate(70, 5, 20, seeds=1)


def test_every_cell_of_a_table_by_hand(toy):
    told = check_table(toy, simulations=100)
    assert list(told.pairs) == [[(7, 8)], [], [], [(7, 8)]]
    assert (told.base_rate[0], told.base_rate[1]) == (1, 1)
    assert (told.below[1], told.above[1]) == (70, 75)
    assert told.reach[0] == pytest.approx(21 / 10_001, abs=1e-12)
    assert list(told.possible_round) == [True, False, False, False]
    assert list(told.possible_truncate) == [True, False, True, False]
    assert list(told.possible_either) == [True, False, True, False]
    sample = check_table(toy[:1].assign(std=7.07), Printing(ddof=1), simulations=1)
    assert sample.pairs[0] == [(7, 8)]


def test_every_cell_of_the_papers_table():
    said = check_table(paper_table())
    impossible = [84.75, 64.66, 72.55, 41.36, 58.63, 58.92, 50.44]
    assert list(said['mean'][~said.possible_either]) == impossible
    assert (~said.possible_truncate).sum() == 9
    first_five = said[(said.column != 'scratch') & (said.row != 'type_classification')]
    assert len(first_five) == 20 and (first_five.finding == 'two runs').sum() == 18
    assert said.pairs[1] == [(791, 829)]
    assert said.base_rate.sum() == pytest.approx(2.32, abs=0.3)


WRONG = {
    'the table has no column std, seeds: it needs row, column, mean': dict(drop=['std', 'seeds']),
    'the table must hold each cell once, got no rows': dict(rows=0),
    r"the table must hold each cell once, got \['toy', 'a'\]": dict(rows=8),
    'n_test of toy, b must be a whole number >= 1, got 0': dict(n_test=[10, 0, 10, 10]),
    'n_test of toy, a must be a whole number >= 1, got 9.5': dict(n_test=9.5),
    'seeds of toy, a must be a whole number >= 2, got 1': dict(seeds=1),
    'std of toy, d must be a percentage from 0 to 100 with': dict(std=[5, 5, 5, None]),
    'mean of toy, a must be a percentage from 0 to 100 with': dict(mean='75 %'),
    'with at most 2 decimals, got 4.714; set decimals': dict(std=4.714),
    'no mean is above 1: if this is no percentage': dict(mean=[0.75, 0.72, 0.76, 0.74]),
}


@pytest.mark.parametrize('message', WRONG)
def test_what_is_no_table_is_refused(toy, message):
    change = dict(WRONG[message])
    rows = pd.concat([toy, toy])[: change.pop('rows', 4)]
    table = rows.drop(columns=change.pop('drop', [])).assign(**change)
    with pytest.raises(ValueError, match=message):
        check_table(table)


def test_the_search_over_four_ways_is_paid_for():
    paper, two = paper_table(), conventions(drawn_cells(2), simulations=500)
    assert (two.how[0], two.ddof[0], len(two)) == ('round', 0, 4)
    rates = check_table(drawn_cells(2), Printing(how='round'), simulations=500).base_rate
    assert two.expected[0] == pytest.approx(rates.sum(), abs=1e-9)
    told = conventions(paper, simulations=500)
    assert list(told.how) == ['truncate', 'round', 'truncate', 'round']
    assert list(told.ddof) == [0, 0, 1, 1] and list(told.two_runs) == [18, 7, 0, 0]
    drawn = [_fits(paper, Printing(2, *way), 500, 0)[:, 1:].sum(0) for way in WAYS]
    as_many = (np.max(drawn, axis=0) >= 7).sum()
    assert told.p[1] == pytest.approx((1 + as_many) / 501, abs=1e-12) and told.p[3] == 1
    assert told.most.max() < 12


def sizes_of(pairs, n_test=12, sizes=range(1, 21)):
    "What `fitting_sizes` says of one row with these means and stds."
    cells = pd.DataFrame(pairs, columns=['mean', 'std'])
    cells = cells.assign(row='toy', column=cells.index, n_test=n_test, seeds=4)
    return fitting_sizes(cells, WHOLE, sizes, simulations=20).iloc[0]


def test_sizes_by_hand():
    assert sizes_of([(75, 5), (70, 10)]).sizes == [10, 20]
    assert sizes_of([(75, 5), (33, 0)]).best == 1
    nothing = sizes_of([(75, 6)], sizes=(7, 8))
    assert (nothing.sizes, nothing.p) == ([], 1)
    assert [sizes_of([(75, 5)], n_test).here for n_test in (10, 11, 20)] == [1, 0, 1]
    near = {6: [], 7: [10], 18: [10, 20, 26, 27], 20: [10, 20, 26, 27, 30]}
    for n_test, expected in near.items():
        assert sizes_of([(75, 5)], n_test, None).sizes == expected


def test_sizes_of_the_papers_rows():
    paper = paper_table()
    by_row = fitting_sizes(paper).set_index('row')
    assert (by_row.p['type_classification'], by_row.p['mouse_lba']) == (1 / 201, 1)
    tickets = paper[(paper.row == 'type_classification') & (paper.column != 'scratch')]
    found = fitting_sizes(tickets, sizes=range(1, 1100), simulations=1)
    assert found.sizes[0] == [336, 672, 1008]
