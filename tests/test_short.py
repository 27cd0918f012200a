"The short API: `import lth_nb as lth`, its names loaded when they are first used."
import subprocess
import sys

import pytest
import torch

import lth_nb as lth
from lth_nb.masks import digest

NAMES = {'Bank', 'build', 'load', 'fit', 'protocol', 'search', 'load_model', 'open_study', 'curves',
         'ladder', 'verdict'}


def test_the_package_names_what_it_offers_and_loads_nothing():
    code = 'import sys, lth_nb as lth; print(*dir(lth)); print(*{"torch", "pandas", "plotly"} & {*sys.modules})'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    names, loaded = done.stdout.split('\n')[:2]
    assert NAMES <= {*names.split()} and loaded == ''
    assert 'winning lottery tickets transfer' in lth.__doc__ and '`lth_nb.tickets`' in lth.__doc__
    with pytest.raises(AttributeError, match="lth_nb has no 'serach': have Bank, build"):
        _ = lth.serach


def test_names_come_from_where_they_live():
    from lth_nb.bank import Bank
    from lth_nb.models import build
    assert (lth.Bank, lth.build) == (Bank, build)
    assert lth.protocol('demo', 'tuned', lr=.2) == lth.protocol.make_protocol('demo', 'tuned', lr=.2)


def test_a_ticket_goes_into_a_network_that_is_drawn():
    ticket = lth.Bank('cifar10-resnet20_8-tuned-s0')[10]
    model = ticket.into(lth.build('resnet20_8', classes=8, seed=0))
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 8)
    again, other = (lth.build('resnet20_8', classes=8, seed=seed) for seed in (0, 1))
    assert digest({'fc': model.fc.weight}) == digest({'fc': again.fc.weight}) != digest({'fc': other.fc.weight})
