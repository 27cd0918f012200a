"What `lth` says of a machine, and what a shell completes; both where something is missing or broken."
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT, call
from test_lean import CORE, lean

from lth_nb import doctor
from lth_nb.cli import KINDS, SHELLS, completion, main, names_of

BESIDE = Path(sys.executable).parent


def test_a_checkup_is_short_and_names_nobody(tmp_path, monkeypatch, capsys):
    home = tmp_path/'people/ada'
    for inside in ('cells/train', 'runs/banks/mine', 'scratch'): (home/inside).mkdir(parents=True)
    (home/'runs/banks/mine/card.json').touch()
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.setenv('USERPROFILE', str(home))
    monkeypatch.setenv('LTH_DATA', str(home))
    assert main(['doctor', '--out', str(home/'runs')]) == 0
    said = capsys.readouterr().out
    assert str(home) not in said and 'ada' not in said
    for line in (f'runs in {Path("~/runs")}, ', f'cache in {Path("~/runs/cache")}, ',
                 'data in ~: cells, runs, scratch\n', 'with the runs: mine\n'): assert line in said
    assert 8 <= len(said.splitlines()) <= 12


def test_a_package_that_breaks_stops_no_checkup(tmp_path, monkeypatch):
    fault = f'raise OSError("{Path.home()}/libtorch.so: no such file\\nmore")'
    (tmp_path/'torch.py').write_text(fault, encoding='utf-8')
    code = 'from lth_nb.doctor import examine; print(examine())'
    done = call('python', '-c', code, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.returncode == 0, done.stderr
    first, packages, gpu = done.stdout.splitlines()[:3]
    assert 'torch cannot be imported (OSError: ~/libtorch.so: no such file)' in packages and 'more' not in done.stdout
    assert gpu.startswith('GPU: none')


LEAN = """
from contextlib import redirect_stderr
from io import StringIO
from lth_nb.cli import main
wrong = StringIO()
with redirect_stderr(wrong):
    codes = [main(words) for words in (['doctor'], ['bank', 'list'], ['names', 'banks'], ['run', 'table1'])]
print(codes, wrong.getvalue())
"""


def test_only_a_run_needs_papermill_and_says_so_in_one_line():
    said = ' '.join(lean(LEAN, CORE))
    assert 'GPU: ' in said and said.count('cifar10-resnet20_8-tuned-s0') == 2
    assert said.endswith("[0, 0, 0, 1] lth: No module named 'click'")


def test_bug_reports_are_asked_for_the_checkup():
    form = (ROOT/'.github/ISSUE_TEMPLATE/bug.yml').read_text(encoding='utf-8')
    assert 'lth doctor' in form and '__version__' not in form


def test_no_gpu_is_told_with_its_likely_reason(monkeypatch):
    seen = doctor.examine()
    monkeypatch.setattr(doctor.shutil, 'which', lambda name: f'/bin/{name}')
    assert doctor.examine().driver and not seen.gpus
    assert "NVIDIA's driver is there" in doctor.examine().computes


@pytest.mark.parametrize('cuda, mps, named', [
    (2, False, ('H200, 140 GB', 'H200, 140 GB')), (0, True, ('the GPU of this Mac (mps)',)), (0, False, ())])
def test_gpus_are_named_with_their_memory(cuda, mps, named, monkeypatch):
    card = SimpleNamespace(name='H200', total_memory=140 * 10**9)
    fake = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda > 0, device_count=lambda: cuda,
                             get_device_properties=lambda place: card),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)))
    monkeypatch.setitem(sys.modules, 'torch', fake)
    assert doctor._gpus() == named


PRESS = """
source "$1"
press() { COMP_WORDS=(lth "$@"); COMP_CWORD=$#; COMPREPLY=(); _shtab_lth; echo "${COMPREPLY[*]}"; }
press do
press run run_tr
press bank show cifar10-resnet20_8-tuned-s
press data check mou
press data prepare blood
press run run_transfer -p tar
press completion z
press names ban
cd "$2"; press notebooks in
"""


@pytest.mark.skipif(sys.platform == 'win32', reason='bash there may be that of another system')
def test_bash_completes_commands_and_names(tmp_path):
    script = tmp_path/'lth.bash'
    script.write_text(completion('bash'), encoding='utf-8')
    (tmp_path/'here/inside').mkdir(parents=True)
    path = os.pathsep.join([str(BESIDE), os.environ['PATH']])
    done = call('bash', '-c', PRESS, 'bash', script, tmp_path/'here', PATH=path, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[:2] == ['doctor', 'run_transfer'] and said[3:] == [
        'mouse_lba', 'bloodmnist', 'target', 'zsh', 'banks', 'inside']
    assert said[2].split() == [f'cifar10-resnet20_8-tuned-s{seed}' for seed in range(5)]


@pytest.mark.parametrize('shell', SHELLS)
def test_a_script_for_every_shell_asks_for_names(shell):
    script = completion(shell)
    assert len(script) > 1000
    assert all(f'lth names {kind}' in script for kind in {*KINDS} - ({'words'} if shell == 'tcsh' else set()))


def test_own_sets_are_among_the_names(tmp_path):
    (tmp_path/'cells').mkdir()
    (tmp_path/'.hidden').mkdir()
    names = names_of('sets', str(tmp_path))
    assert names[0] == 'cells' and 'digits' in names and '.hidden' not in names


def test_names_load_no_torch():
    code = 'import sys; from lth_nb.cli import main; main(["names", "words"]); raise SystemExit("torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and re.search('(?m)^target$', done.stdout), done.stderr
