"""Entries of the library: autodoc's signature, and a table of parameters from the comments beside them (docments).

Also what every page needs offline: plotly and MathJax from installed packages, and words for pictures."""
import inspect
import re
from importlib.metadata import files
from pathlib import Path

import plotly
from docutils import nodes
from fastcore.docments import docments
from myst_parser.mdit_to_docutils.base import make_document
from myst_parser.mocking import MockRSTParser
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import stringify_annotation

HEAD = ('', 'type', 'default', 'meaning')


def rst(text):
    "Markdown's `code` as reStructuredText, everything else as plain words."
    parts = re.split(r'`([^`]*)`', ' '.join(text.split()))
    plain = [re.sub(r'([*|_\\])', r'\\\1', part) for part in parts[::2]]
    code = [f'\\ ``{part}``\\ ' for part in parts[1::2]]
    return ''.join(piece for pair in zip(plain, [*code, '']) for piece in pair).strip()


def literal(value):
    "A type or a default, as it is written; '' for none."
    if value in (inspect.Parameter.empty, None): return ''
    text = value if isinstance(value, str) else stringify_annotation(value, 'smart')
    last = re.sub(r'~?[A-Za-z_][\w.]*\.', '', text)
    return f'``{last}``'


def row_of(name, about):
    "One parameter, or what comes out."
    default = about.default
    shown = '' if default is inspect.Parameter.empty else f'``{default!r}``'[:60]
    title = '*returns*' if name == 'return' else f'**{name}**'
    return title, literal(about.anno), shown, rst(about.docment or '')


def table(rows):
    "Rows as a list-table."
    lines = ['', '.. list-table::', '   :class: api-table', '   :header-rows: 1', '']
    for row in rows:
        lines += [f'   {"*" if place == 0 else " "} - {cell}' for place, cell in enumerate(row)]
    return [*lines, '']


def documented(app, what, name, thing, options, lines):
    "The docstring as plain words, then name, type, default and meaning of every parameter."
    lines[:] = [rst(line) for line in lines]
    if what not in ('function', 'class', 'method'): return
    try: found = docments(thing, full=True)
    except (TypeError, OSError, ValueError): return
    rows = [row_of(key, about) for key, about in found.items() if key not in ('self', 'cls')]
    said = [row for row in rows if row[1] or row[3]]
    if said: lines += table([HEAD, *said])


class Entries(SphinxDirective):
    "reStructuredText inside a notebook; MyST's own eval-rst parses ten thousand empty lines a cell to keep line numbers."
    has_content = True

    def run(self):
        made = make_document()
        made['source'], made.settings, made.reporter = self.state.document['source'], self.state.document.settings, self.state.reporter
        MockRSTParser().parse('\n'.join(self.content), made)
        return made.children


def copy_scripts(app):
    "Once per site, so that nothing is asked of a network."
    folder = Path(app.outdir)/'_static/vendor'
    folder.mkdir(parents=True, exist_ok=True)
    mathjax = next(file.locate() for file in files('sphinx-mathjax-offline') if file.name == 'tex-svg.js')
    (folder/'tex-svg.js').write_bytes(Path(mathjax).read_bytes())
    (folder/'plotly.min.js').write_bytes((Path(plotly.__file__).parent/'package_data/plotly.min.js').read_bytes())


def page_scripts(app, pagename, templatename, context, doctree):
    "Only pages with a figure load 5 MB of plotly; pages read for their figures have no second table of contents."
    if doctree is not None and any('plotly-live' in node.astext() for node in doctree.findall(nodes.raw)):
        app.add_js_file('vendor/plotly.min.js', loading_method='defer')
        app.add_js_file('live.js', loading_method='defer')
    if pagename.startswith('experiments/') or pagename in ('index', 'your_data', 'paper_map'):
        context['furo_hide_toc'] = True


def words_for_pictures(app, doctree):
    "An image without words gets those of the paragraph before it."
    before = ''
    for node in doctree.findall(lambda one: isinstance(one, (nodes.paragraph, nodes.title, nodes.image))):
        alt = node.get('alt', '')
        if not isinstance(node, nodes.image): before = node.astext() or before
        elif not alt or '/' in alt or '_images' in alt: node['alt'] = ' '.join(f'Picture: {before}'.split())[:300]


def setup(app):
    "Connect all of the above."
    app.add_directive('entries', Entries)
    app.connect('autodoc-process-docstring', documented)
    app.connect('builder-inited', copy_scripts)
    app.connect('html-page-context', page_scripts, priority=900)
    app.connect('doctree-read', words_for_pictures)
    return dict(version='1', parallel_read_safe=True, parallel_write_safe=True)
