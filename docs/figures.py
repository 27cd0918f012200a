"""A still beside each live figure in nbs/ and docs/, for pages where plotly does not run: `python docs/figures.py`.
It needs kaleido and a browser. An SVG differs from run to run in its ids, so only those that are missing are drawn."""
from pathlib import Path

from lth_nb.figures.stills import add_stills

root = Path(__file__).resolve().parents[1]
for path in sorted([*(root/'nbs').rglob('*.ipynb'), *(root/'docs').glob('*.ipynb')]):
    failure = add_stills(path)
    if failure: raise SystemExit(f'{path}: {failure}')
