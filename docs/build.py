"""The site: `python docs/build.py` writes it to _docs/. A warning, such as a name that leads nowhere, fails the build.
Nothing is executed and nothing asked of a network. `make docs` checks the links of what is built, too."""
import os
import shutil
import sys
import time
from pathlib import Path

from sphinx.cmd.build import build_main

root = Path(__file__).resolve().parents[1]
site, made = root/'_docs', root/'docs/_build'
OWN = 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CITATION.cff', 'docs/your_data.ipynb', 'docs/benchmarks.ipynb'
FLAGS = '-n', '-W', '--keep-going', '-q', '-E'


def gather(src):
    "Copies of all that Sphinx reads: notebooks, pages, and the project's own texts."
    shutil.rmtree(src, ignore_errors=True)
    shutil.copytree(root/'nbs', src, ignore=shutil.ignore_patterns('.*', 'images'))
    shutil.copytree(root/'docs/pages', src, dirs_exist_ok=True)
    for name in OWN: shutil.copy2(root/name, src)


def main():
    "Gather and build; the exit code."
    start, jobs = time.time(), os.environ.get('JOBS', '1')
    gather(made/'src')
    shutil.rmtree(made/'html', ignore_errors=True)
    places = ['-d', made/'doctrees', '-c', root/'docs', made/'src', made/'html']
    code = build_main([*FLAGS, '-j', jobs, *map(str, places)])
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(made/'html', site)
    if code: (site/'.failed').touch()
    print(f'{len(list(site.rglob("*.html")))} pages in _docs: {time.time() - start:.0f} s')
    return code


if __name__ == '__main__': sys.exit(main())
