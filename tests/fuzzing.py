"""Files as they arrive: cut, mixed up, or made by hand. What is read from them is ours to say, or as it was.

`things(folder)` makes one good thing of each kind: files, and a function that reads them to a value. `Change` is one
damage, drawn by hypothesis; `outcome` applies it and says what became of it. A value that came back is compared where a
hash guards it (tensors of banks, runs and networks); of images and tables a file that can still be read is a value."""
import json
import shutil
import tarfile
import warnings
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as draws
from PIL import Image

from lth_nb.bank import Bank, add_bank, bank_folder
from lth_nb.datasets import load
from lth_nb.masks import digest
from lth_nb.predict import load_model
from lth_nb.runs import Runs, Spec, table
from lth_nb.study import open_study
from lth_nb.training import Scores
from lth_nb.transfer import Run
from lth_nb.travel import pack

NASTY = [None, True, -1, 0, 1e308, float('nan'), 2**70, '', '..', '/etc/passwd', 'x' * 5000, '\x00', [], {}, [[]],
         {'': {}}, ['a'] * 300, '<b>', '\ud800']
OURS = ValueError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError


@dataclass(frozen=True)
class Thing:
    "Something that is read from files."
    name:str     # bank, packed, run, study, model, images, archive
    folder:Path  # Its files, as they should be
    read:object  # read(folder) -> value; raises one of OURS
    guarded:bool # Whether a hash guards it, so that a value that is read must be the old one
    files:tuple  # Paths in `folder` that may be damaged


@dataclass(frozen=True)
class Change:
    "One damage."
    kind:str    # flip, cut, drop, double, noise, empty, json
    at:float    # Where, as a share of the file
    length:int  # Bytes
    nasty:int   # Position in NASTY
    noise:bytes # Put in


CHANGES = draws.builds(
    Change, draws.sampled_from(['flip', 'cut', 'drop', 'double', 'noise', 'empty', 'json', 'json', 'json']),
    draws.floats(0, .999), draws.integers(1, 64), draws.integers(0, len(NASTY) - 1),
    draws.binary(min_size=1, max_size=40))


def places(value, here=()):
    "Every place in a JSON value."
    yield here
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside: yield from places(part, (*here, key))


def replaced(text, change):
    "A JSON text with one of its values replaced, or as bytes where it is none."
    value = json.loads(text)
    ways = list(places(value))
    way = ways[int(change.at * len(ways))]
    if not way: return json.dumps(NASTY[change.nasty]).encode()
    inside = value
    for key in way[:-1]: inside = inside[key]
    inside[way[-1]] = NASTY[change.nasty]
    return json.dumps(value).encode()


def damaged(content, change, name):
    "A file's content after a change."
    start = int(change.at * len(content))
    end = start + change.length
    if change.kind == 'json' and name.endswith('.json'): return replaced(content, change)
    if change.kind == 'cut': return content[:start]
    if change.kind == 'drop': return content[:start] + content[end:]
    if change.kind == 'double': return content[:end] + content[start:]
    if change.kind == 'noise': return content[:start] + change.noise + content[end:]
    if change.kind == 'empty': return b''
    changed = bytearray(content or b'\x00')
    changed[min(start, len(changed) - 1)] ^= 1 << change.length % 8
    return bytes(changed)


def outcome(thing, file, change, into):
    "refused or read; anything else is an error of the test."
    place = into/'thing'
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(thing.folder, place)
    target = place/file
    target.write_bytes(damaged(target.read_bytes(), change, target.name))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try: value = thing.read(place)
        except OURS as error:
            is_ours = type(error) in OURS or type(error).__module__.startswith('lth_nb')
            assert is_ours and len(str(error)) > 10, f'{error!r} says nothing to a person'
            return 'refused'
    if value is None: return 'refused'  # a run that is damaged is not there
    if thing.guarded: assert value == thing.read(thing.folder), f'{file} was changed, and another value was read'
    return 'read'


# One good thing of each kind ------------------------------------------------------------------------------------------

def hashes(tensors): return digest({name: tensors[name] for name in tensors})


def of_bank(bank):
    "What a bank gives: the tensors of its tickets."
    tickets = [bank[at_round] for at_round in (bank.rounds[0], bank.rounds[-1])]
    return [(digest(one.mask), hashes(one.theta), one.trained and hashes(one.trained)) for one in tickets]


def read_bank(place): return of_bank(Bank('cifar10-resnet20_8-paper-s0', place))


def read_packed(place):
    shutil.rmtree(place/'in', ignore_errors=True)
    return of_bank(add_bank(place/'one.bank.zip', place/'in'))


def read_run(place):
    "The row of the table, None where the run is not there any more."
    rows = table(Runs(place))
    return None if rows.empty else rows.drop(columns=rows.columns[rows.isna().all()]).to_csv()


def read_study(place):
    study = open_study(str(place))
    return len(study.table)


def read_model(place):
    return hashes(load_model(place/'model').model.state_dict())


def read_set(place, name):
    splits = load(place/name, px=8, cache=place/'cache')
    return len(splits.train) + len(splits.val)


def a_run(folder):
    "A run that nobody trained, in a store."
    torch.manual_seed(0)
    target = dict(name='t', fingerprint='f', train='', n_train=1, n_val=1, n_test=40)
    scores = Scores(.5, .5, torch.rand(40, 3), torch.randint(0, 3, (40,)))
    made = Run(dict(test_acc=.5), ({'epoch': 0},), scores, scores)
    Runs(folder).add(Spec(dict(lr=.1), target, {}, 'scratch', 0), made)
    (folder/'index.jsonl').unlink(missing_ok=True)


def a_set(folder):
    "Three class folders of a few drawn images in several formats."
    drawn = np.random.default_rng(0)
    for name in 'abc':
        (folder/name).mkdir(parents=True)
        for at, ending in enumerate(('png', 'jpg', 'bmp', 'tif', 'webp', 'gif', 'png', 'jpg')):
            Image.fromarray(drawn.integers(0, 255, (12, 12, 3), np.uint8)).save(folder/name/f'{at}.{ending}')
    return folder


def below(folder, *patterns): return tuple(sorted(
    str(path.relative_to(folder)) for pattern in patterns for path in folder.glob(pattern) if path.is_file()))


def things(home, model):
    "One of each kind; `model` is the folder of a network that a run kept."
    name = 'cifar10-resnet20_8-paper-s0'
    home.mkdir(exist_ok=True)
    bank = home/'bank'
    shutil.copytree(bank_folder('first')/name, bank/name)
    packed = home/'packed'
    packed.mkdir()
    pack(bank/name, packed/'one.bank.zip')
    run = home/'run'
    a_run(run)
    study = home/'study'
    shutil.copytree(Path(__file__).parents[1]/'studies/real_small', study, ignore=shutil.ignore_patterns('banks'))
    kept = home/'kept'
    shutil.copytree(model, kept/'model')
    images = home/'images'
    a_set(images/'set')
    zipped, tarred = home/'zipped', home/'tarred'
    for place in (zipped, tarred): place.mkdir()
    with zipfile.ZipFile(zipped/'set.zip', 'w') as archive:
        for file in below(images, '*/*/*'): archive.write(images/file, file)
    with tarfile.open(tarred/'set.tar.gz', 'w:gz') as archive: archive.add(images/'set', 'set')
    return [
        Thing('bank', bank, read_bank, True, below(bank, '*/*')),
        Thing('packed', packed, read_packed, True, ('one.bank.zip',)),
        Thing('run', run, read_run, True, below(run, '??/*/*')),
        Thing('study', study, read_study, False, below(study, '*.json', '*.csv', '*.npz')),
        Thing('model', kept, read_model, True, below(kept, 'model/*.safetensors', 'model/*.json')),
        Thing('images', images, partial(read_set, name='set'), False, below(images, '*/*/*')),
        Thing('zip', zipped, partial(read_set, name='set.zip'), False, ('set.zip',)),
        Thing('tar', tarred, partial(read_set, name='set.tar.gz'), False, ('set.tar.gz',))]
