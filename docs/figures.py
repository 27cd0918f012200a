"""The figure of README.md, light and dark, as nbs/index.ipynb shows it: `python docs/figures.py`. It needs kaleido and a
browser. An SVG differs from run to run in its ids, so this is called by hand when the notebook's figure has changed."""
import json
import re
import sys
import tempfile
from pathlib import Path

import plotly.io as pio

from lth_nb.figures import save_figure

nbs = Path(__file__).resolve().parents[1]/'nbs'
PAGE = dict(paper_bgcolor='#0d1117', plot_bgcolor='#0d1117', font_color='#e6edf3')
LIGHTER = {'#5b4a8a': '#a996e0', '91,74,138': '169,150,224', '#000000': '#e6edf3', '#222222': '#e6edf3',
           '#555555': '#b6bfc8', '#2a3f5f': '#e6edf3'}


def figure():
    "The first figure among the outputs of the notebook."
    cells = json.loads((nbs/'index.ipynb').read_text(encoding='utf-8'))['cells']
    outputs = [output.get('data', {}) for cell in cells for output in cell.get('outputs', [])]
    data = next(data for data in outputs if 'application/vnd.plotly.v1+json' in data)['application/vnd.plotly.v1+json']
    return pio.from_json(json.dumps(dict(data=data['data'], layout=data['layout']))).update_layout(width=1000)


def darkened(fig):
    "A copy for a dark page: light lines and text, lighter colours."
    text = re.sub('|'.join(LIGHTER), lambda match: LIGHTER[match[0]], fig.to_json())
    return pio.from_json(text).update_layout(**PAGE).update_xaxes(gridcolor='#30363d')


if __name__ == '__main__':
    light = figure()
    for name, fig in dict(forest=light, forest_dark=darkened(light)).items():
        with tempfile.TemporaryDirectory() as aside:
            files, why = save_figure(fig, Path(aside)/name)
            if why: sys.exit(why)
            picture = next(file for file in files if file.suffix == '.svg').read_bytes()
        (nbs/f'images/{name}.svg').write_bytes(picture)
        print(f'{name}.svg: {len(picture):,} bytes')
