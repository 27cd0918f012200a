"""The statistics of a study's article, worked out a second time and held against its notebook.

    python studies/recompute.py studies/deep [nbs/experiments/what_we_found.ipynb]

Nothing of lth_nb is imported. From table.csv, predictions.npz and study.json every accuracy,
difference, interval and word is derived anew: accuracies from the predicted classes, differences
seed by seed, textbook t intervals over the seeds, Holm over the four questions. What the committed
outputs of the notebook say is read back and compared to the precision printed.

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
    'four questions': 'told_of(',
    'four questions, table': 'answers_of(',
    'beside the four': 'beside_table(',
    'paper minus tuned': 'compare_gains(',
    'advice table': 'advice('}


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

    def planned(self, parts):
        "The names of all runs that some parts of the plan ask for."
        lines = [line for line in self.transfers if not parts or line['part'] in parts]
        return {run_name for line in lines for run_name in runs_of_line(line)}


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
    numbers = ['seed', 'n_train', 'n_test', 'px', 'epochs', 'sparsity', 'val_acc', 'test_acc',
               'val_balanced_acc', 'test_balanced_acc', 'round', 'search_seed']
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
    return Study(runs.assign(accuracy=accuracies), right, classes, plan['transfers'], tried)


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

    def collapsed(self, runs):
        "Share of runs below half of what tuned scratch gains over guessing, on validation."
        return (runs.val_acc < (self.chance + self.ceiling) / 2).mean()

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

    @cached_property
    def means(self):
        "The four questions and the early weights, averaged over targets."
        four = {pair: over_targets(self.targets, pair, self.sources) for pair in QUESTIONS}
        early = {EARLY: over_targets(self.targets, EARLY, self.sources)}
        return worded(four, MEAN_MARGIN) | worded(early, MEAN_MARGIN)

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
            told = worded(four, TARGET_MARGIN) | worded(early, TARGET_MARGIN)
            rows |= {(pair, target.name, source): answer for pair, answer in told.items()}
        return rows

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


def article_of(study, notebook):
    "What should stand in a notebook that was run with its own parameters on a study."
    wanted = study.planned(notebook.parts)
    asked = study.runs[[name in wanted for name in run_names(study.runs)]]
    at_hand = len(asked)
    searched = notebook.parameter('search_recipe', '') or 'paper'
    if searched not in set(asked.search_recipe):
        searched = asked.search_recipe[asked.search_recipe != ''].iloc[0]
    asked = asked[asked.search_recipe.isin(['', searched])]
    wanted = {name for name in wanted if name[4] in ('', searched)}
    runs = settled(asked, wanted)
    by_recipe = {recipe: targets_of(study, runs, recipe) for recipe in ('tuned', 'paper')}
    targets = by_recipe['tuned'] or by_recipe['paper']
    if not targets:
        raise SystemExit('no target has every arm: nothing to compare')
    others = by_recipe['paper'] if by_recipe['tuned'] else []
    return Article(targets, others, at_hand, sources_to_tell(targets), study.tuning)


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
        "The parts of a plan that it reads: the words of its call of `question` after the first."
        for node in self.statements:
            if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'question':
                words = [word.value for word in node.args if isinstance(word, ast.Constant)]
                return words[1:]
        return []

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

    def tables(self, mark):
        "The tables among them, each a header and rows of cells."
        pages = [''.join(data['text/html']) for data in self.outputs(mark) if 'text/html' in data]
        return [read_html(page) for page in pages]

    def figures(self):
        "The forest figures."
        kind = 'application/vnd.plotly.v1+json'
        return [data[kind] for data in self.outputs(GROUPS['figures, words and n'])
                if kind in data]


class Cells(HTMLParser):
    "The rows of an HTML table."

    def __init__(self):
        "Nothing read yet."
        super().__init__()
        self.rows, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        "A row or a cell begins."
        if tag == 'tr':
            self.rows.append([])
        self.inside = tag in ('td', 'th')
        if self.inside:
            self.rows[-1].append('')

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
        for shown in re.findall(r'([\d,]+) runs at hand', text):
            tally.printed('runs at hand', 'runs at hand', shown, article.at_hand)


TITLE = { # What a title is made of -> what it says for each word
    ('ticket', 'dense'): {
        'higher': 'scarce sets helps',
        'lower': 'scarce sets costs accuracy',
        'no different': 'scarce sets changes nothing'},
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
    shown = re.search(r'on (\d+) scarce sets', text)
    tally.same('title', 'targets', shown[1] if shown else '', str(len(article.targets)))


SENTENCES = { # How a sentence of the abstract begins -> what it tells
    'Ticket against scratch': ('ticket', 'scratch'),
    'Early weights alone, unpruned': EARLY,
    'Pruning them': ('ticket', 'dense'),
    "At the ticket's places instead of shuffled ones": ('ticket', 'shuffled'),
    'Against fine-tuning the whole trained network': ('ticket', 'finetuned_dense')}


def check_opening(tally, text, article):
    "How many sets and images there are, and what both kinds of network reach."
    opening = re.search(
        rf'On (\d+) sets of ({NUMBER}) to ({NUMBER}) training images \(([^)]*)\), networks from '
        rf'scratch reach ({NUMBER}) ?% and (.+?) tickets, ({NUMBER}) ?% pruned, ({NUMBER}) ?%',
        text)
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


def check_abstract(tally, text, article):
    "Every number of the abstract."
    check_opening(tally, text, article)
    for beginning, pair in SENTENCES.items():
        sentence = re.search(re.escape(beginning) + r': (.*?)\.(?= [A-Z]|$)', text)
        if sentence is None:
            tally.absent('abstract', beginning)
            continue
        name = ' - '.join(pair)
        check_told(tally, ('abstract', 'abstract'), name, sentence[1], article.means[pair])
    level = re.search(r'Means with (\d+) % intervals', text)
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
    for ends, bar in zip(expected, row.bars):
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
    for table in notebook.tables(GROUPS[group]):
        rows = {tuple(row['difference'].split(' - ')): row for row in table.values()}
        tally.same(group, 'questions', sorted(rows), sorted(QUESTIONS))
        for pair in rows.keys() & set(QUESTIONS):
            row, answer, name = rows[pair], article.means[pair], ' - '.join(pair)
            shown = f"{row['points [95 %]']}, {row['answer']}"
            check_told(tally, (group, group), name, shown, answer)
            tally.same(group, f'{name}, n', row['n'], str(answer.seeds))
            tally.printed(group, f'{name}, p', row['p'], answer.pvalue)
            tally.printed(group, f'{name}, p after Holm', row['p after Holm'], answer.adjusted)


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


CHECKS = (check_at_hand, check_text, check_figures, check_accuracies, check_health,
          check_questions, check_told_table, check_beside, check_gains, check_advice)


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


def of_both_recipes(article, folder, notebook):
    "The study that ran both recipes: the one at hand, else the first one beside it."
    first = folder.resolve().parent / 'real_small'
    if article.other_targets or not first.is_dir():
        return article
    return article_of(read_study(first, Tally()), notebook)


def main(folder, notebook=NOTEBOOK):
    "Compare a study with its notebook; 0 where everything agrees."
    tally = Tally()
    study = read_study(Path(folder), tally)
    written = json.loads(Path(notebook).read_text(encoding='utf-8'))
    notebook = Notebook(written['cells'])
    article = article_of(study, notebook)
    both = of_both_recipes(article, Path(folder), notebook)
    for check in CHECKS:
        check(tally, notebook, both if check is check_gains else article)
    return report(tally, notebook)


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
