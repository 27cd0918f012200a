"What would falsify a result is found in a set, named, and stops it until somebody accepts it by name."
import shutil
import tarfile
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from lth_nb.datasets import check, load
from lth_nb.datasets.check import FINDINGS
from lth_nb.datasets.standins import draw_standin

SLIDE = r'(slide\d+)_'
MANY = dict(train=25, val=10, test=35)  # images of each class


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    "A sound set of drawn cells: three splits, three classes, five images a slide, every slide in one split."
    images, labels = draw_standin('mouse_lba', 'train', np.arange(8 * sum(MANY.values())), 48)
    root, split = tmp_path_factory.mktemp('drawn'), np.repeat(list(MANY), list(MANY.values()))
    for c in range(3):
        for k, image in enumerate(images[labels == c]):
            (root/split[k]/f'cell_{c}').mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root/split[k]/f'cell_{c}'/f'slide{c}{k // 5:02d}_{k:02d}.png')
    return root


@pytest.fixture
def cells(drawn, tmp_path): return shutil.copytree(drawn, tmp_path/'cells')


@pytest.fixture
def ask(tmp_path):
    "The report on a set, and the levels of its findings by name."
    def asked(path, **how):
        report = check(str(path), cache=tmp_path/'cache', progress=False, **how)
        return report, {f.name: f.level for f in report.findings}
    return asked


def some(folder, n=1):
    "The first images of a folder."
    return sorted(folder.iterdir())[:n]


def test_a_sound_set_passes(cells, ask):
    report, found = ask(cells, groups=SLIDE)
    assert report.ok and set(found) == {'small'}  # 105 test images cannot tell small differences
    assert report.counts.tolist() == [[25] * 3, [10] * 3, [35] * 3] and report.classes == ('cell_0', 'cell_1', 'cell_2')
    assert 'passes' in str(report) and 'groups: 42' in str(report)


def test_the_fingerprint_is_that_of_load(cells, ask, tmp_path):
    shutil.rmtree(cells/'val')  # so that a part is drawn
    report, _ = ask(cells)
    larger, _ = ask(cells, source_val=.3)
    assert report.fingerprint == load(str(cells), cache=tmp_path/'cache').fingerprint
    assert larger.fingerprint == load(str(cells), cache=tmp_path/'cache', source_val=.3).fingerprint
    assert report.fingerprint != larger.fingerprint


def test_the_same_pixels_in_two_splits(cells, ask):
    taken, = some(cells/'train/cell_1')
    Image.open(taken).save(cells/'test/cell_1/other_name.bmp')  # other name, other format, other bytes
    report, found = ask(cells)
    assert found['leak'] == 'error' and not report.ok and 'does not pass' in str(report)
    assert 'near_leak' not in found and 'duplicates' not in found
    leak = next(f for f in report.findings if f.name == 'leak')
    assert leak.paths == (f'test/cell_1/other_name.bmp = train/cell_1/{taken.name}',) and leak.paths[0] in leak.text


TURNS = {turn.name: turn for turn in Image.Transpose}


@pytest.mark.parametrize('turn', TURNS)
def test_a_turned_copy_in_another_split(cells, ask, turn):
    for path in some(cells/'train/cell_2', 2):
        Image.open(path).transpose(TURNS[turn]).save(cells/f'test/cell_2/{path.name}')
    report, found = ask(cells)
    assert found['near_leak'] == 'error' and not report.ok and 'leak' not in found
    assert len(next(f for f in report.findings if f.name == 'near_leak').paths) == 2


COPIES = {'smaller': lambda i: i.resize((33, 33)), 'larger': lambda i: i.resize((80, 80)),
          'cropped': lambda i: i.crop((1, 1, 47, 47)), 'brighter': lambda i: i.point(lambda v: v * 1.1),
          'another shape': lambda i: i.resize((60, 48)), 'grey': lambda i: i.convert('L')}


@pytest.mark.parametrize('how', COPIES)
def test_a_treated_copy_in_another_split(cells, ask, how):
    for path in some(cells/'train/cell_0', 2):
        COPIES[how](Image.open(path)).save(cells/f'test/cell_0/{path.stem}.jpg', quality=60)
    assert ask(cells)[1]['near_leak'] == 'error'


def test_few_near_copies_warn_and_those_within_a_split_do_not(cells, ask):
    one, two = some(cells/'train/cell_0', 2)
    Image.open(one).transpose(Image.Transpose.ROTATE_90).save(cells/'test/cell_0/turned.png')  # 1 of 106: below 1 %
    Image.open(two).transpose(Image.Transpose.ROTATE_90).save(cells/'train/cell_0/turned.png')
    report, found = ask(cells)
    assert found['near_leak'] == 'warning' and report.ok
    assert len(next(f for f in report.findings if f.name == 'near_leak').paths) == 1


def test_plain_images_are_not_copies(tmp_path, ask):
    for split in ('train', 'val', 'test'):
        for c in range(2):
            (tmp_path/'plain'/split/f'{c}').mkdir(parents=True)
            for k in range(6):
                shade = np.full((40, 40, 3), 30 + 10 * k + len(split) + 3 * c, np.uint8)
                Image.fromarray(shade).save(tmp_path/'plain'/split/f'{c}/{k}.png')
    assert not {'near_leak', 'alike'} & set(ask(tmp_path/'plain')[1])


def test_one_picture_under_two_labels(cells, ask):
    taken, = some(cells/'train/cell_0')
    shutil.copy(taken, cells/'train/cell_1'/taken.name)
    report, found = ask(cells)
    assert found['contradiction'] == 'error' and not report.ok and 'leak' not in found and 'duplicates' not in found


def test_one_picture_twice_in_a_class(cells, ask):
    taken, = some(cells/'train/cell_0')
    shutil.copy(taken, cells/'train/cell_0/again.png')
    report, found = ask(cells)
    assert found['duplicates'] == 'warning' and report.ok and not {'leak', 'contradiction'} & set(found)


def test_a_group_in_two_splits(cells, ask):
    moved, = some(cells/'train/cell_0')
    moved.rename(cells/'test/cell_0'/moved.name)
    report, found = ask(cells, groups=SLIDE)
    assert found['group_leak'] == 'error' and not report.ok
    assert len(next(f for f in report.findings if f.name == 'group_leak').paths) == 5
    assert 'group_leak' not in ask(cells)[1] and 'groups: not known' in str(ask(cells)[0])


def test_groups_of_a_csv(cells, ask, tmp_path):
    rows = ['path,class,split,group']
    for path in sorted(cells.glob('*/*/*.png')):
        split, label, name = path.relative_to(cells).parts
        rows.append(f'{path},{label},{split},{name[:8] if name != "slide000_00.png" else "slide010"}')
    (tmp_path/'cells.csv').write_text('\n'.join(rows))
    report, found = ask(tmp_path/'cells.csv')
    assert found['group_leak'] == 'error' and 'slide010 in test and train' in str(report)


@pytest.mark.parametrize('groups, told', [('(slide', 'no regular expression'), ('slide', 'one pair of brackets'),
                                          ('(slide)0', 'fits 70 of 210 paths')])
def test_groups_that_cannot_be_read_are_refused(cells, ask, groups, told):
    with pytest.raises(ValueError, match=told): ask(cells, groups=groups)


def test_a_stain_that_gives_the_class_away(cells, ask):
    for c in range(3):
        stain = 1 + .15 * np.eye(3)[c]
        for path in cells.glob(f'*/cell_{c}/*'):
            Image.fromarray((np.asarray(Image.open(path)) * stain).clip(0, 255).astype(np.uint8)).save(path)
    report, found = ask(cells)
    assert found['colour'] == 'warning' and report.ok and 'chance is 33 %' in str(report)


def test_too_few_or_too_equal_colours_are_no_shortcut(tmp_path, ask):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (32 * 32, 3), dtype=np.uint8)
    for name, n in dict(single=1, shuffled=6).items():  # one image a class; the same pixels in another order
        for folder in ('train/a', 'train/b', 'val/a', 'val/b', 'test/a', 'test/b'):
            (tmp_path/name/folder).mkdir(parents=True)
            for k in range(n):
                image = rng.permutation(pixels).reshape(32, 32, 3)
                Image.fromarray(image).save(tmp_path/name/folder/f'{k}.png')
        report, found = ask(tmp_path/name)
        assert report.ok and set(found) == {'small'}


def test_a_format_that_gives_the_class_away(cells, ask):
    for path in cells.glob('*/cell_1/*'):
        Image.open(path).save(path.with_suffix('.jpg'), quality=95)
        path.unlink()
    report, found = ask(cells)
    assert found['modes'] == 'warning' and report.ok and 'JPEG RGB' in str(report)


def test_imbalance_and_an_absent_class(cells, ask):
    for path in some(cells/'train/cell_2', 21): path.unlink()
    for path in some(cells/'val/cell_1', 10): path.unlink()
    (cells/'val/cell_1').rmdir()
    report, found = ask(cells)
    assert found['imbalance'] == found['absent'] == 'warning' and report.ok
    assert 'train has 25 of cell_0 and 4 of cell_2' in str(report) and 'no image of cell_1 in val' in str(report)


def test_a_broken_file(cells, ask, tmp_path):
    whole, = some(cells/'train/cell_0')
    (cells/'train/cell_0/half.png').write_bytes(whole.read_bytes()[:700])
    (cells/'test/cell_1/empty.png').touch()
    report, found = ask(cells)
    broken = next(f for f in report.findings if f.name == 'broken')
    assert broken.level == 'error' and not report.ok and len(broken.paths) == 2 and 'the file is empty' in broken.text
    assert report.counts.sum() == 210
    assert report.fingerprint == load(str(cells), cache=tmp_path/'cache', skip_broken=True).fingerprint


def test_accepted_by_name_and_by_no_other(cells, ask):
    taken, = some(cells/'train/cell_0')
    shutil.copy(taken, cells/'test/cell_0/stolen.png')
    (cells/'test/cell_1/empty.png').touch()
    assert not ask(cells, accept='leak')[0].ok
    report, found = ask(cells, accept='leak, broken')
    assert report.ok and report.accepted == ('leak', 'broken') and 'error, accepted: leak' in str(report)
    assert ask(cells, accept='leak,broken')[0].ok and found['leak'] == 'error'
    with pytest.raises(ValueError, match=f"unknown finding to accept 'leaks': choose from {', '.join(FINDINGS)}"):
        ask(cells, accept='leaks')


def test_every_finding_is_listed_once_and_errors_first(cells, ask):
    taken, = some(cells/'train/cell_0')
    for folder in ('test/cell_0', 'test/cell_1'): shutil.copy(taken, cells/folder/taken.name)
    shutil.copy(taken, cells/'train/cell_0/slide000_99.png')
    found = ask(cells, groups=SLIDE)[1]
    assert list(found) == ['contradiction', 'leak', 'group_leak', 'duplicates', 'small']
    names = [f.name for f in ask(cells, groups=SLIDE)[0].findings]
    assert names == list(found) and set(names) <= set(FINDINGS)


def test_a_second_check_opens_no_image_and_a_changed_file_is_looked_at(cells, ask, tmp_path, monkeypatch):
    with tarfile.open(tmp_path/'cells.tar', 'w') as packed: packed.add(cells, 'cells')
    first, _ = ask(tmp_path/'cells.tar')
    with monkeypatch.context() as patch:
        patch.setattr(import_module('lth_nb.datasets.check'), 'decode', None)
        assert str(ask(tmp_path/'cells.tar')[0]) == str(first)
    assert first.fingerprint == ask(cells)[0].fingerprint
    taken, = some(cells/'train/cell_0')
    shutil.copy(taken, cells/'test/cell_0/stolen.png')
    assert 'leak' in ask(cells)[1]


def test_what_is_kept_belongs_to_one_way_of_splitting(cells, tmp_path):
    shutil.rmtree(cells/'val')
    for path in some(cells/'train/cell_0', 25):
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path.with_suffix('.bmp'))
    def ask(source_val, cache):
        return check(str(cells), source_val=source_val, cache=tmp_path/cache, progress=False)
    first, second = ask(.1, 'one'), ask(.4, 'one')
    assert str(second) == str(ask(.4, 'another')) != str(first)


def test_table_1_stands_beside_a_target(cells, ask, tmp_path):
    cells.rename(tmp_path/'bone_marrow')
    report, found = ask('bone_marrow', data=tmp_path)
    assert found['table1'] == 'note' and report.ok
    assert ['in', 'Table', '1', '522', '130', '639', '1,291'] in [line.split() for line in str(report).splitlines()]
    stand_in, found = ask('bone_marrow', data=tmp_path/'nothing')
    assert stand_in.ok and stand_in.kind == 'stand-in' and 'table1' not in found
    assert stand_in.counts.sum(1).tolist() == [522, 130, 639] and 'drawn, not bone_marrow' in str(stand_in)
