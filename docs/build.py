"""The site: `python docs/build.py` writes it to _docs/. A warning, a name or link that leads nowhere, a picture without
words or a path of this machine fails the build. Nothing is executed and nothing asked of a network."""
import os
import re
import shutil
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

root = Path(__file__).resolve().parents[1]
site, made = root/'_docs', root/'docs/_build'
MACHINE = re.compile(r'(?<![\w.}])/(?:home|root|work|tmp|opt|Users)/[\w.]')
OWN = 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CITATION.cff', 'docs/your_data.ipynb'
FLAGS = '-n', '-W', '--keep-going', '-q', '-E'


def gather(src):
    "Copies of all that Sphinx reads: notebooks, pages, and the project's own texts."
    shutil.rmtree(src, ignore_errors=True)
    shutil.copytree(root/'nbs', src, ignore=shutil.ignore_patterns('.*', 'images'))
    shutil.copytree(root/'docs/pages', src, dirs_exist_ok=True)
    for name in OWN: shutil.copy2(root/name, src)


class Page(HTMLParser):
    "The anchors of a page, what it links to and loads, and its pictures without words."
    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded, self.wordless = {'', 'top'}, set(), [], []
        self.text = path.read_text(encoding='utf-8')
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        given = {name: value for name, value in attrs if value}
        links = {given[name] for name in ('href', 'src') if name in given}
        self.anchors |= {given[name] for name in ('id', 'name') if name in given}
        self.links |= links
        if tag in ('script', 'img', 'link'): self.loaded += links
        if tag == 'img' and 'alt' not in dict(attrs): self.wordless.append(given.get('src'))


def leads_nowhere(link, name, pages, folder):
    "What is wrong with a link of page `name`, '' for nothing."
    parts = urlsplit(link)
    if parts.scheme or parts.netloc: return ''
    beside = os.path.join(os.path.dirname(name), unquote(parts.path))
    target = os.path.normpath(beside) if parts.path else name
    if not (folder/target).exists(): return 'leads nowhere'
    if target in pages and unquote(parts.fragment) not in pages[target].anchors: return 'has no such place'
    return ''


def faults(folder):
    "Links and anchors that lead nowhere, scripts from elsewhere, pictures without words, paths of a machine: a line each."
    pages = {path.relative_to(folder).as_posix(): Page(path) for path in sorted(folder.rglob('*.html'))}
    for name, page in pages.items():
        for source in page.wordless: yield f'{name}: picture {source} has no words'
        for found in MACHINE.finditer(page.text): yield f'{name}: names a folder of this machine: {found[0]}'
        for link in page.loaded:
            if link.startswith('http'): yield f'{name}: asks {link}'
        for link in sorted(page.links):
            wrong = leads_nowhere(link, name, pages, folder)
            if wrong: yield f'{name}: {link} {wrong}'


def main():
    "Gather, build, check; the exit code."
    from sphinx.cmd.build import build_main
    start, jobs = time.time(), os.environ.get('JOBS', '1')
    gather(made/'src')
    shutil.rmtree(made/'html', ignore_errors=True)
    places = ['-d', made/'doctrees', '-c', root/'docs', made/'src', made/'html']
    code = build_main([*FLAGS, '-j', jobs, *map(str, places)])
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(made/'html', site)
    bad = [*faults(site)]
    for line in bad: print(line, file=sys.stderr)
    failed = bool(code or bad)
    if failed: (site/'.failed').touch()
    print(f'{len(list(site.rglob("*.html")))} pages in _docs: {time.time() - start:.0f} s, {len(bad)} faults')
    return int(failed)


if __name__ == '__main__': sys.exit(main())
