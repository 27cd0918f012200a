"""Pictures for pages where plotly does not run: `python docs/figures.py`.

README.md's figure, light and dark, as nbs/index.ipynb shows it; and in every notebook a still beside
each live figure. It needs kaleido and a browser. An SVG differs from run to run in its ids, so only
stills that are missing are drawn."""
from pathlib import Path

import nbformat
import plotly.graph_objects as go

from lth_nb.figures.stills import LIVE, add_stills

nbs = Path(__file__).resolve().parents[1]/'nbs'
CLEAR = dict(paper_bgcolor='rgba(0,0,0,0)', plot_bgcolor='rgba(0,0,0,0)')
INVERTED = 'style="filter:invert(.93) hue-rotate(180deg)"'  # Light ink, each hue kept


def figure():
    "The first figure among the outputs of the notebook."
    cells = nbformat.read(nbs/'index.ipynb', as_version=4).cells
    shown = [output.get('data', {}) for cell in cells for output in cell.get('outputs', [])]
    first = next(data[LIVE] for data in shown if LIVE in data)
    return go.Figure(first).update_layout(width=1000)


def drawn(fig): return fig.to_image('svg').decode()


if __name__ == '__main__':
    for path in sorted(nbs.rglob('*.ipynb')):
        failure = add_stills(path)
        if failure: raise SystemExit(f'{path}: {failure}')
    light = drawn(figure())
    dark = drawn(figure().update_layout(CLEAR)).replace('style=""', INVERTED, 1)
    (nbs/'images/forest.svg').write_text(light, encoding='utf-8')
    (nbs/'images/forest_dark.svg').write_text(dark, encoding='utf-8')
