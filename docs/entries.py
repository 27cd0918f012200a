"Entries of the library: autodoc's signature, and a table of parameters from the comments beside them (docments)."
import re
from inspect import Parameter

from fastcore.docments import docments
from sphinx.util.rst import escape
from sphinx.util.typing import stringify_annotation

TABLE = """
.. list-table::
   :class: api-table
   :header-rows: 1

   * -
     - type
     - default
     - meaning
"""


def rst(text):
    "Markdown's `code` as reStructuredText, everything else as plain words."
    parts = ' '.join(text.split()).split('`')
    parts[::2] = [escape(part) for part in parts[::2]]
    parts[1::2] = [f'\\ ``{part}``\\ ' for part in parts[1::2]]
    return ''.join(parts).strip()


def type_of(about):
    "The type of a parameter as it is written, without the modules names come from; '' for none."
    if about.anno in (Parameter.empty, None): return ''
    text = about.anno if isinstance(about.anno, str) else stringify_annotation(about.anno, 'smart')
    return '``{}``'.format(re.sub(r'~?[A-Za-z_][\w.]*\.', '', text))


def row(name, about):
    "One parameter, or what comes out."
    title = '*returns*' if name == 'return' else f'**{name}**'
    default = '' if about.default is Parameter.empty else f'``{repr(about.default)[:56]}``'
    return f'   * - {title}\n     - {type_of(about)}\n     - {default}\n     - {rst(about.docment or "")}\n'


def documented(app, what, name, thing, options, lines):
    "The docstring as plain words, then name, type, default and meaning of every parameter."
    lines[:] = [rst(line) for line in lines]
    if what not in ('function', 'class', 'method'): return
    try: found = docments(thing, full=True)
    except (TypeError, OSError, ValueError): return
    rows = [row(key, about) for key, about in found.items() if type_of(about) or about.docment]
    if rows: lines += [*(TABLE + ''.join(rows)).splitlines(), '']


def setup(app):
    "Connect the table."
    app.connect('autodoc-process-docstring', documented)
    return dict(version='1', parallel_read_safe=True, parallel_write_safe=True)
