"The site as a person meets it, in light and dark: figures, maths, search, links, first screens."
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from urllib.parse import urlsplit

import pytest
from conftest import ROOT, call
from links import faults

SITE = ROOT/'_docs'
PAGES = dict(front='index', library='02_pruning', experiment='experiments/ladder', map='paper_map',
             tutorial='your_data')
PARTS = ('docs/*.py', 'docs/*.ipynb', 'docs/*.md', 'docs/pages/*', 'docs/_static/*',
         'nbs/**/*.ipynb', 'lth_nb/**/*.py', '*.md')
FITS = 'document.documentElement.scrollWidth <= innerWidth'
TOOLS = 'sphinx', 'myst_nb', 'furo', 'sphinx_design', 'sphinx_copybutton'


def fresh():
    "Whether _docs was built, whole, after everything it is made from."
    if not (SITE/'index.html').exists() or (SITE/'.failed').exists(): return False
    parts = [path for pattern in PARTS for path in ROOT.glob(pattern) if path.is_file()]
    return (SITE/'index.html').stat().st_mtime > max(path.stat().st_mtime for path in parts)


@pytest.fixture(scope='session')
def site():
    "The folder of the site, built once where it is older than what it is made from."
    missing = [name for name in TOOLS if find_spec(name) is None]
    if missing: pytest.skip(f"no {', '.join(missing)}: pip install -e '.[docs]'")
    if not fresh():
        done = call('python', 'docs/build.py', JOBS='2')
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return SITE


@pytest.fixture(scope='session')
def address(site):
    "Where the site is served, as `make docs-serve` serves it."
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    where = '--bind', '127.0.0.1', '--directory', str(site)
    command = [sys.executable, '-m', 'http.server', str(port), *where]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(('127.0.0.1', port)) == 0: break
        time.sleep(.1)
    yield f'http://127.0.0.1:{port}'
    server.terminate()
    server.wait()


@pytest.fixture
def visit(page, address):
    "visit(name): a page of the site, in a theme; off-site requests are faults."
    def asked(request):
        if not request.url.startswith((address, 'data:', 'blob:')):
            page.faults.append(f'asked {request.url}')
    page.on('request', asked)
    def go(name, theme='light'):
        page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        page.goto(f'{address}/{name}.html', wait_until='load')
        return page
    return go


def figures_drawn(page):
    "Scroll through the page until each visible figure is drawn; how many there are."
    shown = page.locator('.plotly-live:visible')
    for i in range(shown.count()):
        shown.nth(i).scroll_into_view_if_needed()
        shown.nth(i).locator('svg.main-svg').first.wait_for(timeout=60_000)
    page.evaluate('scrollTo(0, 0)')
    return shown.count()


@pytest.mark.parametrize('theme', ['light', 'dark'])
@pytest.mark.parametrize('name', PAGES)
def test_a_page_is_sound_in_both_themes(name, theme, visit, shot):
    page = visit(PAGES[name], theme)
    drawn = figures_drawn(page)
    assert drawn >= dict(front=1, experiment=2, tutorial=2).get(name, 0)
    assert page.evaluate('document.body.dataset.theme') == theme
    assert page.evaluate(FITS), 'the page is wider than the window'
    shot(f'site_{name}_{theme}', full_page=True)
    assert page.faults == []


@pytest.mark.parametrize('name', ['front', 'experiment'])
def test_a_page_fits_a_phone(name, visit, page, shot):
    page.set_viewport_size(dict(width=390, height=844))
    visit(PAGES[name])
    figures_drawn(page)
    assert page.evaluate(FITS), 'the page is wider than the phone'
    shot(f'site_{name}_phone', full_page=True)
    assert page.faults == []


def test_the_first_screen_of_an_experiment_has_its_answer_and_figure(visit, page):
    visit(PAGES['experiment'])
    answer, figure = page.locator('.admonition.tip').first, page.locator('.plotly-live').first
    for part in (answer, figure): assert part.bounding_box()['y'] < 800
    parameters = page.locator('text=target:str').first
    assert parameters.bounding_box()['y'] > figure.bounding_box()['y']


def test_the_front_page_begins_with_the_answer(visit, page):
    visit(PAGES['front'])
    said = page.locator('strong', has_text='What the committed study says').first
    assert said.bounding_box()['y'] < 400
    assert page.locator('.plotly-live').first.bounding_box()['y'] < 800


def test_a_figure_answers_and_changes_with_the_theme(visit):
    page = visit(PAGES['front'], 'light')
    figures_drawn(page)
    ink = "document.querySelector('.plotly-live .js-plotly-plot')._fullLayout.font.color"
    light = page.evaluate(ink)
    page.evaluate("document.body.dataset.theme = 'dark'")
    page.wait_for_function(f"{ink} !== '{light}'")
    assert page.faults == []


def test_maths_is_set_and_code_can_be_copied(visit):
    page = visit(PAGES['library'])
    page.locator('mjx-container svg').first.wait_for(timeout=60_000)
    assert page.locator('button.copybtn').count() > 5
    assert page.faults == []


def test_an_entry_has_signature_table_and_source(visit, page):
    visit(PAGES['library'])
    table = page.locator('.api-table table').first
    heads = table.locator('th').all_inner_texts()
    assert heads[1:4] == ['type', 'default', 'meaning']
    page.locator('.viewcode-link').first.click()
    page.wait_for_load_state()
    line = page.locator('[id="' + urlsplit(page.url).fragment + '"]')
    assert line.count() == 1 and 'def prune(' in line.inner_text()
    assert page.faults == []


@pytest.mark.parametrize('words, where', [
    ('prune', '02_pruning'), ('winning ticket', 'index'), ('transfer learning', 'index'),
    ('iterative magnitude pruning', 'index'), ('ablation', 'glossary')])
def test_search_finds_the_words_of_the_field(words, where, visit, page):
    visit('search')
    page.goto(page.url.split('?')[0] + f'?q={words}', wait_until='load')
    finished = page.locator('#search-results .search-summary', has_text='finished')
    finished.wait_for(timeout=60_000)
    found = page.locator('#search-results li a').evaluate_all('all => all.map(a => a.href)')
    assert any(where in link for link in found), found[:10]
    assert page.faults == []


def test_every_link_leads_somewhere(site):
    assert list(faults(site)) == []
