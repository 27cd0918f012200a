"""What is wrong with a built site: `python tests/links.py _docs`, a line each. Links and anchors that lead nowhere,
scripts from elsewhere, pictures without words, paths of a machine."""
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MACHINE = re.compile(r'(?<![\w.}])/(?:home|root|work|tmp|opt|Users)/[\w.]')


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
    "All that is wrong, a line each."
    pages = {path.relative_to(folder).as_posix(): Page(path) for path in sorted(folder.rglob('*.html'))}
    for name, page in pages.items():
        for source in page.wordless: yield f'{name}: picture {source} has no words'
        for found in MACHINE.finditer(page.text): yield f'{name}: names a folder of this machine: {found[0]}'
        for link in page.loaded:
            if link.startswith('http'): yield f'{name}: asks {link}'
        for link in sorted(page.links):
            wrong = leads_nowhere(link, name, pages, folder)
            if wrong: yield f'{name}: {link} {wrong}'


if __name__ == '__main__': sys.exit('\n'.join(faults(Path(sys.argv[1]))) or 0)
