"Statistics against scipy, statsmodels and simulation; and what a table is refused for."

import json
import sys
from dataclasses import replace
from subprocess import run

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp, ttest_rel

from lth_nb.stats import (
    accuracy_table,
    as_table,
    compare,
    contrasts,
    expected_half_width,
    holm,
    ladder,
    points,
    pooled,
    readings,
    runs_for,
    verdict,
)
from lth_nb.stats.aggregate import _of_means, compare_gains, cross_fitted
from lth_nb.stats.paired import (
    estimate,
    p_value,
    satterthwaite,
    standard_error2,
    t_interval,
    word_of,
)
from lth_nb.stats.power import new_variance
from lth_nb.stats.readings import FOUR, Side, differences
from lth_nb.study import open_study

rng = np.random.default_rng(7)


@pytest.fixture(scope='module')
def study():
    return open_study()


@pytest.fixture(scope='module')
def pbc(study):
    return readings(study.table, target='pbc', recipe='tuned', search_recipe='paper')[0]


def correct_of(study):
    "Which test images each run got right."
    saved = np.load(study.folder / 'predictions.npz')
    return {
        row.key: saved[row.key] == saved[f'label {row.fingerprint} {row.n_test}']
        for row in study.table.itertuples()
    }


def study_table(arms, targets=('cells',), seeds=5, banks=None, std=0.02, gain=0.1):
    "A table of made-up runs: scratch near .5 of five classes, every other arm `gain` above it."
    rows = []
    for target in targets:
        for seed in range(seeds):
            bank = seed if banks is None else seed % banks
            for arm in arms:
                own = arm == 'scratch'
                accuracy = 0.5 + (0 if own else gain) + rng.normal(0, std)
                masked = arm in ('ticket', 'reinit', 'shuffled', 'random', 'finetuned')
                rows.append(
                    dict(
                        target=target,
                        target_kind='real',
                        recipe='tuned',
                        preset='demo',
                        arm=arm,
                        seed=seed,
                        n_train=480,
                        n_test=400,
                        smoke=False,
                        source='' if own else 'cifar10',
                        source_kind='' if own else 'real',
                        search_recipe='' if own else 'tuned',
                        search_seed=np.nan if own else bank,
                        round=10.0 if masked else np.nan,
                        sparsity=0.893 if masked else 0.0,
                        steps=180,
                        seconds=60.0,
                        val_acc=accuracy,
                        test_acc=accuracy,
                        test_balanced_acc=accuracy,
                        test_recall='1;1;1;1;1',
                        fingerprint='f00d',
                        model='resnet20_8',
                        protocol='p1',
                        train='',
                        key=f'{target} {arm} {seed} {bank}',
                    )
                )
    return pd.DataFrame(rows)


ARMS = ('scratch', 'dense', 'ticket', 'reinit', 'shuffled', 'finetuned_dense')


# Numbers of others


@pytest.mark.parametrize('control', ['scratch', 'dense', 'shuffled', 'finetuned_dense'])
@pytest.mark.parametrize('seeds', [3, 5, 16])
def test_a_comparison_is_scipys_paired_t_test(control, seeds):
    table = study_table(ARMS, seeds=seeds)
    found = compare(readings(table.sample(frac=1, random_state=0))[0], 'ticket', control)
    ours, theirs = (
        table[table.arm == arm].sort_values('seed').test_acc.to_numpy()
        for arm in ('ticket', control)
    )
    expected = ttest_rel(ours, theirs)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.lo, found.hi) == pytest.approx(
        tuple(expected.confidence_interval(0.95)), abs=1e-12
    )
    assert (found.n, found.unit, found.tickets) == (seeds, 'searches and seeds', seeds)


def test_holm_is_statsmodels():
    multitest = pytest.importorskip('statsmodels.stats.multitest')
    for size in (1, 2, 4, 9):
        pvalues = rng.uniform(size=size)
        assert holm(pvalues) == pytest.approx(
            multitest.multipletests(pvalues, method='holm')[1], abs=1e-12
        )


def test_holm_counts_what_was_tested_and_no_more():
    assert holm([0.01, np.nan, 0.02])[[0, 2]] == pytest.approx([0.02, 0.02])
    assert (
        np.isnan(holm([0.01, np.nan])[1]) and np.isnan(holm([np.nan])).all() and holm([]).size == 0
    )


def test_satterthwaite_is_welch():
    first, second = rng.normal(0, 1, 5), rng.normal(0, 3, 40)
    weightstats = pytest.importorskip('statsmodels.stats.weightstats')
    parts = [(standard_error2(values), len(values) - 1) for values in (first, second)]
    error2, df = satterthwaite(parts)
    _, p, welch = weightstats.ttest_ind(first, second, usevar='unequal')
    assert df == pytest.approx(welch, rel=1e-9)
    assert p_value(first.mean() - second.mean(), error2, df) == pytest.approx(p, rel=1e-9)


def test_no_different_is_the_two_one_sided_tests_at_a_fortieth():
    "The 95 % interval lies within the margin where both one-sided tests refuse at .025."
    weightstats = pytest.importorskip('statsmodels.stats.weightstats')
    seen = set()
    for _ in range(60):
        diffs = rng.normal(0, 0.012, 6)
        lo, hi = t_interval(diffs)
        pvalue = weightstats.DescrStatsW(diffs).ttost_mean(-0.02, 0.02)[0]
        within = -0.02 <= lo and hi <= 0.02
        assert within == (pvalue <= 0.025)
        seen.add(within)
    assert seen == {True, False}


def test_the_components_of_variance_are_those_of_a_nested_study():
    "Search std 3, seed std 2: a new search and seed vary by 13, and the naive variance finds less."
    banks = pd.Series(np.repeat([0, 1], 2))
    drawn = [pd.Series(rng.normal(0, 0.03, 2)[banks] + rng.normal(0, 0.02, 4)) for _ in range(800)]
    assert np.mean([new_variance(diffs, banks) for diffs in drawn]) == pytest.approx(
        0.0013, rel=0.12
    )
    assert np.mean([diffs.var(ddof=1) for diffs in drawn]) < 0.0011


# Coverage


def test_the_interval_of_a_mean_over_targets_covers_95_percent():
    "Four targets that share their searches, five seeds; the truth is the mean of their four gains."
    reading = readings(study_table(('scratch', 'ticket')))[0]
    found = differences([Side(reading, 'ticket', 'cifar10', (10,)), Side(reading, 'scratch')])
    about = dict(
        target='four',
        recipe='tuned',
        source='cifar10',
        treat='ticket',
        control='scratch',
        at_round=10,
        question='',
    )
    gains, hits, studies = np.array([0.04, 0.08, 0.12, 0.16]), 0, 400
    for _ in range(studies):
        search, runs = rng.normal(0, 0.02, 5), rng.normal(0, 0.02, (4, 5))
        drawn = [
            [replace(found, by_seed=pd.Series(gain + search + noise))]
            for gain, noise in zip(gains, runs)
        ]
        each = _of_means(drawn, about, 0.015, '')
        hits += each.lo <= gains.mean() <= each.hi
    assert each.n == 5 and each.unit == 'searches and seeds'
    assert hits / studies == pytest.approx(0.95, abs=0.03)


def test_a_mean_over_targets_is_taken_seed_by_seed(study):
    four = [
        each
        for each in readings(study.table, recipe='tuned', search_recipe='paper')
        if each.target in ('lc25000', 'pbc', 'wikiart_artist1', 'wikiart_genre')
    ]
    by_seed = []
    for each in four:
        rows = each.rows[each.rows.seed.notna()]
        scratch = rows[rows.arm == 'scratch'].set_index('seed').test_acc
        at = (
            (rows.arm == 'ticket')
            & (rows['round'] == 10)
            & rows.source.isin(['cifar10', 'fashion_mnist'])
        )
        by_seed.append(rows[at].groupby('seed').test_acc.mean() - scratch)
    expected = ttest_1samp(np.mean([each.sort_index() for each in by_seed], axis=0), 0)
    found = pooled(four, 'ticket', 'scratch')
    assert (found.lo, found.hi) == pytest.approx(
        tuple(expected.confidence_interval(0.95)), abs=1e-12
    )


def test_the_interval_with_images_covers_new_test_images_and_the_plain_one_does_not():
    "50 test images on which two networks differ in a fifth; five seeds that hardly vary."
    hits, studies = np.zeros(2), 400
    for _ in range(studies):
        luck = rng.choice([1, -1, 0], 50, p=[0.15, 0.05, 0.8])  # what an image does to every seed
        images = np.where(
            rng.random((5, 50)) < 0.9, luck, rng.choice([1, -1, 0], (5, 50), p=[0.15, 0.05, 0.8])
        )
        found = estimate(images.mean(1), per_image=images)
        hits += found.lo <= 0.1 <= found.hi, found.lo_images <= 0.1 <= found.hi_images
    plain, images = hits / studies
    assert plain < 0.85 and images >= 0.93


# Pairing


def test_scratch_stands_beside_every_bank_of_its_seed_and_counts_once():
    table = study_table(('scratch', 'ticket'), seeds=4)
    more = table[table.arm == 'ticket'].assign(
        search_seed=lambda rows: rows.search_seed + 4, key=lambda rows: rows.key + ' b'
    )
    both = compare(readings(pd.concat([table, more]))[0], 'ticket', 'scratch')
    once = compare(readings(table)[0], 'ticket', 'scratch')
    assert (both.n, both.tickets, both.unit) == (4, 8, 'searches and seeds')
    assert (both.effect, both.lo, both.hi) == pytest.approx(
        (once.effect, once.lo, once.hi), abs=1e-12
    )


def test_arms_of_one_source_meet_within_their_bank():
    table = study_table(('dense', 'ticket'), seeds=3)
    wrong = table.assign(
        search_seed=table.search_seed.where(table.arm == 'ticket', (table.search_seed + 1) % 3)
    )
    assert (
        compare(readings(wrong)[0], 'ticket', 'dense').reason
        == 'the arms share no seed: finish the sweep first'
    )


@pytest.mark.parametrize(
    'banks, text',
    [
        (1, 'n = 5 seeds, with this ticket'),
        (2, 'n = 5 seeds, with these 2 tickets'),
        (None, 'n = 5 searches and seeds'),
    ],
)
def test_what_n_counts_follows_from_the_banks(banks, text):
    found = compare(
        readings(study_table(('scratch', 'ticket'), banks=banks))[0], 'ticket', 'scratch'
    )
    assert found.basis == text and found.n == 5


def test_the_ladder_adds_up_on_the_committed_study(study):
    for reading in readings(study.table, search_recipe='paper'):
        for source in (
            reading.sources if 'reinit' in reading.arms and 'dense' in reading.arms else ()
        ):
            dense, reinit, together, ticket, *_ = ladder(reading, source)
            if ticket.n and not reinit.reason.startswith('no run'):
                assert ticket.effect == pytest.approx(
                    dense.effect + reinit.effect + together.effect, abs=1e-12
                )


def test_the_four_contrasts_and_their_family(pbc):
    four = contrasts(pbc, 'cifar10')
    assert [found.control for found in four] == list(FOUR) and all(found.question for found in four)
    ran = [found for found in four if found.n]
    assert [found.p_holm for found in ran] == pytest.approx(list(holm([found.p for found in ran])))
    assert four[3].reason == 'no run of finetuned_dense' and not four[3].word


def test_predictions_widen_the_interval_and_wrong_ones_are_refused(study):
    correct = correct_of(study)
    reading = readings(
        study.table, target='pbc', recipe='tuned', search_recipe='tuned', correct=correct
    )[0]
    found = compare(reading, 'ticket', 'scratch', source='cifar10')
    assert -1 < found.lo_images <= found.lo < found.hi <= found.hi_images
    key = reading.rows.key.iloc[0]
    with pytest.raises(ValueError, match='are these the same runs'):
        readings(study.table, target='pbc', correct=correct | {key: ~np.asarray(correct[key])})


# Words


def test_red_cells_are_higher_and_not_undecided():
    "38 % from scratch, 52 % with tickets, std 2 to 4 points, three to five seeds."
    for seeds in (3, 4, 5):
        table = study_table(ARMS, seeds=seeds, std=0)
        spread = np.resize([-0.02, 0.025, -0.005, 0.03, -0.03], seeds)
        table['test_acc'] = [
            dict(scratch=0.38, ticket=0.52).get(arm, 0.51)
            + (0.6 if arm == 'ticket' else -0.2) * spread[seed]
            for arm, seed in zip(table.arm, table.seed)
        ]
        result = verdict(readings(table.assign(target='chula_rbc'))[0])
        assert result.word == 'higher' and 'undecided' not in result.sentence
        assert len(result.sentence.split()) <= 60 and 'points higher [+' in result.sentence


@pytest.mark.parametrize(
    'ends, n, p, word',
    [
        ((0.02, 0.04), 3, 0.01, 'higher'),
        ((-0.04, -0.02), 3, 0.01, 'lower'),
        ((-0.01, 0.015), 3, 0.4, 'no different'),
        ((-0.03, 0.09), 3, 0.4, 'open'),
        ((0.002, 0.03), 4, 0.06, 'open'),
        ((0.02, 0.04), 2, 0.01, ''),
        ((np.nan, np.nan), 1, np.nan, ''),
    ],
)
def test_words(ends, n, p, word):
    assert word_of(*ends, n, 0.02, p) == word


def test_an_interval_stays_within_what_accuracy_allows():
    table = study_table(('scratch', 'ticket'), seeds=2, std=0)
    table['test_acc'] = [0.38, 0.40, 0.36, 0.80]
    found = compare(readings(table)[0], 'ticket', 'scratch')
    assert found.reason == 'too few seeds' and not found.word
    assert -0.37 - 1e-9 <= found.lo and found.hi <= 0.63 + 1e-9
    assert points(found.effect, found.lo, found.hi) == '+23.0 points [-37.0, +63.0]'


def test_one_text_form():
    assert points(0.136, 0.08, 0.19) == '+13.6 points [+8.0, +19.0]'
    assert (
        points(-1e-9) == '+0.0 points (no interval)'
        and points(0.02, None) == '+2.0 points (no interval)'
    )


def test_another_round_has_a_number_and_no_word(pbc):
    found = compare(pbc, 'ticket', 'scratch', source='cifar10', at_round=3)
    assert found.n == 4 and not found.word and 'round 3 was not named beforehand' in found.reason


# Verdicts


def test_every_verdict_of_the_committed_study_is_short_valid_and_tells_its_tickets(study):
    for reading in readings(study.table):
        result = verdict(reading)
        assert len(result.sentence.split()) <= 60, result.sentence
        saved = json.loads(json.dumps(result.json, allow_nan=False))
        assert saved['sentence'] == result.sentence and saved['target'] == reading.target
        assert len(saved['comparisons']) == 4 * len(reading.sources)
        if result.headline.unit == 'seeds':
            assert 'with these 2 tickets' in result.sentence
        assert not any(word in result.sentence for word in ('undecided', 'better', 'worse', 'nan'))


@pytest.mark.parametrize(
    'change, word',
    [
        (dict(smoke=True), 'smoke run: no verdict'),
        (dict(val_acc=0.24), 'under-trained: no reading'),
    ],
)
def test_what_bars_a_word_stands_in_its_place(change, word):
    result = verdict(readings(study_table(ARMS).assign(**change))[0])
    assert (
        result.word == word
        and result.json['effect'] is None
        and not result.comparisons
        and not result.use
    )
    assert word.lower() in result.sentence.lower() and len(result.accuracy)


def test_smoke_and_drawn_images_are_said():
    table = study_table(ARMS).assign(target_kind='stand-in')
    table.loc[table.source != '', 'source_kind'] = 'stand-in'
    result = verdict(readings(table)[0])
    assert 'STAND-IN data' in result.sentence and 'cifar10 (STAND-IN) tickets' in result.sentence
    smoke = verdict(readings(table.assign(smoke=True))[0])
    assert 'SMOKE, never evidence' in smoke.sentence and 'STAND-IN data' in smoke.sentence


def test_the_first_question_needs_its_two_arms():
    table = study_table(ARMS)
    for arm in ('scratch', 'ticket'):
        with pytest.raises(
            ValueError, match=f'no {arm} run on cells, recipe tuned: run that arm first'
        ):
            verdict(readings(table[table.arm != arm])[0])


def test_yardsticks_stand_beside_the_arms(pbc):
    table = study_table(ARMS)
    lite = table[table.arm == 'scratch'].assign(
        arm='pretrained',
        model='efficientnet_lite0',
        protocol='p2',
        test_acc=0.8,
        val_acc=0.8,
        key=lambda rows: rows.key + ' lite',
    )
    reading = readings(pd.concat([table, lite]))[0]
    assert 'pretrained' in set(accuracy_table(reading).arm) and reading.n_train == 480
    assert (
        compare(reading, 'pretrained', 'scratch').word == 'higher'
        and verdict(reading).use == 'pretrained'
    )


def test_cross_fitting_never_sees_the_seed_it_is_read_on():
    rows = [
        dict(seed=seed, round=at, val_acc=rng.uniform(), test_acc=0.5)
        for seed in range(5)
        for at in (3, 7, 10)
    ]
    table = pd.DataFrame(rows).assign(
        target='toy', target_kind='real', recipe='tuned', arm='ticket', source='cifar10'
    )
    table['search_seed'] = table.seed
    chosen = cross_fitted(readings(table)[0], 'cifar10').rounds
    for seed in range(5):
        other = table.assign(
            val_acc=table.val_acc.where(table.seed != seed, rng.uniform(size=len(table)))
        )
        assert cross_fitted(readings(other)[0], 'cifar10').rounds[seed] == chosen[seed]


def test_gains_under_two_recipes_are_paired(study):
    first, second = (
        readings(study.table, target='lc25000', recipe=recipe, search_recipe='paper')[0]
        for recipe in ('paper', 'tuned')
    )
    found, expected = compare_gains(first, second, source='cifar10'), []
    for reading in (first, second):
        rows = reading.rows
        ticket = rows[
            (rows.arm == 'ticket') & (rows.source == 'cifar10') & (rows['round'] == 10)
        ].set_index('seed')
        expected.append(
            (ticket.test_acc - rows[rows.arm == 'scratch'].set_index('seed').test_acc).sort_index()
        )
    oracle = ttest_1samp(expected[0] - expected[1], 0)
    assert (found.lo, found.hi) == pytest.approx(tuple(oracle.confidence_interval(0.95)), abs=1e-9)


# What is refused, and what opens


def test_a_table_of_the_old_layout_opens(study):
    old = study.table.drop(columns=['source_kind', 'accepted', 'bank', 'test_recall', 'key'])
    found = readings(old)
    assert len(found) == len(readings(study.table)) and np.isnan(found[0].chance)
    assert verdict(found[1]).word


@pytest.mark.parametrize(
    'column', ['fingerprint', 'smoke', 'target_kind', 'protocol', 'model', 'train', 'semantics']
)
def test_what_may_not_meet_is_refused_by_name(column):
    table = study_table(ARMS)
    if column == 'semantics':
        table[column] = 1
    table[column] = table[column].astype(object)
    table.loc[3, column] = True if column == 'smoke' else 'other'
    with pytest.raises(
        ValueError, match=f'{column} differs between runs of cells.*keep one, as in table'
    ):
        readings(table)


def test_one_name_for_two_sources_is_refused():
    table = study_table(ARMS)
    table.loc[table.index[table.arm == 'ticket'], 'source_kind'] = 'stand-in'
    with pytest.raises(
        ValueError, match='source_kind differs between runs of cifar10: real, stand-in'
    ):
        readings(table)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(test_acc=np.nan), 'no accuracy: did training diverge'),
        (dict(val_acc=50.0), 'write shares, not percent'),
        (dict(search_seed=np.nan), 'a source and no search_seed: 0 where there was one search'),
    ],
)
def test_runs_with_a_fault_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        readings(study_table(ARMS).assign(**change))


def test_twins_and_unknown_names_are_refused(pbc):
    table = study_table(ARMS)
    with pytest.raises(ValueError, match='run twice for one seed: does the table mix two banks'):
        readings(pd.concat([table, table[:1]]))
    with pytest.raises(ValueError, match="no run of recipe 'tunde'; there are targets"):
        readings(table, recipe='tunde')
    with pytest.raises(
        ValueError, match=r"no run from 'cifar100' .* sources \['cifar10', 'fashion_mnist', 'pbc'\]"
    ):
        compare(pbc, 'ticket', 'scratch', source='cifar100')
    with pytest.raises(ValueError, match='transfer that round first'):
        compare(pbc, 'ticket', 'scratch', source='cifar10', at_round=21)
    with pytest.raises(ValueError, match='has no column arm'):
        readings(table.drop(columns='arm'))
    assert readings(table.iloc[:0]) == () and as_table([]).empty


def test_a_plan_knows_its_half_width():
    assert 100 * expected_half_width('ticket - scratch', 5) == pytest.approx(4.5, abs=0.1)
    assert runs_for(0.02) == 15 and expected_half_width(
        'ticket - scratch', 15
    ) <= 0.02 < expected_half_width('ticket - scratch', 14)


def test_no_torch_and_no_plotly_behind_a_table():
    code = "import sys, lth_nb.stats; print({'torch', 'plotly'} & set(sys.modules))"
    assert (
        run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip() == 'set()'
    )
