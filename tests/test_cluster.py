"Runs and searches by workers of a Dask scheduler on loopback: killed, stopped, joined; the bits of one process."
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT
from notebooks import files_of

from lth_nb.bank import Bank, SourceSet, bank_name
from lth_nb.compute import compute, compute_searches
from lth_nb.datasets import channel_stats, load
from lth_nb.experiments import request
from lth_nb.protocol import make_protocol, written
from lth_nb.runs import Runs, table
from lth_nb.sweep import sweep

distributed = pytest.importorskip('distributed', reason="no Dask: pip install -e '.[cluster]'")
TIMED = ['seconds', 'images_per_s', 'whole_seconds']
ASKED = dict(target='digits', preset='demo', recipe='tuned', px='16', train='60', rounds='3,10', device='cpu',
             arms='scratch,ticket,dense,reinit,finetuned_dense', change='max_epochs=4,finetune_tries=1')


def started(*words, cwd):
    "A process of Dask, heard on loopback alone."
    own = dict(OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT))
    return subprocess.Popen([sys.executable, '-m', 'dask', *words, '--host', '127.0.0.1', '--no-dashboard'], cwd=cwd,
                            env=os.environ | own, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=open(cwd/f'{words[0]}.log', 'a'))


@pytest.fixture
def scheduler(tmp_path):
    "Address of a scheduler, and a function that starts a worker of one thread."
    made = [started('scheduler', '--port', '0', '--scheduler-file', str(tmp_path/'scheduler.json'), cwd=tmp_path)]
    until = time.monotonic() + 60
    while not (tmp_path/'scheduler.json').exists():
        assert time.monotonic() < until and made[0].poll() is None, (tmp_path/'scheduler.log').read_text()
        time.sleep(.1)
    address = distributed.Client(scheduler_file=str(tmp_path/'scheduler.json'), set_as_default=False)
    place = address.scheduler.address
    address.close()

    def worker():
        words = 'worker', place, '--nworkers', '1', '--nthreads', '1', '--no-nanny', '--local-directory', str(tmp_path)
        made.append(started(*words, cwd=tmp_path))
        return made[-1]
    yield place, worker
    for process in reversed(made):
        process.kill()
        process.wait()


def grid(folder, seeds):
    "A sweep over the embedded digits."
    asked = request(ASKED | dict(seeds=seeds, out=str(folder)))
    splits = load('digits', str(folder), px=16, cache=f'{folder}/cache')
    return sweep(asked, splits, dict(cifar10=[Bank('cifar10-resnet20_8-tuned-s0')]))


def shared(folder):
    "One of several processes at one store: what it finished itself."
    work = grid(folder, '2')
    compute(work, Runs(folder/'runs'), folder=folder/str(os.getpid()))
    lines = map(json.loads, (folder/str(os.getpid())/'progress.jsonl').read_text().splitlines())
    print(sum(line['event'] == 'run' for line in lines))


def test_three_processes_at_one_store_lose_nothing_and_do_nothing_twice(tmp_path):
    code = 'import sys; from pathlib import Path; import test_cluster; test_cluster.shared(Path(sys.argv[1]))'
    places = os.pathsep.join([str(ROOT), str(ROOT/'tests')])
    three = [subprocess.Popen([sys.executable, '-c', code, str(tmp_path)], stdout=subprocess.PIPE, text=True,
                              env=os.environ | dict(PYTHONPATH=places, OMP_NUM_THREADS='1')) for _ in range(3)]
    finished = [int(process.communicate()[0].splitlines()[-1]) for process in three]
    work = grid(tmp_path, '2')
    assert sum(finished) == len(work.specs) == len(table(Runs(tmp_path/'runs'))) == 14
    assert not [*(tmp_path/'runs').rglob('*.lease')] and not [*(tmp_path/'runs/unfinished').glob('*')]


def content(runs): return table(runs).drop(columns=TIMED).sort_values('key').reset_index(drop=True).to_csv()


def test_workers_that_die_stop_and_join_leave_the_table_of_threads(scheduler, tmp_path):
    (address, worker), work = scheduler, grid(tmp_path, '3')
    assert len(work.specs) == 21
    here, there = Runs(tmp_path/'here'), Runs(tmp_path/'there')
    compute(work, here, workers=2)
    first, second = worker(), worker()

    def torment():
        "Kill one in the middle, bring another, then stop the one that was there from the start."
        def wait_for(number):
            until = time.monotonic() + 300
            while len(files_of(tmp_path/'there')) < number and time.monotonic() < until: time.sleep(.05)
        wait_for(4)
        first.send_signal(signal.SIGKILL)
        worker()
        wait_for(10)
        second.terminate()
    tormentor = threading.Thread(target=torment)
    tormentor.start()
    compute(work, there, cluster=address)
    tormentor.join()
    assert first.poll() == -signal.SIGKILL and second.poll() is not None
    assert content(there) == content(here) and not (tmp_path/'there/failed').exists()


def test_a_cluster_that_shrinks_to_nothing_is_waited_for(scheduler, tmp_path, capsys):
    (address, worker), work = scheduler, grid(tmp_path, '2')
    runs, only = Runs(tmp_path/'there'), worker()

    def torment():
        while not files_of(tmp_path/'there'): time.sleep(.05)
        only.send_signal(signal.SIGKILL)
        only.wait()
        time.sleep(8)
        worker()
    tormentor = threading.Thread(target=torment)
    tormentor.start()
    compute(work, runs, cluster=address)
    tormentor.join()
    assert not runs.missing(list(work.specs)) and not (tmp_path/'there/failed').exists()
    assert 'waiting for one' in capsys.readouterr().out


def test_local_processes_leave_the_table_of_threads_and_one_that_dies_is_replaced(tmp_path):
    work = grid(tmp_path, '2')
    here, there = Runs(tmp_path/'here'), Runs(tmp_path/'there')
    compute(work, here, workers=2)

    def torment():
        while not files_of(tmp_path/'there'): time.sleep(.02)
        import psutil
        kids = [kid for kid in psutil.Process().children() if 'spawn_main' in ' '.join(kid.cmdline())]
        kids[0].kill()
    tormentor = threading.Thread(target=torment)
    tormentor.start()
    compute(work, there, workers=2, cluster='local')
    tormentor.join()
    assert content(there) == content(here)


def test_searches_by_workers_that_die_are_those_of_one_process(scheduler, tmp_path):
    address, worker = scheduler
    splits = load('digits', str(tmp_path), px=16, cache=f'{tmp_path}/cache')
    brief = make_protocol('demo', 'tuned', model='resnet20_8', rounds=3, max_epochs=3, rewind_at='1it', batch=32)
    shared = SourceSet(splits, splits.train.take(range(320)), brief)
    mean, std = map(list, channel_stats(shared.images))
    about = dict(source='digits', model='resnet20_8', recipe='tuned', kept_trained=[0, 3], protocol=written(brief),
                 fingerprint=splits.fingerprint, classes=10, px=16, mean=[float(m) for m in mean],
                 std=[float(s) for s in std])
    cards = [about | dict(name=bank_name('digits', 'resnet20_8', 'tuned', seed), search_seed=seed) for seed in range(3)]
    compute_searches(shared, cards, tmp_path/'here')
    first, second = worker(), worker()

    def torment():
        "Kill one when some rounds are there; another comes."
        until = time.monotonic() + 300
        while len([*(tmp_path/'there').rglob('rounds_*')]) < 3 and time.monotonic() < until: time.sleep(.02)
        first.send_signal(signal.SIGKILL)
        worker()
    tormentor = threading.Thread(target=torment)
    tormentor.start()
    compute_searches(shared, cards, tmp_path/'there', cluster=address)
    tormentor.join()
    assert first.poll() == -signal.SIGKILL and second.poll() is None
    hashes = [[Bank(card['name'], tmp_path/place).card['sha256'] for card in cards] for place in ('here', 'there')]
    assert hashes[0] == hashes[1]
    assert not [*(tmp_path/'there').glob('*.part')]
