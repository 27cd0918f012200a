"""Do winning lottery tickets transfer to scarce, non-natural images?

A ticket is a mask of the weights that are kept, and the values they had early in training. Tickets
are found on natural images, trained on a small set of another kind, and compared seed by seed with
the controls that could explain a gain.

    import lth_nb as lth

    ticket = lth.Bank('cifar10-resnet20_8-tuned-s0')[10]            # mask, early weights
    model = ticket.into(lth.build('resnet20_8', classes=8, seed=0)) # ready to train
    cells = lth.load('path/to/cells', px=32)                        # the test split stays sealed
    done = lth.fit(model, ticket.mask, cells, lth.protocol('demo', 'tuned'))
    mine = lth.search('path/to/photos', rounds=10)                  # a bank of one's own
    lth.load_model('runs/cells/model').predict('new_images/')       # a kept network
    study = lth.open_study()                                        # finished runs
    lth.curves(study, 'pbc'), lth.ladder(study, 'pbc'), lth.verdict(study, 'pbc')

Modules:

- `lth_nb.bank`: Tickets on disk: found once, checked, loaded in one line.
- `lth_nb.checkpoints`: A trained network kept on disk: small, checked, and with a card for people.
- `lth_nb.cli`: The command `lth`: experiments, predictions, data sets, banks, and a look at a machine.
- `lth_nb.cluster`: Threads and processes that carry work out: here, or wherever a scheduler has them.
- `lth_nb.compute`: Who carries the runs out: many side by side, each finished one kept, progress written down.
- `lth_nb.datasets.check`: What is wrong with a set of images, found before weeks are trained on it.
- `lth_nb.datasets.duplicates`: Which pictures across splits are the same picture, however they were treated in between.
- `lth_nb.datasets.folders`: What lies in a folder, an archive or a CSV: one file after another, nothing unpacked.
- `lth_nb.datasets.images`: From image files to batches: decoded once, crops cut by `(seed, step)` alone.
- `lth_nb.datasets.prepare`: Images at hand become a set: class, split and group of each, checked, written with a card.
- `lth_nb.datasets.resident`: Pixels that stay on the card: crops are cut there, the same ones, bit for bit.
- `lth_nb.datasets.sets`: Image sets by name or path: found once, loaded in splits, the test split sealed.
- `lth_nb.datasets.sources`: The sets of the study and public ones of their kind: from where to get each to what `load` reads.
- `lth_nb.datasets.splits`: Which image goes where: splits, scarce training sets, batches, crops; from names and seeds alone.
- `lth_nb.datasets.standins`: Image sets that need no files: drawings as large as the paper's seven targets, and digits.
- `lth_nb.doctor`: What a report of a fault needs to know of a machine: ten lines, none of which names a person.
- `lth_nb.experiments`: What an experiment was asked, each value in its type; and the command that executes it.
- `lth_nb.explore.bank`: Tickets, round by round: what is left of each layer, and what two searches have in common.
- `lth_nb.explore.model`: Your model, tried on a few files or a folder: a table with small pictures, predictions.csv.
- `lth_nb.explore.own`: Your own images: checked, planned, trained on by a process that outlives the notebook.
- `lth_nb.explore.study`: A finished study, or yours, with dropdowns: redraw, hover, click a run, see what it got wrong.
- `lth_nb.explore.widgets`: What the pages are made of: values in widgets, a few controls, a listener that hears clicks.
- `lth_nb.figures.curves`: Accuracy over sparsity, a facet for each target; and all arms of one target beside each other.
- `lth_nb.figures.ladder`: Where a gain comes from: from scratch to ticket, over targets, between recipes, with intervals.
- `lth_nb.figures.pictures`: What a set looks like: samples of every class, how many, how large; what is taken for what.
- `lth_nb.figures.stills`: The figures of an executed notebook as pictures too, for pages where plotly does not run.
- `lth_nb.figures.style`: Colours that everybody can tell apart, titles that say the finding, files that open offline.
- `lth_nb.gallery`: Images worth a second look: likely wrong labels first, then doubts; and where a network looked.
- `lth_nb.masks`: Which weights are kept: counting them, comparing them, applying them, hashing them.
- `lth_nb.models`: The networks of the study, their prunable weights, and initial weights from a seed and a name.
- `lth_nb.paper.article`: What a study found, as an article says it: a title, an abstract, a table, a box of advice.
- `lth_nb.paper.claims`: The paper's six claims as rules: what a table says of each, with the comparisons behind it.
- `lth_nb.paper.curves`: The numbers behind the paper's curves: how many runs made them, what was there unpruned.
- `lth_nb.paper.questions`: Each figure and table of the paper as a plan of runs; what one draws, and what it lacks.
- `lth_nb.paper.table2`: What a printed table says about the runs behind it, and our own Table 2.
- `lth_nb.predict`: A kept network at work: on new images, and as a file that other programs open.
- `lth_nb.protocol`: Every choice of a run in one frozen value, and the key that names the run.
- `lth_nb.pruning`: From trained weights to the next mask, and to the two control masks.
- `lth_nb.runs`: Finished runs on disk: found again by what they are, never half written, never done twice.
- `lth_nb.stack`: The arms of a seed, trained side by side as one network on one card.
- `lth_nb.stats.aggregate`: Several targets in one number, two recipes beside each other, and what choosing a round costs.
- `lth_nb.stats.paired`: Differences at a seed, their interval, a word, one text form: the arithmetic of comparisons.
- `lth_nb.stats.power`: How wide an interval will be before anything has run, and how many seeds make it narrow enough.
- `lth_nb.stats.predictions`: What networks say of each test image: what is taken for what, how surely, and who is right.
- `lth_nb.stats.readings`: The comparable part of a table, made once; its arms paired by seed; four questions; the ladder.
- `lth_nb.stats.verdict`: What the runs say about one target: accuracies, four answers, health of the runs, one sentence.
- `lth_nb.study`: Many questions and the table of their runs: asked, missing, collected, opened in one line.
- `lth_nb.sweep`: All runs of a question: which specs it takes, and how one of them is carried out.
- `lth_nb.tickets`: Train, prune, rewind, and again: the search that yields a ticket per round.
- `lth_nb.training`: Train a masked network, stop in time, keep its best weights, and read a split once.
- `lth_nb.transfer`: One run: an arm of a ticket on a target, trained, and read once.
- `lth_nb.travel`: A bank as one file, and a bank that lies elsewhere: fetched once, checked, kept.
- `lth_nb.yardsticks`: What a lab would train instead of a ticket: a network that saw photographs."""

__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bank import Bank
    from .bank import fit_splits as fit
    from .bank import search_set as search
    from .datasets import load
    from .models import build
    from .predict import load_model
    from .protocol import make_protocol as protocol
    from .study import curves, ladder, open_study, verdict

WHERE = dict( # Name of the short API -> where it lives; loaded when it is first used
    Bank='bank.Bank', build='models.build', load='datasets.load', fit='bank.fit_splits',
    search='bank.search_set', load_model='predict.load_model', open_study='study.open_study',
    curves='study.curves', ladder='study.ladder', verdict='study.verdict')
__all__ = [*WHERE, 'protocol'] # `protocol` is the module, which makes a protocol when it is called


def __getattr__(
    name:str, # Of the short API
)->Any: # What it stands for
    "Load a name of the short API: nothing is loaded with the package itself."
    if name == 'protocol':
        return import_module('lth_nb.protocol')
    if name not in WHERE:
        raise AttributeError(f"lth_nb has no {name!r}: have {', '.join(__all__)}, and its modules")
    module, inside = WHERE[name].split('.')
    return getattr(import_module(f'lth_nb.{module}'), inside)


def __dir__()->list[str]: # Sorted
    "The short API beside what is loaded."
    return sorted({*globals(), *__all__})
