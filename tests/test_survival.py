"Killed, resumed, run twice at once: what is on disk is whole, and nothing is done again."
import json
import signal
import subprocess
import sys

import pytest
from conftest import ROOT, call
from notebooks import files_of, walk

from lth_nb.runs import table

SEARCH = dict(source='digits', model='mlp', rounds='3', search_seeds='1', train='100', threads=1, batch='20',
              keep_trained='0,3', change='max_epochs=2,rewind_at=4it')  # 10 steps, then 6 in each of 3 rounds
GRID = dict(target='digits', source='digits', model='mlp', rounds='1,2,3', arms='scratch,ticket', recipe='paper',
            seeds='1', train='40', px='16', batch='20', change='max_epochs=2', threads=1)  # 4 runs of 4 steps

CHILD = """
import json, os, pathlib, re, signal, sys, time
from itertools import count
import lth_nb.runs, lth_nb.training
from notebooks import walk

name, before, parameters, at, meet = json.loads(sys.argv[1])
train_step, replace, add = lth_nb.training.train_step, os.replace, lth_nb.runs.Runs.add
steps, renames, keys = count(1), count(1), []

def step(*args, **loss):
    n = next(steps)
    if n == at.get('step'): os.kill(os.getpid(), signal.SIGKILL)
    if n == 1 and meet: wait_for_the_other(pathlib.Path(meet))
    return train_step(*args, **loss)

def wait_for_the_other(place):
    (place/str(os.getpid())).touch()
    until = time.monotonic() + 300
    while len(list(place.iterdir())) < 2:
        if time.monotonic() > until: sys.exit('the other process never began a run')
        time.sleep(.05)

def rename(aside, done):
    if 'rename' in at and re.fullmatch(at["rename"], pathlib.Path(aside).name) and next(renames) == at['times']:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(aside, done)

def added(self, spec, run, **facts):
    keys.append(spec.key)
    return add(self, spec, run, **facts)

lth_nb.training.train_step, os.replace, lth_nb.runs.Runs.add = step, rename, added
walk(name, before=before, **parameters)
print('added', *keys)
"""


def child(name, before, parameters, *, at=None, meet=''):
    "Start a notebook in a process of its own; it dies of SIGKILL `at` a step, or just before a rename from a name."
    code = [sys.executable, '-c', CHILD, json.dumps([name, before, parameters, at or {}, str(meet)])]
    return subprocess.Popen(code, cwd=ROOT/'tests', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def killed(*args, **kwargs):
    "Run a child that must die."
    process = child(*args, **kwargs)
    said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said


def search(folder): return SEARCH | dict(out=str(folder), bank=str(folder/'banks'), data=str(folder/'data'))
def grid(folder, banks): return GRID | dict(out=str(folder), bank=str(banks), data=str(folder/'data'))
def times(folder): return {key: file.stat().st_mtime_ns for key, file in files_of(folder).items()}


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "The bank of a search nobody interrupted."
    folder = tmp_path_factory.mktemp('whole')
    walk('find_tickets', **search(folder))
    return folder/'banks'


def facts(bank):
    "Everything a bank holds but wall time: the card, and the bytes of each file."
    card = json.loads((bank/'card.json').read_text())
    for row in card['rounds']: assert row.pop('seconds') >= 0
    return card, {p.name: p.read_bytes() for p in sorted(bank.iterdir()) if p.name != 'card.json'}


def test_a_killed_search_ends_bit_identical(whole, tmp_path):
    parameters, name = search(tmp_path), 'digits-mlp-paper-s0'
    def rounds():
        return [r['round'] for r in json.loads((tmp_path/f'banks/{name}.part/part.json').read_text())['rounds']]
    killed('find_tickets', '', parameters, at=dict(step=19))  # within round 2
    assert rounds() == [0, 1]
    assert [p.name for p in (tmp_path/'banks').glob('[!.]*')] == [f'{name}.part'] # its lock is let go by the system
    killed('find_tickets', '', parameters, at=dict(rename=r'\.\w+\.part\.json', times=2))  # round 3 is not written down
    assert rounds() == [0, 1, 2]
    assert len(walk('find_tickets', **parameters)['todo']) == 1
    assert [p.name for p in (tmp_path/'banks').iterdir()] == [name]
    (card, files), (ours, theirs) = facts(tmp_path/'banks'/name), facts(whole/name)
    assert card == ours and files == theirs
    assert len({r['mask'] for r in card['rounds']}) == 4 and files.keys() == {
        'theta_k.safetensors', 'rounds.safetensors', 'trained_00.safetensors', 'trained_03.safetensors'}


def test_a_killed_grid_goes_on(whole, tmp_path):
    parameters = grid(tmp_path, whole)
    killed('run_transfer', 'Verdict', parameters, at=dict(step=11))  # within the third run
    first = times(tmp_path)
    assert len(first) == 2
    killed('run_transfer', 'Verdict', parameters, at=dict(rename=r'\.\w+\.[0-9a-f]{64}', times=1))
    assert times(tmp_path) == first
    names = walk('run_transfer', before='Verdict', **parameters)
    last = times(tmp_path)
    assert last.keys() == {s.key for s in names['work'].specs} and len(last) == 4
    assert first.items() < last.items()  # finished runs were left alone
    rows = table(names['runs'])
    assert sorted(rows.key) == sorted(last) and rows.attrs['damaged'] == []


def test_two_processes_share_the_work(whole, tmp_path):
    (meet := tmp_path/'meet').mkdir()
    both = [child('run_transfer', 'Verdict', grid(tmp_path/'out', whole), meet=meet) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    added = [next(line for line in out.splitlines() if line.startswith('added')).split()[1:] for out, _ in said]
    assert all(added), 'each process began a run while the other was in one'
    assert sorted(added[0] + added[1]) == sorted(files_of(tmp_path/'out')) and len(added[0] + added[1]) == 4


def test_killed_at_random_moments_both_end_with_the_same_bits(tmp_path):
    done = call('python', ROOT/'benchmarks/survive.py', '--kills', '10', '--json', tmp_path/'found.json', cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for found in json.loads((tmp_path/'found.json').read_text())['rows']:
        assert found['same'] and found['kills'] == 10 and 0 <= found['value'] <= found['wanted']
