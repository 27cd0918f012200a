"""The figure of README.md, light and dark, as nbs/index.ipynb shows it: `python docs/figures.py`. It needs kaleido and a
browser. An SVG differs from run to run in its ids, so this is called by hand when the notebook's figure has changed."""
import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import plotly.io as pio

from lth_nb.figures import save_figure

nbs = Path(__file__).resolve().parents[1]/'nbs'
PLOTLY = 'application/vnd.plotly.v1+json'
PAGE = dict(paper_bgcolor='#0d1117', plot_bgcolor='#0d1117', font_color='#e6edf3')
LIGHTER = {'#5b4a8a': '#a996e0', '91,74,138': '169,150,224', '#000000': '#e6edf3', '#222222': '#e6edf3',
           '#555555': '#b6bfc8', '#2a3f5f': '#e6edf3'}


def figure():
    "The first figure among the outputs of the notebook."
    cells = nbformat.read(nbs/'index.ipynb', as_version=4).cells
    shown = [output.data for cell in cells for output in cell.get('outputs', []) if 'data' in output]
    drawn = next(data[PLOTLY] for data in shown if PLOTLY in data)
    return pio.from_json(json.dumps(dict(data=drawn.data, layout=drawn.layout))).update_layout(width=1000)


def darkened(fig):
    "A copy for a dark page: light lines and text, lighter colours."
    text = re.sub('|'.join(LIGHTER), lambda match: LIGHTER[match[0]], fig.to_json())
    return pio.from_json(text).update_layout(**PAGE).update_xaxes(gridcolor='#30363d')


def save(name, fig):
    "Draw a figure into nbs/images."
    with TemporaryDirectory() as aside:
        files, why = save_figure(fig, Path(aside)/name)
        if why: sys.exit(why)
        drawn = {file.suffix: file.read_bytes() for file in files}
    (nbs/f'images/{name}.svg').write_bytes(drawn['.svg'])


if __name__ == '__main__':
    save('forest', figure())
    save('forest_dark', darkened(figure()))
