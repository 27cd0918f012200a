"The explorer without a screen: papermill runs it, it stays small; a transfer is checked, planned, run and found again."
import json
import time

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, call
from PIL import Image

from lth_nb.explore.own import OwnPage, find_job, job_folder, planned, results, state

NOTEBOOK = ROOT/'nbs/experiments/explore.ipynb'


def cells_in(folder, n=60):
    "Two classes of noise, told apart by brightness."
    rng = np.random.default_rng(0)
    for k in range(n):
        (folder/('dark', 'light')[k % 2]).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 128, (32, 32, 3)) + 127 * (k % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder/('dark', 'light')[k % 2]/f'{k}.png')
    return folder


@pytest.mark.parametrize('given', [(), ('-p', 'smoke', 'True')], ids=['defaults', 'smoke'])
def test_papermill_leaves_plain_figures_and_a_small_notebook(given, tmp_path):
    done = call('papermill', NOTEBOOK, 'out.ipynb', *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = json.loads((tmp_path/'out.ipynb').read_text())
    kinds = [kind for c in out['cells'] for o in c.get('outputs', []) for kind in o.get('data', {})]
    assert kinds.count('application/vnd.plotly.v1+json') >= 5
    assert (tmp_path/'out.ipynb').stat().st_size < 1_000_000
    assert 'real_small' in ''.join(out['cells'][-1]['outputs'][0]['data']['text/plain'])
    assert str(tmp_path) not in json.dumps(out['cells'][:-1]) and not (tmp_path/'runs').exists()


def test_a_misspelt_parameter_and_a_missing_study_are_refused(tmp_path):
    for name, value, told in (('tabel', 'x', 'tabel'), ('table', 'nowhere', "no study 'nowhere'")):
        done = call('lth', 'run', NOTEBOOK, 'out.ipynb', '-p', name, value, cwd=tmp_path)
        assert done.returncode != 0 and told in done.stderr and 'Traceback' not in done.stderr


def test_check_start_and_a_page_that_finds_it_again(tmp_path):
    target, out = str(cells_in(tmp_path/'cells')), tmp_path/'runs'
    page = OwnPage(str(out), str(tmp_path), smoke=True, every=.2)
    page.target.value = target
    page.inspect().join(120)
    told = page.still()[0]['text/markdown']
    assert told.startswith('**Ready.** 6 trainings on') and '6 of them to do' in told
    assert 'at most on this machine' in told and 'one repeat has no interval (n = 1' in told  # a smoke run has one seed
    assert page.stage == 'ready' and page.buttons['Start'].button_style == 'primary'
    assert planned(find_job(job_folder(target, out, plan=True))).left == 6
    assert 'passes' in page.still()[1]['text/markdown'] and not [*out.glob('smoke/??/*')]  # nothing was trained
    page.begin().join(400)
    assert state(find_job(job_folder(target, out))) == 'finished', page.still()
    rows = results(target, out, True, smoke=True)
    assert len(rows) == 6 == len(results(target, out, False, smoke=True)) and set(rows.smoke.astype(str)) == {'True'}
    page.model.path.value = f"'{target}'"  # its own images, in the quotes of a file manager
    page.model.of_path().join(120)
    predicted = pd.read_csv(out/'smoke/cells/predictions.csv')
    assert len(predicted) == 60 and set(predicted['class']) <= {'dark', 'light'}
    again = OwnPage(str(out), str(tmp_path), every=.2)
    for _ in range(100):
        if 'finished' in again.still()[0]['text/markdown']: break
        time.sleep(.1)
    assert again.target.value == target and again.stage == 'finished' and 'model.zip' in again.model.link.value
    page.inspect().join(120)
    assert 'all of them done' in page.still()[0]['text/markdown']
