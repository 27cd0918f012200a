"What the site needs beside Sphinx: plotly and MathJax from installed packages, source pages, words for pictures."
from importlib.metadata import files
from pathlib import Path

import plotly
from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

root = Path(__file__).resolve().parents[2]


def scripts():
    "Name in _static/vendor -> file of an installed package."
    mathjax = next(f.locate() for f in files('sphinx-mathjax-offline') if f.name == 'tex-svg.js')
    return {'plotly.min.js': Path(plotly.__file__).parent/'package_data/plotly.min.js', 'tex-svg.js': Path(mathjax)}


def copy_scripts(app):
    "Once per site, so that nothing is asked of a network."
    folder = Path(app.outdir)/'_static/vendor'
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in scripts().items(): (folder/name).write_bytes(path.read_bytes())


def add_plotly(app, pagename, templatename, context, doctree):
    "Only pages with a figure load 5 MB of plotly."
    if doctree is not None and any('plotly-live' in n.astext() for n in doctree.findall(nodes.raw)):
        app.add_js_file('vendor/plotly.min.js', loading_method='defer')
        app.add_js_file('live.js', loading_method='defer')


def more_room(app, pagename, templatename, context, doctree):
    "Pages that are read for their figures have no second table of contents."
    if pagename.startswith(('experiments/', 'source/')) or pagename in ('your_data', 'paper_map'): context['furo_hide_toc'] = True


def sources(app):
    "A page per module, with an anchor at each line; no page of theirs is in the search."
    form = HtmlFormatter(linenos='inline', lineanchors='L', anchorlinenos=True, cssclass='highlight')
    for path in sorted((root/'lth_nb').glob('*.py')):
        if path.stem.startswith('_'): continue
        code = highlight(path.read_text(encoding='utf-8'), PythonLexer(), form)
        room = next((root/'nbs').glob(f'[0-9][0-9]_{path.stem}.ipynb')).stem
        head = f'<h1>lth_nb.{path.stem}</h1><p>Exported from <a href="../rooms/{room}.html">{room}</a>, never edited.</p>'
        yield f'source/{path.stem}', dict(title=f'lth_nb.{path.stem}', body=head + f'<div class="source-page">{code}</div>'), 'page.html'


def words_for_pictures(app, doctree):
    "An image without words gets those of the paragraph before it."
    before = ''
    for node in doctree.findall(lambda n: isinstance(n, (nodes.paragraph, nodes.title, nodes.image))):
        if not isinstance(node, nodes.image): before = node.astext() or before
        elif not node.get('alt') or '_images' in node['alt'] or '/' in node['alt']: node['alt'] = f'Picture: {before}'[:300].replace('\n', ' ')


def setup(app):
    app.connect('builder-inited', copy_scripts)
    app.connect('html-page-context', add_plotly)
    app.connect('html-page-context', more_room, priority=900)
    app.connect('html-collect-pages', sources)
    app.connect('doctree-read', words_for_pictures)
    return dict(version='1', parallel_read_safe=True, parallel_write_safe=True)
