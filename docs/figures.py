"""The figure of the README, light and dark, from the committed study: `python docs/figures.py`. It needs kaleido and a
browser. An SVG differs from run to run in its ids, so this is called by hand when the study has changed."""
import sys
import tempfile
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

from lth_nb.figures.old_curves import ladder_figure
from lth_nb.figures.style import save_figure
from lth_nb.stats.old_stats import ladder
from lth_nb.study import open_study

ROUND, TARGET, SOURCES = 10, 'pbc', ('cifar10', 'fashion_mnist')  # natural tickets at a round named beforehand
PAGE = dict(paper_bgcolor='#0d1117', plot_bgcolor='#0d1117', font_color='#e6edf3')
LIGHTER = {'#8a3fc7': '#c490f5', '138,63,199': '196,144,245', '#1a8c3a': '#4cc36c', '26,140,58': '76,195,108'}


def figure()->go.Figure: # Both recipes side by side
    "The ladder of one target."
    rows = open_study().table
    rows = rows[(rows.target == TARGET) & rows.search_recipe.isin(['', 'paper']) & rows.source.isin(['', *SOURCES])]
    rows = rows[rows.n_train == rows.n_train.max()]
    rungs = [ladder(rows, TARGET, source, ROUND, recipe=recipe) for recipe in ('tuned', 'paper') for source in SOURCES]
    return ladder_figure(pd.concat(rungs))


def darkened(
    fig:go.Figure, # As `figure` gives it; left as it is
)->go.Figure: # For a dark page
    "Light lines, strip and text, and lighter colours of the sources."
    text = fig.to_json()
    for colour, lighter in LIGHTER.items(): text = text.replace(colour, lighter)
    fig = pio.from_json(text).update_layout(**PAGE).update_xaxes(gridcolor='#30363d').update_yaxes(gridcolor='#30363d')
    fig.update_shapes(dict(line_color='#e6edf3'), selector=dict(type='line'))
    return fig.update_shapes(dict(fillcolor='#ffffff', opacity=.12), selector=dict(type='rect'))


if __name__ == '__main__':
    folder = Path(__file__).resolve().parents[1]/'nbs/images'
    light = figure()
    for name, fig in dict(ladder=light, ladder_dark=darkened(light)).items():
        with tempfile.TemporaryDirectory() as aside:
            files, why = save_figure(fig, Path(aside)/name)
            if why: sys.exit(why)
            picture = next(file for file in files if file.suffix == '.svg').read_bytes()
        (folder/f'{name}.svg').write_bytes(picture)
        print(f'{name}.svg: {len(picture):,} bytes')
