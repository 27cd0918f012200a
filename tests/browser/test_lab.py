"JupyterLab in a real browser: the explorer opens, redraws, opens a run; a transfer runs; a folder becomes predictions."
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image, ImageDraw

from browser.conftest import keep, opened_page
from lth_nb.explore.own import last_job, state, stop

QUIET = {'@jupyterlab/apputils-extension:notification': dict(fetchNews='false', checkForUpdates=False)}


def folder_of_cells(into, n=60):
    "Small images of two classes, told apart by brightness; no two alike."
    rng = np.random.default_rng(0)
    for k in range(n):
        kind = ('dark', 'light')[k % 2]
        (into/kind).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 128, (32, 32, 3)) + 127 * (k % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(into/kind/f'{k}.png')
    return into


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@contextmanager
def served(home):
    "A JupyterLab server over home/work, with explore.ipynb in it; its address. No token: it listens on loopback only."
    port = free_port()
    (home/'config/labconfig').mkdir(parents=True)
    (home/'config/labconfig/default_setting_overrides.json').write_text(json.dumps(QUIET))
    (home/'work').mkdir()
    shutil.copy(ROOT/'nbs/experiments/explore.ipynb', home/'work')
    words = [sys.executable, '-m', 'jupyter', 'lab', '--no-browser', '--ip=127.0.0.1', f'--port={port}', '--allow-root',
             '--IdentityProvider.token=', '--ServerApp.password=', '--LabApp.expose_app_in_browser=True',
             f'--ServerApp.root_dir={home/"work"}']
    own = {k: str(home/v) for k, v in dict(JUPYTER_CONFIG_PATH='config', JUPYTER_CONFIG_DIR='config',
           JUPYTER_DATA_DIR='data', JUPYTERLAB_WORKSPACES_DIR='spaces', JUPYTERLAB_SETTINGS_DIR='settings').items()}
    server = subprocess.Popen(words, env=os.environ | own | dict(OMP_NUM_THREADS='1'), stdin=subprocess.DEVNULL,
                              stdout=open(home/'log', 'w'), stderr=subprocess.STDOUT)
    address = f'http://127.0.0.1:{port}'
    for _ in range(240):
        try:
            urllib.request.urlopen(f'{address}/api', timeout=2)
            break
        except OSError: time.sleep(.5)
    else: raise TimeoutError((home/'log').read_text())
    try: yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope='module')
def lab(chromium, tmp_path_factory):
    "Address of a server, and its folder."
    with served(home := tmp_path_factory.mktemp('lab')) as address:
        yield address, home/'work'
        if job := last_job(home/'work/runs'): stop(job)


IDLE = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
OPENING = "/opening (the banks|your images)/.test(document.querySelector('.jp-Notebook').innerText)"
WHOLE = r"/\d+ runs of \d+ targets/.test(document.querySelector('.jp-Notebook').innerText)"


def opened(page, address, name):
    "Open a notebook; ends when its kernel is there."
    page.goto(f'{address}/lab/tree/{name}?reset')
    page.wait_for_selector('.jp-Notebook .jp-Cell', timeout=120_000)
    page.wait_for_function(IDLE, timeout=120_000)


def run_all(page, address, name):
    "Open a notebook and run its cells."
    opened(page, address, name)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")


@pytest.fixture(scope='module')
def explorer(chromium, lab):
    "explore.ipynb once all three of its pages are there; the tests that only look share it."
    with opened_page(chromium) as page:
        run_all(page, lab[0], 'explore.ipynb')
        page.wait_for_function(WHOLE, timeout=180_000)
        page.wait_for_function(f'!{OPENING}', timeout=180_000)
        page.wait_for_selector('.widget-slider', state='attached', timeout=180_000)
        yield page


def pick(page, label, value):
    "Choose in a dropdown by its label, as a person does."
    dropdown = page.locator('.widget-dropdown', has=page.locator(f'label:text-is("{label}")'))
    dropdown.locator('select').select_option(value)


def test_the_keys_of_a_control_stay_in_it(explorer):
    page = explorer
    before = page.locator('.jp-Notebook .jp-CodeCell').count()
    page.locator('.widget-dropdown select').first.focus()
    page.wait_for_function("document.activeElement.dataset.lmSuppressShortcuts === 'true'")
    assert page.locator('.noUi-handle').first.get_attribute('data-lm-suppress-shortcuts') == 'true'
    for key in ('ArrowDown', 'm', 'Control+a', 'm'): page.keyboard.press(key)
    assert page.evaluate("document.activeElement.tagName") == 'SELECT'
    assert page.locator('.jp-Notebook .jp-CodeCell').count() == before


def wait_until(page, holds, seconds=60):
    "Wait for what the page shows no sign of, such as a process: its words are still those of before."
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last
        page.wait_for_timeout(100)


NAMED = "name => document.querySelector('.js-plotly-plot .gtitle')?.textContent.includes(name)"


def test_the_study_redraws_and_opens_a_run(explorer):
    page = explorer
    page.wait_for_selector('.js-plotly-plot .gtitle')
    page.locator('.widget-dropdown').first.evaluate('part => part.scrollIntoView()')
    keep(page, 'lab_study')
    targets = page.locator('.widget-dropdown select').first
    shown = targets.evaluate('part => part.selectedOptions[0].text')
    page.wait_for_function(NAMED, arg=shown)  # keys of the test before may have chosen: drawn by now
    other = next(name for name in targets.locator('option').all_text_contents() if name != shown)
    pick(page, 'target', other)
    page.wait_for_function(NAMED, arg=other)
    pick(page, 'metric', 'macro-F1 on the test set')
    page.wait_for_function("document.querySelector('.js-plotly-plot .gtitle').textContent.includes('macro-F1')")
    # a figure that was redrawn keeps its height when the window changes
    for width in (1000, 1280):
        page.set_viewport_size(dict(width=width, height=800))
        page.wait_for_timeout(500)
        assert page.locator('.js-plotly-plot').first.bounding_box()['height'] > 300
    # a click on a dot opens its run
    dot = page.wait_for_function("""() => { const gd = document.querySelector('.js-plotly-plot');
        const k = gd._fullData.findIndex(t => t.name === 'runs' && t.x.length > 3);
        const path = [...gd.querySelectorAll('.scatterlayer .trace')].find(t => t.__data__[0].trace.index === k)
            ?.querySelector('.points path');
        if (!path) return null;  // still being drawn
        path.scrollIntoView({block: 'center'}); const b = path.getBoundingClientRect();
        return [b.x + b.width / 2, b.y + b.height / 2]; }""").json_value()
    page.mouse.move(*dot)
    page.wait_for_selector('.hoverlayer .hovertext')
    keep(page, 'lab_hover')
    page.mouse.click(*dot)
    page.wait_for_selector('text=/calibration error 0/')
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length >= 5")  # panel, ladder, curves, ...
    page.locator('text=One run').first.evaluate('part => part.scrollIntoView()')
    keep(page, 'lab_run')
    assert not page.faults


def test_the_round_slider_changes_the_masks(explorer):
    page = explorer
    slider = page.locator('.widget-slider').first
    slider.scroll_into_view_if_needed()
    page.wait_for_selector('text=round 0:')
    handle = slider.locator('.noUi-handle')
    handle.focus()
    for _ in range(7): page.keyboard.press('ArrowRight')
    page.wait_for_selector('text=round 7:')
    assert '79.0% pruned' in page.locator('text=round 7:').first.text_content()
    keep(page, 'lab_bank')
    assert not page.faults


def own_page_alone(home, name, smoke):
    "A copy of the explorer with the third page alone: seconds, and the same page."
    book = json.loads((ROOT/'nbs/experiments/explore.ipynb').read_text())
    others = ('study = StudyPage', 'def bank_page', 'at_hand = ')
    book['cells'] = [c for c in book['cells'] if not any(part in ''.join(c['source']) for part in others)]
    for cell in book['cells']:
        source = ''.join(cell['source']).replace('smoke:bool = False', f'smoke:bool = {smoke}')
        cell['source'] = source.replace('out:str = ""', f'out:str = "{name}"').splitlines(keepends=True)
    (home/f'{name}.ipynb').write_text(json.dumps(book))


def test_a_transfer_runs_in_the_background_and_stops(page, lab, shot):
    address, home = lab
    own_page_alone(home, 'runs', False)
    run_all(page, address, 'runs.ipynb')
    cells = folder_of_cells(home/'cells')
    images = page.locator('.widget-text', has=page.locator('label:text-is("images")')).locator('input')
    images.scroll_into_view_if_needed()
    images.fill(str(cells))
    images.press('Tab')
    repeats = page.locator('.widget-dropdown', has=page.locator('label:text-is("repeats")'))
    repeats.locator('select').select_option(index=0)  # three: enough to be stopped in, and to end
    page.locator('.widget-button:text-is("Check")').click()
    page.wait_for_selector('text=Ready.', timeout=180_000)
    shot('lab_checked')
    page.locator('.widget-button:text-is("Start")').click()
    page.wait_for_selector('text=/[1-9][0-9]* of [0-9]+ runs/', timeout=180_000)
    page.locator('.widget-button:text-is("Stop")').click()
    page.wait_for_selector('text=finished runs are kept', timeout=60_000)
    shot('lab_stopped')
    kept = len([*(home/'runs').glob('??/*/result.json')])
    assert kept and state(last_job(home/'runs')) == 'stopped'

    page.locator('.widget-button:text-is("Start")').click()  # goes on
    wait_until(page, lambda: state(last_job(home/'runs')) == 'running')
    assert not page.faults
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")  # nothing is lost
    assert state(last_job(home/'runs')) == 'running'
    run_all(page, address, 'runs.ipynb')
    page.wait_for_selector('text=/cells: .*(finished|[0-9]+ of [0-9]+ runs)/', timeout=60_000)
    page.faults.clear()  # JupyterLab reports widgets that went with the old kernel
    page.wait_for_selector('text=cells: finished', timeout=400_000)
    page.locator('text=cells: finished').evaluate('part => part.scrollIntoView()')
    verdict = json.loads((home/'runs/cells/verdict.json').read_text())['tuned']['sentence']
    words = "document.querySelector('.jp-Notebook').innerText.replace(/\\W+/g, ' ')"
    page.wait_for_function(f"said => {words}.includes(said)",
                           arg=re.sub(r'\W+', ' ', verdict)[:60], timeout=60_000)
    shot('lab_finished')
    assert len([*(home/'runs').glob('??/*/result.json')]) > kept
    assert not page.faults


def folder_of_shapes(into, n=40, seed=0):
    "Small pictures of discs and squares on noise; no two alike."
    rng = np.random.default_rng(seed)
    for k in range(n):
        kind = ('disc', 'square')[k % 2]
        (into/kind).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(rng.integers(60, 120, (32, 32, 3)).astype(np.uint8))
        x, y, side = rng.integers(2, 14, 3)
        draw = ImageDraw.Draw(picture)
        shape = draw.ellipse if kind == 'disc' else draw.rectangle
        shape((int(x), int(y), int(x + side + 8), int(y + side + 8)), fill=(220, 200, 180))
        picture.save(into/kind/f'{seed}_{k}.png')
    return into


def line_of(page, label):
    "The line to type into behind a label."
    return page.locator('.widget-text', has=page.locator(f'label:text-is("{label}")')).locator('input')


def press(page, label): page.locator(f'.widget-button:text-is("{label}")').click()


def rows_of(csv, wanted):
    "The table of predictions, once it has so many rows."
    for _ in range(600):
        if csv.exists() and len(table := pd.read_csv(csv)) == wanted: return table
        time.sleep(.2)
    raise TimeoutError(f'{csv} never had {wanted} rows')


def test_a_path_leads_from_a_folder_to_predictions(page, lab, shot):
    address, home = lab
    shapes, more = folder_of_shapes(home/'shapes'), folder_of_shapes(home/'more', 6, seed=1)
    own_page_alone(home, 'path', True)
    run_all(page, address, 'path.ipynb')
    start = page.locator('.widget-button:text-is("Start")')
    start.wait_for(timeout=180_000)
    assert start.is_disabled() and start.get_attribute('title') == 'Check the images first'
    def keep_state(name):
        "A picture of a state, the pointer out of the way."
        line_of(page, 'images').evaluate("part => part.scrollIntoView({block: 'start'})")
        page.mouse.move(2, 2)
        page.wait_for_timeout(500)
        shot(f'path_{name}')
    keep_state('empty')
    line_of(page, 'images').fill(f'"{shapes}"')  # as a file manager copies it
    line_of(page, 'images').press('Tab')
    press(page, 'Check')
    page.wait_for_selector('text=Ready.', timeout=300_000)
    assert page.locator('text=The check passes').count() == 1
    keep_state('ready')
    press(page, 'Start')
    page.wait_for_selector('text=/[0-9]+ of [0-9]+ runs/', timeout=300_000)
    keep_state('running')
    page.wait_for_selector('text=the answer is below', timeout=600_000)
    page.wait_for_selector('text=SMOKE RUN', timeout=60_000)
    keep_state('finished')
    press(page, 'Look at single runs')  # the store as a study: networks to tick, a dot to click
    page.wait_for_selector('.widget-checkbox:has-text("scratch")', timeout=120_000)
    csv = home/'path/smoke/shapes/predictions.csv'
    with page.expect_file_chooser() as chosen: page.locator('.jupyter-widgets button:has-text("Choose images")').click()
    files = sorted(more.glob('*/*.png'))
    chosen.value.set_files(files[:2])  # in the browser
    assert sorted(rows_of(csv, 2).file) == sorted(file.name for file in files[:2])
    line_of(page, 'new images').fill('more')  # as Copy Path has it: from the folder of the server
    line_of(page, 'new images').press('Tab')
    press(page, 'Predict')
    assert set(rows_of(csv, 6)['class']) <= {'disc', 'square'}
    page.wait_for_selector('text=6 files', timeout=60_000)
    with page.expect_download() as taken: page.locator('a:has-text("Download predictions.csv")').click()
    assert len(pd.read_csv(taken.value.path())) == 6
    with page.expect_download() as taken: page.locator('a:has-text("Download the model as one file")').click()
    assert zipfile.is_zipfile(taken.value.path()) and taken.value.suggested_filename == 'model.zip'
    line_of(page, 'new images').evaluate("part => part.scrollIntoView({block: 'start'})")
    page.mouse.move(2, 2)
    page.wait_for_timeout(500)
    shot('path_predicted')
    assert not page.faults
