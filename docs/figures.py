"""A still beside each live figure of every notebook, for pages where plotly does not run: `python docs/figures.py`.
It needs kaleido and a browser. An SVG differs from run to run in its ids, so only those that are missing are drawn."""
import sys
from pathlib import Path

from lth_nb.figures.stills import add_stills

nbs = Path(__file__).resolve().parents[1]/'nbs'
sys.exit('\n'.join(filter(None, map(add_stills, sorted(nbs.rglob('*.ipynb'))))) or 0)
