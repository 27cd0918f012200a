"A real browser for pages that this project makes: Debian's chromium driven by Playwright, or a skip that says why."
import os
import shutil
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync']
SHOTS = Path(os.environ.get('LTH_SHOTS') or Path(__file__).with_name('shots'))


SLOW = '[anywidget] Failed to initialize model.'  # what anywidget says after two seconds, on a busy machine


def watch(page):
    "Collect what goes wrong on `page` in `page.faults`: errors of its console, failed requests, answers from 400 up."
    page.faults = []
    page.on('console', lambda m: page.faults.append(f'console: {m.text}') if m.type == 'error' else None)
    page.on('pageerror', lambda e: SLOW in str(e) or page.faults.append(f'error: {e}'))
    left = 'net::ERR_ABORTED'  # the page was left before it was there
    page.on('requestfailed', lambda r: r.failure == left or page.faults.append(f'failed: {r.url} {r.failure}'))
    page.on('response', lambda r: page.faults.append(f'{r.status}: {r.url}') if r.status >= 400 else None)
    return page


@contextmanager
def running():
    "A running browser; $CHROMIUM names another binary than Debian's."
    sync = pytest.importorskip('playwright.sync_api', reason="no playwright: pip install -e '.[browser]'")
    binary = os.environ.get('CHROMIUM') or '/usr/bin/chromium'
    if not shutil.which(binary): pytest.skip(f'no browser at {binary}: apt-get install chromium, or set CHROMIUM')
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def chromium():
    "A running browser."
    with running() as browser: yield browser


@contextmanager
def opened_page(browser):
    "A new page of 1280 x 800; `page.faults` lists what went wrong on it so far."
    page = watch(browser.new_page(viewport=dict(width=1280, height=800)))
    yield page
    page.close()


@pytest.fixture
def page(chromium):
    "A page for one test."
    with opened_page(chromium) as page: yield page


def keep(page, name, **options):
    "A picture of `page` as name.png in $LTH_SHOTS or tests/browser/shots; its path."
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS/f'{name}.png', **options)
    return SHOTS/f'{name}.png'


@pytest.fixture
def shot(page):
    "shot(name) keeps a picture of `page`; returns its path."
    return partial(keep, page)
