"""A ticket is opened, a network built, a folder loaded and trained on where little is installed.

What torch, torchvision and safetensors bring themselves is enough, and tqdm; everything else that is installed here
is hidden from a fresh Python."""
import json
import re
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
from conftest import ROOT, call
from packaging.requirements import Requirement
from test_bad_input import draw

CORE = 'torch', 'torchvision', 'numpy', 'safetensors', 'tqdm'
HIDE = """
import json, sys
from importlib.machinery import PathFinder
hidden = {*json.loads(sys.argv[1])}
class Lean(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split('.')[0] in hidden else super().find_spec(name, path, target)
sys.meta_path[:] = [Lean if finder is PathFinder else finder for finder in sys.meta_path]
import lth_nb as lth
"""
OPEN = """
ticket = lth.Bank('cifar10-resnet20_8-tuned-s0')[10]
print(ticket.mask.density)
"""
TRAIN = """
model = ticket.into(lth.build('resnet20_8', classes=2, seed=0))
cells = lth.load(sys.argv[2], px=16, cache=sys.argv[3])
done = lth.fit(model, ticket.mask, cells, lth.protocol('demo', 'tuned', max_epochs=1))
print(len(done.history))
"""


def plain(name): return re.sub(r'[-_.]+', '-', name).lower()


def brought(names):
    "The distributions `names` and all that they require here."
    found, left = set(), [*map(plain, names)]
    while left:
        name = left.pop()
        if name in found: continue
        found.add(name)
        try: needs = map(Requirement, requires(name) or ())
        except PackageNotFoundError: continue
        left += [plain(need.name) for need in needs if not need.marker or need.marker.evaluate(dict(extra=''))]
    return found


def hidden(names):
    "Top-level modules of every distribution installed here but `names` and what they require."
    kept = brought(names) | {'lth-nb'}
    return [module for module, owners in packages_distributions().items() if not kept & {*map(plain, owners)}]


def lean(source, names, *args):
    "Run `source` where only `names` are installed, as it were; what it printed."
    done = call('python', '-c', HIDE + source, json.dumps(hidden(names)), *args, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def test_the_extras_of_a_notebook_are_hidden():
    gone = hidden(CORE)
    assert {'papermill', 'plotly', 'ipywidgets', 'anywidget', 'ipykernel', 'imagehash', 'sklearn', 'statsmodels',
            'pandas', 'scipy', 'fastcore', 'psutil', 'yaml'} <= {*gone}
    assert not {*gone} & {'torch', 'torchvision', 'numpy', 'PIL', 'safetensors', 'filelock', 'tqdm'}
    with pytest.raises(AssertionError, match="No module named 'pandas'"): lean('import pandas', CORE)


def test_a_ticket_is_opened_with_torch_and_safetensors_alone():
    assert 0.1 < float(lean(OPEN, ('torch', 'numpy', 'safetensors'))[0]) < 0.12


def test_a_folder_is_trained_on_without_what_draws_and_judges(tmp_path):
    cells = draw(tmp_path/'cells')
    assert lean(OPEN + TRAIN, CORE, cells, tmp_path/'cache')[1:] == ['1']
