"Sphinx reads docs/_build/src, which prep.py writes; build.py is the command."
import sys
from configparser import ConfigParser
from pathlib import Path

here = Path(__file__).parent
sys.path.insert(0, str(here/'ext'))
ini = ConfigParser(delimiters=['='], interpolation=None)
ini.read(here.parent/'settings.ini', encoding='utf-8')

project = 'lth_nb'
author = ini['DEFAULT']['author']
project_copyright = f'{author}, Apache License 2.0'
release = ini['DEFAULT']['version']
extensions = ['myst_nb', 'site_parts', 'sphinx.ext.mathjax', 'sphinx_copybutton', 'sphinx_design']
exclude_patterns = ['notebooks']
nb_execution_mode = 'off'
nb_merge_streams = True
nb_code_prompt_show = 'Show {type}'
nb_code_prompt_hide = 'Hide {type}'
myst_enable_extensions = ['dollarmath', 'amsmath', 'colon_fence', 'deflist', 'fieldlist']
myst_heading_anchors = 4
mathjax_path = 'vendor/tex-svg.js'
mathjax_options = {'defer': 'defer'}
html_static_path = ['_static']
html_css_files = ['style.css']
html_theme = 'furo'
html_title = f'lth_nb {release}'
html_favicon = '_static/favicon.svg'
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_permalinks_icon = '#'
html_theme_options = dict(
    light_css_variables={'color-brand-primary': '#0b6e75', 'color-brand-content': '#0b6e75', 'color-brand-visited': '#0b6e75'},
    dark_css_variables={'color-brand-primary': '#5cc8cf', 'color-brand-content': '#5cc8cf', 'color-brand-visited': '#5cc8cf'},
    top_of_page_buttons=[])
pygments_style = 'a11y-light'
pygments_dark_style = 'monokai'
copybutton_exclude = '.linenos, .gp, .go'
