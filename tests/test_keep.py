"A network is kept, found, used on new images and handed to other programs; what was changed on its way is refused."
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from notebooks import walk
from PIL import Image

import lth_nb.checkpoints as checkpoints
import lth_nb.predict as predict
from lth_nb.bank import Bank
from lth_nb.checkpoints import hand_over, kept_about, open_checkpoint, read_about, save, slot_of
from lth_nb.cli import main
from lth_nb.compute import compute, estimate
from lth_nb.datasets import load
from lth_nb.datasets.standins import draw_standin
from lth_nb.experiments import request
from lth_nb.masks import digest
from lth_nb.predict import checked, export, has_onnx, load_model, write_table
from lth_nb.runs import Runs, table
from lth_nb.sweep import sweep

CLASSES = 'lymph', 'mono', 'neutro'
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def draw(folder, n=24, px=20):
    "A folder of three class folders of drawn cells, which is a real set to the package."
    arrays, labels = draw_standin('mouse_lba', 'train', np.arange(8 * n), px)
    for number, name in enumerate(CLASSES):
        (folder/name).mkdir(parents=True)
        for row in np.flatnonzero(np.asarray(labels) == number)[:n]:
            Image.fromarray(arrays[row]).save(folder/name/f'{row:03d}.png')
    return folder


def question(folder, home, **more):
    "A sweep on the cells in `folder`: three arms, two seeds, a moment each."
    usual = dict(target=str(folder), preset='demo', recipe='tuned', px=16, rounds='10', seeds='2', batch=8,
                 arms='scratch,dense,ticket', change='max_epochs=2', device='cpu', out=str(home))
    asked = request(usual | more)
    splits = load(folder, px=asked.protocols['tuned'].px, cache=home/'cache')
    banks = [Bank(f'cifar10-resnet20_8-tuned-s{seed}') for seed in (0, 1)]
    return sweep(asked, splits, dict(cifar10=banks))


@pytest.fixture(scope='module')
def cells(tmp_path_factory): return draw(tmp_path_factory.mktemp('sets')/'cells')


@pytest.fixture(scope='module')
def done(cells, tmp_path_factory):
    "The finished question, its store and its results, the best networks kept."
    home = tmp_path_factory.mktemp('runs')
    work, runs, folder = question(cells, home), Runs(home), home/'cells'
    compute(work, runs, folder=folder, keep='best')
    return SimpleNamespace(work=work, runs=runs, folder=folder)


@pytest.fixture
def kept(done, tmp_path):
    "A copy of the ticket's network."
    spec = next(spec for spec in done.work.specs if spec.arm == 'ticket')
    return Path(shutil.copytree(slot_of(spec, done.folder), tmp_path/'model'))


def judged(use, named=10):
    "A verdict that recommends an arm."
    reading = SimpleNamespace(named=named, search_recipe='tuned')
    return SimpleNamespace(use=use, recipe='tuned', source='cifar10', word='open', reading=reading)


# What is kept

def test_the_best_of_each_arm_is_kept(done):
    found = table(done.runs, list(done.work.specs))
    folders = sorted(path.parent.name for path in done.folder.glob('networks/*/model.json'))
    assert folders == ['tuned-cifar10-dense', 'tuned-cifar10-ticket-r10', 'tuned-scratch']
    for arm, rows in found.groupby('arm'):
        best = rows.loc[rows.val_loss.idxmin()]
        about = next(filter(None, (kept_about(slot_of(spec, done.folder)) for spec in done.work.specs
                                   if spec.arm == arm)))
        assert (about['run'], about['val']['loss'], about['seed']) == (best.key, best.val_loss, best.seed)
        assert about['test']['accuracy'] == best.test_acc and about['test']['n'] == best.n_test
        assert about['difference'] == 0 and not about['smoke'] and about['target_kind'] == 'real'


def test_all_keeps_every_run_and_none_keeps_nothing(cells, tmp_path):
    for keep, count in (('all', 6), ('none', 0)):
        home = tmp_path/keep
        work, runs = question(cells, home), Runs(home)
        said = estimate(work, runs, keep=keep)
        compute(work, runs, folder=home/'cells', keep=keep)
        assert len([*home.rglob('model.json')]) == count
        for spec in work.specs: assert (runs.folder(spec)/'model/model.json').exists() == bool(count)
        sizes = [path.stat().st_size for path in home.rglob('weights.safetensors')]
        assert abs(said.megabytes - sum(sizes) / 1e6) <= .15 * said.megabytes
        assert ('every network is kept' in str(said)) == bool(count)
        assert estimate(work, runs, keep=keep).networks == ()


def test_finished_runs_are_not_repeated_and_what_is_kept_stays(done):
    before = {path: path.stat().st_mtime_ns for path in done.folder.glob('networks/*/*')}
    compute(done.work, done.runs, folder=done.folder, keep='all')
    assert before == {path: path.stat().st_mtime_ns for path in done.folder.glob('networks/*/*')}
    assert not [*done.runs.out.glob('??/*/model')]


def test_another_question_has_a_place_of_its_own(cells, done):
    other = question(cells, done.runs.out, train='30', seeds='1')
    compute(other, done.runs, folder=done.folder, keep='best')
    names = {slot_of(spec, done.folder).name for work in (done.work, other) for spec in work.specs}
    assert len(names) == 6
    for spec in other.specs: assert kept_about(slot_of(spec, done.folder))['train'] == '30'


def test_a_ticket_is_smaller_without_what_was_pruned(kept):
    about = read_about(kept)
    assert about['size']['weights'] == (kept/'weights.safetensors').stat().st_size < about['size']['dense'] / 2
    assert 'with those that are pruned' in (kept/'README.md').read_text()


def test_a_full_disk_costs_the_network_and_not_the_run(cells, tmp_path, monkeypatch, capsys):
    def refuse(self, content): raise FULL
    monkeypatch.setattr(Path, 'write_bytes', refuse)
    work, runs = question(cells, tmp_path), Runs(tmp_path)
    compute(work, runs, folder=tmp_path/'cells', keep='best')
    lines = [line for line in capsys.readouterr().out.splitlines() if 'was not kept' in line]
    assert len(lines) == 1 and 'No space left on device' in lines[0] and 'its run is' in lines[0]
    assert runs.missing(list(work.specs)) == []
    assert not [path for path in (tmp_path/'cells/networks').iterdir() if path.is_dir()]
    records = map(json.loads, (tmp_path/'cells/progress.jsonl').read_text().splitlines())
    assert [bool(record['not_kept']) for record in records if record['event'] == 'run'] == [True] * 6
    handed = hand_over([judged('ticket')], work.specs, runs, tmp_path/'cells')
    assert handed.folder is None and 'rerun with -p keep all' in handed.why


def test_a_process_that_dies_while_replacing_leaves_a_whole_network(kept, monkeypatch):
    made, renamed, rename = open_checkpoint(kept), [], os.replace
    def die(old, new):
        renamed.append(new)
        if len(renamed) == 2: raise KeyboardInterrupt
        rename(old, new)
    monkeypatch.setattr(checkpoints.os, 'replace', die)
    with pytest.raises(KeyboardInterrupt): save(made, kept)
    monkeypatch.undo()
    assert digest(open_checkpoint(kept).state) == digest(made.state)
    os.replace(kept, checkpoints._before(kept))  # killed outright: nothing was put back
    assert load_model(kept).about['run'] == made.about['run']


def test_a_run_whose_network_was_not_kept_says_how_to_get_it(done):
    folder = done.runs.folder(done.work.specs[0])
    with pytest.raises(ValueError, match='network of run scratch s0 on cells was not kept.*-p keep all'):
        load_model(folder)
    with pytest.raises(ValueError, match='does not exist: give the folder of a model'): load_model('nowhere')


# What is handed over

def test_the_model_is_the_one_that_the_verdict_recommends(done):
    for use in ('dense', 'scratch', 'ticket'):
        handed = hand_over([judged(''), judged(use)], done.work.specs, done.runs, done.folder)
        about = read_about(done.folder/'model')
        assert (about['arm'], about['chosen']['use']) == (use, use) and f'use {use}' in handed.why
        assert f'use {use}' in (done.folder/'model/README.md').read_text()
    assert load_model(done.folder).about['arm'] == 'ticket'


def test_where_a_yardstick_was_not_kept_the_best_arm_stands_in(done):
    handed = hand_over([judged('probe')], done.work.specs, done.runs, done.folder)
    losses = table(done.runs, list(done.work.specs)).set_index('arm').val_loss
    assert read_about(done.folder/'model')['arm'] == losses.idxmin()
    assert 'use probe' in handed.why and 'whose network was not kept' in handed.why


def test_without_a_verdict_the_model_says_that_it_is_not_recommended(done):
    hand_over([judged('')], done.work.specs, done.runs, done.folder)
    told = load_model(done.folder).warnings
    assert told == ('NOT RECOMMENDED: the verdict had no network to recommend (open)',)
    assert f'> **{told[0]}.**' in (done.folder/'model/README.md').read_text()


def test_run_transfer_leaves_a_model(cells, tmp_path):
    names = walk('run_transfer', before='Files', target=str(cells), out=str(tmp_path/'out'), rounds='10', seeds='1',
                 threads=1, pretrained='', px='8', batch='8', change='max_epochs=1', device='cpu', smoke=True)
    model = load_model(tmp_path/'out/smoke/cells')
    assert 'SMOKE' in model.warnings[0] and '**SMOKE RUN' in (tmp_path/'out/smoke/cells/model/README.md').read_text()
    assert model.px == 8 and 'lth predict' in names['_']._repr_markdown_()
    assert model.predict(cells, show=False)['class'].isin(CLASSES).all()
    assert 'the best network of each arm is kept' in str(names['estimate'](names['work'], Runs(tmp_path), keep='best'))


# It is the network of the run

def test_a_loaded_network_says_what_its_run_had_stored(done):
    for folder in done.folder.glob('networks/tuned-*'):
        model = load_model(folder)
        place = done.runs.place(model.about['run'])
        if not place.exists(): continue
        with np.load(place/'predictions.npz') as stored:
            for part, images in (('test', done.work.splits.open_test()), ('val', done.work.splits.val)):
                probs = model.seen(images).scores.probs.numpy()
                assert (probs.argmax(1) == stored[f'{part}_class']).all()
                assert (probs.astype(np.float16) == stored[f'{part}_probs']).all()


def test_predictions_of_files_are_those_of_the_run(done, cells, kept, tmp_path):
    "The test images as files, in the order of the split: decoded anew, the same classes and probabilities."
    model, splits = load_model(kept), done.work.splits
    files = {np.asarray(Image.open(path)).tobytes(): path for path in cells.rglob('*.png')}
    short = {image.tobytes(): path for path in files.values()
             for image in [predict._looks([(path.name, path.read_bytes())], model.about, 0)]
             for image in [next(image).crops]}
    crops = [predict.eval_crops(splits.open_test(), np.array([row]), px=16) for row in range(splits.n_test)]
    listed = [short[crop.tobytes()] for crop in crops]
    (tmp_path/'test.csv').write_text('\n'.join(['path', *map(str, listed)]))
    found = model.predict(tmp_path/'test.csv', show=False)
    scores = model.seen(splits.open_test()).scores
    told = predict.tempered(scores.probs, model.about['temperature']).numpy()
    assert (found[[*CLASSES]].to_numpy(np.float32) == told).all()
    assert found['class'].tolist() == [CLASSES[row] for row in scores.probs.argmax(1)]


def test_where_a_run_saw_ten_views_so_does_prediction(cells, tmp_path):
    work, runs = question(cells, tmp_path, seeds='1', change='max_epochs=1,views=ten'), Runs(tmp_path)
    compute(work, runs, folder=tmp_path/'cells', keep='all')
    model = load_model(runs.folder(work.specs[0]))
    assert model.about['views'] == 10
    with np.load(runs.folder(work.specs[0])/'predictions.npz') as stored:
        probs = model.seen(work.splits.open_test()).scores.probs.numpy().astype(np.float16)
        assert (probs == stored['test_probs']).all()
    assert len(model.predict(cells, show=False)) == 72


# What was changed is refused

def said(folder, **values):
    "Write something else into model.json."
    file = folder/'model.json'
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    return folder


CHANGED = {
    'temperature': (dict(temperature=3.), 'was changed after it was kept'),
    'newer': (dict(format=2), 'is of format 2, this lth_nb reads up to 1: install a newer'),
    'no format': (dict(format='1'), 'is no model of lth_nb'),
    'renamed': (dict(classes=['lymph', 'mono', 'blast']), "classes were renamed in .*'blast' stands where the weights"),
    'in another order': (dict(classes=['mono', 'lymph', 'neutro']), "'mono' stands where the weights have 'lymph'"),
    'a class less': (dict(classes=['lymph', 'mono']), 'another number of classes'),
    'one class twice': (dict(classes=['a', 'a']), 'classes are not two or more different names'),
    'px in words': (dict(px='16'), 'cannot be used, px is no int'),
    'px of a poster': (dict(px=10**6), 'px, short out of range'),
    'a network nobody knows': (dict(network=dict(kind='lth_nb', name='vgg', stem='', variant='')),
                               'network is not known'),
    'an arm nobody knows': (dict(arm='winner'), 'arm is not known'),
    'nan': (dict(mean=[.5, .5, None]), 'mean or std'),
}


@pytest.mark.parametrize('case', CHANGED)
def test_a_changed_model_json_is_refused(case, kept):
    values, told = CHANGED[case]
    with pytest.raises(ValueError, match=told) as error: load_model(said(kept, **values))
    assert '\n' not in str(error.value)


def test_changed_weights_are_refused(kept):
    content = bytearray((kept/'weights.safetensors').read_bytes())
    content[-1] ^= 1
    (kept/'weights.safetensors').write_bytes(content)
    with pytest.raises(ValueError, match='weights.safetensors was changed after it was kept, or damaged'):
        load_model(kept)
    (kept/'weights.safetensors').unlink()
    with pytest.raises(ValueError, match='has no weights.safetensors: copy the folder again'): load_model(kept)


def test_a_mask_that_is_not_the_one_of_the_run_is_refused(kept):
    about = read_about(kept)
    about['mask']['hash'] = '0' * 64
    said(kept, **about | dict(seal=checkpoints._sealed(about)))
    with pytest.raises(ValueError, match='the mask in .*weights.safetensors is not that of model.json'):
        load_model(kept)


def test_what_is_no_model_is_refused(tmp_path):
    for content, told in (('{', 'cannot be read'), ('[1]', 'has no format'), ('{"format": 1}', 'network is no dict')):
        (tmp_path/'model.json').write_text(content)
        with pytest.raises(ValueError, match=told): load_model(tmp_path)


def test_nothing_that_is_read_back_is_a_pickle(kept):
    assert {path.suffix for path in kept.iterdir()} == {'.safetensors', '.json', '.md'}
    for name in ('11_checkpoints', '17_predict'):
        text = (ROOT/f'nbs/{name}.ipynb').read_text(encoding='utf-8')
        assert 'pickle' not in text and not re.search(r'(?<!safetensors\.)torch\.(save|load)\b', text)


# New images

def test_an_empty_folder_is_refused(kept, tmp_path):
    (tmp_path/'new/deep').mkdir(parents=True)
    with pytest.raises(ValueError, match='no image in .*new: give a folder'): load_model(kept).predict(tmp_path/'new')
    (tmp_path/'new/LICENSE').write_text('CC0')
    with pytest.raises(ValueError, match=r'no image in .*new \(1 files that are none\)'):
        load_model(kept).predict(tmp_path/'new')


def test_a_folder_without_a_readable_image_is_refused(kept, tmp_path):
    (tmp_path/'new').mkdir()
    for name in 'ab': (tmp_path/f'new/{name}.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='none of the 2 images in .*new can be read; the first, a.png: no image of'):
        load_model(kept).predict(tmp_path/'new', show=False)


def test_a_table_of_files(kept, cells, tmp_path):
    model, file = load_model(kept), cells/'mono'
    names = sorted(path.name for path in file.iterdir())[:2]
    (tmp_path/'gone.csv').write_text('path\nno/a.png\nno/b.png\n')
    with pytest.raises(ValueError, match='none of the 2 files it lists is there; the first was looked for at .*no/a'):
        model.predict(tmp_path/'gone.csv', show=False)
    (tmp_path/'new.csv').write_text(f'Path;class\n{file/names[0]};mono\nno/b.png;mono\n{file/names[1]};other\n')
    found = model.predict(tmp_path/'new.csv', show=False)
    assert found.problem.tolist() == ['', 'no such file', ''] and found['class'][1] == ''
    assert found.file.tolist() == [str(file/names[0]), 'no/b.png', str(file/names[1])]
    assert checked(found).n == 1 and found[[*CLASSES]].iloc[1].isna().all() and pd.isna(found.unlike[1])


def test_sizes_and_modes_that_training_did_not_have(kept, tmp_path):
    (tmp_path/'new').mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (8, 8, 3), 'u1')).save(tmp_path/'new/small.png')
    for name, top in (('dark', 900), ('bright', 4000)):
        Image.fromarray(rng.integers(0, top, (30, 40)).astype(np.uint16)).save(tmp_path/f'new/{name}.png')
    model = load_model(kept)
    found = model.predict(tmp_path/'new', show=False)
    notes = '\n'.join(found.attrs['notes'])
    assert '1 of 3 images are smaller than 18 px, enlarged' in notes
    assert '2 of 3 images are of more than 8 bits where the training images had 8; white is 4095' in notes
    assert '2 of 3 images are without colour' in notes
    assert found.file.tolist() == ['bright.png', 'dark.png', 'small.png']
    beside = found[[*CLASSES]].to_numpy()
    for row, (name, same) in enumerate(dict(bright=True, dark=False).items()):  # one white for all of a call
        alone = model.predict(tmp_path/f'new/{name}.png', show=False)[[*CLASSES]].to_numpy()
        assert np.allclose(alone[0], beside[row], atol=1e-6) == same


def test_where_training_had_16_bits_its_white_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    for name in ('a', 'b'):
        (tmp_path/'deep'/name).mkdir(parents=True)
        for number in range(12):
            grey = rng.integers(0, 3000 + 1000 * (name == 'a'), (20, 20)).astype(np.uint16)
            Image.fromarray(grey).save(tmp_path/'deep'/name/f'{number}.png')
    work, runs = question(tmp_path/'deep', tmp_path, seeds='1'), Runs(tmp_path)
    compute(work, runs, folder=tmp_path/'x', keep='best')
    model = load_model(tmp_path/'x/networks/tuned-scratch')
    assert model.about['white'] == 4095 and model.about['grey'] == 1
    dark = tmp_path/'dark.png'
    Image.fromarray(np.full((20, 20), 900, np.uint16)).save(dark)
    [look] = predict._looks([('dark.png', dark.read_bytes())], model.about, 0)
    assert look.crops.max() == round(900 * 255 / 4095)
    (tmp_path/'new').mkdir()
    Image.fromarray(np.full((20, 20), 9000, np.uint16)).save(tmp_path/'new/bright.png')
    Image.fromarray(rng.integers(0, 256, (20, 20, 3), 'u1')).save(tmp_path/'new/colour.png')
    notes = '\n'.join(model.predict(tmp_path/'new', show=False).attrs['notes'])
    assert '1 of 2 images are brighter than 4095' in notes and '1 of 2 images are with colour' in notes
    assert '1 of 2 images are of 8 bits where the training images had more' in notes


def test_what_looks_like_nothing_it_knows_is_marked(done, kept, tmp_path):
    (tmp_path/'new').mkdir()
    checks = (np.indices((20, 20)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(np.stack([checks, 0 * checks, 255 - checks], 2)).save(tmp_path/'new/odd.png')
    model = load_model(kept)
    assert model.predict(tmp_path/'new', show=False).unlike.all()
    on_val = model.seen(done.work.splits.val)
    far = predict.nearest(on_val.features, model.made.centroids) > model.about['threshold']
    assert not far.any()  # six images: not one in a hundred may be


def test_labels_of_folders_and_archives_give_an_accuracy(kept, cells, tmp_path):
    model = load_model(kept)
    found = model.predict(cells, show=False)
    right = found['class'] == found.file.str.split('/').str[0]
    assert (checked(found).n, checked(found).right) == (72, right.sum())
    with zipfile.ZipFile(tmp_path/'new.zip', 'w') as packed:
        for path in cells.rglob('*.png'): packed.write(path, path.relative_to(cells.parent))
    again = model.predict(tmp_path/'new.zip', show=False)
    assert checked(again) == checked(found)


def test_a_table_is_written_over_only_if_it_is_ours(kept, cells, tmp_path, capsys):
    to = tmp_path/'out/predictions.csv'
    for _ in range(2): assert main(['predict', str(kept), str(cells), '--to', str(to)]) == 0
    told = capsys.readouterr().out
    assert '72 files: ' in told and 'accuracy ' in told and '--figure confusion.html' in told
    back = pd.read_csv(to)
    assert list(back.columns) == ['file', 'class', *CLASSES, 'unlike', 'problem'] and len(back) == 72
    assert np.allclose(back[[*CLASSES]].sum(axis=1), 1, atol=1e-5)
    (tmp_path/'mine.csv').write_text('patient,age\n')
    assert main(['predict', str(kept), str(cells), '--to', str(tmp_path/'mine.csv')]) == 1
    told = capsys.readouterr().err.splitlines()
    assert 'exists and is no table of predictions: name another file with --to' in told[-1]
    assert (tmp_path/'mine.csv').read_text() == 'patient,age\n'
    page = tmp_path/'page/confusion.html'
    assert main(['predict', str(kept), str(cells), '--to', str(to), '--figure', str(page)]) == 0
    assert page.stat().st_size > 1e6
    assert main(['predict', str(kept), str(cells), '--to', str(to), '--figure', 'a.pdf']) == 1
    assert 'a.pdf must end in .html' in capsys.readouterr().err


def test_a_class_that_is_called_like_a_column(tmp_path):
    for name in ('file', 'unlike'):
        (tmp_path/'odd'/name).mkdir(parents=True)
        for number in range(12):
            noise = np.random.default_rng(number + (name == 'file')).integers(0, 256, (20, 20, 3), 'u1')
            Image.fromarray(noise).save(tmp_path/'odd'/name/f'{number}.png')
    work, runs = question(tmp_path/'odd', tmp_path, seeds='1'), Runs(tmp_path)
    compute(work, runs, folder=tmp_path/'x', keep='best')
    found = load_model(tmp_path/'x/networks/tuned-scratch').predict(tmp_path/'odd', show=False)
    assert list(found.columns) == ['file', 'class', 'class file', 'class unlike', 'unlike', 'problem']
    assert write_table(found, tmp_path/'p.csv') == write_table(found, tmp_path/'p.csv')


# Other programs

ALONE = """import sys
sys.modules['lth_nb'] = None # whoever asks for it fails
import numpy as np
images = np.load(sys.argv[2])
if sys.argv[1].endswith('.pt2'):
    import torch
    facts = dict(classes='')
    graph = torch.export.load(sys.argv[1], extra_files=facts).module()
    probs = graph(torch.from_numpy(images)).detach().numpy()
else:
    import onnxruntime
    session = onnxruntime.InferenceSession(sys.argv[1])
    facts, probs = session.get_modelmeta().custom_metadata_map, session.run(None, dict(images=images))[0]
np.save(sys.argv[3], probs)
print(facts['classes'])"""


@pytest.mark.parametrize('ending', ['.pt2', '.onnx'])
def test_an_export_opens_without_this_package(ending, done, kept, tmp_path):
    if ending == '.onnx' and not has_onnx(): pytest.skip('the extra onnx is not installed')
    model, images = load_model(kept), done.work.splits.open_test()
    file = export(model, tmp_path/f'out/cells{ending}')
    crops = predict.eval_crops(images, np.arange(len(images)), px=16)
    np.save(tmp_path/'images.npy', crops.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    words = [sys.executable, '-c', ALONE, file, tmp_path/'images.npy', tmp_path/'probs.npy']
    told = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert told.returncode == 0, told.stderr[-2000:]
    assert json.loads(told.stdout.splitlines()[-1]) == list(CLASSES)
    ours = predict.tempered(model.seen(images).scores.probs, model.about['temperature']).numpy()
    assert abs(np.load(tmp_path/'probs.npy') - ours).max() < 1e-4
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # weights inside, nothing left aside


def test_an_export_that_differs_gets_no_name(kept, tmp_path, monkeypatch):
    made = open_checkpoint(kept)
    model = predict.Model(made, made.network(), 'cpu')
    monkeypatch.setattr(predict.Outside, 'forward', lambda self, images: self.network(images).softmax(1))
    with pytest.raises(ValueError, match="was not written: its probabilities differ from the network's by"):
        export(model, tmp_path/'out/cells.pt2')
    assert [*(tmp_path/'out').iterdir()] == []
    for to, told in (('cells.pkl', 'must end in .onnx or .pt2'), ('cells', 'must end in')):
        with pytest.raises(ValueError, match=told): export(model, tmp_path/to)


def test_onnx_without_its_extra_says_what_to_install(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, 'has_onnx', lambda: False)
    with pytest.raises(ValueError, match=r"needs the extra: pip install 'lth_nb\[onnx\]'"):
        export(load_model(kept), tmp_path/'cells.onnx')


# A network of others

def test_a_network_that_saw_photographs_is_kept_too(cells, tmp_path, monkeypatch):
    from lth_nb.models import others
    torch.manual_seed(0)
    (tmp_path/'hub/checkpoints').mkdir(parents=True)
    torch.save(others('resnet18').state_dict(), tmp_path/'hub/checkpoints/resnet18-f37072fd.pth')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path/'hub'))
    asked = request(dict(target=str(cells), preset='demo', recipe='tuned', px=16, rounds='10', seeds='1', batch=8,
                         arms='scratch,ticket', change='max_epochs=1', device='cpu', out=str(tmp_path)))
    small, large = (load(cells, px=px, cache=tmp_path/'cache') for px in (16, 32))
    banks = dict(cifar10=[Bank('cifar10-resnet20_8-tuned-s0')])
    work, runs = sweep(asked, small, banks, network='resnet18', large=large), Runs(tmp_path)
    work = SimpleNamespace(**vars(work) | dict(network=work.network))
    for spec in work.specs:
        if spec.arm == 'pretrained': work.protocols[spec.key] = shortened(work.protocols[spec.key])
    said = estimate(work, runs, keep='best')
    compute(work, runs, folder=tmp_path/'cells', keep='best')
    assert 80 < said.megabytes < 100
    for use in ('pretrained', 'probe'):
        hand_over([judged(use)], work.specs, runs, tmp_path/'cells')
        model = load_model(tmp_path/'cells')
        assert (model.about['arm'], model.px, model.about['network']['name']) == (use, 32, 'resnet18')
        with np.load(runs.place(model.about['run'])/'predictions.npz') as stored:
            probs = model.seen(large.open_test()).scores.probs.numpy()
            assert (probs.argmax(1) == stored['test_class']).all()
            assert abs(probs - stored['test_probs']).max() < 1e-3
            if use == 'pretrained': assert (probs.astype(np.float16) == stored['test_probs']).all()


def shortened(protocol):
    "A protocol of one epoch and one rate."
    from dataclasses import replace
    return replace(protocol, max_epochs=1, finetune_tries=1)
