"Image sets as real people bring them: read right, refused in a sentence, or named by the check; never wrong unsaid."
import io
import pickle
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from pictures import folder_of, stored
from PIL import Image

from lth_nb.datasets import check, list_sets, load, prepare, subset
from lth_nb.datasets import folders as files
from lth_nb.datasets.folders import Unread, entries_of, files_of, files_only, listing
from lth_nb.datasets.images import (
    CUT,
    LONGEST,
    Unreadable,
    cached,
    channel_stats,
    decode,
    grouped,
    in_turn,
    pack,
)
from lth_nb.datasets.sets import find, shelves


def picture(seed, px=24, tint=0):
    "Noise, smooth enough for a JPEG, with a little more of one channel."
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 200, (px // 4, px // 4, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((px, px), Image.Resampling.BICUBIC)).astype(int)
    return Image.fromarray(np.clip(smooth + rng.integers(-9, 9, smooth.shape) + tint, 0, 255).astype(np.uint8))


def cells(classes=('a', 'b'), n=12, px=24):
    "Relative path -> content of a small sound set."
    return {f'{c}/{i:02d}.png': stored(picture(100 * k + i, px)) for k, c in enumerate(classes) for i in range(n)}


@pytest.fixture
def ask(tmp_path):
    "The report on a set as text, and its findings by name."
    def asked(path, **how):
        report = check(str(path), cache=tmp_path/'cache', progress=False, **how)
        return str(report), {finding.name: finding for finding in report.findings}
    return asked


# Tables

TABLES = {
    'a comma in a class': ('path,class\na.png,carcinoma, ductal', 'line 2, column 3: the row has 3 cells', "'ductal'"),
    'a comma before the group': ('path,class,patient\na.png,carcinoma, ductal,P1', 'line 2, column 4', "'P1'"),
    'a comma in a name': ('path,class\na.png,x\nMonet, C. 1.png,x', 'line 3, column 3', 'quotation marks'),
    'an empty cell too many': ('path,class\na.png,x,', 'line 2, column 3', '3 cells'),
    'a cell too few': ('path,class,group\na.png,x', 'line 2, column group', '2 cells, the heading has 3'),
    'another separator': ('path,class\na.png;x', 'line 2, column class', '1 cells'),
    'a column twice': ('path,class,class\na.png,x,y', 'line 1, column class', '2 times'),
    'a column twice, by case': ('path,class,note,Note\na.png,x,,', 'line 1, column note', '2 times'),
    'a quotation mark not closed': ('path,class\n"a.png,x\nb.png,y', 'not closed'),
    'a million columns': ('path,class,' + ','.join(map(str, range(99_999))), 'line 1: 100,001 columns'),
}


@pytest.mark.parametrize('case', TABLES)
def test_a_row_that_does_not_fit_is_refused_with_its_line_and_column(case, tmp_path):
    text, *said = TABLES[case]
    (tmp_path/'t.csv').write_text(text)
    with pytest.raises(ValueError) as error: listing(tmp_path/'t.csv')
    assert [part for part in ('t.csv', *said) if part not in str(error.value)] == [], str(error.value)


def test_names_in_quotation_marks_keep_their_commas(tmp_path):
    folder_of(tmp_path, {'Monet, C. 1.png': b'', 'b.png': b''})
    (tmp_path/'t.csv').write_text('path,class,,\n"Monet, C. 1.png","carcinoma, ductal",,\nb.png,"x ""y""",,\n')
    assert listing(tmp_path/'t.csv').labels == ('carcinoma, ductal', 'x "y"')


@pytest.mark.parametrize('written, sought', [('a_000', 'a_000'), ('D:\\study\\{}.png', 'study'),
                                             ('img/{}.png', 'img/0.png')])
def test_a_table_of_files_that_are_not_there_says_where_it_looked(tmp_path, written, sought):
    rows = [f'{written.format(k) + ("" if "{" in written else str(k))},{"ab"[k % 2]}' for k in range(6)]
    (tmp_path/'t.csv').write_text('\n'.join(['path,class', *rows]))
    with pytest.raises(ValueError, match='none of the 6 files it lists is there') as error: find(tmp_path/'t.csv')
    assert sought in str(error.value) and str(tmp_path) in str(error.value) and 'put images in' not in str(error.value)


# Pixels

def tiff(pixels, photometric, planar=1):
    "An uncompressed TIFF written by hand, grey or colour, its channels together or in planes."
    height, width, *channels = pixels.shape
    n = channels[0] if channels else 1
    planes = [pixels[..., k] for k in range(n)] if planar == 2 else [pixels]
    parts = [np.ascontiguousarray(plane).astype(pixels.dtype.newbyteorder('<')).tobytes() for plane in planes]
    bits = pixels.dtype.itemsize * 8
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * n), 259: (3, [1]), 262: (3, [photometric]),
            273: (4, [0] * len(parts)), 277: (3, [n]), 278: (4, [height]), 279: (4, [len(part) for part in parts]),
            284: (3, [planar]), 339: (3, [3 if pixels.dtype.kind == 'f' else 1] * n)}
    places, position = {}, 8 + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in tags.items():
        size = len(values) * (2 if kind == 3 else 4)
        if size > 4:
            places[tag] = position
            position += size
    tags[273] = 4, [position + sum(map(len, parts[:k])) for k in range(len(parts))]
    head, tail = b'II*\0' + struct.pack('<IH', 8, len(tags)), b''
    for tag, (kind, values) in tags.items():
        raw = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        there = struct.pack('<I', places[tag]) if tag in places else raw.ljust(4, b'\0')
        head += struct.pack('<HHI', tag, kind, len(values)) + there
        tail += raw if tag in places else b''
    return head + bytes(4) + tail + b''.join(parts)


COLOURS = np.asarray(picture(3, 32))

def test_planes_are_read_right_or_refused():
    assert np.array_equal(decode(tiff(COLOURS, 2, 2), 0).pixels, COLOURS)
    assert np.array_equal(decode(tiff(COLOURS.astype('u2') * 257, 2), 0).pixels, COLOURS)
    with pytest.raises(Unreadable, match='planes of their own'): decode(tiff(COLOURS.astype('u2') * 257, 2, 2), 0)


@pytest.mark.parametrize('values', [COLOURS[..., 0].astype('u2') * 257, COLOURS[..., 0].astype('u2') * 16,
                                    COLOURS[..., 0] / np.float32(255)], ids=['16 bits', '12 bits', 'floats'])
def test_grey_that_counts_from_white_is_turned(values):
    values = values.astype(values.dtype if values.dtype.kind == 'u' else 'f4')
    plain, inverted = decode(tiff(values, 1), 0), decode(tiff(values, 0), 0)
    assert abs(plain.pixels.astype(int) + inverted.pixels - 255).max() <= 1
    assert 'inverted, white is 0' in inverted.remarks and 'inverted, white is 0' not in plain.remarks


def test_a_png_whose_checksum_is_wrong_is_refused():
    data = bytearray(stored(picture(1)))
    at = data.index(b'IDAT')
    length = int.from_bytes(data[at - 4:at])
    refused = 0
    for position in range(at + 6, at + length, 97):
        data[position] ^= 16
        try: decode(bytes(data), 0)
        except Unreadable: refused += 1
        data[position] ^= 16
    assert refused == len(range(at + 6, at + length, 97))
    assert np.array_equal(decode(bytes(data), 0).pixels, np.asarray(picture(1)))


def test_a_jpeg_that_lacks_its_end_is_a_finding(tmp_path, ask):
    contents = cells(n=10, px=64)
    whole = stored(picture(1, 64), 'JPEG', quality=95)
    half = whole[:len(whole) // 2] + b'\xff\xd9'
    assert CUT in decode(half, 0).remarks and CUT not in decode(whole, 0).remarks
    grey = Image.new('RGB', (64, 64), (128, 128, 128))
    assert CUT not in decode(stored(grey, 'JPEG'), 0).remarks  # of one colour: that is another finding
    said, found = ask(folder_of(tmp_path/'set', contents | {'a/half.jpg': half, 'b/whole.jpg': whole}))
    assert found['cut'].level == 'warning' and found['cut'].paths == ('a/half.jpg',)


EXIF = {'bits as bytes': (0x102, 1, 3, b'\x08\x08\x08'), 'a unit as text': (0x128, 2, 2, b'2'),
        'a width as text': (0x100, 2, 3, b'64'), 'a resolution as text': (0x11a, 2, 3, b'72'),
        'sound': (0x128, 3, 1, b'\2\0')}

@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
@pytest.mark.parametrize('case', EXIF)
def test_a_photograph_is_turned_whatever_else_its_exif_says(case, orientation):
    whole = stored(picture(1, 64).crop((0, 0, 64, 40)), 'JPEG')
    tag, kind, n, value = EXIF[case]
    tags = sorted([(0x112, 3, 1, struct.pack('<HH', orientation, 0)), (tag, kind, n, value.ljust(4, b'\0'))])
    ifd = struct.pack('<H', 2) + b''.join(struct.pack('<HHI', *one[:3]) + one[3] for one in tags) + bytes(4)
    part = b'Exif\0\0II*\0' + struct.pack('<I', 8) + ifd
    turned = decode(whole[:2] + b'\xff\xe1' + struct.pack('>H', len(part) + 2) + part + whole[2:], 0)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}
    assert np.array_equal(turned.pixels, np.rot90(decode(whole, 0).pixels, turns[orientation]))
    assert turned.native == turned.pixels.shape[:2]


def test_exif_that_cannot_be_read_leaves_the_picture():
    whole = stored(picture(1), 'JPEG')
    part = b'Exif\0\0II*\0' + b'\xff' * 20
    read = decode(whole[:2] + b'\xff\xe1' + struct.pack('>H', len(part) + 2) + part + whole[2:], 0)
    assert np.array_equal(read.pixels, decode(whole, 0).pixels)


def test_a_strip_is_refused_at_every_size(tmp_path, ask):
    strip = stored(Image.new('RGB', (LONGEST * 2 + 1, 2), 'red'))
    for short in (0, 8, 37, 256):
        with pytest.raises(Unreadable, match='a strip of more than'): decode(strip, short)
    assert decode(stored(picture(1, 512).crop((0, 0, 512, 2))), 32).native == (2, 512)
    _, found = ask(folder_of(tmp_path/'set', cells() | {'a/bar.png': strip}))
    assert found['broken'].level == 'error' and found['broken'].paths == ('a/bar.png',)
    with pytest.raises(ValueError, match='a strip of more than'): load(str(tmp_path/'set'), cache=tmp_path/'cache')


def test_a_channel_that_holds_nothing_is_no_end_of_a_run():
    green = np.zeros((8, 8, 3), np.uint8)
    green[..., 1] = np.arange(64).reshape(8, 8)
    mean, std = channel_stats(pack([green], [0]))
    assert std[[0, 2]].tolist() == [1, 1] and 0 < std[1] < 1 and mean[0] == 0


# Public sets

def npz(file, labels, *, classes=8, n=(16, 8, 8), shape=(28, 28, 3), **other):
    "A file as MedMNIST has them; `labels` makes those of one split from their number."
    rng = np.random.default_rng(0)
    arrays = {}
    for split, number in zip(('train', 'val', 'test'), n):
        arrays[f'{split}_images'] = rng.integers(0, 256, (number, *shape), dtype=np.uint8)
        arrays[f'{split}_labels'] = labels(number)
    np.savez(file, **arrays | other)
    return file


FILES = {
    'fewer classes': ('x.npz', lambda n: np.arange(n)[:, None] % 7, '7 different labels, 0 to 6; this set has 8'),
    'counted from 1': ('x.npz', lambda n: np.arange(n)[:, None] % 8 + 1, '1 to 8; this set has 8, 0 to 7'),
    'more classes': ('x.npz', lambda n: np.arange(n)[:, None] % 9, '9 different labels'),
    'below 0': ('x.npz', lambda n: np.arange(n)[:, None] % 8 - 1, '-1 to 6'),
    'many labels an image': ('x.npz', lambda n: np.eye(14, dtype=int)[np.arange(n) % 14], 'not one whole number'),
    'more labels than images': ('x.npz', lambda n: np.arange(n + 3)[:, None] % 8, '19 labels for 16 images'),
    'fewer labels than images': ('x.npz', lambda n: np.arange(n - 3)[:, None] % 8, '13 labels for 16 images'),
    'parts of numbers': ('x.npz', lambda n: np.arange(n)[:, None] % 8 / 2, 'not one whole number'),
    'the name of another set': ('dermamnist_64.npz', lambda n: np.arange(n)[:, None] % 8, 'is the file of dermamnist'),
    'a set in space': ('organmnist3d.npz', lambda n: np.arange(n)[:, None] % 8, 'is the file of organmnist3d'),
}


@pytest.mark.parametrize('case', FILES)
def test_a_file_of_another_set_is_refused(case, tmp_path):
    name, labels, said = FILES[case]
    with pytest.raises(ValueError) as error:
        prepare('bloodmnist', npz(tmp_path/name, labels), tmp_path/'out')
    assert said in str(error.value) and name in str(error.value) and not (tmp_path/'out').exists()


def test_images_of_another_shape_and_files_that_are_no_npz_are_refused(tmp_path):
    def right(n): return np.arange(n)[:, None] % 8
    with pytest.raises(ValueError, match=r'shape \(16, 28, 28, 28\), not'):
        prepare('bloodmnist', npz(tmp_path/'cube.npz', right, shape=(28, 28, 28)), tmp_path/'out')
    np.save(tmp_path/'plain.npz.npy', np.zeros(3))
    (tmp_path/'plain.npz.npy').rename(tmp_path/'plain.npz')
    with pytest.raises(ValueError, match='plain.npz is damaged or no npz'):
        prepare('bloodmnist', tmp_path/'plain.npz', tmp_path/'out')
    made = prepare('bloodmnist', npz(tmp_path/'bloodmnist.npz', right), tmp_path/'out')
    assert made.card['sizes'] == dict(train=16, val=8, test=8) and made.card['classes'] == 8


@pytest.mark.parametrize('name, file, said', [
    ('organamnist', 'x.npz', 'MedMNIST'), ('mine', 'x.parquet', 'art sets'), ('mine', 'x.png', 'is one image'),
    ('artist_classification_1', 'x.csv', 'no parquet file')])
def test_a_file_that_is_read_for_other_sets_is_not_told_to_be_unpacked(name, file, said, tmp_path):
    content = dict(png=stored(picture(1)), csv=b'or not').get(file.rpartition('.')[2], b'PAR1 or not')
    folder_of(tmp_path, {file: content})
    with pytest.raises(ValueError, match=said) as error: prepare(name, tmp_path/file, tmp_path/'out')
    assert 'unpack' not in str(error.value)


CIFAR = {
    'cut': lambda data: data[:5000], 'empty': lambda data: b'', 'a call': lambda data: b"cos\nsystem\n(S'true'\ntR.",
    'a list': lambda data: pickle.dumps([1, 2]), 'other labels': lambda data: data.replace(b'K\x09', b'K\x0b'),
    'fewer labels': lambda data: pickle.dumps(pickle.loads(data) | dict(labels=[1])),
    'other pixels': lambda data: pickle.dumps(pickle.loads(data) | dict(data=np.zeros((20, 30), np.uint8)))}

@pytest.mark.parametrize('case', CIFAR)
def test_a_damaged_file_of_cifar_is_named(case, tmp_path):
    names = [*(f'data_batch_{k}' for k in range(1, 6)), 'test_batch']
    rng = np.random.default_rng(0)
    part = dict(data=rng.integers(0, 256, (20, 3072), dtype=np.uint8), labels=[k % 10 for k in range(20)])
    folder = folder_of(tmp_path/'cifar-10-batches-py', {name: pickle.dumps(part, 2) for name in names})
    folder_of(folder, {'batches.meta': pickle.dumps(dict(label_names=[f'c{k}' for k in range(10)]), 2)})
    damaged = CIFAR[case]((folder/'data_batch_1').read_bytes())
    (folder/'data_batch_1').write_bytes(damaged)
    with pytest.raises(ValueError, match='data_batch_1 .*download it again'):
        list(find('cifar10', tmp_path).entries())


# What the check names

BLANK = {
    'half of one colour': lambda k, image: Image.new('RGB', image.size, 'white') if k % 2 else image,
    'all black': lambda k, image: Image.new('RGB', image.size),
    'transparent': lambda k, image: Image.merge('RGBA', (*image.split(), Image.new('L', image.size, 0)))}

@pytest.mark.parametrize('case', BLANK)
def test_images_that_show_nothing_are_a_finding(case, tmp_path, ask):
    contents = {}
    for k in range(40):
        image = picture(k, 64).resize((40 + k, 41))
        contents[f'{"ab"[k % 4 > 1]}/{k:03d}.png'] = stored(BLANK[case](k, image))
    said, found = ask(folder_of(tmp_path/'set', contents))
    kind = 'wholly transparent' if case == 'transparent' else 'of one colour'
    assert found['blank'].level == 'error' and kind in found['blank'].text
    assert len(found['blank'].paths) == (20 if 'half' in case else 40)


def test_a_few_blank_images_warn_and_the_list_of_copies_stays_short(tmp_path, ask):
    contents = cells(n=40)
    for k in range(6): contents[f'{"ab"[k % 2]}/blank_{k}.png'] = stored(Image.new('RGB', (24, 24), 'white'))
    said, found = ask(folder_of(tmp_path/'set', contents))
    assert found['blank'].level == 'warning' and 'contradiction' in found
    assert 'and 3 more' in found['blank'].text and ' = 3 more' in found['contradiction'].text
    assert max(map(len, said.splitlines())) < 1000


MASKS = {'{}_mask': 'a/00_mask.png', '{}_mask_1': 'a/00_mask_1.png', 'mask_{}': 'a/mask_00.png',
         '{}-seg': 'a/00-seg.png', '{} (1)': '', '{}_masked': ''}

@pytest.mark.parametrize('pattern', MASKS)
def test_masks_beside_their_images_are_a_finding(pattern, tmp_path, ask):
    drawings = {f'a/{pattern.format(f"{k:02d}")}.png': stored(picture(900 + k)) for k in range(5)}
    said, found = ask(folder_of(tmp_path/'set', cells() | drawings))
    assert ('masks' in found) == bool(MASKS[pattern])
    if 'masks' in found: assert found['masks'].paths[0] == MASKS[pattern] and len(found['masks'].paths) == 5


def test_a_class_of_masks_and_names_that_are_one_or_numbers_are_findings(tmp_path, ask):
    assert 'masks' in ask(folder_of(tmp_path/'one', cells(('cell', 'masks'))))[1]
    _, found = ask(folder_of(tmp_path/'two', cells(('Cat', 'cat', 'dog'))))
    assert found['names'].level == 'warning' and "'Cat' and 'cat'" in found['names'].text
    _, found = ask(folder_of(tmp_path/'three', cells(('1', '10', '2'))))
    assert found['names'].level == 'note' and '1, 10, 2' in found['names'].text
    assert not {'names', 'masks'} & set(ask(folder_of(tmp_path/'four', cells(('cat_1', 'cat_2'))))[1])


def blurred(image): return image.resize((8, 8)).resize(image.size, Image.Resampling.BICUBIC)
def brighter(image): return Image.fromarray(np.clip(np.asarray(image).astype(int) + 50, 0, 255).astype(np.uint8))
def bluer(image): return Image.fromarray(np.clip(np.asarray(image) + np.array([0, 0, 60]), 0, 255).astype(np.uint8))
def larger(image): return image.resize((48, 48))


@pytest.mark.parametrize('change, word', [(blurred, 'sharpness'), (brighter, 'brightness'), (bluer, 'blue'),
                                          (larger, 'size'), (None, '')],
                         ids=['blur', 'light', 'channel', 'size', 'none'])
def test_a_class_that_one_number_tells_from_the_rest_is_a_finding(change, word, tmp_path, ask):
    contents = {}
    for k, name in enumerate('abcdef'):
        for i in range(20):
            image = picture(100 * k + i)
            contents[f'{name}/{i:02d}.png'] = stored(change(image) if change and name == 'c' else image)
    said, found = ask(folder_of(tmp_path/'set', contents))
    assert ('shortcut' in found) == bool(word)
    if word: assert found['shortcut'].level == 'warning' and word in found['shortcut'].text
    if word: assert 'c by ' in found['shortcut'].text and 'b by ' not in found['shortcut'].text


# One rule for what is an image

def test_check_list_prepare_and_load_agree_on_what_is_no_image(tmp_path, ask):
    contents = cells(n=10)
    for name in list(contents): contents[name.replace('.png', '.geojson')] = b'{}'
    notes = {'LICENSE': b'CC0', 'a/.hidden.png': b'', 'b/scan.xmp': b'<x/>', 'Makefile': b'all:'}
    images = {'a/without_ending': stored(picture(77)), 'b/odd.img': stored(picture(78))}
    root = folder_of(tmp_path/'data/tiles', contents | notes | images)
    said, found = ask(root)
    assert found['aside'].paths == ('LICENSE', 'Makefile', 'b/scan.xmp') and 'broken' not in found
    row = next(row for row in list_sets(tmp_path/'data', cache=tmp_path/'cache') if row['name'] == 'tiles')
    splits = load(str(root), cache=tmp_path/'cache')
    made = prepare('mine', root, tmp_path/'out')
    counted = sum(row[part] for part in ('train', 'val', 'test'))
    assert counted == 22 == len(splits.train) + len(splits.val) + splits.n_test == sum(made.card['sizes'].values())
    assert any('3 files were passed over' in note for note in made.card['notes'])
    with tarfile.open(tmp_path/'tiles.tar', 'w') as archive: archive.add(root, 'tiles')
    assert ask(tmp_path/'tiles.tar')[1]['aside'].paths == ('tiles/LICENSE', 'tiles/Makefile', 'tiles/b/scan.xmp')


def test_what_was_made_inside_a_set_is_no_part_of_it(tmp_path, monkeypatch):
    for name, prefix in dict(cells='', split='train/').items():
        root = folder_of(tmp_path/name, {prefix + path: data for path, data in cells().items()})
        if prefix: folder_of(root, {'test/' + path: stored(picture(500 + k)) for k, path in enumerate(cells())})
        monkeypatch.chdir(root)
        first = check('./', progress=False)
        (root/'runs/figure').mkdir(), (root/'runs/figure/1.png').write_bytes(stored(picture(1)))
        load('./', cache='trials/smoke/cache'), prepare('mine', './', 'data')
        assert first.classes == ('a', 'b') and check('./', progress=False).fingerprint == first.fingerprint
        assert load('./').classes == ('a', 'b') and load('./').fingerprint == first.fingerprint
        assert not any(path.startswith(('runs', 'trials', 'data')) for path, _ in files_of(root))
    named = folder_of(tmp_path/'named', cells(('runs', 'walks')))
    assert check(str(named), cache=tmp_path/'cache', progress=False).classes == ('runs', 'walks')


def test_a_class_too_small_is_named(tmp_path):
    splits = load(str(folder_of(tmp_path/'set', cells(('basophil', 'monocyte')))), cache=tmp_path/'cache')
    for train in ('40/class', '1'):
        with pytest.raises(ValueError, match="class '(basophil|monocyte)'"):
            subset(splits.train, train, seed=0, classes=splits.classes)


def test_folders_without_end_are_refused(tmp_path):
    deep = folder_of(tmp_path/'set', cells())/'a'
    for _ in range(files.DEEPEST + 2): deep = deep/'d'
    deep.mkdir(parents=True)
    with pytest.raises(ValueError, match="folders in folders, 100 deep and more"): list(files_of(tmp_path/'set'))


# Archives

def tar(path, contents):
    "A plain tar of these files."
    with tarfile.open(path, 'w') as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_a_tar_that_was_cut_or_has_a_damaged_header_is_refused(tmp_path):
    path = tar(tmp_path/'set.tar', cells())
    with tarfile.open(path) as archive: starts = [member.offset for member in archive]
    whole = path.read_bytes()
    assert len(list(entries_of(path))) == 24
    flipped = bytearray(whole)
    flipped[starts[9] + 3] ^= 4
    blank = whole[:starts[9]] + bytes(512) + whole[starts[9] + 512:]
    spoilt = {'in a header': whole[:starts[9] + 100], 'between files': whole[:starts[9]],
              'in a file': whole[:starts[9] + 700], 'flipped': bytes(flipped), 'blank': blank,
              'two in one': whole + whole}
    for case, data in spoilt.items():
        path.write_bytes(data)
        for read in (True, False):
            with pytest.raises(ValueError, match='set.tar is damaged or no archive'):
                assert not list(entries_of(path, read=read)), case


def test_a_zip_that_was_cut_or_is_damaged_is_refused_in_one_line(tmp_path):
    path = tmp_path/'set.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in cells().items(): archive.writestr(name, data)
    whole = path.read_bytes()
    assert len(list(entries_of(path))) == 24
    flipped = bytearray(whole)
    flipped[whole.index(b'IDAT') + 9] ^= 255
    spoilt = {'half': whole[:len(whole) // 2], 'no end': whole[:-30], 'empty': b'', 'flipped': bytes(flipped),
              'first header': bytes(4) + whole[4:], 'two in one': whole + whole, 'words before': b'x' * 99 + whole}
    for case, data in spoilt.items():
        path.write_bytes(data)
        with pytest.raises(ValueError, match='set.zip is damaged or no archive') as refused:
            assert not list(entries_of(path)), case
        assert '\n' not in str(refused.value), case


def test_a_member_twice_is_refused_and_backslashes_are_folders(tmp_path):
    with zipfile.ZipFile(tmp_path/'set.zip', 'w') as archive:
        for name, data in cells().items():
            member = zipfile.ZipInfo('x')
            member.filename = 'cells\\' + name.replace('/', '\\')
            archive.writestr(member, data)
    assert [name for name, _ in entries_of(tmp_path/'set.zip')] == [f'cells/{name}' for name in cells()]
    with tarfile.open(tar(tmp_path/'set.tar', cells()), 'a') as archive:
        archive.addfile(tarfile.TarInfo('./a/00.png'), io.BytesIO())
    for read in (True, False):
        with pytest.raises(ValueError, match='set.tar holds a/00.png twice'):
            list(entries_of(tmp_path/'set.tar', read=read))


def test_what_is_no_image_is_not_taken_into_memory(tmp_path):
    data = bytes(3 * 2**20)
    with zipfile.ZipFile(tmp_path/'bomb.zip', 'w', zipfile.ZIP_DEFLATED) as archive: archive.writestr('a/0.png', data)
    bombs = tar(tmp_path/'bomb.tar', {'a/0.png': data}), folder_of(tmp_path/'bomb', {'a/0.png': data})
    for path in (tmp_path/'bomb.zip', *bombs):
        (_, content), = files_only(entries_of(path), [])
        assert isinstance(content, Unread) and 'no image of the formats' in content.reason and not content


def test_few_bytes_wait_at_a_time(monkeypatch):
    monkeypatch.setattr('lth_nb.datasets.images.WAITING', 1000)
    given = []
    def entries():
        for k in range(12):
            given.append(k)
            yield str(k), bytes(400)
    done = 0
    for _ in in_turn(lambda group: group, grouped(entries())):
        done += 1
        assert len(given) - done <= 3
    assert done == 12


def test_a_large_image_among_small_ones_is_not_kept_at_its_own_size(tmp_path):
    root = folder_of(tmp_path/'set', cells(px=24) | {'b/large.png': stored(picture(5, 200))})
    splits = load(str(root), px=16, role='source', cache=tmp_path/'cache')
    assert splits.px == 16 and [row['short'] for row in shelves(tmp_path/'cache')] == [18]
    (root/'b/large.png').unlink()
    assert load(str(root), px=16, role='source', cache=tmp_path/'cache').px == 24


def test_a_tar_whose_header_has_no_end_is_refused_before_it_is_read(tmp_path):
    path = tar(tmp_path/'set.tar', cells())
    header = tarfile.TarInfo('comment')
    header.type, header.size = tarfile.XHDTYPE, 2**33
    whole = path.read_bytes()
    with tarfile.open(path) as archive: second = archive.getmembers()[1].offset
    path.write_bytes(whole[:second] + header.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ValueError, match='set.tar is damaged or no archive.*a header of 8,589,934,592 bytes'):
        list(entries_of(path))


@pytest.mark.parametrize('name, said', [('x.npz', 'lth data prepare NAME --from'), ('x.parquet', 'lth data prepare'),
                                        ('x.xlsx', 'save the table as CSV'), ('one.png', 'is one image')])
def test_a_file_that_is_no_set_says_what_it_is(name, said, tmp_path):
    folder_of(tmp_path, {name: stored(picture(1)) if name == 'one.png' else b'PK'})
    with pytest.raises(ValueError, match=said): find(tmp_path/name)


def test_a_table_with_tabs_is_a_table_for_every_command(tmp_path):
    folder_of(tmp_path, {'images/' + name: data for name, data in cells().items()})
    rows = [f'images/{name}\t{name[0]}' for name in cells()]
    (tmp_path/'t.tsv').write_text('\n'.join(['path\tclass', *rows]))
    made = prepare('mine', tmp_path/'t.tsv', tmp_path/'out')
    assert load(tmp_path/'t.tsv', cache=tmp_path/'cache').classes == ('a', 'b') and made.card['classes'] == 2


# Caches

DAMAGES = {'empty': lambda data: b'', 'half': lambda data: data[:len(data) // 2],
           'zeros': lambda data: bytes(len(data)),
           'one byte': lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]}

@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_cache_is_made_again(damage, tmp_path):
    root = folder_of(tmp_path/'set', cells(px=40))
    how = dict(px=32, cache=tmp_path/'cache')
    sound = load(str(root), **how).train.image(0).tobytes()
    report = str(check(str(root), cache=tmp_path/'cache', progress=False))
    names = [*tmp_path.glob('cache/*/*'), *tmp_path.glob('cache/*.check.npz')]
    assert len(names) == 5
    list_sets(tmp_path, cache=tmp_path/'cache')
    for file in [*names, *tmp_path.glob('cache/*.json')]:
        whole = file.read_bytes()
        file.write_bytes(DAMAGES[damage](whole.ljust(80)))
        shelves(tmp_path/'cache')
        assert load(str(root), **how).train.image(0).tobytes() == sound
        assert str(check(str(root), cache=tmp_path/'cache', progress=False)) == report
        row = next(row for row in list_sets(tmp_path, cache=tmp_path/'cache') if row['name'] == 'set')
        assert (row['train'], row['val'], row['test']) == (18, 2, 4)
    assert not list(tmp_path.glob('cache/*.part'))


def test_a_cache_of_decoded_images_knows_its_pixels(tmp_path):
    entries = [('a/1', np.asarray(picture(1))), ('b/1', np.asarray(picture(2)))]
    kept = cached(tmp_path/'c', lambda: iter(entries), 0)
    before = kept.images.image(1).copy()
    with open(tmp_path/'c/pixels.bin', 'r+b') as opened: opened.write(b'\xff\xff')
    again = cached(tmp_path/'c', lambda: iter(entries), 0)
    assert np.array_equal(again.images.image(1), before) and again.images.image(0)[0, 0, 0] == entries[0][1][0, 0, 0]
    assert zlib.crc32((tmp_path/'c/pixels.bin').read_bytes()) == np.load(tmp_path/'c/index.npz')['sums'][0]
