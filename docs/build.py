"""The site: `python docs/build.py` writes it to _docs/. A warning, a broken link, a missing picture or a path of this
machine fails the build. JOBS=2 executes two notebooks at a time; executed copies are kept in docs/_build."""
import os
import re
import shutil
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent))
import prep
from execute import build, root

site = root/'_docs'
MACHINE = re.compile(r'(?<![\w.}])/(?:home|root|work|tmp|opt|Users)/[\w.]')


class Page(HTMLParser):
    "The anchors of a page, what it links to, and its pictures without words."
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.wordless = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids |= {a[k] for k in ('id', 'name') if a.get(k)}
        self.links += [a[k] for k in ('href', 'src') if a.get(k) and tag != 'base']
        if tag == 'img' and a.get('alt') is None: self.wordless.append(a.get('src'))


def faults(
    folder:Path, # A built site
)->list[str]: # One line each
    "Links and anchors that lead nowhere, addresses of scripts elsewhere, pictures without words, paths of a machine."
    texts = {p.relative_to(folder).as_posix(): p.read_text(encoding='utf-8') for p in sorted(folder.rglob('*.html'))}
    pages, bad = {name: Page(text) for name, text in texts.items()}, []
    for name, page in pages.items():
        bad += [f'{name}: picture {src} has no words' for src in page.wordless]
        bad += [f'{name}: names a folder of this machine: {m[0]}' for m in MACHINE.finditer(texts[name])]
        for link in set(page.links):
            at = urlsplit(link)
            if at.scheme or at.netloc: continue
            path = os.path.normpath(os.path.join(os.path.dirname(name), unquote(at.path))) if at.path else name
            if not (folder/path).exists(): bad.append(f'{name}: {link} leads nowhere')
            elif at.fragment and path in pages and unquote(at.fragment) not in pages[path].ids | {'', 'top'}:
                bad.append(f'{name}: {link} has no such place')
    for name, text in texts.items():
        bad += [f'{name}: asks {m[1]}' for m in re.finditer(r'<(?:script|img|link)[^>]+(?:src|href)="(https?://[^"]+)"', text)]
    return bad


def main()->int: # Exit code
    "Prepare, build, check."
    from sphinx.cmd.build import build_main
    start = time.time()
    prep.main(int(os.environ.get('JOBS', 1)))
    ready = time.time()
    made = build/'html'
    shutil.rmtree(made, ignore_errors=True)
    code = build_main(['-W', '--keep-going', '-q', '-b', 'html', '-d', str(build/'doctrees'), '-c', str(root/'docs'),
                       str(prep.src), str(made)])
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(made, site, ignore=shutil.ignore_patterns('.buildinfo'))
    bad = faults(site)
    for line in bad: print(line, file=sys.stderr)
    (site/'.nojekyll').touch()
    pages = len(list(site.rglob('*.html')))
    print(f'{pages} pages in _docs: notebooks {ready - start:.0f} s, Sphinx {time.time() - ready:.0f} s, {len(bad)} faults')
    if code or bad:
        (site/'.failed').touch()
        return 1
    return 0


if __name__ == '__main__': sys.exit(main())
