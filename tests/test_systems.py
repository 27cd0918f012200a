"""What is different on Windows and macOS, as far as Linux can show it: encodings, files in use, drives, processes that
outlive their parent."""
import ast
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from test_bad_input import draw

from lth_nb import experiments, protocol
from lth_nb.datasets import empty, find, folders, load, prepare, sets, shelves
from lth_nb.explore import own

PYTHON = [*(ROOT/'lth_nb').rglob('*.py'), *(ROOT/'docs').glob('*.py'), ROOT/'setup.py']
LETTERS = set('rwaxbt+')
REPLACE = os.replace


def mode_of(call, name):
    "How a call opens a file, '' where it opens none or a member of an archive."
    given = call.args[1:] if isinstance(call.func, ast.Name) else call.args
    mode = next(iter(given), ast.Constant('r'))
    text = mode.value if isinstance(mode, ast.Constant) else ''
    return text if name == 'open' and set(str(text)) <= LETTERS else ''


def unspoken(source):
    "The lines that read or write text in whatever encoding the system has."
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or 'encoding' in {word.arg for word in call.keywords}: continue
        name = getattr(call.func, 'attr', getattr(call.func, 'id', ''))
        mode = mode_of(call, name)
        if name in ('read_text', 'write_text') or (mode and 'b' not in mode): yield call.lineno


@pytest.mark.parametrize('source, lines', [
    ("p.read_text()", [1]), ("p.read_text(encoding='utf-8')", []), ("open(p)", [1]), ("open(p, 'rb')", []),
    ("open(p, 'w')", [1]), ("p.open('a')", [1]), ("archive.open(name)", []), ("Image.open('a.png')", [])])
def test_an_encoding_left_to_the_system_is_named(source, lines): assert [*unspoken(source)] == lines


@pytest.mark.parametrize('path', PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_encoding_is_left_to_the_system(path): assert [*unspoken(path.read_text(encoding='utf-8'))] == []


class InUse:
    "In place of os.replace: refuses as Windows does, so many times; `asked` counts."
    def __init__(self, times): self.times, self.asked = times, 0

    def __call__(self, old, new):
        self.asked += 1
        if self.asked <= self.times: raise PermissionError(13, 'The process cannot access the file', str(new))
        return REPLACE(old, new)


@pytest.fixture
def in_use(monkeypatch):
    "in_use(times, system) makes renaming refuse."
    def refuse(times, system='win32'):
        refusal = InUse(times)
        monkeypatch.setattr(protocol.os, 'replace', refusal)
        monkeypatch.setattr(protocol.time, 'sleep', lambda seconds: None)
        monkeypatch.setattr(sys, 'platform', system)
        return refusal
    return refuse


def write(path, text):
    with protocol.whole(path) as unfinished: unfinished.write_text(text, encoding='utf-8')


def test_a_file_that_is_read_meanwhile_is_replaced_on_windows(tmp_path, in_use):
    write(tmp_path/'job.json', 'old')
    refusal = in_use(3)
    write(tmp_path/'job.json', 'new')
    assert (refusal.asked, (tmp_path/'job.json').read_text()) == (4, 'new')


def test_a_file_that_stays_in_use_is_told_and_stays(tmp_path, in_use):
    write(tmp_path/'table.csv', 'old')
    in_use(99)
    with pytest.raises(PermissionError, match='cannot access'): write(tmp_path/'table.csv', 'new')
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [('table.csv', 'old')]


def test_elsewhere_a_refusal_is_final(tmp_path, in_use):
    refusal = in_use(1, 'linux')
    with pytest.raises(PermissionError): write(tmp_path/'a', 'x')
    assert refusal.asked == 1


def test_a_cache_in_use_stays_whole_on_windows(tmp_path, in_use, monkeypatch):
    monkeypatch.setattr(sets, 'lease', lambda *path, **wait: nullcontext())  # made for this system, not for Windows
    load(draw(tmp_path/'cells'), px=16, cache=tmp_path/'cache')
    before = {p: p.stat().st_size for p in (tmp_path/'cache').rglob('*')}
    in_use(99)
    assert empty(tmp_path/'cache') == 0
    assert before == {p: p.stat().st_size for p in (tmp_path/'cache').rglob('*')}
    in_use(99, 'linux')
    with pytest.raises(PermissionError): empty(tmp_path/'cache')
    in_use(0)
    assert empty(tmp_path/'cache') > 0 and shelves(tmp_path/'cache') == []


def other_drive(*paths): raise ValueError("path is on mount 'D:', start on mount 'C:'")


def test_a_table_may_lie_on_another_drive_than_its_images(tmp_path, monkeypatch):
    cells = draw(tmp_path/'cells')
    rows = [f'{path},{path.parent.name},{path.stem}' for path in sorted(cells.rglob('*.png'))]
    table = tmp_path/'table.csv'
    table.write_text('\n'.join(['path,class,group', *rows]), encoding='utf-8')
    inside = os.path.relpath
    def relpath(path, start=os.curdir):
        return other_drive() if Path(start) == tmp_path else inside(path, start)
    monkeypatch.setattr(folders.os.path, 'relpath', relpath)
    listed = folders.listing(table)
    assert all(name.count('/') == 1 for name in listed.paths) and find(str(table)).stamp
    table.write_text('\n'.join(['path,class', *(row.rpartition(',')[0] for row in rows)]), encoding='utf-8')
    made = prepare('mine', table, tmp_path/'sets', groups=r'([0-9]+)\.png')
    assert made.card['sizes']['train']


def test_a_table_of_two_drives_is_refused(tmp_path, monkeypatch):
    (tmp_path/'t.csv').write_text('path,class\na.png,x\nb.png,y', encoding='utf-8')
    monkeypatch.setattr(folders.os.path, 'commonpath', other_drive)
    with pytest.raises(ValueError, match=r't\.csv lists files on several drives: put them on one'):
        folders.listing(tmp_path/'t.csv')


class Started(Exception): "Instead of a process."


def test_a_job_is_started_apart_and_speaks_utf8(tmp_path, monkeypatch):
    def popen(words, **how): raise Started(how)
    monkeypatch.setattr(own.subprocess, 'Popen', popen)
    with pytest.raises(Started) as linux: own.start(['x'], tmp_path/'job')
    monkeypatch.setattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 512, raising=False)
    monkeypatch.setattr(subprocess, 'CREATE_NO_WINDOW', 2**27, raising=False)
    monkeypatch.setattr(sys, 'platform', 'win32')
    with pytest.raises(Started) as windows: own.start(['x'], tmp_path/'job')
    linux, windows = linux.value.args[0], windows.value.args[0]
    assert linux['start_new_session'] and windows['creationflags'] == 512 + 2**27
    assert 'start_new_session' not in windows and linux['env']['PYTHONIOENCODING'] == 'utf-8'


class Beginning:
    "In place of psutil.Process: its environment is empty for a while."
    def __init__(self, empty): self.empty, self.pid = empty, 1

    def environ(self):
        self.empty -= 1
        return {} if self.empty >= 0 else dict(LTH_JOB='x')


def test_a_job_is_not_told_before_its_environment_is_there(monkeypatch):
    monkeypatch.setattr(own.time, 'sleep', lambda seconds: None)
    begun = Beginning(empty=3)
    own._settle(begun)
    assert begun.empty == -1


def test_cores_are_counted_where_a_process_may_use_all(monkeypatch):
    monkeypatch.delattr(os, 'sched_getaffinity', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 6)
    assert experiments.cores() == 6


def test_what_ci_runs_elsewhere_is_there():
    "The workflow names files that exist, and systems that are neither the same nor Linux."
    workflow = yaml.safe_load((ROOT/'.github/workflows/tests.yml').read_text(encoding='utf-8'))
    job = workflow['jobs']['elsewhere']
    commands = '\n'.join(step.get('run', '') for step in job['steps'])
    books = [f'nbs/{name}.ipynb' for name in re.findall(r'\b\d\d_\w+', commands)]
    named = [*re.findall(r'tests/\w+\.py', commands), *books]
    assert len(named) > 8 and [name for name in named if not (ROOT/name).is_file()] == []
    assert {os.split('-')[0] for os in job['strategy']['matrix']['os']} == {'macos', 'windows'}
    assert workflow['jobs']['tests']['strategy']['matrix']['python'] == ['3.11', '3.13']
