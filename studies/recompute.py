"""The statistics of a study's article, worked out a second time and held against its notebook.

    python studies/recompute.py studies/deep [nbs/experiments/what_we_found.ipynb]

Nothing of lth_nb is imported. From table.csv, predictions.npz and study.json every accuracy,
difference, interval and word is derived anew: accuracies from the predicted classes, differences
seed by seed, textbook t intervals over the seeds, Holm over the four questions, and over the
comparisons of each claim of the paper. Beside them, from tuning.csv and the cards of the banks:
what longer training gained, hours; and from the runs that come with the package, what tickets gain
where they were found. What the committed outputs of the notebook say is read back and compared to
the precision printed. Not derived again: which network the advice chooses, and what a study of the
paper's size would take.

One line a group says how many numbers agree; each that does not is named. The status is 1 where
one disagrees, or where the notebook has a group of which nothing could be compared."""
import ast
import base64
import json
import re
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

NOTEBOOK = Path(__file__).parents[1] / 'nbs/experiments/what_we_found.ipynb'
CONTROLS = Path(__file__).parents[1] / 'lth_nb/banks/controls.csv' # Runs of sources on themselves

# The rules, fixed before any run
QUESTIONS = [('ticket', control) for control in ('scratch', 'dense', 'shuffled', 'finetuned_dense')]
EARLY = ('dense', 'scratch') # Stands beside the four questions, outside their family
MEAN_MARGIN = .015 # Largest difference not worth having, of a mean over targets
TARGET_MARGIN = .02 # The same for one target
MOST_COLLAPSED = .25 # Share of collapsed runs beyond which an arm is not averaged
FULL_MASK = ('dense', 'finetuned_dense') # Trained once for all rounds, written as round 0
SHARED = ('scratch', 'pretrained', 'probe') # Arms without a source
RUN_NAMES = ['target', 'train', 'recipe', 'source', 'search_recipe', 'arm', 'round', 'search_seed',
             'seed']
TRIED = 5 # Seeds of `deep` from which on no ticket had been tried before
ABSENT = -1 # A round or search seed where a run has none

# Group -> what stands in the code of the cells it is printed by
GROUPS = {
    'test accuracy of runs': '',
    'runs at hand': 'question(',
    'title': 'title_of(',
    'abstract': 'abstract_of(',
    'figures, points and intervals': 'forest(',
    'figures, words and n': 'forest(',
    'accuracy table': 'accuracies(',
    'health table': 'health_page(',
    'without collapsed runs': 'without_collapsed(',
    'without tried tickets': 'later_seeds(',
    'four questions': 'told_of(',
    'four questions, table': 'answers_of(',
    'four questions, set by set': 'set_by_set(',
    'beside the four': 'beside_table(',
    'paper minus tuned': 'compare_gains(',
    'advice table': 'advice(',
    'advice, sentence': 'advised(',
    "the paper's claims": 'claim_table(',
    'seeds to tell': 'expected_half_width(',
    'design': 'design_of(',
    'size and hours': 'design_of('}


# What was compared

@dataclass
class Tally:
    "How many numbers agree in each group, and which do not."
    counts: dict = field(default_factory=lambda: {group: [0, 0] for group in GROUPS})
    faults: list = field(default_factory=list)

    def judge(self, group, agrees, name, shown, expected):
        "Count one comparison, and name it where it fails."
        self.counts[group][0] += bool(agrees)
        self.counts[group][1] += 1
        if not agrees:
            self.faults.append(f'{group}: {name}: shown {shown}, recomputed {expected}')

    def same(self, group, name, shown, expected):
        "Compare two texts or whole numbers."
        self.judge(group, shown == expected, name, repr(shown), repr(expected))

    def close(self, group, name, shown, expected, tolerance=1e-9):
        "Compare two numbers; two that are absent agree."
        both_absent = np.isnan(shown) and np.isnan(expected)
        self.judge(group, both_absent or abs(shown - expected) <= tolerance, name, shown, expected)

    def printed(self, group, name, shown, expected):
        "Compare a number in print, such as '+1.4', to the last digit that it has."
        shown = shown.replace(',', '').replace('−', '-')
        decimals = len(shown.partition('.')[2])
        self.close(group, name, float(shown), expected, .5 * 10**-decimals + 1e-9)

    def absent(self, group, name):
        "Something that should be there could not be found."
        self.judge(group, False, name, 'nothing that can be read', 'a number')


# The study's files

@dataclass
class Study:
    "The runs of a study, which images each got right, and what was asked for."
    runs: pd.DataFrame # With a column `accuracy`: from the predictions, where there are some
    right: dict        # Key of a run -> 1 or 0 per test image
    classes: dict      # Fingerprint of a target -> number of its classes
    transfers: list    # Lines of the plan
    tuning: pd.DataFrame|None # Lengths of training that were tried on scratch
    folder: Path

    def planned(self, parts):
        "The names of all runs that some parts of the plan ask for."
        lines = [line for line in self.transfers if not parts or line['part'] in parts]
        return {run_name for line in lines for run_name in runs_of_line(line)}

    def missing(self, parts):
        "Part -> how many of its runs the table has not; one of two parts counts in the first."
        names, counts = set(run_names(self.runs)), {}
        for line in self.transfers:
            if not parts or line['part'] in parts:
                absent = set(runs_of_line(line)) - names
                counts[line['part']] = counts.get(line['part'], 0) + len(absent)
                names |= absent
        return {part: count for part, count in counts.items() if count}


def seeds_in(typed):
    "'4' is the seeds 0 to 3, '4,' is seed 4, '0,2' are two."
    typed = str(typed)
    if ',' in typed:
        return [int(number) for number in typed.split(',') if number.strip()]
    return list(range(int(typed)))


def search_for(seed, seeds, searches):
    "Seed t takes the ticket of search t, where every seed has one; else of search t mod m."
    if set(seeds) <= set(searches):
        return seed
    return sorted(searches)[seed % len(searches)]


def runs_of_line(line):
    "The names of the runs that one line of a plan asks for."
    seeds, searches = seeds_in(line['seeds']), seeds_in(line['search_seeds'])
    place = line['target'], line.get('train', '')
    recipes = line['recipe'].split(',')
    for recipe, arm, seed in product(recipes, line['arms'].split(','), seeds):
        if arm in SHARED:
            yield *place, recipe, '', '', arm, ABSENT, ABSENT, seed
            continue
        rounds = [0] if arm in FULL_MASK else [int(number) for number in line['rounds'].split(',')]
        searched = line.get('search_recipe') or 'paper', search_for(seed, seeds, searches)
        for source, at_round in product(line['source'].split(','), rounds):
            yield *place, recipe, source, searched[0], arm, at_round, searched[1], seed
    if line.get('pretrained'):
        for arm, seed in product(('pretrained', 'probe'), seeds):
            yield *place, recipes[0], '', '', arm, ABSENT, ABSENT, seed


def read_runs(path):
    "table.csv: texts stay texts, an empty cell of a number is NaN, that of a place is `ABSENT`."
    runs = pd.read_csv(path, dtype=str, keep_default_na=False)
    numbers = ['seed', 'n_train', 'n_val', 'n_test', 'px', 'epochs', 'steps', 'seconds', 'sparsity',
               'params_kept', 'val_acc', 'test_acc', 'val_balanced_acc', 'test_balanced_acc',
               'round', 'search_seed']
    for column in runs.columns.intersection(numbers):
        runs[column] = pd.to_numeric(runs[column], errors='coerce')
    for column in ('round', 'search_seed'):
        runs[column] = runs[column].fillna(ABSENT).astype(int)
    return runs[runs.smoke != 'True'].reset_index(drop=True)


def read_study(folder, tally):
    "Everything that is needed of a study; accuracies of table.csv are checked on the way."
    runs = read_runs(folder / 'table.csv')
    plan = json.loads((folder / 'study.json').read_text(encoding='utf-8'))
    with np.load(folder / 'predictions.npz') as archive:
        arrays = {name: archive[name] for name in archive.files}
    right, classes, accuracies = {}, {}, []
    for run in runs.itertuples():
        name = f'run {run.key[:12]} ({run.target}, {run.recipe}, {run.arm}, seed {run.seed})'
        guessed, labels = arrays.get(run.key), arrays.get(f'label {run.fingerprint} {run.n_test}')
        if guessed is None or labels is None:
            tally.absent('test accuracy of runs', f'{name}: predictions')
            accuracies.append(run.test_acc)
            right[run.key] = np.full(int(run.n_test), np.nan)
            continue
        right[run.key] = (guessed == labels).astype(float)
        classes[run.fingerprint] = int(labels.max()) + 1
        accuracies.append(np.count_nonzero(guessed == labels) / len(labels))
        tally.close('test accuracy of runs', name, run.test_acc, accuracies[-1])
    tuning = folder / 'tuning.csv'
    tried = pd.read_csv(tuning) if tuning.exists() else None
    accurate = runs.assign(accuracy=accuracies)
    return Study(accurate, right, classes, plan['transfers'], tried, folder)


def run_names(runs):
    "What tells the runs of a table apart, one tuple each."
    return list(runs[RUN_NAMES].itertuples(index=False, name=None))


def settled_seeds(wanted, present):
    "Sweeps, each with a seed of which every arm is there at the sparsest round."
    asked = pd.DataFrame(sorted(wanted), columns=RUN_NAMES)
    asked['present'] = [name in present for name in run_names(asked)]
    scratch = asked[asked.arm == 'scratch'].set_index(['target', 'train', 'recipe', 'seed'])
    whole_seeds = set()
    for sweep, of_sweep in asked[asked.source != ''].groupby(RUN_NAMES[:5]):
        sparsest = of_sweep['round'].max()
        read_there = of_sweep[of_sweep['round'].isin([0, sparsest])]
        for seed, of_seed in read_there.groupby('seed'):
            with_scratch = scratch.present.get((*sweep[:3], seed), True)
            if of_seed.present.all() and with_scratch:
                whole_seeds.add((*sweep, seed))
    return whole_seeds


def settled(runs, wanted):
    "The runs of settled seeds; scratch counts where a sweep of its seed does."
    whole_seeds = settled_seeds(wanted, set(run_names(runs)))
    without_source = {(*sweep[:3], sweep[-1]) for sweep in whole_seeds}
    kept = [(*name[:5], name[-1]) in whole_seeds if name[3] else
            (*name[:3], name[-1]) in without_source for name in run_names(runs)]
    return runs[kept]


# One target

@dataclass
class Target:
    "The settled runs of one target and recipe, at the largest size that tickets were run on."
    runs: pd.DataFrame
    right: dict
    chance: float       # One over the number of classes
    ceiling: float      # Mean validation accuracy of tuned scratch
    by_arm: dict = field(default_factory=dict, init=False) # What `of_arm` found

    @property
    def name(self):
        "Of the set."
        return self.runs.target.iloc[0]

    @cached_property
    def sources(self):
        "Sets that tickets were found on."
        return sorted(set(self.runs.source[self.runs.arm == 'ticket']))

    @cached_property
    def read_at(self):
        "The sparsest round that every seed of the tickets of every source has."
        tickets = self.runs[self.runs.arm == 'ticket']
        complete = []
        for _, of_source in tickets.groupby('source'):
            everyone = set(of_source.seed)
            complete.append({at_round for at_round, there in of_source.groupby('round').seed
                             if set(there) == everyone})
        return max(set.intersection(*complete), default=None)

    def over(self, chosen):
        "The same, of some of the runs, read at the same round."
        fewer = Target(self.runs[chosen], self.right, self.chance, self.ceiling)
        fewer.read_at = self.read_at
        return fewer

    @cached_property
    def under_trained(self):
        "Whether scratch is within 5 points of guessing: then nothing gets a word."
        scratch = self.runs[self.runs.arm == 'scratch']
        balanced = 'val_balanced_acc' if 'val_balanced_acc' in scratch else 'test_balanced_acc'
        return min(scratch.val_acc.mean(), scratch[balanced].mean()) - self.chance <= .05 + 1e-9

    def of_arm(self, arm, source):
        "The runs of an arm where it is read."
        if (arm, source) not in self.by_arm:
            runs = self.runs[(self.runs.arm == arm) & self.runs.source.isin(['', source])]
            at_round = runs['round'] == self.read_at
            whole = arm in (*FULL_MASK, *SHARED)
            self.by_arm[arm, source] = runs if whole else runs[at_round]
        return self.by_arm[arm, source]

    @property
    def halfway(self):
        "Half of the way from guessing to tuned scratch, on validation: a run below it collapsed."
        return (self.chance + self.ceiling) / 2

    def collapsed(self, runs):
        "Share of runs that collapsed."
        return (runs.val_acc < self.halfway).mean()

    def accuracies(self, arm, source):
        "Test accuracy by seed."
        return self.of_arm(arm, source).groupby('seed').accuracy.mean()

    def fallen(self, pair, source):
        "The first arm of a pair of which too many runs collapsed, in words; else ''."
        for arm in pair:
            share = self.collapsed(self.of_arm(arm, source))
            if share > MOST_COLLAPSED:
                return f'{share:.0%} of the runs of {arm} collapsed'
        return ''


def targets_of(study, runs, recipe):
    "The targets that have every arm, and tickets of another set, under one recipe."
    found = []
    for name, of_target in runs[runs.recipe == recipe].groupby('target'):
        tickets = of_target[of_target.arm == 'ticket']
        if set(tickets.source) <= {name} or 'reinit' not in set(of_target.arm):
            continue
        at_size = of_target[of_target.n_train == tickets.n_train.max()]
        alike = (runs.target == name) & (runs.n_train == at_size.n_train.iloc[0])
        scratch = runs[alike & (runs.arm == 'scratch')]
        tuned = scratch[scratch.recipe == 'tuned']
        ceiling = (scratch[scratch.recipe == recipe] if tuned.empty else tuned).val_acc.mean()
        chance = 1 / study.classes[at_size.fingerprint.iloc[0]]
        found.append(Target(at_size, study.right, chance, ceiling))
    return found


# Differences and what they tell

@dataclass
class Paired:
    "Differences of two arms, seed by seed."
    by_seed: pd.Series # Index seed
    control: float     # Mean accuracy of the second arm
    banks: set         # (seed, source, search seed) of the tickets behind them
    images: np.ndarray # The mean difference of every test image


def paired(target, pair, source):
    "The difference of two arms at every seed; runs of one source must share their search."
    columns = ['seed', 'source', 'search_seed', 'accuracy', 'key']
    treated, control = (target.of_arm(arm, source)[columns] for arm in pair)
    pairs = treated.merge(control, on='seed', suffixes=('', '_control'))
    one_source = pairs.source == pairs.source_control
    pairs = pairs[~one_source | (pairs.search_seed == pairs.search_seed_control)]
    if pairs.empty:
        return None
    seeds = pairs.seed.astype(int)
    both = pd.concat([pairs[['seed', 'source', 'search_seed']],
                      pairs[['seed', 'source_control', 'search_seed_control']]
                      .set_axis(['seed', 'source', 'search_seed'], axis=1)])
    used = both[both.source != '']
    by_image = [target.right[run.key] - target.right[run.key_control]
                for run in pairs.itertuples()]
    return Paired(
        by_seed=(pairs.accuracy - pairs.accuracy_control).groupby(seeds).mean(),
        control=pairs.groupby('seed').accuracy_control.mean().mean(),
        banks=set(used.itertuples(index=False, name=None)),
        images=pd.DataFrame(by_image).groupby(seeds.to_numpy()).mean().mean().to_numpy())


@dataclass(frozen=True)
class Answer:
    "A mean difference with its interval and word; shares."
    effect: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    wide_lower: float = np.nan # Of the interval that covers new test images too
    wide_upper: float = np.nan
    spread: float = np.nan     # Standard deviation of the differences, ddof 1
    pvalue: float = np.nan
    adjusted: float = np.nan   # After Holm; alone the same
    seeds: int = 0
    beyond: bool = False       # Whether the interval had to be cut to what accuracy allows
    banks: frozenset = frozenset()
    barred: str = ''           # Why no word may be given
    word: str = ''

    @property
    def tickets(self):
        "Searches behind it."
        return len({bank[1:] for bank in self.banks})

    @property
    def basis(self):
        "What n counts: where one search serves several seeds, seeds with these tickets."
        if self.seeds == 1:
            return 'n = 1 seed'
        if self.tickets == len(self.banks):
            unit = 'searches and seeds' if self.tickets else 'seeds'
            return f'n = {self.seeds} {unit}'
        these = 'this ticket' if self.tickets == 1 else f'these {self.tickets} tickets'
        return f'n = {self.seeds} seeds, with {these}'


def wide_half(half, variance, seeds, images):
    "Half of the interval over new test images too (Satterthwaite), never below that over seeds."
    of_images = images.var(ddof=1) / len(images)
    spread = variance**2 / max(seeds - 1, 1) + of_images**2 / (len(images) - 1)
    if not spread > 0:
        return np.nan
    freedom = (variance + of_images)**2 / spread
    return np.fmax(student.ppf(.975, freedom) * np.sqrt(variance + of_images), half)


def answer_of(by_seed, control=np.nan, banks=(), images=None, barred=''):
    "The mean of some differences, one a seed, with its paired 95 % t interval; without a word."
    seeds, effect = len(by_seed), by_seed.mean()
    allowed = (-2, 2) if np.isnan(control) else (-control, 1 - control)
    half = pvalue = variance = np.nan
    if seeds > 1:
        variance = by_seed.var(ddof=1) / seeds
    if variance > 1e-24: # else all differences are one, and nothing says how sure it is
        half = student.ppf(.975, seeds - 1) * np.sqrt(variance)
        pvalue = 2 * student.sf(abs(effect) / np.sqrt(variance), seeds - 1)
    wide = np.nan if images is None or seeds < 2 else wide_half(half, variance, seeds, images)
    return Answer(
        effect=effect, seeds=seeds, spread=by_seed.std(ddof=1), pvalue=pvalue, adjusted=pvalue,
        lower=np.maximum(effect - half, allowed[0]), upper=np.minimum(effect + half, allowed[1]),
        wide_lower=np.maximum(effect - wide, allowed[0]),
        wide_upper=np.minimum(effect + wide, allowed[1]),
        beyond=bool(effect - half < allowed[0] or effect + half > allowed[1]),
        banks=frozenset(banks), barred=barred)


def word_of(answer, margin):
    "The word the rule gives an interval; '' where none may be given."
    if answer.barred or answer.seeds < 3 or np.isnan(answer.lower):
        return ''
    if answer.adjusted < .05:
        return 'higher' if answer.effect > 0 else 'lower'
    if -margin <= answer.lower and answer.upper <= margin:
        return 'no different'
    return '' if answer.beyond else 'open'


def worded(answers, margin):
    "The answers of one family, by name, with Holm's p over those that were run and their words."
    ran = sorted((name for name in answers if not np.isnan(answers[name].pvalue)),
                 key=lambda name: answers[name].pvalue)
    adjusted, told = 0., dict(answers)
    for place, name in enumerate(ran):
        adjusted = min(1., max(adjusted, (len(ran) - place) * answers[name].pvalue))
        told[name] = replace(answers[name], adjusted=adjusted)
    return {name: replace(answer, word=word_of(answer, margin)) for name, answer in told.items()}


def on_target(target, pair, source):
    "The difference of two arms on one target, without a word."
    made = paired(target, pair, source)
    if made is None:
        return Answer()
    barred = 'under-trained' if target.under_trained else target.fallen(pair, source)
    return answer_of(made.by_seed, made.control, made.banks, made.images, barred)


def obstacle(target, pair, source):
    "Why a difference must not be averaged; '' where it may."
    for arm in pair:
        if target.of_arm(arm, source).empty:
            return f'{target.name}: no run of {arm}'
    fallen = '' if target.under_trained else target.fallen(pair, source)
    return f'{target.name}: {fallen}' if fallen else ''


def over_targets(targets, pair, sources):
    "The mean over targets held fixed: sources averaged within a target, at every seed."
    obstacles = [obstacle(target, pair, source) for target, source in product(targets, sources)]
    if any(obstacles):
        return Answer(barred=next(filter(None, obstacles)))
    of_targets, made = [], []
    for target in targets:
        of_sources = [paired(target, pair, source) for source in sources]
        if None in of_sources:
            return Answer()
        of_targets.append(mean_of([of_source.by_seed for of_source in of_sources]))
        made += of_sources
    by_seed = mean_of(of_targets)
    if by_seed.empty:
        return Answer()
    banks = {bank for one in made for bank in one.banks if bank[0] in by_seed.index}
    barred = 'under-trained' if any(target.under_trained for target in targets) else ''
    return answer_of(by_seed, np.mean([one.control for one in made]), banks, barred=barred)


def mean_of(several):
    "The mean of some differences at every seed that all of them have."
    return pd.concat(several, axis=1, join='inner').mean(axis=1)


def gain_between(first, second, source):
    "(ticket - scratch) under one recipe minus that under another, with the same tickets."
    first, pair = replace(first), ('ticket', 'scratch')
    first.read_at = second.read_at # both at one round
    both = first, second
    gains = [paired(target, pair, source) for target in both]
    if None in gains:
        return Answer()
    differences = (gains[0].by_seed - gains[1].by_seed).dropna()
    barred = ['under-trained' for target in both if target.under_trained]
    barred += [target.fallen(pair, source) for target in both]
    answer = answer_of(differences, barred=next(filter(None, barred), ''))
    return replace(answer, word=word_of(answer, TARGET_MARGIN))


# The article

@dataclass
class Article:
    "What the notebook should say."
    targets: list        # Of the recipe that the abstract speaks of
    other_targets: list  # Of recipe paper, where the abstract speaks of recipe tuned
    at_hand: int         # Runs that the plan asks for and the table has
    sources: list        # Those that the means are over
    tuning: pd.DataFrame|None
    planned: int         # Runs that the plan asks for
    searched: str        # Recipe of the searches behind the tickets
    missing: dict        # Part of the plan -> its runs that are missing
    studies: dict = field(default_factory=dict) # Name -> what the notebook reads, in its order

    @cached_property
    def means(self):
        "The four questions and the early weights, averaged over targets."
        four = {pair: over_targets(self.targets, pair, self.sources) for pair in QUESTIONS}
        early = {EARLY: over_targets(self.targets, EARLY, self.sources)} # no question: no word
        return worded(four, MEAN_MARGIN) | early

    def mean(self, pair):
        "Any difference averaged over targets."
        return over_targets(self.targets, pair, self.sources)

    @cached_property
    def rows(self):
        "The same on every target: name, target and source -> answer; Holm within a source."
        rows = {}
        for target, source in product(self.targets, self.sources):
            four = {pair: on_target(target, pair, source) for pair in QUESTIONS}
            early = {EARLY: on_target(target, EARLY, source)}
            told = worded(four, TARGET_MARGIN) | early
            rows |= {(pair, target.name, source): answer for pair, answer in told.items()}
        return rows

    def sets_with(self, word):
        "The sets on which ticket - scratch has a word singly, as a title lists them."
        named = [name for (pair, name, _), answer in self.rows.items()
                 if pair == QUESTIONS[0] and answer.word == word]
        return ', '.join(dict.fromkeys(named)) or 'none'

    def without(self, target):
        "The same, one target left out."
        return replace(self, targets=[other for other in self.targets if other is not target])

    @cached_property
    def gains(self):
        "Ticket - scratch of every target and source, where both were run."
        gained = [answer for (pair, *_), answer in self.rows.items() if pair == QUESTIONS[0]]
        return [answer for answer in gained if not np.isnan(answer.effect)]

    @cached_property
    def without_collapsed(self):
        "The same, without the seeds of a target at which a run collapsed."
        left = []
        for target in self.targets:
            fell = target.runs.val_acc < target.halfway
            seeds = set(target.runs.seed[fell])
            left.append(target.over(~target.runs.seed.isin(seeds)))
        return replace(self, targets=left)

    @cached_property
    def without_tried(self):
        "The same, without the seeds whose tickets had been tried before."
        left = [target.over(target.runs.seed >= TRIED) for target in self.targets]
        return replace(self, targets=left)

    def mean_accuracy(self, arm):
        "Averaged over targets, of the first source."
        reached = [target.accuracies(arm, source).mean()
                   for target, source in product(self.targets, self.sources)]
        return float(np.mean(reached))


def sources_to_tell(targets):
    "Sources that all targets share; that alone which has more seeds than the others."
    shared = set.intersection(*(set(target.sources) for target in targets))
    shared = sorted(shared - {target.name for target in targets})
    counts = {}
    for source in shared:
        seeds = [set(target.runs.seed[(target.runs.arm == 'ticket')
                                      & (target.runs.source == source)]) for target in targets]
        counts[source] = len(set.intersection(*seeds))
    if len(set(counts.values())) < 2:
        return shared
    return [max(counts, key=counts.get)]


def asked_of(study, parts, notebook):
    "The runs at hand of some parts of a study and of one search recipe; the planned; that recipe."
    wanted = study.planned(parts)
    asked = study.runs[[name in wanted for name in run_names(study.runs)]]
    searched = notebook.parameter('search_recipe', '') or 'paper'
    if searched not in set(asked.search_recipe):
        searched = asked.search_recipe[asked.search_recipe != ''].iloc[0]
    of_search = asked[asked.search_recipe.isin(['', searched])]
    return of_search, {name for name in wanted if name[4] in ('', searched)}, searched


def article_of(study, notebook):
    "What should stand in a notebook that was run with its own parameters on a study."
    parts = notebook.parts[0] if notebook.parts else []
    planned = study.planned(parts)
    at_hand = sum(name in planned for name in run_names(study.runs))
    asked, wanted, searched = asked_of(study, parts, notebook)
    runs = settled(asked, wanted)
    by_recipe = {recipe: targets_of(study, runs, recipe) for recipe in ('tuned', 'paper')}
    targets = by_recipe['tuned'] or by_recipe['paper']
    if not targets:
        raise SystemExit('no target has every arm: nothing to compare')
    others = by_recipe['paper'] if by_recipe['tuned'] else []
    return Article(targets, others, at_hand, sources_to_tell(targets), study.tuning, len(planned),
                   searched, study.missing(parts))


# The notebook

@dataclass
class Notebook:
    "The cells of an executed notebook."
    cells: list

    @property
    def statements(self):
        "Every node of the code that can be parsed."
        for cell in self.cells:
            if cell['cell_type'] != 'code':
                continue
            try:
                yield from ast.walk(ast.parse(''.join(cell['source'])))
            except SyntaxError: # a magic
                continue

    @property
    def parts(self):
        "The parts of a plan that it reads: the words of each call of `question` after the first."
        calls = [node for node in self.statements
                 if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'question']
        return [[word.value for word in call.args if isinstance(word, ast.Constant)][1:]
                for call in calls]

    def parameter(self, name, otherwise):
        "The value a parameter was last given."
        for node in self.statements:
            if not isinstance(node, (ast.Assign, ast.AnnAssign)):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = name in [getattr(target, 'id', '') for target in targets]
            if named and isinstance(node.value, ast.Constant):
                otherwise = node.value.value
        return otherwise

    def outputs(self, mark):
        "What the cells with `mark` in their code showed: MIME type -> data."
        marked = [cell for cell in self.cells
                  if cell['cell_type'] == 'code' and mark in ''.join(cell['source'])]
        return [output['data'] for cell in marked for output in cell['outputs']
                if 'data' in output]

    def texts(self, mark=''):
        "The texts among them, Markdown where there is some."
        either = [data.get('text/markdown', data.get('text/plain', ''))
                  for data in self.outputs(mark)]
        return [''.join(text) for text in either]

    def pages(self, mark):
        "The HTML of the tables among them."
        return [''.join(data['text/html']) for data in self.outputs(mark) if 'text/html' in data]

    def tables(self, mark, column=''):
        "The tables among them, those that have a column: name of a row -> column -> text."
        every = [read_html(page) for page in self.pages(mark)]
        return [table for table in every if not column or column in next(iter(table.values()), {})]

    def figures(self):
        "The forest figures."
        kind = 'application/vnd.plotly.v1+json'
        return [data[kind] for data in self.outputs(GROUPS['figures, words and n'])
                if kind in data]


class Cells(HTMLParser):
    "The rows of an HTML table; a first cell that spans several rows stands in each of them."

    def __init__(self):
        "Nothing read yet."
        super().__init__()
        self.rows, self.inside, self.spans = [], False, 0

    def handle_starttag(self, tag, attrs):
        "A row or a cell begins."
        if tag == 'tr':
            self.rows.append([])
            if self.spans:
                self.rows[-1].append(self.rows[-2][0])
                self.spans -= 1
        self.inside = tag in ('td', 'th')
        if self.inside:
            self.rows[-1].append('')
            rowspan = dict(attrs).get('rowspan')
            if rowspan:
                self.spans = int(rowspan) - 1

    def handle_endtag(self, tag):
        "A cell ends."
        self.inside = self.inside and tag not in ('td', 'th')

    def handle_data(self, data):
        "What stands in a cell."
        if self.inside:
            self.rows[-1][-1] += data


def read_html(page):
    "A table of pandas: name of a row -> column -> text."
    parser = Cells()
    parser.feed(page)
    header, *rows = parser.rows
    return {row[0]: dict(zip(header[1:], row[1:])) for row in rows if row and any(row[1:])}


def read_grouped(page):
    "A table of pandas whose rows have two names: both -> column -> text."
    parser = Cells()
    parser.feed(page)
    header, _, *rows = parser.rows # the second names the names
    return {(row[0], row[1]): dict(zip(header[2:], row[2:])) for row in rows}


def numbers_in(values):
    "An array as plotly writes it: a list, or bytes in base 64; NaN where there is none."
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values['bdata']), values['dtype']).astype(float)
    return np.array([np.nan if value is None else value for value in values], dtype=float)


# Comparing

NUMBER = r'[+-]?\d[\d,]*(?:\.\d+)?'
WORDS = re.compile(r'\b(higher|lower|no different|open)\b')


def check_interval(tally, group, name, text, answer):
    "An effect and its interval, such as '+1.4 points [-0.6, +3.5]'."
    told = re.search(rf'({NUMBER}) points \[({NUMBER}), ({NUMBER})\]', text)
    if told is None:
        tally.absent(group, name)
        return
    shares = dict(effect=answer.effect, lower=answer.lower, upper=answer.upper)
    for (end, share), shown in zip(shares.items(), told.groups()):
        tally.printed(group, f'{name}, {end}', shown, 100 * share)


def check_told(tally, groups, name, text, answer):
    "An effect, its interval and its word as a text tells them."
    of_numbers, of_words = groups
    if np.isnan(answer.effect):
        without = ' points' not in text and answer.barred in text
        tally.judge(of_numbers, without, f'{name}, no number', text, answer.barred)
        return
    check_interval(tally, of_numbers, name, text, answer)
    between = re.search(rf'between ({NUMBER}) and ({NUMBER}) points', text)
    for shown, share in zip(between.groups() if between else (), (answer.lower, answer.upper)):
        tally.printed(of_numbers, f'{name}, not excluded', shown, 100 * share)
    word = WORDS.search(text)
    tally.same(of_words, f'{name}, word', word[1] if word else '', answer.word)


def check_basis(tally, group, name, text, answer):
    "What n counts."
    found = re.search(r'n = \d+ (?:searches and seeds|seeds?)(?:, with th\w+ (?:\d+ )?tickets?)?',
                      text)
    tally.same(group, f'{name}, n', found[0] if found else '', answer.basis)


def check_at_hand(tally, notebook, article):
    "How many runs are drawn."
    for text in notebook.texts(GROUPS['runs at hand']):
        if 'runs at hand' not in text:
            continue
        for shown in re.findall(r'([\d,]+) runs at hand', text):
            tally.printed('runs at hand', 'runs at hand', shown, article.at_hand)
        for shown in re.findall(r'at hand of ([\d,]+) planned', text):
            tally.printed('runs at hand', 'planned', shown, article.planned)
        listed = text.partition('; missing: ')[2].partition('.')[0]
        shown = {part: count for count, part in re.findall(r'([\d,]+) of (\w+)', listed)}
        absent = {part: f'{count:,}' for part, count in article.missing.items()}
        tally.same('runs at hand', 'missing by part', shown, absent)


TITLE = { # What a title is made of -> what it says for each word
    ('ticket', 'dense'): {
        'higher': 'learned on photographs helps',
        'lower': 'learned on photographs costs accuracy',
        'no different': 'learned on photographs changes nothing'},
    ('ticket', 'scratch'): {
        'higher': 'tickets beat training from scratch',
        'lower': 'tickets fall behind training from scratch',
        'no different': 'tickets do as well as training from scratch'}}
SETTLED = ('higher', 'lower', 'no different') # Words that say something


def check_title(tally, text, article):
    "The two words that a title is made of, or how far each is known; the number of targets."
    for part, (pair, phrases) in zip(text.split('; '), TITLE.items()):
        answer, name = article.means[pair], ' - '.join(pair)
        said = [word for word, phrase in phrases.items() if phrase in part]
        told = said[0] if said else ''
        tally.same('title', name, told, answer.word if answer.word in SETTLED else '')
        between = re.search(rf'({NUMBER}) to ({NUMBER}) points', part)
        tally.same('title', f'{name}, how far', bool(between), answer.word == 'open')
        for shown, end in zip(between.groups() if between else (), (answer.lower, answer.upper)):
            tally.printed('title', f'{name}, end of the interval', shown, 100 * end)
    gain = article.means[QUESTIONS[0]]
    singly = re.search(r'\(singly: ([^)]*)\)', text)
    tally.same('title', 'singly', singly[1] if singly else '',
               article.sets_with(gain.word) if gain.word in SETTLED else '')
    shown = re.search(r'mean of (\d+) scarce sets', text)
    tally.same('title', 'targets', shown[1] if shown else '', str(len(article.targets)))


SENTENCES = { # How a sentence of the abstract begins -> what it tells
    'Ticket against scratch': ('ticket', 'scratch'),
    'Early weights unpruned': EARLY,
    'Pruning them': ('ticket', 'dense'),
    "The ticket's places against shuffled ones": ('ticket', 'shuffled'),
    'Against its fine-tuned source': ('ticket', 'finetuned_dense')}


def check_opening(tally, text, article):
    "How many sets and images there are, and what both kinds of network reach."
    opening = re.search(
        rf'On (\d+) sets of ({NUMBER}) to ({NUMBER}) training images \(([^)]*)\), networks from '
        rf'scratch reach ({NUMBER})%, (.+?) tickets \(({NUMBER})% pruned\) ({NUMBER})%', text)
    if opening is None:
        tally.absent('abstract', 'its first sentence')
        return
    sets, fewest, most, names, scratch, source, pruned, ticket = opening.groups()
    sizes = [target.runs.n_train.iloc[0] for target in article.targets]
    tickets = article.targets[0].of_arm('ticket', article.sources[0])
    tally.same('abstract', 'names', names.split(', '), [target.name for target in article.targets])
    tally.same('abstract', 'source', source, ' and '.join(article.sources))
    for name, shown, expected in (
            ('sets', sets, len(sizes)), ('fewest images', fewest, min(sizes)),
            ('most images', most, max(sizes)),
            ('scratch', scratch, 100 * article.mean_accuracy('scratch')),
            ('pruned', pruned, 100 * tickets.sparsity.mean()),
            ('ticket', ticket, 100 * article.mean_accuracy('ticket'))):
        tally.printed('abstract', name, shown, expected)


def check_yardstick(tally, text, article):
    "What the pretrained network reaches, where every target has it."
    reached = article.mean_accuracy('pretrained')
    said = re.search(rf'a fine-tuned ImageNet network \((\d+) seeds\) ({NUMBER})%', text)
    tally.same('abstract', 'pretrained is told', bool(said), not np.isnan(reached))
    if said:
        seeds = min(target.runs.seed[target.runs.arm == 'pretrained'].nunique()
                    for target in article.targets)
        tally.same('abstract', 'seeds of pretrained', said[1], str(seeds))
        tally.printed('abstract', 'pretrained', said[2], 100 * reached)


def check_gains_by_set(tally, text, article):
    "How far the gains of the sets are from each other, and which are higher singly."
    told = re.search(rf'set by set ({NUMBER}) to ({NUMBER}), singly higher: ([^.]*)\.', text)
    if told is None:
        tally.absent('abstract', 'gains set by set')
        return
    effects = [answer.effect for answer in article.gains]
    tally.printed('abstract', 'smallest gain', told[1], 100 * min(effects))
    tally.printed('abstract', 'largest gain', told[2], 100 * max(effects))
    tally.same('abstract', 'singly higher', told[3], article.sets_with('higher'))


def check_abstract(tally, text, article):
    "Every number of the abstract."
    check_opening(tally, text, article)
    check_yardstick(tally, text, article)
    check_gains_by_set(tally, text, article)
    for beginning, pair in SENTENCES.items():
        sentence = re.search(re.escape(beginning) + r': (.*?)\.(?= [A-Z]|$)', text)
        if sentence is None:
            tally.absent('abstract', beginning)
            continue
        name = ' - '.join(pair)
        of_mean = sentence[1].split('; set by set')[0]
        check_told(tally, ('abstract', 'abstract'), name, of_mean, article.means[pair])
    level = re.search(r'Means, (\d+) % intervals,', text)
    tally.same('abstract', 'level of the intervals', level[1] if level else '', '95')
    check_basis(tally, 'abstract', 'means', text, article.means[QUESTIONS[0]])


def check_text(tally, notebook, article):
    "Title and abstract wherever they stand."
    for text in notebook.texts():
        if re.search(r'On \d+ sets of', text):
            check_abstract(tally, re.sub('&#93;', ']', text).strip('\'"'), article)
    for text in notebook.texts(GROUPS['title']):
        if text.startswith('## '):
            check_title(tally, text.splitlines()[0], article)


@dataclass
class Row:
    "One difference as a figure draws it."
    bars: list    # Bars by rising thickness
    marker: dict  # The point
    numbers: str  # Text at the right, '' where there is none


def rows_of_figure(figure):
    "The rows of each facet, from top to bottom: axis -> rows."
    traces = {}
    for trace in figure['data']:
        place = trace.get('xaxis', 'x'), float(numbers_in(trace['y'])[0])
        traces.setdefault(place, []).append(trace)
    notes = {note['y']: note['text'] for note in figure['layout'].get('annotations', ())
             if ' points' in note.get('text', '') and note.get('xref') == 'paper'
             and note.get('name') != 'caption'}
    facets = {}
    for (axis, height), drawn in sorted(traces.items()):
        bars = [trace for trace in drawn if trace['mode'] == 'lines']
        bars.sort(key=lambda trace: trace['line']['width'])
        markers = [trace for trace in drawn if trace['mode'] == 'markers']
        row = Row([numbers_in(bar['x']) for bar in bars], markers[0], notes.get(height, ''))
        facets.setdefault(axis, []).append(row)
    return facets


def check_row(tally, name, row, answer, is_mean):
    "Point, bars, text and marker of one difference."
    of_numbers, of_words = 'figures, points and intervals', 'figures, words and n'
    tally.close(of_numbers, f'{name}, point', numbers_in(row.marker['x'])[0],
                100 * answer.effect, 1e-6)
    over_seeds = [answer.lower, answer.upper]
    wide = [np.fmin(answer.lower, answer.wide_lower), np.fmax(answer.upper, answer.wide_upper)]
    expected = [over_seeds] if is_mean else [wide, over_seeds]
    drawn = [bar for bar in row.bars if not np.isnan(bar).any()]
    number = 0 if np.isnan(answer.lower) else len(expected)
    tally.same(of_numbers, f'{name}, bars', len(drawn), number)
    for ends, bar in zip(expected, drawn):
        for end, shown in zip(ends, bar):
            tally.close(of_numbers, f'{name}, bar', shown, 100 * end, 1e-6)
    if row.numbers:
        told = [float(number) for number in re.findall(NUMBER, row.numbers)]
        for shown, end in zip(told, (answer.effect, *over_seeds)):
            tally.close(of_numbers, f'{name}, text', shown, 100 * end, .05 + 1e-9)
    hover = ''.join(row.marker['hovertext']).split('<br>', 2)[-1]
    check_told(tally, (of_numbers, of_words), f'{name}, hover', hover, answer)
    check_basis(tally, of_words, f'{name}, hover', hover, answer)
    filled = not row.marker['marker']['symbol'].endswith('-open')
    tally.same(of_words, f'{name}, filled', filled, answer.word in SETTLED)


def check_facet(tally, name, rows, article):
    "The targets and the mean of one difference; the names of those that were drawn."
    pair = tuple(rows[0].marker['name'].split(' - '))
    places = list(product([target.name for target in article.targets], article.sources))
    tally.same('figures, points and intervals', f'{name}, {pair}, rows', len(rows), len(places) + 1)
    for row in rows:
        place = row.marker['meta']['target'], row.marker['meta']['source']
        is_mean = row is rows[-1]
        answer = article.means[pair] if is_mean else article.rows.get((pair, *place), Answer())
        label = f"{name}, {row.marker['name']}, {'mean' if is_mean else ' of '.join(place)}"
        check_row(tally, label, row, answer, is_mean)
    return pair


def check_figures(tally, notebook, article):
    "Every row of every forest figure; each mean that exists is drawn."
    drawn = set()
    for place, figure in enumerate(notebook.figures(), 1):
        for rows in rows_of_figure(figure).values():
            drawn.add(check_facet(tally, f'figure {place}', rows, article))
    exist = {pair for pair, answer in article.means.items() if answer.seeds}
    tally.same('figures, points and intervals', 'means drawn', sorted(drawn), sorted(exist))


def check_accuracies(tally, notebook, article):
    "Mean, std and n of every arm on every target."
    group = 'accuracy table'
    for table in notebook.tables(GROUPS[group]):
        for target, (arm, row) in product(article.targets, table.items()):
            size = target.runs.n_test.iloc[0]
            shown = row.get(f'{target.name} (test {size:.0f})')
            by_seed = 100 * target.accuracies(arm, article.sources[0])
            name = f'{arm} on {target.name}'
            check_accuracy(tally, name, shown, by_seed)
        arms = {arm for target in article.targets for arm in set(target.runs.arm)
                if len(target.of_arm(arm, article.sources[0]))}
        tally.same(group, 'arms', sorted(table), sorted(arms))


def check_accuracy(tally, name, shown, by_seed):
    "One cell, such as '83.4 ± 2.9 (n = 4)'."
    group = 'accuracy table'
    if by_seed.empty:
        tally.same(group, name, shown, '')
        return
    cell = re.fullmatch(r'([\d.]+)(?: ± ([\d.]+))? \(n = (\d+)\)', shown or '')
    if cell is None:
        tally.absent(group, name)
        return
    tally.printed(group, f'{name}, mean', cell[1], by_seed.mean())
    if len(by_seed) > 1:
        tally.printed(group, f'{name}, std', cell[2] or 'nan', by_seed.std(ddof=1))
    tally.printed(group, f'{name}, n', cell[3], len(by_seed))


def budget_gain(target, tuning):
    "Scratch's validation accuracy at the longest training tried, minus that at its own or below."
    if tuning is None:
        return np.nan
    scratch = target.runs[target.runs.arm == 'scratch']
    tried = tuning[(tuning.target == target.name) & (tuning.recipe == scratch.recipe.iloc[0])
                   & (tuning.px == scratch.px.iloc[0])]
    tried = tried.assign(changed=tried.changed.fillna(''))
    reached = tried.groupby(['epochs', 'changed']).val_acc.mean().groupby('epochs').max()
    own = scratch.epochs.median()
    below, above = reached[reached.index <= own], reached[reached.index > own]
    return above.iloc[-1] - below.iloc[-1] if len(below) and len(above) else np.nan


def check_health(tally, notebook, article):
    "Runs, validation accuracy of scratch, chance, collapsed runs, and what more budget gains."
    group = 'health table'
    for table in notebook.tables(GROUPS[group]):
        tally.same(group, 'targets', list(table), [target.name for target in article.targets])
        for target in article.targets:
            row, name = table.get(target.name, {}), target.name
            worst = max(target.collapsed(of_arm)
                        for _, of_arm in target.runs.groupby(['arm', 'source']))
            expected = dict(runs=len(target.runs), scratch_val=100 * target.ceiling,
                            chance=100 * target.chance, most_collapsed=100 * worst,
                            more_budget=100 * budget_gain(target, article.tuning))
            for column, number in expected.items():
                shown = re.fullmatch(rf'({NUMBER})(?: ?%)?(?: of \w+)?', row.get(column, ''))
                if shown:
                    tally.printed(group, f'{name}, {column}', shown[1], number)
                else:
                    said = row.get(column) == 'not checked'
                    tally.judge(group, said and np.isnan(number), f'{name}, {column}',
                                row.get(column), number)
            check_control(tally, name, row.get('positive_control', ''), article)


def check_control(tally, name, text, article):
    "What the tickets gain on their own source, from the runs that come with the package."
    for control in ('reinit', 'shuffled'):
        gained = gain_at_home(article.sources[0], control, article.searched)
        shown = re.search(rf'({NUMBER}) over {control}.*\(n = (\d+)\)', text)
        where = f'{name}, positive control over {control}'
        if shown and gained is not None:
            tally.printed('health table', where, shown[1], 100 * gained.mean())
            tally.same('health table', f'{where}, n', shown[2], str(len(gained)))
        else:
            tally.same('health table', where, bool(shown), gained is not None)


def gain_at_home(source, control, searched):
    "Ticket minus a control on a source itself, by seed; None where it was not run."
    if not CONTROLS.exists():
        return None
    runs = read_runs(CONTROLS)
    at_home = (runs.target == source) & (runs.source == source)
    runs = runs[at_home & (runs.search_recipe == searched)]
    by_arm = runs[runs['round'] == runs['round'].max()].pivot_table(
        index='seed', columns='arm', values='test_acc')
    if not {'ticket', control} <= {*by_arm}:
        return None
    return (by_arm.ticket - by_arm[control]).dropna()


def check_fewer_seeds(tally, notebook, article):
    "The four questions over all seeds, and over fewer: no collapsed run, no ticket tried before."
    check_left(tally, notebook, article, 'without collapsed runs', article.without_collapsed)
    check_left(tally, notebook, article, 'without tried tickets', article.without_tried)


def check_left(tally, notebook, article, group, left):
    "One table of the four questions over all seeds, and over those that are left."
    for table in notebook.tables(GROUPS[group]):
        tally.same(group, 'questions', sorted(table), sorted(map(' - '.join, QUESTIONS)))
        for pair in QUESTIONS:
            name = ' - '.join(pair)
            row, before, after = table.get(name, {}), article.means[pair], left.means[pair]
            for column, said, size, answer in (('points [95 %]', 'answer', 'n', before),
                                               ('without them', 'answer then', 'n left', after)):
                shown = row.get(column, '')
                told = f'{shown}, {row.get(said, "")}'
                check_told(tally, (group, group), f'{name}, {column}', told, answer)
                tally.same(group, f'{name}, {size}', row.get(size, ''), str(answer.seeds))


def check_questions(tally, notebook, article):
    "The sentence below each question, and the record behind it."
    group = 'four questions'
    told = set()
    for data in notebook.outputs(GROUPS[group]):
        text = ''.join(data.get('text/markdown', ''))
        heading = re.match(r'\*\*(\w+) - (\w+)\*\* on ([^,:]+)(?:, (.+?) at round (\d+))?: ', text)
        if heading is None:
            continue
        pair, answer = heading.groups()[:2], article.means[heading.groups()[:2]]
        told.add(pair)
        name = ' - '.join(pair)
        names = [target.name for target in article.targets]
        tally.same(group, f'{name}, targets', heading[3].split(' + '), names)
        if answer.seeds:
            tally.same(group, f'{name}, sources', heading[4], ', '.join(article.sources))
            tally.same(group, f'{name}, round', heading[5], str(article.targets[0].read_at))
            check_basis(tally, group, name, text, answer)
        check_told(tally, (group, group), name, text[heading.end():], answer)
        check_record(tally, name, ''.join(data.get('text/plain', '')), answer)
    tally.same(group, 'questions told', sorted(told), sorted(QUESTIONS))


def check_told_table(tally, notebook, article):
    "The four questions as a table, with p before and after Holm."
    group = 'four questions, table'
    for table in notebook.tables(GROUPS[group], 'difference'):
        rows = {tuple(row['difference'].split(' - ')): row for row in table.values()}
        tally.same(group, 'questions', sorted(rows), sorted(QUESTIONS))
        for pair in rows.keys() & set(QUESTIONS):
            row, answer, name = rows[pair], article.means[pair], ' - '.join(pair)
            shown = f"{row['points [95 %]']}, {row['answer']}"
            check_told(tally, (group, group), name, shown, answer)
            tally.same(group, f'{name}, n', row['n'], str(answer.seeds))
            tally.printed(group, f'{name}, p', row['p'], answer.pvalue)
            tally.printed(group, f'{name}, p after Holm', row['p after Holm'], answer.adjusted)


def check_set_by_set(tally, notebook, article):
    "Every difference on every set, and how far its mean hangs on one of them."
    group = 'four questions, set by set'
    for table in notebook.tables(GROUPS[group], 'mean without one set'):
        tally.same(group, 'rows', sorted(table), sorted(map(' - '.join, (*QUESTIONS, EARLY))))
        for pair, target, source in product((*QUESTIONS, EARLY), article.targets, article.sources):
            column = target.name if len(article.sources) == 1 else f'{target.name}, {source}'
            shown = table.get(' - '.join(pair), {}).get(column, '')
            name = f"{' - '.join(pair)} on {column}"
            check_told(tally, (group, group), name, shown, article.rows[pair, target.name, source])
        for pair in (*QUESTIONS, EARLY):
            left = [article.without(target).mean(pair).effect for target in article.targets]
            shown = table.get(' - '.join(pair), {}).get('mean without one set', '').split(' to ')
            for end, number in zip(shown, (np.nanmin(left), np.nanmax(left))):
                tally.printed(group, f"{' - '.join(pair)}, without one", end, 100 * number)


def check_beside(tally, notebook, article):
    "Pairs that stand beside the four: numbers and n."
    group = 'beside the four'
    for table in notebook.tables(GROUPS[group]):
        for name, row in table.items():
            answer = article.mean(tuple(name.split(' - ')))
            check_interval(tally, group, name, row['points [95 %]'], answer)
            tally.same(group, f'{name}, n', row['n'], str(answer.seeds))


def check_record(tally, name, text, answer):
    "The fields that a comparison is printed with, in full precision."
    fields = dict(re.findall(r'(\w+)=([^,()]+)', text))
    expected = dict(effect=answer.effect, lo=answer.lower, hi=answer.upper, n=answer.seeds,
                    std=answer.spread, p=answer.pvalue, p_holm=answer.adjusted,
                    tickets=answer.tickets, margin=MEAN_MARGIN)
    for column, number in expected.items():
        if column in fields:
            tally.close('four questions', f'{name}, {column}', float(fields[column]), number)
    if 'word' in fields:
        tally.same('four questions', f'{name}, word', fields['word'].strip("'"), answer.word)


def check_gains(tally, notebook, article):
    "Gain under recipe paper minus gain under recipe tuned, on every target and source."
    group, tuned = 'paper minus tuned', {target.name: target for target in article.targets}
    expected = {}
    for target in article.other_targets:
        if target.name in tuned:
            expected |= {(target.name, source): gain_between(target, tuned[target.name], source)
                         for source in target.sources if source != target.name}
    for table in notebook.tables(GROUPS[group]):
        rows = {(row['target'], row['tickets of']): row for row in table.values()}
        tally.same(group, 'rows', sorted(rows), sorted(expected))
        for place in rows.keys() & expected.keys():
            row, answer, name = rows[place], expected[place], ' of '.join(place)
            check_interval(tally, group, name, row['gain under paper − tuned'], answer)
            tally.same(group, f'{name}, n', row['n'], str(answer.seeds))
            said = row['answer']
            agrees = answer.barred[:40] in said if answer.barred else said.startswith(answer.word)
            tally.judge(group, agrees, f'{name}, answer', said, answer.barred or answer.word)


def check_advice(tally, notebook, article):
    "The images and the accuracies beside an advice."
    group = 'advice table'
    for table in notebook.tables(GROUPS[group]):
        tally.same(group, 'targets', list(table), [target.name for target in article.targets])
        for target in article.targets:
            row = table.get(target.name, {})
            tally.printed(group, f'{target.name}, images', row.pop('images', 'nan'),
                          target.runs.n_train.iloc[0])
            row.pop('use', '')
            for arm, shown in row.items():
                reached = target.accuracies(arm, article.sources[0]).mean()
                tally.printed(group, f'{arm} on {target.name}', shown, 100 * reached)


# What the paper claims

SOURCES = ('cifar10', 'cifar100', 'fashion_mnist', 'mnist') # Natural ones
CELLS = ('blood_cells', 'pbc') # Sets that play the part of human_lba
DEEP_OWN = (*CELLS, 'tissue', 'lc25000') # Where 1 % of the weights suffice and own tickets win
NATURAL = ('genres', 'wikiart_genre', 'painters', 'wikiart_artist1') # Where natural ones do
RELATED = [('wikiart_artist1', 'wikiart_artist2')] # Tickets of the first, transferred to the second
SPARSE = .99


@dataclass
class Half:
    "One side of a comparison: an arm of a target over some rounds, all where none is given."
    target: Target
    arm: str
    source: str
    rounds: tuple = ()
    steady: bool = False # Minus the std over the rounds instead of their mean

    @cached_property
    def runs(self):
        "Its runs."
        runs = self.target.runs
        runs = runs[(runs.arm == self.arm) & runs.source.isin(['', self.source])]
        if self.arm in (*FULL_MASK, *SHARED) or not self.rounds:
            return runs
        return runs[runs['round'].isin(self.rounds)]

    @property
    def by_bank(self):
        "Its value per seed and bank that has all of its rounds."
        groups = self.runs.groupby(['seed', 'source', 'search_seed']).accuracy
        values = groups.agg(['size', 'mean', 'std']).reset_index()
        values['value'] = -values['std'] if self.steady else values['mean']
        whole = values[values['size'] == self.runs['round'].nunique()]
        return whole[['seed', 'source', 'search_seed', 'value']]

    @property
    def on_validation(self):
        "Mean validation accuracy."
        return self.runs.val_acc.mean()

    @property
    def barred(self):
        "Why it may get no word."
        if self.target.under_trained:
            return 'under-trained'
        return 'collapsed' if self.target.collapsed(self.runs) > MOST_COLLAPSED else ''


def between(first, second):
    "One side minus another, seed by seed, within a bank where both are of one source."
    pairs = first.by_bank.merge(second.by_bank, on='seed', suffixes=('', '_control'))
    other_bank = pairs.search_seed != pairs.search_seed_control
    pairs = pairs[~((pairs.source == pairs.source_control) & other_bank)]
    if pairs.empty:
        return Answer()
    by_seed = (pairs.value - pairs.value_control).groupby(pairs.seed).mean()
    control = pairs.groupby('seed').value_control.mean().mean()
    return answer_of(by_seed, control if 0 <= control <= 1 else np.nan,
                     barred=first.barred or second.barred)


def over_shared_rounds(first, second):
    "The accuracy over the rounds that both sides have, and from three on their steadiness."
    shared = set(first.runs['round']) & set(second.runs['round']) - {0, ABSENT}
    both = [replace(half, rounds=tuple(sorted(shared))) for half in (first, second)]
    compared = [between(*both)]
    if len(shared) > 2:
        compared.append(between(*(replace(half, steady=True) for half in both)))
    return [(first.target.name, answer) for answer in compared]


def at_read_round(target, source):
    "The tickets of a source at the round that is read."
    return Half(target, 'ticket', source, (target.read_at,))


def best_natural(target):
    "The natural source that validation puts first, '' without one."
    natural = [source for source in target.sources if source in SOURCES]
    return max(natural, key=lambda source: at_read_round(target, source).on_validation, default='')


def sparsest(target, source):
    "The tickets of the sparsest round that every seed has; None where it is not sparse enough."
    tickets = target.runs[(target.runs.arm == 'ticket') & (target.runs.source == source)]
    everyone = len(tickets.groupby(['search_seed', 'seed']))
    counts = tickets.groupby('round').size()
    whole = counts.index[counts == everyone]
    if whole.empty:
        return None
    side = Half(target, 'ticket', source, (whole.max(),))
    return side if side.runs.sparsity.mean() >= SPARSE else None


def claim_beats_scratch(targets):
    "(a) Tickets of every source against scratch, on every target."
    return [(target.name, between(at_read_round(target, source), Half(target, 'scratch', source)))
            for target in targets for source in target.sources]


def claim_how_sparse(targets):
    "(b) The sparsest tickets against scratch: all sources on deep targets, own ones on the others."
    compared = []
    for target in targets:
        if target.name not in (*DEEP_OWN, *NATURAL):
            continue
        asked = target.sources if target.name in DEEP_OWN else {target.name} & {*target.sources}
        sides = list(filter(None, (sparsest(target, source) for source in asked)))
        if sides:
            best = max(sides, key=lambda side: side.on_validation)
            compared.append((target.name, between(best, Half(target, 'scratch', best.source))))
    return compared


def claim_own_or_natural(targets):
    "(c) Own tickets against those of the best natural source, the expected winner first."
    compared = []
    for target in targets:
        natural = best_natural(target)
        if natural and target.name in target.sources and target.name in (*DEEP_OWN, *NATURAL):
            sides = [at_read_round(target, target.name), at_read_round(target, natural)]
            if target.name in NATURAL:
                sides.reverse()
            compared.append((target.name, between(*sides)))
    return compared


def claim_against_finetuned(targets):
    "(d) CIFAR tickets against fine-tuned ones, where the set plays human_lba."
    compared = []
    for target in targets:
        for source in target.sources if target.name in CELLS else ():
            finetuned = Half(target, 'finetuned', source)
            if source.startswith('cifar') and len(finetuned.runs):
                compared += over_shared_rounds(Half(target, 'ticket', source), finetuned)
    return compared


def claim_related(targets):
    "(e) Tickets of a related set against those of the best natural source."
    compared = []
    for target, (source, name) in product(targets, RELATED):
        natural = best_natural(target)
        if target.name == name and source in target.sources and natural:
            compared += over_shared_rounds(Half(target, 'ticket', source),
                                           Half(target, 'ticket', natural))
    return compared


def claim_by_size(sized):
    "(f) Tickets at the largest training set against those at the smallest."
    places = {}
    for target in sized:
        for source in target.sources:
            places.setdefault((target.name, source), []).append(target)
    compared = []
    for (_, source), several in places.items():
        several = sorted(several, key=lambda target: target.runs.n_train.iloc[0])
        if len(several) > 1:
            compared += over_shared_rounds(Half(several[-1], 'ticket', source),
                                           Half(several[0], 'ticket', source))
    return compared


def sized_targets(study, asked, recipe):
    "The runs of one recipe by target and size of the training set, where tickets were run."
    found = []
    on_recipe = asked[asked.recipe == recipe]
    for (name, size), runs in on_recipe.groupby(['target', 'n_train']):
        if 'ticket' not in set(runs.arm):
            continue
        scratch = asked[(asked.target == name) & (asked.n_train == size) & (asked.arm == 'scratch')]
        tuned = scratch[scratch.recipe == 'tuned']
        ceiling = (scratch[scratch.recipe == recipe] if tuned.empty else tuned).val_acc.mean()
        chance = 1 / study.classes[runs.fingerprint.iloc[0]]
        found.append(Target(runs, study.right, chance, ceiling))
    return found


def claims_of(study, asked, recipe):
    "What stands behind each claim: letter -> (target, answer) of its comparisons, after Holm."
    sized = sized_targets(study, asked, recipe)
    largest = {target.name: target for target in sized} # ascending, so the largest stays
    targets = list(largest.values())
    compared = dict(
        a=claim_beats_scratch(targets), b=claim_how_sparse(targets),
        c=claim_own_or_natural(targets), d=claim_against_finetuned(targets),
        e=claim_related(targets), f=claim_by_size(sized))
    told = {}
    for letter, answers in compared.items():
        judged = worded(dict(enumerate(answer for _, answer in answers)), TARGET_MARGIN)
        named = [(name, judged[place]) for place, (name, _) in enumerate(answers)]
        told[letter] = [(name, answer) for name, answer in named if not np.isnan(answer.effect)]
    return told


def check_claims(tally, notebook, article):
    "How many comparisons of each claim have which word, and the one that is shown."
    group = "the paper's claims"
    for page in notebook.pages(GROUPS[group]):
        table = read_grouped(page)
        names = {name for _, name in table}
        for named, (place, name) in product(names, enumerate(article.studies)):
            recipe, of_study = named.split(', ')
            if of_study != name:
                continue
            study = article.studies[name]
            asked, *_ = asked_of(study, notebook.parts[place], notebook)
            for letter, told in claims_of(study, asked, recipe).items():
                row = next(row for (claim, of_runs), row in table.items()
                           if claim.startswith(f'({letter})') and of_runs == named)
                check_claim(tally, group, f'({letter}) {named}', row, told)


def check_claim(tally, group, name, row, told):
    "A row: '3 open of 3', and one of them with its set, pair, interval, n and word."
    compared, such_as = row['compared'], row['such as']
    if compared == 'nothing' or not told:
        tally.same(group, f'{name}, comparisons', compared == 'nothing', not told)
        return
    counted = re.findall(r'(\d+) (higher|lower|no different|open|without a word)', compared)
    expected = {}
    for _, answer in told:
        word = answer.word or 'without a word'
        expected[word] = expected.get(word, 0) + 1
    tally.same(group, f'{name}, words', {word: int(count) for count, word in counted}, expected)
    number = re.search(r' of (\d+)$', compared)
    tally.same(group, f'{name}, of', number[1] if number else '', str(len(told)))
    form = rf'(\S+): .*: ({NUMBER}) points \[({NUMBER}), ({NUMBER})\] \(n = (\d+)[^)]*\), (.*)'
    shown = re.match(form, such_as)
    if shown is None:
        tally.absent(group, f'{name}, the one shown')
        return
    target, *numbers, seeds, said = shown.groups()
    ends = [float(number) for number in numbers]
    alike = [answer for there, answer in told if (there, answer.seeds) == (target, int(seeds))
             and np.allclose([100 * answer.effect, 100 * answer.lower, 100 * answer.upper], ends,
                             rtol=0, atol=.05 + 1e-9)]
    tally.judge(group, alike, f'{name}, the one shown', such_as, f'none of {target}')
    word = WORDS.search(said)
    tally.judge(group, (word[1] if word else '') in [answer.word for answer in alike],
                f'{name}, its word', said, [answer.word for answer in alike])


# Advice, design, size

def check_advised(tally, notebook, article):
    "The sentence of advice: sets, choices as the table has them, accuracies and two intervals."
    group = 'advice, sentence'
    boxes = notebook.tables(GROUPS['advice table'])
    for text in notebook.texts(GROUPS[group]):
        opening = re.match(r'\**Of (\d+) sets', text)
        if opening is None:
            continue
        tally.same(group, 'sets', opening[1], str(len(article.targets)))
        for arm, count in re.findall(r'\((\w+)\) on (\d+)', text):
            used = sum(row['use'] == arm for table in boxes for row in table.values())
            tally.same(group, f'{arm} is chosen', count, str(used))
        reached = re.search(r'Test accuracy in the mean: (.*?)\. [A-Z]', text)
        for arm, shown in re.findall(rf'(\w+) ({NUMBER})%', reached[1] if reached else ''):
            by_target = [round(100 * target.accuracies(arm, article.sources[0]).mean(), 1)
                         for target in article.targets]
            tally.printed(group, f'{arm} in the mean', shown, np.mean(by_target))
        for form, pair in (('network gains (.*?) over scratch', ('finetuned_dense', 'scratch')),
                           (r'A ticket against that: (.*?)\.(?:\*| |$)', QUESTIONS[-1])):
            told, answer = re.search(form, text), article.mean(pair)
            tally.same(group, f'{pair} is told', bool(told), not np.isnan(answer.effect))
            if told:
                check_interval(tally, group, ' - '.join(pair), told[1], answer)


def check_half_widths(tally, notebook, article):
    "Half of the interval to expect of so many seeds, by the spread at hand."
    group = 'seeds to tell'
    for table in notebook.tables(GROUPS[group]):
        for name, row in table.items():
            spread = article.mean(tuple(name.split(' - '))).spread
            for column, shown in row.items():
                seeds = int(column.split()[0])
                expected = 100 * student.ppf(.975, seeds - 1) * spread / np.sqrt(seeds)
                tally.printed(group, f'{name}, {column}', shown.removeprefix('± '), expected)


def check_design(tally, notebook, article):
    "Images, sides, epochs, steps and weights of every target."
    group = 'design'
    for table in notebook.tables(GROUPS[group]):
        for target in article.targets:
            shown = {name: row.get(target.name, '') for name, row in table.items()}
            scratch = target.runs[target.runs.arm == 'scratch']
            tickets = target.of_arm('ticket', article.sources[0])
            images = (scratch.n_train.iloc[0], scratch.n_val.max(), scratch.n_test.iloc[0])
            told = shown.get('images: train / val / test', '').split(' / ')
            for name, text, number in zip(('train', 'val', 'test'), told, images):
                tally.printed(group, f'{target.name}, {name}', text, number)
            for name, number in {
                    'side, px': scratch.px.max(), 'epochs': scratch.epochs.median(),
                    'steps': scratch.steps.median(),
                    'weights of scratch': scratch.params_kept.median(),
                    'weights of a ticket': tickets.params_kept.median()}.items():
                tally.printed(group, f'{target.name}, {name}', shown.get(name, 'nan'), number)


def check_size(tally, notebook, article):
    "Runs, hours, and what is missing."
    group, study = 'size and hours', next(iter(article.studies.values()))
    names = sorted(set(study.runs.bank) - {''})
    embedded = [CONTROLS.parent / name / 'card.json' for name in names]
    cards = [*study.folder.glob('banks/**/card.json'), *filter(Path.exists, embedded)]
    reports = [report for card in cards
               for report in json.loads(card.read_text(encoding='utf-8'))['rounds']]
    searched = sum(report['seconds'] for report in reports) / 3600
    hours = study.runs.seconds.sum() / 3600, searched
    form = (rf'({NUMBER}) of ({NUMBER}) runs, [\d-]+: ({NUMBER}) core hours, and ({NUMBER}) for '
            'their tickets')
    for text in notebook.texts(GROUPS[group]):
        told = re.search(form, text)
        for name, shown, number in zip(
                ('runs', 'planned', 'hours', 'hours of searches'), told.groups() if told else (),
                (len(study.runs), len(study.planned(())), *hours)):
            tally.printed(group, name, shown, number)
        for shown in re.findall(r'([\d,]+) runs are missing', text):
            tally.printed(group, 'missing', shown, article.planned - article.at_hand)


CHECKS = (check_at_hand, check_text, check_figures, check_accuracies, check_health,
          check_fewer_seeds, check_questions, check_told_table, check_set_by_set,
          check_beside, check_gains, check_advice, check_advised, check_claims, check_half_widths,
          check_design, check_size)


def report(tally, notebook):
    "One line a group, then what disagrees; the status."
    for group, (agreeing, compared) in tally.counts.items():
        there = bool(notebook.outputs(GROUPS[group])) if GROUPS[group] else True
        if there and not compared:
            tally.faults.append(f'{group}: the notebook has it, and nothing could be compared')
        if there or compared:
            print(f'{group}: {agreeing} of {compared} numbers agree')
        else:
            print(f'{group}: not in the notebook')
    for fault in tally.faults:
        print(f'DISAGREES: {fault}')
    return 1 if tally.faults else 0


def main(folder, notebook=NOTEBOOK):
    "Compare a study with its notebook; 0 where everything agrees."
    tally, folder = Tally(), Path(folder).resolve()
    written = json.loads(Path(notebook).read_text(encoding='utf-8'))
    notebook = Notebook(written['cells'])
    studies = {folder.name: read_study(folder, tally)}
    article = both = article_of(studies[folder.name], notebook)
    first = folder.parent / 'real_small' # ran both recipes, and stands beside the others
    if first.is_dir() and first != folder:
        studies[first.name] = read_study(first, Tally())
    if not article.other_targets and first.name in studies:
        both = article_of(studies[first.name], notebook)
    article.studies = studies
    for check in CHECKS:
        check(tally, notebook, both if check is check_gains else article)
    return report(tally, notebook)


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith('-'):
        sys.exit(__doc__)
    if not Path(sys.argv[1], 'table.csv').is_file():
        sys.exit(f'{sys.argv[1]}: no folder with a table.csv; a study is wanted, such as studies/deep')
    sys.exit(main(*sys.argv[1:]))
