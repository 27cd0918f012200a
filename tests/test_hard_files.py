"""What real people bring: banks, jobs and names that were made by hand, damaged, or sent to do harm.

Images and image sets have a file of their own; here is everything else."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import safetensors.torch
import torch
from conftest import ROOT, call
from PIL import Image
from torch.utils.data import DataLoader

from lth_nb import compute
from lth_nb.bank import Bank, bank_folder, banks, find_banks, finish, is_found, opened, start_search
from lth_nb.datasets import check
from lth_nb.experiments import as_text, notebook, read_options
from lth_nb.explore.bank import BankPage
from lth_nb.explore.own import MARK, OwnPage, find_job, log_of, progress, start, state, stop
from lth_nb.explore.study import StudyPage
from lth_nb.masks import Mask, digest, full_mask, mask_at
from lth_nb.protocol import as_written, fenced, make_protocol, written
from lth_nb.runs import Runs, Spec, correct, table
from lth_nb.stats import readings, verdict
from lth_nb.study import open_study
from lth_nb.sweep import plan
from lth_nb.tickets import Round, Ticket, search
from lth_nb.training import Scores, fit
from lth_nb.transfer import Run

NAME = 'cifar10-resnet20_8-paper-s0'
SCRIPT = '<img src=x onerror="alert(1)">'


def copied(into, name=NAME, change=None, files=None):
    "A copy of an embedded bank; `change` edits its card, `files` replaces tensors and their hashes."
    folder = into/name
    shutil.copytree(bank_folder('first')/NAME, folder)
    card = json.loads((folder/'card.json').read_text())
    for stem, tensors in (files or {}).items():
        content = safetensors.torch.save(tensors)
        (folder/f'{stem}.safetensors').write_bytes(content)
        card['sha256'][f'{stem}.safetensors'] = hashlib.sha256(content).hexdigest()
    if change: change(card)
    (folder/'card.json').write_text(json.dumps(card))
    return folder


def tensors_of(stem): return safetensors.torch.load_file(bank_folder('first')/NAME/f'{stem}.safetensors')


# Text that becomes Markdown -------------------------------------------------------------------------------------------

def html_in(outputs):
    "Markdown among outputs that Jupyter would run as HTML."
    return [told for told in (output.get('text/markdown', '') for output in outputs) if '<img' in told]


@pytest.mark.parametrize('text', [SCRIPT, f'![x](http://a.b/{SCRIPT})', '[x](javascript:alert(1))', '[x]: http://a.b'])
def test_a_name_becomes_text_in_markdown(text):
    told = as_written(text)
    assert '<' not in told and '](' not in told and ']:' not in told


@pytest.mark.parametrize('fence', ['```', '````', '  ```', '\t```', '\r```', '\x0b```'])
def test_no_line_closes_a_block(fence):
    lines = fenced(f'a\n{fence}\n{SCRIPT}').split('\n')
    assert [line for line in lines if line.startswith('```')] == ['```text', '```'] == [lines[0], lines[-1]]


def test_a_bank_says_its_source_as_text(tmp_path):
    copied(tmp_path, change=lambda card: card.update(source=SCRIPT))
    page = BankPage(str(tmp_path))
    assert not html_in(page.still()) and '&lt;img' in str(page.still())


def test_a_study_says_its_sources_as_text(tmp_path):
    study = tmp_path/'study'
    shutil.copytree(ROOT/'studies/real_small', study)
    rows = pd.read_csv(study/'table.csv', keep_default_na=False, dtype=str)
    rows['source'] = rows.source.where(rows.source == '', rows.source + SCRIPT)
    rows['stopped_by'] = SCRIPT
    rows.to_csv(study/'table.csv', index=False)
    page = StudyPage(str(study))
    page.run.value = next(value for name, value in page.run.options if name.startswith('ticket'))
    outputs = [output['data'] for output in page.details.outputs]
    assert outputs and not html_in(outputs)
    one = next(iter(readings(open_study(study).table, recipe='tuned')))
    for told in (one, verdict(one)): assert '<img' not in told._repr_markdown_()


def test_a_class_cannot_leave_the_report(tmp_path):
    for name in ('a', 'b', f'z\n```\n{SCRIPT}'):
        (tmp_path/'cells'/name).mkdir(parents=True)
        for at in range(4): Image.fromarray(np.full((8, 8, 3), 9 * at + len(name), np.uint8)).save(
            tmp_path/'cells'/name/f'{at}.png')
    told = check(str(tmp_path/'cells'), tmp_path, cache=tmp_path/'cache', progress=False)._repr_markdown_()
    assert f'\n```\n{SCRIPT}' not in told and told.count('\n```') == 1


# A job.json that came with somebody's results -------------------------------------------------------------------------

def write_job(place, **about):
    "A job.json that no job wrote."
    place.mkdir(parents=True, exist_ok=True)
    usual = dict(folder=str(place), words=['x', '-p', 'target', 'cells'], pid=2**22 + 1, began=1., stopped=False)
    (place/'job.json').write_text(json.dumps(usual | about))
    return find_job(place)


def test_a_job_file_ends_no_process_and_shows_no_other_folder(tmp_path):
    bystander = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    try:
        elsewhere = tmp_path/'elsewhere'
        elsewhere.mkdir()
        (elsewhere/'job.log').write_text('secret')
        began = psutil.Process(bystander.pid).create_time()
        words = psutil.Process(bystander.pid).cmdline()
        job = write_job(tmp_path/'runs/jobs/cells', folder=str(elsewhere), pid=bystander.pid, began=began, words=words)
        assert job.folder == str(tmp_path/'runs/jobs/cells') and log_of(job) == []
        assert state(job) == 'failed' and stop(job) == job and bystander.poll() is None
        assert not (elsewhere/'job.json').exists()
    finally: bystander.kill()


def test_a_job_is_known_by_its_folder(tmp_path):
    job = start([sys.executable, '-c', 'import time; time.sleep(60)'], tmp_path/'jobs/own')
    assert state(find_job(tmp_path/'jobs/own')) == 'running'
    assert psutil.Process(job.pid).environ()[MARK] == str((tmp_path/'jobs/own').resolve())
    assert state(stop(job)) == 'stopped'


@pytest.mark.parametrize('text', [
    '', 'null', '[]', '{"folder": "x"}', '{"words": ["-p"], "pid": 1, "began": 1}', '[' * 100_000, '\ud800',
    json.dumps(dict(folder='x', words=[], pid=1, began=1, stopped=False, extra=1)),
    json.dumps(dict(folder='x', words=[], pid='y', began=1)), json.dumps(dict(words=[[]], pid=1, began=1)),
    json.dumps(dict(words=['x'], pid=-1, began=1)), json.dumps(dict(words=['x'], pid=1, began='now')),
    json.dumps(dict(words=['x', '-p', 'recipe', 'none'], pid=9, began=1))], ids=range(13))
def test_a_damaged_job_file_keeps_no_page_from_opening(text, tmp_path):
    folder = tmp_path/'jobs/cells'
    folder.mkdir(parents=True)
    (folder/'job.json').write_text(text, errors='surrogatepass')
    page = OwnPage(str(tmp_path))
    page.job = None
    assert page.recipe.value == 'tuned'


def test_a_link_is_not_written_through(tmp_path):
    (tmp_path/'jobs/cells').mkdir(parents=True)
    precious = tmp_path/'precious'
    precious.write_text('kept')
    (tmp_path/'jobs/cells/job.log').symlink_to(precious)
    stop(start([sys.executable, '-c', 'print(1)'], tmp_path/'jobs/cells'))
    assert precious.read_text() == 'kept'
    (tmp_path/'jobs/two').symlink_to(tmp_path)
    with pytest.raises(ValueError, match='is a link'): start([sys.executable], tmp_path/'jobs/two')


@pytest.mark.parametrize('line', ['', '{"time": 9e9, "done": 1', '{"time": 9e9, "done": "<img>"}', 'null', '3'])
def test_progress_that_is_none_is_no_progress(line, tmp_path):
    job = write_job(tmp_path/'jobs/cells', asked=1., smoke=False, typed=dict(target='cells', out=str(tmp_path)))
    (tmp_path/'cells').mkdir()
    (tmp_path/'cells/progress.jsonl').write_text(line)
    assert progress(job) == {}


# Banks made by hand or damaged ----------------------------------------------------------------------------------------

@pytest.mark.parametrize('folder', ['', 'first'])
def test_the_embedded_banks_open_as_before(folder):
    sound, faults = opened(folder)
    assert not faults and [bank.name for bank in sound] == banks(folder)
    for bank in sound:
        rounds = safetensors.torch.load_file(bank.folder/'rounds.safetensors')
        for at_round in bank.rounds:
            assert digest(bank[at_round].mask) == digest(mask_at(rounds, at_round))
        assert digest(bank[0].theta) == digest(safetensors.torch.load_file(bank.folder/'theta_k.safetensors'))


@pytest.mark.parametrize('name', ['/dev/zero', '../../secret', 'pipe', 'card.json', 'a/rounds.safetensors', ''])
def test_a_card_opens_only_its_own_files(name, tmp_path):
    folder = copied(tmp_path, change=lambda card: card.update(sha256={name: 'x'} | card['sha256']))
    if name == 'pipe': os.mkfifo(folder/name)
    with pytest.raises(ValueError, match=f'{NAME}.*no file of a bank'): Bank(NAME, tmp_path)


def test_a_pipe_under_a_banks_name_is_not_opened(tmp_path):
    folder = copied(tmp_path)
    (folder/'theta_k.safetensors').unlink()
    with pytest.raises(ValueError, match=f'theta_k.safetensors of bank .{NAME}.* missing'): Bank(NAME, tmp_path)
    os.mkfifo(folder/'theta_k.safetensors')
    with pytest.raises(ValueError, match='is no ordinary file'): Bank(NAME, tmp_path)


@pytest.mark.parametrize('content', [
    b'', b'null', b'[]', b'3', b'[' * 100_000, b'\xff\xfe', b'{}', b'{"rounds": []}'], ids=range(8))
def test_a_card_that_is_none_names_its_bank(content, tmp_path):
    (copied(tmp_path)/'card.json').write_bytes(content)
    with pytest.raises(ValueError, match=NAME): Bank(NAME, tmp_path)


def drop(name):
    def change(card): card['sha256'].pop(f'{name}.safetensors')
    return change


def of_round(**values):
    def change(card): card['rounds'][3].update(values)
    return change


@pytest.mark.parametrize('change', [
    drop('rounds'), drop('theta_k'), of_round(sparsity=.999), of_round(sparsity=float('nan')), of_round(sparsity='.5'),
    of_round(kept=1), of_round(mask='0' * 64), of_round(round=4), lambda card: card.update(theta_k='0' * 64),
    lambda card: card.update(sha256=None), lambda card: card.update(rounds='x'), lambda card: card['rounds'].pop(0),
    lambda card: card['rounds'].__setitem__(2, None), lambda card: card.pop('source')], ids=range(14))
def test_a_card_that_does_not_fit_is_refused(change, tmp_path):
    copied(tmp_path, change=change)
    with pytest.raises(ValueError, match=f'bank .{NAME}'): Bank(NAME, tmp_path)


@pytest.mark.parametrize('stem, spoil', [
    ('rounds', lambda tensor: tensor.view(-1)[:9].fill_(1)), ('theta_k', lambda tensor: tensor.view(-1)[0].fill_(9))])
def test_tensors_changed_with_their_hash_are_refused(stem, spoil, tmp_path):
    tensors = tensors_of(stem)
    spoil(next(iter(tensors.values())))
    copied(tmp_path, files={stem: tensors})
    with pytest.raises(ValueError, match='does not match its card'): Bank(NAME, tmp_path)


@pytest.mark.parametrize('kind', [torch.float32, torch.uint8, torch.bool, torch.bfloat16])
def test_masks_of_0_and_1_are_refused(kind, tmp_path):
    ones = {weight: (first_cut > 5).to(kind) for weight, first_cut in tensors_of('rounds').items()}
    def fit_digests(card):
        for row in card['rounds']: row['mask'] = digest(mask_at(ones, row['round']))
    copied(tmp_path, files=dict(rounds=ones), change=fit_digests)
    with pytest.raises(ValueError, match=f'bank .{NAME}'): Bank(NAME, tmp_path)


def test_trained_weights_on_no_card_are_not_read(tmp_path):
    folder = copied(tmp_path)
    shutil.copy(folder/'theta_k.safetensors', folder/'trained_03.safetensors')
    assert Bank(NAME, tmp_path).ticket(3).trained is None


@pytest.mark.parametrize('spoil', [lambda path: path.write_bytes(bytes(path.stat().st_size)),
                                   lambda path: os.truncate(path, 5000), lambda path: path.unlink()])
def test_a_bank_in_use_does_not_change(spoil, tmp_path):
    folder = copied(tmp_path)
    bank = Bank(NAME, tmp_path)
    spoil(folder/'theta_k.safetensors')
    assert digest(bank.ticket(3).theta) == bank.card['theta_k']


def test_one_damaged_bank_hides_none_beside_it(tmp_path):
    copied(tmp_path)
    (copied(tmp_path, 'mnist-resnet20_8-paper-s0')/'card.json').write_text('{')
    sound, faults = opened(tmp_path)
    assert [bank.name for bank in sound] == [NAME] and 'mnist-resnet20_8-paper-s0' in faults[0]
    assert [*find_banks(tmp_path, 'resnet20_8', ['cifar10'])] == ['cifar10']
    with pytest.raises(ValueError, match='mnist-resnet20_8-paper-s0'): find_banks(tmp_path, 'resnet20_8')
    page = BankPage(str(tmp_path))
    page.bank.value = 'mnist-resnet20_8-paper-s0'
    assert 'cannot be read' in str(page.still())
    done = call('lth', 'bank', 'list', '--bank', tmp_path)
    assert done.returncode == 1 and NAME in done.stdout and 'mnist-resnet20_8-paper-s0' in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_round_as_text_is_quoted():
    with pytest.raises(ValueError, match="no round '10'"): Bank(NAME, 'first').ticket('10')


# Searches -------------------------------------------------------------------------------------------------------------

FULL = full_mask({'w': torch.zeros(100)})
HALF = Mask(w=torch.arange(100) < 50)


def card_of(lr=.1):
    return dict(name='d-m-paper-s0', source='d', fingerprint='f', model='m', recipe='paper', search_seed=0,
                protocol=dict(lr=lr), train='')


def searched(begun):
    for at_round, mask in enumerate((FULL, HALF)):
        ticket = Ticket(mask, dict(w=torch.ones(100)), at_round)
        begun.add(Round(ticket, None if at_round else HALF, dict(sparsity=.5 * at_round)))
    return begun


@pytest.mark.parametrize('lr', [.1, .05])
def test_two_searches_of_one_name_do_not_mix(lr, tmp_path):
    first = start_search(tmp_path, card_of(), full=FULL)
    with pytest.raises(ValueError, match='another process is at work on bank d-m-paper-s0'):
        start_search(tmp_path, card_of(lr), full=FULL)
    finish(searched(first))
    assert Bank('d-m-paper-s0', tmp_path)[1].mask.kept == 50


def test_a_search_that_fails_lets_go_of_its_bank(tmp_path):
    with pytest.raises(ZeroDivisionError), start_search(tmp_path, card_of(), full=FULL): 1 / 0  # noqa: B018
    finish(searched(start_search(tmp_path, card_of(), full=FULL)))


def test_what_a_killed_finish_left_is_removed(tmp_path, monkeypatch):
    whole = sorted(path.name for path in finish(searched(start_search(tmp_path/'a', card_of(), full=FULL))).iterdir())
    begun, rename = searched(start_search(tmp_path/'b', card_of(), full=FULL)), os.replace

    def killed(source, target):
        rename(source, target)
        if str(source).endswith('.part'): raise KeyboardInterrupt

    monkeypatch.setattr(os, 'replace', killed)
    with pytest.raises(KeyboardInterrupt): finish(begun)
    monkeypatch.undo()
    assert is_found(tmp_path/'b', card_of())
    assert sorted(path.name for path in (tmp_path/'b/d-m-paper-s0').iterdir()) == whole


def test_a_search_whose_masks_were_changed_is_not_taken_up(tmp_path):
    begun = start_search(tmp_path, card_of(), full=FULL)
    begun.add(Round(Ticket(FULL, dict(w=torch.ones(100)), 0), HALF, dict(sparsity=0.)))
    begun.__exit__()
    mask = safetensors.torch.save({'w': torch.zeros(100, dtype=torch.uint8)})
    (tmp_path/'d-m-paper-s0.part/rounds_00.safetensors').write_bytes(mask)
    with pytest.raises(ValueError, match='d-m-paper-s0.part is damaged'): start_search(tmp_path, card_of(), full=FULL)


def test_files_of_a_bank_follow_the_umask(tmp_path):
    before = os.umask(0o022)
    try: folder = finish(searched(start_search(tmp_path, card_of(), full=FULL)))
    finally: os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


# Runs -----------------------------------------------------------------------------------------------------------------

def finished_run(folder, seed=0):
    "A run that nobody trained, in a store; where its files lie."
    spec = Spec(dict(lr=.1), dict(name='t', fingerprint='f', train='', n_train=1, n_val=1, n_test=400), {}, 'scratch',
                seed)
    scores = Scores(.5, .5, torch.rand(400, 3), torch.randint(0, 3, (400,)))
    made = Run(dict(test_acc=.5), ({'epoch': seed},), scores, scores)
    return spec, Runs(folder).add(spec, made), made


@pytest.mark.parametrize('name', ['spec.json', 'result.json', 'predictions.npz', 'history.csv'])
@pytest.mark.parametrize('place', [.1, .5, .9])
def test_a_changed_bit_of_a_run_is_noticed(name, place, tmp_path):
    spec, folder, made = finished_run(tmp_path)
    content = bytearray((folder/name).read_bytes())
    content[int(place * len(content))] ^= 4
    (folder/name).write_bytes(content)
    assert not Runs(tmp_path).has(spec) and table(Runs(tmp_path)).attrs['damaged'] == [spec.key]
    Runs(tmp_path).add(spec, made)
    assert Runs(tmp_path).has(spec) and len(correct(Runs(tmp_path), spec.key)) == 400


@pytest.mark.parametrize('names', [('spec.json',), ('result.json',), ('predictions.npz',), ('history.csv',),
                                   ('spec.json', 'result.json', 'predictions.npz', 'history.csv')], ids=range(5))
def test_an_exchanged_run_is_noticed(names, tmp_path):
    (one, here, _), (two, there, _) = finished_run(tmp_path), finished_run(tmp_path, 1)
    for name in names:
        first, second = (here/name).read_bytes(), (there/name).read_bytes()
        (here/name).write_bytes(second)
        (there/name).write_bytes(first)
    assert Runs(tmp_path).missing([one, two]) == [one, two]


def test_a_run_of_an_earlier_version_is_read_and_its_archive_checked(tmp_path):
    spec, folder, _ = finished_run(tmp_path)
    result = json.loads((folder/'result.json').read_text())
    del result['sha256']
    (folder/'result.json').write_text(json.dumps(result))
    assert Runs(tmp_path).has(spec)
    with zipfile.ZipFile(folder/'predictions.npz') as archive: at = archive.getinfo('test_label.npy').header_offset
    content = bytearray((folder/'predictions.npz').read_bytes())
    content[at + 120] ^= 4
    (folder/'predictions.npz').write_bytes(content)
    assert not Runs(tmp_path).has(spec)


def test_waiting_for_another_process_is_said_once(tmp_path, monkeypatch, capsys):
    spec, folder, made = finished_run(tmp_path)
    shutil.rmtree(folder)
    asked = []

    @contextmanager
    def elsewhere(runs, spec):
        asked.append(spec)
        if len(asked) == 5: runs.add(spec, made)
        yield False

    monkeypatch.setattr(compute, 'claim', elsewhere)
    monkeypatch.setattr(compute.time, 'sleep', lambda seconds: None)
    monkeypatch.setattr(compute.Writer, 'places', {spec.key: None})
    work = SimpleNamespace(specs=[spec], protocols={spec.key: make_protocol('demo', 'tuned')})
    compute.compute(work, Runs(tmp_path))
    assert capsys.readouterr().out.count('waiting for another process') == 1 and len(asked) == 5


def test_python_without_resource_reads_and_runs():
    code = ("import sys, os; sys.modules['resource'] = None; del os.sysconf; import lth_nb.explore.own;"
            "from lth_nb.runs import facts, machine; print(machine(), facts('cpu')['peak_mb'] >= 0)")
    done = call(sys.executable, '-c', code)
    assert done.returncode == 0 and done.stdout.endswith('True\n'), done.stderr


# A network of one's own -----------------------------------------------------------------------------------------------

def small_net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))


def fitted(train, net=None):
    x, y = torch.randn(8, 1, 2, 2), torch.arange(8) % 2
    protocol = make_protocol('demo', 'tuned', max_epochs=2, patience=0)
    return fit(net or small_net(), Mask(), train or [(x, y), (x, y)], [(x, y)], protocol)


def test_a_list_of_batches_is_taken(): assert fitted(None).steps == 4


@pytest.mark.parametrize('kind', [iter, set, lambda pair: [], lambda pair: DataLoader([*zip(*pair)], batch_size=2),
                                  lambda pair: (one for one in [pair])], ids=range(5))
def test_a_loader_is_refused_before_training(kind):
    pair = torch.randn(8, 1, 2, 2), torch.arange(8) % 2
    with pytest.raises(TypeError, match=r'fit cannot take a .*list\(loader\)'):
        fit(small_net(), Mask(), kind(pair), [pair], make_protocol('demo', 'tuned', max_epochs=1))


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_weight_that_was_never_set_is_named(value):
    net = small_net()
    with torch.no_grad(): net[1].bias[0] = value
    with pytest.raises(ValueError, match='1.bias holds NaN or inf before the first step'): fitted(None, net)


@pytest.mark.parametrize('scope', ['global', 'layer'])
def test_a_search_to_nothing_is_refused_at_once(scope):
    protocol = make_protocol('demo', 'paper', rate=.97, rounds=4, scope=scope)
    full = full_mask({'a': torch.zeros(54), 'b': torch.zeros(9)})
    with pytest.raises(ValueError, match='rate 0.97 leaves no weight in round'):
        next(search(None, {}, [1], [], open_test=list, protocol=protocol, masks=[full]))


def test_a_round_without_weights_is_not_transferred(tmp_path):
    begun = start_search(tmp_path, card_of() | dict(model='resnet20_8', protocol=written(make_protocol())), full=FULL)
    none = Mask(w=torch.zeros(100, dtype=torch.bool))
    begun.add(Round(Ticket(FULL, dict(w=torch.ones(100)), 0), none, dict(sparsity=0.)))
    begun.add(Round(Ticket(none, dict(w=torch.ones(100)), 1), None, dict(sparsity=1.)))
    bank = Bank(finish(begun).name, tmp_path)
    with pytest.raises(ValueError, match='round 1 of bank .* keeps no weight'):
        plan(make_protocol(), target={}, banks=dict(d=[bank]), rounds=(1,), seeds=(0,), arms=('ticket',),
             labels=dict(smoke=True))
    with pytest.raises(ValueError, match='both have search_seed 0'):
        plan(make_protocol(), target={}, banks=dict(d=[bank, bank]), rounds=(0,), seeds=(0,), arms=('ticket',),
             labels=dict(smoke=True))


# Parameters and the command -------------------------------------------------------------------------------------------

AS_TEXT = ['007', '1_2', '1e3', '20240115', '2023', 'None', 'null', 'True', 'nan', '~', '{a}', '{', '0x10', '1.0', ' a']


@pytest.mark.parametrize('text', AS_TEXT)
def test_a_parameter_arrives_as_typed(text):
    path = notebook('run_transfer')
    typed = read_options(path, ['-p', 'target', text])
    assert as_text(path, typed) == ['-r', 'target', text] and typed.given['target'] == text
    in_yaml = read_options(path, ['-y', f'target: {json.dumps(text)}'])
    assert as_text(path, in_yaml) == ['-r', 'target', text]


@pytest.mark.parametrize('text', ['007', '1_2', '1e3', '2023', 'None', 'True', '~'])
def test_yaml_without_quotes_is_as_typed(text):
    assert read_options(notebook('run_transfer'), ['-y', f'target: {text}']).texts['target'] == text


def test_a_list_in_yaml_is_written_with_commas():
    assert read_options(notebook('run_transfer'), ['-y', 'recipe: [tuned, paper]']).given['recipe'] == 'tuned,paper'


@pytest.mark.parametrize('text', ['[1', 'a: b: c', 'just text', '- a'])
def test_bad_yaml_is_one_sentence(text):
    with pytest.raises(ValueError, match='YAML'): read_options(notebook('run_transfer'), ['-y', text])


def test_raw_wins_over_typed():
    typed = read_options(notebook('run_transfer'), ['-r', 'target', 'a', '-p', 'target', 'b'])
    assert typed.given['target'] == 'a' and 'target' not in typed.texts


@pytest.mark.parametrize('module', ['lth_nb', 'lth_nb.cli'])
def test_the_package_is_the_command(module):
    done = call(sys.executable, '-m', module, '--version')
    assert done.returncode == 0 and done.stdout.strip()


def test_what_a_terminal_cannot_write_is_replaced(tmp_path):
    for name in ('细胞', 'b'):
        (tmp_path/'cells'/name).mkdir(parents=True)
        for at in range(12):
            pixels = np.random.default_rng(at).integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path/'cells'/name/f'{at}.png')
    done = call('lth', 'data', 'check', tmp_path/'cells', '--cache', tmp_path/'cache', PYTHONIOENCODING='ascii')
    assert '??' in done.stdout and 'Traceback' not in done.stderr


def a_notebook(path, *sources):
    "A notebook of one parameter and some cells."
    texts = ['out:str = "runs"', *sources]
    cells = [dict(cell_type='code', id=f'c{at}', metadata={}, outputs=[], execution_count=None, source=text)
             for at, text in enumerate(texts)]
    cells[0]['metadata'] = dict(tags=['parameters'])
    kernel = dict(display_name='Python 3', language='python', name='python3')
    path.write_text(json.dumps(dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)))
    return path


@pytest.mark.parametrize('out', ['runs {a}', 'runs {', '}{', '{smoke}'])
def test_braces_in_a_path_are_braces(out, tmp_path):
    a_notebook(tmp_path/'{one}.ipynb', 'out')
    done = call('lth', 'run', '{one}.ipynb', '-p', 'out', out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [*(tmp_path/out).rglob('{one}.ipynb')] and repr(out)[1:-1] in done.stdout


@pytest.mark.parametrize('source, told', [
    ('import os, signal\nos.kill(os.getpid(), signal.SIGKILL)', 'the kernel died, most often for want of memory'),
    ('raise KeyboardInterrupt', 'stopped; finished runs are kept'),
    ("raise ModuleNotFoundError(\"No module named 'lth_nb'\")", "the notebook's kernel is another Python"),
    ('raise MemoryError', 'MemoryError')])
def test_a_failure_is_one_sentence(source, told, tmp_path):
    a_notebook(tmp_path/'one.ipynb', source)
    done = call('lth', 'run', 'one.ipynb', cwd=tmp_path)
    assert done.returncode == 1 and f'lth: {told}' in done.stderr
    assert 'Traceback' not in done.stderr.split('lth: ')[-1] and 'DeadKernelError' not in done.stderr
    assert 'IPKernelApp' not in done.stderr # the kernel's own log


def test_a_kernel_that_does_not_start_is_one_sentence(tmp_path):
    spec = tmp_path/'jupyter/kernels/python3/kernel.json'
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps(dict(argv=['/bin/false', '{connection_file}'], display_name='x', language='python')))
    a_notebook(tmp_path/'one.ipynb', '1')
    done = call('lth', 'run', 'one.ipynb', cwd=tmp_path, JUPYTER_PATH=str(tmp_path/'jupyter'))
    assert done.returncode == 1 and 'lth: the kernel python3 did not start' in done.stderr
    assert 'Traceback' not in done.stderr
