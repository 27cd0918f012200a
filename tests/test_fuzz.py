"Hundreds of damaged files: what is read from them is refused in words, or is what was written."
import pytest
from fuzzing import CHANGES, outcome, things
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as draws
from test_keep import cells, done  # noqa: F401

KINDS = 'bank', 'packed', 'run', 'study', 'model', 'images', 'zip', 'tar'
EACH = dict(bank=60, packed=60, run=80, study=12, model=60, images=40, zip=40, tar=40) # Examples


@pytest.fixture(scope='module')
def whole(done, tmp_path_factory):  # noqa: F811
    "One good thing of each kind."
    model = next(path.parent for path in done.folder.rglob('model.json'))
    return {thing.name: thing for thing in things(tmp_path_factory.mktemp('fuzz'), model)}


@pytest.mark.parametrize('kind', KINDS)
def test_a_damaged_file_is_refused_or_as_it_was(kind, whole, tmp_path):
    thing, seen = whole[kind], set()

    @settings(max_examples=EACH[kind], deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))
    @given(draws.sampled_from(thing.files), CHANGES)
    def damage(file, change): seen.add(outcome(thing, file, change, tmp_path))
    damage()
    assert 'refused' in seen
