"What Sphinx is told; build.py is the command, and copies what it reads to docs/_build/src."
import sys
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path

here = Path(__file__).parent
sys.path[:0] = [str(here), str(here.parent)]
from parts import PARTS

ini = ConfigParser(delimiters=['='], interpolation=None)
ini.read(here.parent/'settings.ini', encoding='utf-8')

project = 'lth_nb'
author = ini['DEFAULT']['author']
project_copyright = f'{author}, Apache License 2.0'
release = ini['DEFAULT']['version']
extensions = [
    'myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.viewcode', 'sphinx.ext.mathjax', 'sphinx.ext.githubpages',
    'sphinx_copybutton', 'sphinx_design', 'reading', 'entries']

nb_execution_mode = 'off' # every notebook is committed with its outputs
nb_merge_streams = True
nb_output_stderr = 'remove'
nb_render_markdown_format = 'gfm'
nb_code_prompt_show = 'Show {type}'
nb_code_prompt_hide = 'Hide {type}'
myst_enable_extensions = ['dollarmath', 'amsmath', 'colon_fence', 'deflist', 'fieldlist', 'substitution']
myst_substitutions = PARTS
myst_heading_anchors = 4

smartquotes_action = 'qe' # quotes and dots; the dashes of an option stay as they are typed
add_module_names = False
autodoc_typehints = 'none' # they stand in the table below a signature
autodoc_preserve_defaults = True
autodoc_member_order = 'bysource'
toc_object_entries_show_parents = 'hide'
viewcode_follow_imported_members = False
viewcode_line_numbers = True

def inside(package, file):
    "A file of an installed package, so that pages ask nothing of a network."
    return str(Path(find_spec(package).origin).parent/file)


html_static_path = [
    '_static', inside('plotly', 'package_data/plotly.min.js'),
    inside('sphinx-mathjax-offline', 'static/mathjax/tex-svg.js')]
html_css_files = ['style.css']
html_js_files = [('live.js', dict(defer='defer'))]
mathjax_path = 'tex-svg.js'
html_theme = 'furo'
html_title = f'lth_nb {release}'
html_favicon = '_static/favicon.svg'
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_permalinks_icon = '#'


def _brand(colour): return {f'color-brand-{part}': colour for part in ('primary', 'content', 'visited')}


html_theme_options = dict(
    light_css_variables=_brand('#0b6e75'), dark_css_variables=_brand('#5cc8cf'), top_of_page_buttons=[])
pygments_style = 'a11y-light'
pygments_dark_style = 'monokai'
copybutton_exclude = '.linenos, .gp, .go'
