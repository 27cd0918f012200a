"Every way from files at hand to a prepared set, on files made here: what comes out, and what is refused."
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from lth_nb.datasets import prepare
from lth_nb.datasets.folders import listing
from lth_nb.datasets.prepare import Found, Item, divide, from_csv, from_folder, new_folder, settle, whole_groups
from lth_nb.datasets.sources import (
    COLLECTIONS,
    MEDMNIST,
    PUBLIC,
    from_chula,
    from_medmnist,
    from_pcam,
    reconstruct,
    wikiart_folders,
)
from lth_nb.protocol import TARGETS

SMALL = dict(artist_classification_1=(43, 6, 6, 4), artist_classification_2=(42, 5, 5, 3),
             type_classification=(61, 7, 7, 3))
BY = dict(artist_classification_1='artist', artist_classification_2='artist', type_classification='style')
STYLES = 'Baroque', 'Cubism', 'Fauvism', 'Realism'
ARTISTS = [f'painter-{k}' for k in range(9)]
WORKS = [(STYLES[k % 4], ARTISTS[k % 9], k) for k in range(324)]  # 36 by each painter, 81 in each style


def picture(seed, ending='PNG', px=8):
    "The bytes of an image of noise, another for every seed."
    noise = np.random.default_rng(seed).integers(0, 256, (px, px, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file := io.BytesIO(), ending)
    return file.getvalue()


def put(file, data):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def wikiart(folder):
    for style, artist, k in WORKS: put(folder/style/f'{artist}_work-{k}.jpg', picture(k, 'JPEG'))
    return folder


def parquet(folder, *, form='numbers', shards=3):
    "WikiArt as mirrors have it: image, artist, genre, style; labels as numbers or words, images as structs or bytes."
    pyarrow = pytest.importorskip('pyarrow', reason="pyarrow is not here: pip install 'lth_nb[data]'")
    pq = pytest.importorskip('pyarrow.parquet')
    folder.mkdir(parents=True)
    names = dict(artist=['Unknown Artist', *ARTISTS], genre=['Unknown Genre', 'portrait'], style=list(STYLES))
    features = dict(info=dict(features={c: dict(names=n, _type='ClassLabel') for c, n in names.items()}))
    for s in range(shards):
        rows = WORKS[s::shards]
        words = dict(artist=[a for _, a, _ in rows], genre=['portrait'] * len(rows), style=[st for st, _, _ in rows])
        data = [picture(k, 'JPEG') for *_, k in rows]
        table = dict(image=[dict(bytes=d, path=None) for d in data] if form == 'numbers' else data)
        table |= {c: [names[c].index(w) for w in ws] if form == 'numbers' else ws for c, ws in words.items()}
        meta = {b'huggingface': json.dumps(features).encode()} if form == 'numbers' else None
        table = pyarrow.table(table).replace_schema_metadata(meta)
        pq.write_table(table, folder/f'train-{s:05d}.parquet', row_group_size=40)
    return folder


def rows_of(made):
    "The rows of set.csv as dicts."
    with open(made.folder/'set.csv', newline='', encoding='utf-8') as file: return list(csv.DictReader(file))


def seen(folder):
    "Names, times and contents of every file below a folder."
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.rglob('*')) if p.is_file()}


@pytest.fixture(scope='module')
def art(tmp_path_factory): return wikiart(tmp_path_factory.mktemp('art')/'wikiart')


# The art sets

@pytest.mark.parametrize('name', SMALL)
def test_an_art_set_has_exactly_the_sizes_asked_for(art, tmp_path, name):
    before = seen(art)
    made = prepare(name, art, tmp_path, sizes=SMALL)
    rows, (train, val, test, n) = rows_of(made), SMALL[name]
    assert Counter(row['split'] for row in rows) == dict(train=train, val=val, test=test)
    assert len({row['class'] for row in rows}) == n and len({row['path'] for row in rows}) == train + val + test
    assert all(os.path.isabs(row['path']) and os.path.exists(row['path']) for row in rows)
    for part in ('train', 'val', 'test'):
        sizes = Counter(row['class'] for row in rows if row['split'] == part)
        assert len(sizes) == n and max(sizes.values()) - min(sizes.values()) <= 1
    for row in rows:
        style, title = row['path'].split(os.sep)[-2:]
        assert row['class'] == (title.partition('_')[0] if BY[name] == 'artist' else style)
    card = json.loads((made.folder/'card.json').read_text())
    assert set(card) >= {'name', 'origin', 'licence', 'how', 'seed', 'notes'}
    assert rows == sorted(rows, key=lambda row: row['path'])
    assert any('reconstruction' in note for note in card['notes']) and 'non-commercial' in card['licence']
    assert not any('Table 1' in note for note in card['notes'])  # these sizes are not the paper's
    assert seen(art) == before and sorted(p.name for p in tmp_path.iterdir()) == [name]


def test_the_paper_s_sizes_are_the_default_and_a_small_copy_names_what_is_short(art, tmp_path):
    for name in SMALL:
        with pytest.raises(ValueError, match=f'{name} needs {TARGETS[name][3]} {BY[name]}s') as error:
            prepare(name, art, tmp_path)
        assert 'a larger copy of WikiArt is needed' in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_with_enough_pictures_table_1_is_met_to_the_image():
    for name in SMALL:
        pool = [Item(f'{c:02d}/{k:04d}', f'class {c:02d}') for c in range(40) for k in range(200 + c)]
        items = reconstruct(pool, name, TARGETS[name], seed=3)
        *parts, n = TARGETS[name]
        assert [sum(i.split == s for i in items) for s in ('train', 'val', 'test')] == parts
        assert len({i.label for i in items}) == n and len({i.path for i in items}) == sum(parts)


def test_a_seed_repeats_itself_and_another_differs(art, tmp_path):
    def text(folder, seed):
        return (prepare('type_classification', art, tmp_path/folder, seed=seed, sizes=SMALL)
                                     .folder/'set.csv').read_text()
    assert text('a', 0) == text('b', 0) != text('c', 1)


def test_painters_of_the_two_sets_are_disjoint_whatever_the_seeds(art, tmp_path):
    one = prepare('artist_classification_1', art, tmp_path, seed=0, sizes=SMALL)
    two = prepare('artist_classification_2', art, tmp_path, seed=5, sizes=SMALL)
    assert not {row['class'] for row in rows_of(one)} & {row['class'] for row in rows_of(two)}


def test_a_sister_set_with_a_painter_in_common_is_refused(art, tmp_path):
    one = prepare('artist_classification_1', art, tmp_path, sizes=SMALL)
    shutil_name = tmp_path/'artist_classification_2'
    one.folder.rename(shutil_name)
    with pytest.raises(ValueError, match='prepare both sets from the same copy'):
        prepare('artist_classification_1', art, tmp_path, sizes=SMALL)
    assert not (tmp_path/'artist_classification_1').exists()


@pytest.mark.parametrize('form', ['numbers', 'words'])
@pytest.mark.parametrize('name', SMALL)
def test_parquet_gives_the_same_classes_and_its_own_bytes(art, tmp_path, form, name):
    made = prepare(name, parquet(tmp_path/'in', form=form), tmp_path/'out', sizes=SMALL)
    rows, (train, val, test, _) = rows_of(made), SMALL[name]
    assert Counter(row['split'] for row in rows) == dict(train=train, val=val, test=test)
    plain = prepare(name, art, tmp_path/'plain', sizes=SMALL)
    assert {row['class'] for row in rows} == {row['class'] for row in rows_of(plain)}
    made_of = {picture(k, 'JPEG'): dict(artist=artist, style=style)[BY[name]] for style, artist, k in WORKS}
    for row in rows:
        assert row['path'].startswith('images/') and row['path'].endswith('.jpg')
        assert made_of[(made.folder/row['path']).read_bytes()] == row['class']


def test_unknown_painters_are_no_class(tmp_path):
    for k in range(60): put(tmp_path/'in/Cubism'/f'{("unknown-artist", "a", "b")[k % 3]}_{k}.jpg', picture(k))
    sizes = dict(artist_classification_1=(6, 2, 2, 1))
    made = prepare('artist_classification_1', tmp_path/'in', tmp_path/'out', sizes=sizes)
    assert {row['class'] for row in rows_of(made)} == {'a'}
    sizes = dict(artist_classification_1=(6, 2, 2, 2))
    with pytest.raises(ValueError, match='needs 2 artists'):
        prepare('artist_classification_1', tmp_path/'in', tmp_path/'two', sizes=sizes)


def test_broken_and_doubled_pictures_are_replaced_or_named(tmp_path):
    folder = wikiart(tmp_path/'in')
    lost = [folder/style/f'{artist}_work-{k}.jpg' for style, artist, k in WORKS if artist == 'painter-0'][:4]
    lost[0].write_bytes(lost[0].read_bytes()[:100])
    lost[1].write_bytes(b'')
    lost[2].write_bytes(lost[3].read_bytes())  # the same file under another title
    sizes = dict(artist_classification_1=(20, 6, 6, 1))  # 32 of the painter's 36, of which 33 can be used
    with pytest.raises(ValueError, match='files cannot be used') as error:
        for seed in range(9): prepare('artist_classification_1', folder, tmp_path/f'{seed}', seed=seed, sizes=sizes)
    assert any(str(path) in str(error.value) for path in lost[:2])
    made = prepare('artist_classification_1', folder, tmp_path/'out', skip_broken=True, sizes=sizes)
    paths = [row['path'] for row in rows_of(made)]
    assert len(paths) == 32 and not {str(lost[0]), str(lost[1])} & set(paths)
    assert not {str(lost[2]), str(lost[3])} <= set(paths)
    assert len({open(path, 'rb').read() for path in paths}) == 32


def test_a_picture_in_two_styles_is_in_neither(tmp_path):
    wikiart(tmp_path/'in')
    for style in STYLES[2:]: shutil.rmtree(tmp_path/'in'/style)        # 81 Baroque and 81 Cubist works are left
    put(tmp_path/'in/Cubism/painter-0_work-0.jpg', picture(0, 'JPEG'))  # hangs in Baroque too, by its name
    put(tmp_path/'in/Cubism/painter-0_renamed.jpg', picture(4, 'JPEG')) # and this one by its content
    with pytest.raises(ValueError, match='Baroque has 79 of 80'):
        prepare('type_classification', tmp_path/'in', tmp_path/'no', sizes=dict(type_classification=(121, 20, 20, 2)))
    sizes = dict(type_classification=(120, 20, 18, 2))
    made = prepare('type_classification', tmp_path/'in', tmp_path/'out', sizes=sizes)
    assert not [row for row in rows_of(made) if row['path'].endswith(('_work-0.jpg', '_work-4.jpg', '_renamed.jpg'))]


def test_parquet_that_cannot_be_understood_is_refused(tmp_path):
    folder = parquet(tmp_path/'in', shards=1)
    import pyarrow.parquet as pq
    table = pq.read_table(folder/'train-00000.parquet')
    (tmp_path/'blind').mkdir(), (tmp_path/'short').mkdir(), (tmp_path/'null').mkdir()
    pq.write_table(table.replace_schema_metadata(None), tmp_path/'blind/0.parquet')
    pq.write_table(table.drop_columns(['style']), tmp_path/'short/0.parquet')
    paths = [dict(bytes=None, path='a.jpg')] * len(table)
    import pyarrow as pa
    image = pa.array(paths, pa.struct([('bytes', pa.binary()), ('path', pa.string())]))
    pq.write_table(table.set_column(0, 'image', image), tmp_path/'null/0.parquet')
    for folder, words in dict(blind='holds numbers', short='no column style', null='the file is empty').items():
        with pytest.raises(ValueError, match=words):
            prepare('type_classification', tmp_path/folder, tmp_path/'out', sizes=SMALL)


def test_without_pyarrow_one_line_says_what_to_install(art, tmp_path):
    put(tmp_path/'in/0.parquet', b'')
    code = ("import sys; sys.modules['pyarrow'] = sys.modules['pyarrow.parquet'] = None\n"
            "from lth_nb.datasets.sources import prepare\n"
            f"try: prepare('type_classification', {str(tmp_path/'in')!r}, {str(tmp_path/'out')!r})\n"
            "except ValueError as error: print(error)")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "needs the package pyarrow" in done.stdout and "pip install 'lth_nb[data]'" in done.stdout, done.stderr


# Sets of one's own

def cells(folder, *, slides=12, n=240, classes='abc'):
    "Class folders of noise; the slide stands before '_' in the name."
    for k in range(n): put(folder/classes[k % len(classes)]/f'{k * slides // n}_{k}.png', picture(k))
    return folder


def straddling(rows):
    "Groups in two splits."
    places = {(row['group'], row['split']) for row in rows if row['group']}
    return [group for group, n in Counter(group for group, _ in places).items() if n > 1]


def test_groups_of_a_pattern_never_straddle(tmp_path):
    made = prepare('human_lba', cells(tmp_path/'in'), tmp_path/'out', groups=r'/(\d+)_')
    rows = rows_of(made)
    assert len({row['group'] for row in rows}) == 12 and straddling(rows) == []
    assert {(row['class'], row['split']) for row in rows} >= {(c, s) for c in 'abc' for s in ('train', 'test')}
    notes = ' '.join(made.card['notes'])
    assert '12 groups, none of them in two splits' in notes and 'CANNOT BE EXCLUDED' not in notes
    assert 'Table 1 has 4051 / 346 / 1023 in 9 classes' in notes


@pytest.mark.parametrize('seed', range(20))
def test_groups_never_straddle_and_every_class_is_in_train_and_test(seed):
    rng = np.random.default_rng(seed)
    items = []
    for g in range(rng.integers(6, 30)):
        for c in rng.permutation(5)[:rng.integers(1, 6)]:
            items += [Item(f'{g}/{c}/{k}', f'class {c}', group=f'slide {g}') for k in range(rng.integers(1, 40))]
    items += [Item(f'x{c}{g}', f'class {c}', group=f'more {c}{g}') for c in range(5) for g in range(2)]
    split = whole_groups(items, dict(train=.7, test=.2, val=.1), seed)
    assert straddling([dict(group=i.group, split=s) for i, s in zip(items, split)]) == []
    held = {(item.label, s) for item, s in zip(items, split)}
    assert held >= {(f'class {c}', s) for c in range(5) for s in ('train', 'test')}


def test_without_groups_the_card_says_it_loudly(tmp_path):
    made = prepare('bone_marrow', cells(tmp_path/'in'), tmp_path/'out')
    rows, shares = rows_of(made), np.array([522, 639]) / 1291
    count = Counter((row['class'], row['split']) for row in rows)
    assert all(abs(count[c, s] - 80 * share) <= 1 for c in 'abc' for s, share in zip(('train', 'test'), shares))
    assert any('LEAKAGE BETWEEN PATIENTS CANNOT BE EXCLUDED' in note for note in made.card['notes'])


def table(folder, columns, mark=','):
    "A CSV over the cells, with the columns asked for."
    every = sorted(cells(folder/'cells').rglob('*.png'))
    value = dict(path=lambda p, k: p.relative_to(folder).as_posix(), ID=lambda p, k: str(k))
    value |= dict(split=lambda p, k: ('train', 'valid', 'test')[k % 3], group=lambda p, k: p.name.split('_')[0])
    value |= {'class': lambda p, k: p.parent.name}
    lines = [mark.join(columns), *(mark.join(value[c](p, k) for c in columns) for k, p in enumerate(every))]
    return put(folder/'cells.csv', ('\n'.join(lines) + '\n').encode('utf-8-sig'))


@pytest.mark.parametrize('mark', [',', ';', '\t'])
def test_a_table_with_groups_is_split_by_them(tmp_path, mark):
    made = prepare('lung_tissues', table(tmp_path, ['ID', 'path', 'group', 'class'], mark), tmp_path/'out')
    rows = rows_of(made)
    assert len(rows) == 240 and straddling(rows) == [] and len({row['group'] for row in rows}) == 12
    assert all(row['class'] == row['path'].split(os.sep)[-2] for row in rows)
    same = prepare('lung_tissues', tmp_path/'cells', tmp_path/'folders', groups=r'/(\d+)_')
    def facts(rows):
        return {(row['class'], row['group'], row['split']) for row in rows}
    assert facts(rows) == facts(rows_of(same))


def test_splits_of_a_table_are_kept_and_a_torn_group_refused(tmp_path):
    file = table(tmp_path, ['path', 'class', 'split'])
    rows = rows_of(prepare('cells', file, tmp_path/'out'))
    assert Counter(row['split'] for row in rows) == dict(train=80, val=80, test=80)
    torn = table(tmp_path, ['path', 'class', 'split', 'group'])
    with pytest.raises(ValueError, match='12 groups lie in two splits, such as .*: correct the column split'):
        prepare('torn', torn, tmp_path/'out')
    with pytest.raises(ValueError, match='has groups of its own: leave groups='):
        prepare('torn', torn, tmp_path/'out', groups=r'/(\d+)_')
    with pytest.raises(ValueError, match='12 groups lie in two splits'):
        prepare('torn', table(tmp_path, ['path', 'class', 'split']), tmp_path/'out', groups=r'/(\d+)_')


def test_a_split_in_folders_is_kept_and_validation_taken_from_training_by_groups(tmp_path):
    for k in range(120):
        split, side = ('test', 'y') if k % 4 == 3 else ('train', 'x')
        put(tmp_path/'in'/split/'ab'[k // 2 % 2]/f'{k // 12}{side}_{k}.png', picture(k))
    rows = rows_of(prepare('mine', tmp_path/'in', tmp_path/'out', groups=r'/(\d+[xy])_'))
    assert Counter(row['split'] for row in rows)['test'] == 30 and straddling(rows) == []
    assert Counter(row['split'] for row in rows)['val'] > 0
    assert all('/test/' in row['path'] for row in rows if row['split'] == 'test')


def test_missing_and_broken_files_are_named_or_skipped(tmp_path):
    file = table(tmp_path, ['path', 'class'])
    gone, cut, text = sorted((tmp_path/'cells/a').iterdir())[:3]
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:80])
    text.write_text('no image')
    with pytest.raises(ValueError, match='3 of 240 files cannot be used') as error: prepare('x', file, tmp_path/'out')
    assert all(str(path) in str(error.value) for path in (gone, cut, text)) and 'no such file' in str(error.value)
    made = prepare('x', file, tmp_path/'out', skip_broken=True)
    assert len(rows_of(made)) == 237 and any('3 broken files were left out' in note for note in made.card['notes'])


def test_a_class_in_one_slide_has_no_honest_split(tmp_path):
    cells(tmp_path/'in')
    for k in range(9): put(tmp_path/f'in/rare/7_{900 + k}.png', picture(900 + k))
    with pytest.raises(ValueError, match="class 'rare' lies in 1 groups"):
        prepare('mouse_lba', tmp_path/'in', tmp_path/'out', groups=r'/(\d+)_')
    assert not (tmp_path/'out').exists()


def test_what_is_refused_leaves_nothing_behind(tmp_path):
    folder = cells(tmp_path/'in')
    out = tmp_path/'out'
    for name, source, words, more in [
            ('cifar10', folder, 'needs no preparation', {}), ('../x', folder, "a set's name is made of", {}),
            ('x', tmp_path/'nowhere', 'does not exist', {}),
            ('x', folder, 'finds no group in', dict(groups='(nothing)')),
            ('x', folder, 'one pair of brackets', dict(groups=r'\d+_')),
            ('x', folder, 'no regular expression', dict(groups='(')),
            ('type_classification', folder, 'holds no <style>/<artist>_<title>.jpg', {}),
            ('type_classification', folder, 'has no meaning', dict(groups='(x)'))]:
        if name == 'type_classification' and not more:
            source = tmp_path/'odd'
            put(source/'a/noartist.jpg', picture(0))
        with pytest.raises(ValueError, match=words): prepare(name, source, out, **more)
    assert not out.exists()


def test_an_existing_set_is_left_alone_and_two_at_once_make_one(tmp_path):
    folder, out = cells(tmp_path/'in'), tmp_path/'out'
    made = prepare('x', folder, out)
    before = seen(out)
    with pytest.raises(ValueError, match='exists and is left alone'): prepare('x', folder, out, seed=1)
    assert seen(out) == before and made.folder == out/'x'
    code = f"from lth_nb.datasets.sources import prepare\nprepare('y', {str(folder)!r}, {str(out)!r})"
    pipes = dict(stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    both = [subprocess.Popen([sys.executable, '-c', code], **pipes) for _ in range(2)]
    ends = []
    for run in both: threading.Thread(target=lambda run=run: ends.append(run.communicate())).start()
    codes = sorted(run.wait(120) for run in both)
    assert codes == [0, 1] and sorted(p.name for p in out.iterdir()) == ['x', 'y']
    assert len(listing(out/'y/set.csv').paths) == 240


def test_a_failing_extraction_leaves_nothing(tmp_path):
    from lth_nb.datasets.prepare import write_set
    def fails(items):
        yield items[0], picture(0)
        raise OSError('disk full')
    card = dict(name='x', origin='', licence='', how='', seed=0, notes=[])
    with pytest.raises(OSError, match='disk full'):
        write_set(tmp_path/'out/x', [Item('a/1', 'a', 'train')], card, extract=fails)
    assert list((tmp_path/'out').iterdir()) == []


# Public sets

def medmnist(file, name, n=(('train', 40), ('val', 16), ('test', 24)), px=28):
    rng, k = np.random.default_rng(1), len(MEDMNIST[name])
    arrays = {}
    for split, count in dict(n).items():
        arrays[f'{split}_images'] = rng.integers(0, 256, (count, px, px, 3), dtype=np.uint8)
        arrays[f'{split}_labels'] = (np.arange(count) % k).astype(np.uint8)[:, None]
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **arrays)
    return arrays


@pytest.mark.parametrize('name', MEDMNIST)
def test_medmnist_keeps_pixels_labels_and_splits(tmp_path, name):
    arrays = medmnist(tmp_path/f'in/{name}_64.npz', name, px=64)
    made = prepare(name, tmp_path/'in', tmp_path/'out')
    rows = {row['path']: row for row in rows_of(made)}
    assert Counter(row['split'] for row in rows.values()) == dict(train=40, val=16, test=24)
    for split, k in (('train', 0), ('val', 15), ('test', 23)):
        row = rows[f'images/{split}/{k:06d}.png']
        assert row['class'] == MEDMNIST[name][k % len(MEDMNIST[name])] and row['split'] == split
        assert (np.asarray(Image.open(made.folder/row['path'])) == arrays[f'{split}_images'][k]).all()
    assert made.card['notes'][0] == PUBLIC[name].trap and 'layout as of medmnist' in made.card['how']
    if name == 'dermamnist': assert 'KNOWN LEAK' in made.card['notes'][0]


def test_a_damaged_npz_is_named(tmp_path):
    medmnist(tmp_path/'bloodmnist.npz', 'bloodmnist')
    whole = (tmp_path/'bloodmnist.npz').read_bytes()
    at = whole.index(b'val_images.npy') + 3000
    for data in (whole[:20000], whole[:at] + bytes(50) + whole[at + 50:], b'', b'text'):
        (tmp_path/'bloodmnist.npz').write_bytes(data)
        with pytest.raises(ValueError, match='bloodmnist.npz.* download it again'):
            prepare('bloodmnist', tmp_path/'bloodmnist.npz', tmp_path/'out')
    assert not (tmp_path/'out/bloodmnist').exists()
    arrays = medmnist(tmp_path/'bloodmnist.npz', 'bloodmnist')
    np.savez(tmp_path/'bloodmnist.npz', **arrays | dict(val_images=arrays['val_images'] / 255))
    with pytest.raises(ValueError, match='val_images is damaged .no plain array of uint8'):
        prepare('bloodmnist', tmp_path/'bloodmnist.npz', tmp_path/'out')


def pcam(folder, meta=True, leak=False):
    h5py = pytest.importorskip('h5py', reason="h5py is not here: pip install 'lth_nb[data]'")
    folder.mkdir(parents=True)
    pixels = {}
    for s, (word, n) in enumerate(dict(train=20, valid=8, test=8).items()):
        stem = str(folder/f'camelyonpatch_level_2_split_{word}')
        pixels[word] = np.random.default_rng(s).integers(0, 256, (n, 96, 96, 3), dtype=np.uint8)
        with h5py.File(f'{stem}_x.h5', 'w') as file: file['x'] = pixels[word]
        with h5py.File(f'{stem}_y.h5', 'w') as file: file['y'] = (np.arange(n) // 2 % 2).reshape(n, 1, 1, 1)
        rows = [f'{k},0,0,True,True,{"s" if leak else word}_{k // 4}' for k in range(n)]
        text = '\n'.join([',coord_y,coord_x,tumor_patch,center_tumor_patch,wsi', *rows])
        if meta: put(folder/f'{stem}_meta.csv', text.encode())
    return pixels


def test_pcam_keeps_pixels_labels_splits_and_slides(tmp_path):
    pixels = pcam(tmp_path/'in/pcam')
    made = prepare('pcam', tmp_path/'in', tmp_path/'out')
    rows = {row['path']: row for row in rows_of(made)}
    assert Counter(row['split'] for row in rows.values()) == dict(train=20, val=8, test=8)
    row = rows['images/val/000/000006.png']
    assert (row['class'], row['group']) == ('tumour', 'valid_1')
    assert (np.asarray(Image.open(made.folder/row['path'])) == pixels['valid'][6]).all()
    assert straddling(rows.values()) == []


def test_pcam_without_tables_says_so_and_with_a_leak_is_refused(tmp_path):
    pcam(tmp_path/'bare', meta=False)
    made = prepare('pcam', tmp_path/'bare', tmp_path/'out')
    assert any('CANNOT BE EXCLUDED' in note for note in made.card['notes'])
    put(tmp_path/'bare/camelyonpatch_level_2_split_test_meta.csv', b',wsi\n0,a\n')
    with pytest.raises(ValueError, match='test_meta.csv has 1 rows for 8 patches'):
        prepare('pcam', tmp_path/'bare', tmp_path/'no')
    pcam(tmp_path/'leak', leak=True)
    with pytest.raises(ValueError, match='groups lie in two splits'): prepare('pcam', tmp_path/'leak', tmp_path/'no')
    packed = tmp_path/'bare/camelyonpatch_level_2_split_valid_y.h5'
    packed.rename(f'{packed}.gz')
    with pytest.raises(ValueError, match='split_valid_y.h5: download it, and unpack it'):
        prepare('pcam', tmp_path/'bare', tmp_path/'no')


def test_chula_cuts_cells_out_of_smears(tmp_path):
    folder = tmp_path/'in/Chula-RBC-12-Dataset-main'
    for k in range(20):
        put(folder/f'Dataset/{k}.jpg', picture(k, 'JPEG', px=200))
        put(folder/f'Label/{k}.txt', f'100 90 0\r\n1 199 3\r\n50 50 10\r\n{"60 60 12" if k < 2 else ""}\r\n'.encode())
    put(folder/'Dataset/99.jpg', picture(99, 'JPEG'))  # photographs without labels are in the set: 706 and 623
    made = prepare('chula', tmp_path/'in', tmp_path/'out')
    rows = rows_of(made)
    assert Counter(row['class'] for row in rows) == {'normal cell': 20, 'spherocyte': 20} and straddling(rows) == []
    assert any('elliptocyte' in note for note in made.card['notes'])  # in two smears only
    row = next(row for row in rows if row['group'] == 'smear 7' and row['class'] == 'spherocyte')
    smear = np.asarray(Image.open(folder/'Dataset/7.jpg'))
    assert (np.asarray(Image.open(made.folder/row['path'])) == smear[130:, :70]).all()
    (folder/'Dataset/3.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match='3.jpg'): prepare('chula', tmp_path/'in', tmp_path/'again')
    assert list((tmp_path/'again').iterdir()) == []


def lc25000(folder, tiles=30):
    kinds, rows = ('lung_aca', 'lung_n', 'colon_n'), []
    for g in range(tiles):
        kind = kinds[g % 3]
        for k in range(4):
            name = f'{kind.replace("_", "")}{g * 4 + k}.jpeg'
            put(folder/f'{kind.split("_")[0]}_image_sets/{kind}/{name}', picture(g * 4 + k, 'JPEG'))
            rows.append(f'{name[:-5]},{name},{kind},{kind.split("_")[0]},{g},{g}\n')
    return 'stem,filename,label,tissue,local_cluster_label,group_id\n' + ''.join(rows)


def test_lc25000_is_taken_by_tiles_or_not_at_all(tmp_path):
    text = lc25000(tmp_path/'in')
    with pytest.raises(ValueError, match='lc25000_image_groups.csv.*splits leak'):
        prepare('lc25000', tmp_path/'in', tmp_path/'out')
    put(tmp_path/'in/lc25000_image_groups.csv', text.encode())
    made = prepare('lc25000', tmp_path/'in', tmp_path/'out')
    rows = rows_of(made)
    assert len(rows) == len({row['group'] for row in rows}) == 30 and straddling(rows) == []
    listed = list(csv.DictReader(text.splitlines()))
    for row in rows:  # the first of its tile by name
        names = [one['filename'] for one in listed if row['group'] == f"tile {one['group_id']}"]
        assert os.path.basename(row['path']) == min(names)
    assert all(row['class'] == row['path'].split(os.sep)[-2] for row in rows)
    os.remove(rows[0]['path'])
    with pytest.raises(ValueError, match='1 of 30 files cannot be used'):
        prepare('lc25000', tmp_path/'in', tmp_path/'again')


def test_class_folders_of_public_sets(tmp_path):
    for k in range(160):
        name = f'{k}_CRC-Prim-HE-{k // 20 + 1:02d}c.tif_Row_1_Col_1.tif'
        put(tmp_path/f'kather/Kather_texture_2016_image_tiles_5000/0{k % 2}_X'/name, picture(k, 'TIFF'))
        put(tmp_path/f'pbc/PBC_dataset_normal_DIB/{("ig", "platelet")[k % 2]}/IG_{k}.jpg', picture(k, 'JPEG'))
        put(tmp_path/'tcia/BM_cytomorphology_data'/('ABE', 'BLA')[k % 2]/f'0001-1000/X_{k:05d}.jpg', picture(k, 'JPEG'))
    put(tmp_path/'pbc/PBC_dataset_normal_DIB/neutrophil/.DS_169665.jpg', b'Bud1')  # in the real set: no image
    put(tmp_path/'pbc/PBC_dataset_normal_DIB/neutrophil/SNE_1.jpg', picture(999, 'JPEG'))
    put(tmp_path/'pbc/PBC_dataset_normal_DIB/ig/IG_copy.jpg', picture(0, 'JPEG'))           # twice in one class
    put(tmp_path/'pbc/PBC_dataset_normal_DIB/ig/IG_wrong.jpg', picture(1, 'JPEG'))          # once in each of two
    put(tmp_path/'tcia/BM_cytomorphology_data/KSC/0001-1000/KSC_1.jpg', picture(1000, 'JPEG'))
    kather = rows_of(prepare('kather2016', tmp_path/'kather', tmp_path/'out'))
    assert straddling(kather) == [] and {row['group'] for row in kather} == {f'{k:02d}' for k in range(1, 9)}
    pbc = prepare('pbc', tmp_path/'pbc', tmp_path/'out')
    assert Counter(row['class'] for row in rows_of(pbc)) == dict(ig=80, platelet=79)
    for words in ('groups: neutrophil', 'same content'): assert any(words in note for note in pbc.card['notes'])
    tcia = prepare('marrow_tcia', tmp_path/'tcia', tmp_path/'out')
    assert Counter(row['class'] for row in rows_of(tcia)) == dict(ABE=80, BLA=80)
    assert all(any('CANNOT BE EXCLUDED' in note for note in made.card['notes']) for made in (pbc, tcia))


def test_every_set_of_the_tables_says_everything():
    assert set(COLLECTIONS) == {'cifar10', 'cifar100', 'fashion_mnist', *TARGETS} and len(PUBLIC) == 9
    for one in [*COLLECTIONS.values(), *PUBLIC.values()]:
        assert all(value.strip() for value in vars(one).values()), one


def test_a_set_of_one_s_own_is_made_alike_every_time(tmp_path):
    made = prepare('mine', cells(tmp_path/'in'), tmp_path/'out', groups=r'/(\d+)_', seed=3)
    same = prepare('mine', tmp_path/'in', tmp_path/'same', groups=r'/(\d+)_', seed=3)
    assert (made.folder/'set.csv').read_text() == (same.folder/'set.csv').read_text()
    assert str(made).startswith('mine: ') and '12 groups' in str(made)


# What is refused, beyond what the pages show

def test_groups_that_a_pattern_does_not_find_are_refused(tmp_path):
    for path in ('lymphocyte/7_101.png', 'lymphocyte/7_102.png', 'monocyte/12_103.png'): put(tmp_path/path, picture(0))
    for pattern, said in {r'/(x*)': 'finds no group in 3 of 3 paths', r'/\d+_': 'must have one pair of brackets',
                          '(': 'is no regular expression'}.items():
        with pytest.raises(ValueError, match=said): from_folder(tmp_path, pattern)


def test_a_table_may_name_slides_or_have_its_groups_in_paths(tmp_path):
    rows = [('a', 1, 1), ('a', 2, 2), ('b', 1, 3), ('b', 2, 4)]
    for c, s, k in rows: put(tmp_path/f'{c}/{s}_{k}.png', picture(k))
    lines = [f'{c}/{s}_{k}.png,{c},x{k},' for c, s, k in rows]
    put(tmp_path/'bare.csv', '\n'.join(['path,class,id,group', *lines]).encode())
    put(tmp_path/'slides.csv', '\n'.join(['path,class,id,slide', *(f'{line}{line[2]}' for line in lines)]).encode())
    by_folder = from_folder(tmp_path, r'/(\d)_').items
    assert from_csv(tmp_path/'bare.csv', r'/(\d)_').items == from_csv(tmp_path/'slides.csv', '').items == by_folder
    assert from_csv(tmp_path/'slides.csv', '').notes[0] == 'slides.csv: the column slide is the group'
    put(tmp_path/'bad.csv', b'path,class\n1.png,a\n2.png,a\n')
    with pytest.raises(ValueError, match='bad.csv has fewer than two classes'): from_csv(tmp_path/'bad.csv', '')
    with pytest.raises(ValueError, match='bad.csv is no folder: unpack it'): from_folder(tmp_path/'bad.csv', '')


def test_a_class_of_two_slides_is_split_and_one_of_a_single_slide_refused():
    shares = dict(train=.7, test=.2, val=.1)
    two = [Item(f'{k}', 'ab'[k % 2], group=f'{k % 2}{k % 10 < 8}') for k in range(20)]
    with pytest.raises(ValueError, match='4 groups leave no image for val'): whole_groups(two, shares, seed=0)
    pairs = zip(two, whole_groups(two, dict(train=.7, test=.2), seed=0))
    assert {(item.group, split) for item, split in pairs} == {
        ('0True', 'train'), ('0False', 'test'), ('1True', 'train'), ('1False', 'test')}
    one = [item if item.label == 'a' else Item(item.path, 'b', group='only') for item in two]
    with pytest.raises(ValueError, match="class 'b' lies in 1 groups, and no way was found"):
        whole_groups(one, shares, seed=0)


def test_splits_that_are_given_in_part_are_refused():
    shares = dict(train=.7, test=.2, val=.1)
    some_left = [Item('0', 'a'), *(Item(f'{k}', 'ab'[k % 2], 'train') for k in range(1, 110))]
    with pytest.raises(ValueError, match='1 of 110 images have no split: give one to each, or to none'):
        divide(some_left, shares, seed=0)
    with pytest.raises(ValueError, match='the splits given are train: train and test are both needed'):
        divide(some_left[1:], shares, seed=0)
    few = [Item('1', 'a', 'train', 's1'), Item('2', 'b', 'train', 's2'), Item('3', 'a', 'train', 's3'),
           Item('4', 'a', 'test', 's4'), Item('5', 'b', 'test', 's5')]
    found = Counter((item.label, item.split) for item in divide(few, shares, seed=0)[0] if item.split != 'test')
    assert found == {('a', 'train'): 1, ('a', 'val'): 1, ('b', 'train'): 1}


def test_what_cannot_be_chosen_is_named(tmp_path):
    sound, cut = put(tmp_path/'a/1.png', picture(0)), put(tmp_path/'a/9_cut.png', picture(1)[:60])
    messy = Found((Item(str(sound), 'a'), Item(str(cut), 'a'), Item(str(tmp_path/'lost.png'), 'a')), '')
    with pytest.raises(ValueError, match='9_cut.png: .*lost.png: no such file'):
        settle(messy, list, skip_broken=False, unique=False)
    assert len(settle(messy, list, skip_broken=True, unique=False)[0]) == 1
    for name in ('', '../cells', '.cells', 'a/b', 'cells.csv'):
        with pytest.raises(ValueError, match="a set's name is made of letters, digits"): new_folder(tmp_path, name)


def test_files_of_public_sets_that_are_not_theirs_are_refused(tmp_path):
    medmnist(tmp_path/'pathmnist.npz', 'pathmnist')
    arrays = dict(np.load(tmp_path/'pathmnist.npz'))
    np.savez(tmp_path/'pathmnist.npz', **{k: v for k, v in arrays.items() if 'val' not in k})
    with pytest.raises(ValueError, match='has no array val_images'): from_medmnist('pathmnist', tmp_path)
    (tmp_path/'pathmnist_64.npz').touch()
    with pytest.raises(ValueError, match='holds pathmnist.npz, pathmnist_64.npz: give one of them'):
        from_medmnist('pathmnist', tmp_path)
    pytest.importorskip('h5py', reason="h5py is not here: pip install 'lth_nb[data]'")
    with pytest.raises(ValueError, match='holds no camelyonpatch_level_2_split_train_x.h5: download it, and unpack it'):
        from_pcam(tmp_path/'nowhere')


def test_lines_and_photographs_of_chula_that_are_wrong_are_refused(tmp_path):
    put(tmp_path/'Dataset/5.jpg', picture(5, 'JPEG'))
    for wrong in ('1 2', '1 2 13', '1 -2 3', 'x y 3'):
        put(tmp_path/'Label/5.txt', f'319 280 8\n{wrong}'.encode())
        with pytest.raises(ValueError, match='5.txt line 2: expected x, y and a kind from 0'): from_chula(tmp_path)
    put(tmp_path/'Label/5.txt', b'319 280 8\n')
    put(tmp_path/'Label/7.txt', b'319 280 8\n')
    with pytest.raises(ValueError, match='1 photographs are missing in '): from_chula(tmp_path)


def test_what_prepare_cannot_mean_is_refused(tmp_path):
    folder = wikiart(tmp_path/'in')
    for name, source, how, said in [('x', 'nowhere', {}, 'nowhere does not exist: give a folder'),
                                    ('pbc', 'nowhere', {}, 'does not exist: give what was downloaded'),
                                    ('lc25000', 'in', dict(groups='(x)'), 'has no meaning for lc25000')]:
        with pytest.raises(ValueError, match=said): prepare(name, tmp_path/source, tmp_path/'out', **how)
    put(tmp_path/'out/artist_classification_2/set.csv', b'path,class\n1.jpg,painter-0\n2.jpg,painter-9\n')
    with pytest.raises(ValueError, match='prepare both sets from the same copy of WikiArt'):
        prepare('artist_classification_1', folder, tmp_path/'out', sizes=SMALL)
    with pytest.raises(ValueError, match='holds no <style>/<artist>_<title>.jpg and no .parquet'):
        wikiart_folders(folder/'Cubism', 'style')
