"""Seconds from *Run All Cells* to the first figure of explore.ipynb in JupyterLab, against a notebook that draws one.

    python benchmarks/explore.py

JupyterLab in Debian's chromium, as tests/browser has it; its kernel is started anew for every notebook and waits idle
before the clock starts. The peer is one cell: it imports what any notebook with a network and a figure does (torch,
pandas, plotly, ipywidgets) and shows a figure of three points. Each repeat times one right after the other; the
figures are medians with their smallest and largest. `live`: the panel of the study is drawn. `whole`: the last
cell has run too; banks and own images open some seconds later.
"""
import argparse
import importlib.util
import os
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import nbformat
import pytest
from measured import finish, row

ROOT = Path(__file__).resolve().parents[1]
LIVE = 5  # seconds wanted, on a quiet machine
PEER = """import ipywidgets, pandas, plotly.graph_objects as go, torch, torchvision
go.Figure(go.Scatter(x=[1, 2, 3], y=[1, 3, 2]), dict(title=dict(text='peer'))).show()"""
DRAWN = "document.querySelector('.js-plotly-plot .gtitle')?.textContent.length > 0"


def helpers()->tuple: # Modules test_lab and conftest of the browser tests
    "What opens a server and a browser."
    sys.path[:0] = [str(ROOT/'tests'), str(ROOT/'tests/browser')]
    lab = importlib.import_module('test_lab')
    spec = importlib.util.spec_from_file_location('browser', ROOT/'tests/browser/conftest.py')
    spec.loader.exec_module(browser := importlib.util.module_from_spec(spec))
    return lab, browser


def seconds(
    lab,           # Module test_lab
    page,          # Of the browser
    address:str,   # Of the server
    name:str,      # Notebook in its folder
    *wanted:str,   # Conditions, in the order they come true
)->list: # Seconds from running all cells to each
    "Open a notebook with a kernel of its own, run it and wait."
    lab.opened(page, address, name)
    start = perf_counter()
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    out = []
    for condition in wanted:
        page.wait_for_function(condition, timeout=120_000, polling=50)
        out.append(perf_counter() - start)
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    return out


def told(
    values:list, # One per repeat
)->str: # 'median (smallest to largest, n = 3)'
    "Values of repeats in a few words."
    return f'{median(values):.1f} ({min(values):.1f} to {max(values):.1f}, n = {len(values)})'


def main():
    "Read the command line, measure, print; exit code 1 where the median misses what is wanted."
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument('--repeats', type=int, default=3, help='pairs of notebooks')
    ask.add_argument('--json', default='', help='file for the rows')
    a = ask.parse_args()
    lab, browser = helpers()
    print(f'{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}', flush=True)
    live, whole, peer = [], [], []
    with tempfile.TemporaryDirectory() as home, browser.running() as chromium, lab.served(Path(home)) as address:
        kernel = dict(kernelspec=dict(name='python3', display_name='python3'))
        nbformat.write(nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell(PEER)]),
                       Path(home)/'work/peer.ipynb')
        page = chromium.new_page(viewport=dict(width=1280, height=800))
        for _ in range(a.repeats):
            peer += seconds(lab, page, address, 'peer.ipynb', DRAWN)
            first, last = seconds(lab, page, address, 'explore.ipynb', DRAWN, lab.WHOLE)
            live, whole = [*live, first], [*whole, last]
    print(f'peer {told(peer)} s, live {told(live)} s, whole {told(whole)} s: '
          f'{told([x / y for x, y in zip(live, peer)])} times the peer   [wanted: live within {LIVE} s]')
    rows = [row('explore: until the explorer answers, from run all cells', live, 's', wanted=LIVE, better='less'),
            row('explore: the same for a notebook with one plotly figure', peer, 's')]
    return finish('explore', rows, a.json)


if __name__ == '__main__':
    try: sys.exit(main())
    except pytest.skip.Exception as why: print(f'skipped: {why}')
