"Images as they come: every kind of file and folder, made here, becomes the right pixels or a sentence that names it."
import io
import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import folder_of, stored
from PIL import Image
from torchvision import transforms

from lth_nb.datasets import check, images, load, sets
from lth_nb.datasets import folders as files
from lth_nb.datasets.folders import Unread, content, entries_listed, entries_of, files_of, listing
from lth_nb.datasets.images import Batches, Unreadable, cached, channel_stats, crop, decode, normalise, pack, white_of
from lth_nb.datasets.sets import find
from lth_nb.datasets.splits import by_group, complete, layout, pick

RNG = np.random.default_rng(0)
GREEN = Image.new('RGB', (24, 16), (0, 153, 0))
SMOOTH = Image.fromarray(np.stack([*np.mgrid[:16, :24] * 9, np.full((16, 24), 60)], 2).astype(np.uint8))
NOISE = Image.fromarray(RNG.integers(0, 256, (16, 24, 3), dtype=np.uint8))


def cache_of(source, short=0, **options):
    "The cache of a folder or an archive, built beside it."
    return cached(source.with_name(source.name + f'.cache{short}'), lambda: entries_of(source), short, what=source.name,
                  **options)


def only(data, short=0):
    "Pixels of one file, as a Pillow image has them."
    return decode(data, short).pixels


# Formats

@pytest.mark.parametrize('format, options, distance', [
    ('JPEG', dict(quality=95), 3), ('PNG', {}, 0), ('TIFF', {}, 0), ('TIFF', dict(compression='tiff_lzw'), 0),
    ('BMP', {}, 0), ('WEBP', dict(lossless=True), 0), ('WEBP', dict(quality=95), 6)])
def test_every_format_gives_its_pixels(tmp_path, format, options, distance):
    store = cache_of(folder_of(tmp_path/'set', {'a/1.img': stored(SMOOTH, format, **options)}))
    assert store.modes == [f'{format} RGB'] and store.native.tolist() == [[16, 24]]
    assert abs(store.images.image(0).astype(int) - np.asarray(SMOOTH)).mean() <= distance


def tiled_tiff(values, side=16):
    "A TIFF in tiles, grey uint8 or uint16 or RGB uint8, written by hand: Pillow reads such files but writes none."
    h, w = values.shape[:2]
    colour = values.ndim == 3
    full = np.zeros((-(-h // side) * side, -(-w // side) * side, *values.shape[2:]), values.dtype.newbyteorder('<'))
    full[:h, :w] = values
    tiles = [full[r:r + side, c:c + side].tobytes() for r in range(0, len(full), side)
             for c in range(0, full.shape[1], side)]
    bits, n = values.dtype.itemsize * 8, len(tiles)
    tags = [(256, 4, [w]), (257, 4, [h]), (258, 3, [bits] * (3 if colour else 1)), (259, 3, [1]),
            (262, 3, [2 if colour else 1]), (277, 3, [3 if colour else 1]), (322, 4, [side]), (323, 4, [side]),
            (324, 4, [0] * n), (325, 4, [len(tiles[0])] * n)]
    at = 8 + 2 + 12 * len(tags) + 4
    at_tiles = at + sum(len(v) * 4 for _, _, v in tags)
    head, extra = struct.pack('<2sHIH', b'II', 42, 8, len(tags)), b''
    for tag, kind, v in tags:
        if tag == 324: v = [at_tiles + k * len(tiles[0]) for k in range(n)]
        data = struct.pack(f'<{len(v)}{"HI"[kind == 4]}', *v)
        value = data.ljust(4, b'\0') if len(data) <= 4 else struct.pack('<I', at + len(extra))
        if len(data) > 4: extra += data.ljust(4 * len(v), b'\0')
        head += struct.pack('<HHI', tag, kind, len(v)) + value
    return (head + bytes(4) + extra).ljust(at_tiles, b'\0') + b''.join(tiles)


def test_tiled_tiff_in_8_and_16_bits():
    colour = RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8)
    assert np.array_equal(only(tiled_tiff(colour)), colour)
    deep = RNG.integers(0, 65536, (40, 30), dtype=np.uint16)
    assert np.array_equal(only(tiled_tiff(deep))[..., 0], np.rint(deep / 257))


# Depths

@pytest.mark.parametrize('format', ['PNG', 'TIFF'])
@pytest.mark.parametrize('top, white', [(255, 255), (1000, 1023), (4095, 4095), (16000, 16383), (65535, 65535)])
def test_deep_grey_is_shown_by_the_least_depth_that_holds_it(format, top, white):
    image = decode(stored(Image.fromarray(np.array([[0, top // 2, top]], np.uint16)), format), 0)
    assert image.pixels[0, :, 0].tolist() == [round(v * 255 / white) for v in (0, top // 2, top)]
    assert image.mode == f'{format} I;16 | more than 8 bits, white is {white}'


def test_float_and_signed_images():
    def tiff(values, kind):
        return stored(Image.fromarray(np.array([values], kind)), 'TIFF')
    assert only(tiff([0, .2, 1], np.float32))[0, :, 0].tolist() == [0, 51, 255]
    assert only(tiff([0, 51, 255], np.float32))[0, :, 0].tolist() == [0, 51, 255]
    assert only(tiff([0, 2048, 4095], np.int32))[0, :, 0].tolist() == [0, 128, 255]
    for bad in ([-1, 1], [0, np.nan], [0, np.inf], [0, 1e6]):
        with pytest.raises(Unreadable, match='its values run from'): decode(tiff(bad, np.float32), 0)


def test_a_set_of_12_bits_keeps_its_brightness_between_images(tmp_path):
    tops = {'a/dark.png': 900, 'a/half.png': 2048, 'b/full.tif': 4095, 'b/black.png': 0}
    deep = {name: stored(Image.fromarray(np.full((4, 4), top, np.uint16)), 'TIFF' if name[-1] == 'f' else 'PNG')
            for name, top in tops.items()}
    store = cache_of(folder_of(tmp_path/'set', deep))
    shown = {path: int(store.images.image(k).max()) for k, path in enumerate(store.paths)}
    assert shown == {name: round(top * 255 / 4095) for name, top in tops.items()}
    assert store.notes == ('4 of 4 images: more than 8 bits, white is 4095',)
    assert store.folders == ['a/', 'b/']


def deep_colour(values):
    "A PNG of 16-bit colour; Pillow writes none."
    h, w, _ = values.shape
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in values)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 16, 2, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def test_16_bit_colour_is_said_and_never_black():
    image = decode(deep_colour(np.full((2, 2, 3), 40000)), 0)
    assert image.pixels.max() == 40000 >> 8 and image.mode == 'PNG RGB | 16-bit colour, upper 8 bits'
    with pytest.raises(Unreadable, match='would come out black: save it in 8 bits'):
        decode(deep_colour(np.full((2, 2, 3), 4000)), 0)
    assert decode(deep_colour(np.zeros((2, 2, 3), int)), 0).pixels.max() == 0


# Modes

def test_grey_becomes_three_equal_channels():
    grey = NOISE.convert('L')
    for format in ('PNG', 'TIFF', 'BMP'):
        assert np.array_equal(only(stored(grey, format)), np.repeat(np.asarray(grey)[..., None], 3, 2))
    assert only(stored(grey.convert('1'), 'PNG')).max() == 255


def test_palette():
    for format in ('PNG', 'GIF', 'TIFF', 'BMP'): assert (only(stored(GREEN.convert('P'), format)) == (0, 153, 0)).all()
    holed = GREEN.convert('P')
    data = stored(holed, 'PNG', transparency=holed.getpixel((0, 0)))
    assert (only(data) == 255).all()


def test_alpha_is_laid_on_white():
    clear = NOISE.convert('RGBA')
    clear.putalpha(Image.fromarray(np.where(np.arange(24) < 12, 255, 0).astype(np.uint8)[None].repeat(16, 0)))
    for format in ('PNG', 'TIFF'):
        pixels = only(stored(clear, format))
        assert np.array_equal(pixels[:, :12], np.asarray(NOISE)[:, :12]) and (pixels[:, 12:] == 255).all()
    assert (only(stored(Image.new('LA', (4, 4), (0, 0)), 'PNG')) == 255).all()
    assert (only(stored(Image.new('RGB', (4, 4), (9, 9, 9)), 'PNG', transparency=(9, 9, 9))) == 255).all()


def test_cmyk():
    for format, distance in (('TIFF', 1), ('JPEG', 4)):
        pixels = only(stored(GREEN.convert('CMYK'), format)).astype(int)
        assert abs(pixels - (0, 153, 0)).max() <= distance


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientation_is_applied(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {2: [0], 3: [3], 4: [1], 5: [5], 6: [4], 7: [6], 8: [2]}.get(orientation, [])  # of Image.Transpose
    upright = SMOOTH
    for turn in turns: upright = upright.transpose(turn)
    for format in ('JPEG', 'PNG', 'TIFF', 'WEBP'):
        image = decode(stored(SMOOTH, format, exif=exif), 0)
        assert image.native == upright.size[::-1] and image.mode.endswith('turned upright') == (orientation > 1)
        assert abs(image.pixels.astype(int) - np.asarray(upright)).mean() < 4, format
    for format in ('PNG', 'TIFF'):
        deep = decode(stored(Image.fromarray(np.asarray(SMOOTH)[..., 0].astype(np.uint16)), format, exif=exif), 0)
        assert np.array_equal(deep.pixels[..., 0], np.asarray(upright)[..., 0])
    small = decode(stored(SMOOTH.resize((240, 160)), 'JPEG', exif=exif), 16)
    assert small.native == (upright.height * 10, upright.width * 10)
    assert small.pixels.shape[:2] == upright.size[::-1]


@pytest.mark.parametrize('format, options', [('GIF', {}), ('WEBP', dict(lossless=True)), ('TIFF', {}), ('PNG', {})])
def test_of_an_animation_the_first_frame_is_used_and_that_is_said(tmp_path, format, options):
    film = stored(GREEN, format, save_all=True, append_images=[Image.new('RGB', GREEN.size, 'red')] * 2, **options)
    store = cache_of(folder_of(tmp_path/'set', {'a/film': film, 'a/still': stored(GREEN, format)}))
    assert (store.images.image(0) == (0, 153, 0)).all()
    assert store.notes == ('1 of 2 images: first of several frames',)


# Broken and odd sizes

@pytest.mark.parametrize('format', ['JPEG', 'PNG', 'TIFF', 'BMP', 'WEBP', 'GIF'])
def test_truncated_files_are_named_with_the_reason(format):
    whole = stored(NOISE.resize((96, 64)), format)
    for share in (.02, .5, .9):
        with pytest.raises(Unreadable, match=r'cannot read image cells/7\.img: .{8,}; repair it, remove it, or skip'):
            decode(whole[:int(len(whole) * share)], 0, name='cells/7.img')


def test_zero_bytes():
    with pytest.raises(Unreadable, match='cannot read image a.png: the file is empty'): decode(b'', 0, name='a.png')


def test_what_is_no_image_says_so_without_addresses():
    for data in (b'GIF', b'hello', b'%!PS-Adobe-3.0 EPSF-3.0', bytes(100)):
        with pytest.raises(Unreadable, match='no image of the formats JPEG, PNG') as error: decode(data, 0)
        assert '0x' not in str(error.value)


def test_one_pixel(tmp_path):
    store = cache_of(folder_of(tmp_path/'set', {'a/1.png': stored(Image.new('RGB', (1, 1), (9, 8, 7)), 'PNG')}), 37)
    assert store.native.tolist() == [[1, 1]] and (store.images.image(0) == (9, 8, 7)).all()
    assert store.images.image(0).shape == (37, 37, 3)
    strip = stored(Image.new('L', (1, 60000)), 'PNG')
    with pytest.raises(Unreadable, match='1 x 60,000 px would become 256 x 15,360,000'): decode(strip, 256)


def grey_jpeg(w, h):
    "A sound JPEG, all of 128: a block is the six bits 001010, so any size is written in no time."
    small = stored(Image.new('L', (8, 8), 128), 'JPEG')
    size, scan = small.index(b'\xff\xc0') + 5, small.index(b'\xff\xda') + 10
    blocks = -(-w // 8) * -(-h // 8)
    return (small[:size] + struct.pack('>HH', h, w) + small[size + 4:scan] +
            b'\x28\xa2\x8a' * -(-blocks // 4) + b'\xff\xd9')


def huge_png(side):
    "A sound PNG of `side` squared, black and white."
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    rows = zlib.compress(bytes(side * (1 + -(-side // 8))), 1)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)) +
            chunk(b'IDAT', rows) + chunk(b'IEND', b''))


PEAK = '''
import resource, sys
from pathlib import Path
from lth_nb.datasets.images import cached, decode
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != 'darwin' else 2**20)
before = peak()
{}
print(peak() - before)
'''


def megabytes(code, *args):
    "Output of `code` in another process but its last line, and by how many MB it made that process's peak grow."
    done = subprocess.run([sys.executable, '-W', 'error', '-c', PEAK.format(code), *map(str, args)], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr  # a warning is an error there
    *said, grown = done.stdout.splitlines()
    return said, float(grown)


def test_20_000_px_jpeg_is_decoded_at_reduced_scale_in_little_memory(tmp_path):
    folder_of(tmp_path, {'huge.jpg': grey_jpeg(20_000, 20_000)})
    said, grown = megabytes('d = decode(sys.argv[1], 256)\nprint(d.native, d.pixels.shape, d.pixels.min(), d.mode)',
                            tmp_path/'huge.jpg')
    assert said == ['(20000, 20000) (256, 256, 3) 128 JPEG L'] and grown < 150
    said, grown = megabytes('d = decode(sys.argv[1], 0)\nprint(d.native, d.pixels.shape, d.mode)', tmp_path/'huge.jpg')
    assert said == ['(20000, 20000) (5000, 5000, 3) JPEG L | too large for its whole, read at 1/4'] and grown < 400


def test_20_000_px_of_another_format_is_refused_with_its_size(tmp_path):
    folder_of(tmp_path, {'huge.png': huge_png(20_000)})
    said, grown = megabytes('try: decode(sys.argv[1], 256)\nexcept ValueError as error: print(error)',
                            tmp_path/'huge.png')
    assert 'huge.png: 20,000 x 20,000 px is more than 67,108,864 pixels: save it smaller' in said[0] and grown < 50


def test_a_large_progressive_jpeg_is_refused_since_it_would_have_to_be_whole_in_memory():
    small = stored(GREEN, 'JPEG', progressive=True)
    at = small.index(b'\xff\xc2') + 5
    with pytest.raises(Unreadable, match='20,000 x 20,000 px is more than'):
        decode(small[:at] + struct.pack('>HH', 20_000, 20_000) + small[at + 4:], 32)


# Folders

def test_non_ascii_and_very_long_names(tmp_path):
    long = 'n' * 251 + '.png'
    names = ['Künstler/Ölbild №5 日本 🎨.png', f'Künstler/{long}', 'cafe\u0301/1.png', 'a b/c,d;e\'f"g.png']
    store = cache_of(folder_of(tmp_path/'set', {name: stored(GREEN, 'PNG') for name in names}))
    assert store.paths == sorted([*names[:2], 'caf\u00e9/1.png', names[3]])
    with tarfile.open(tmp_path/'set.tar', 'w') as archive: archive.add(tmp_path/'set', '.')
    assert cache_of(tmp_path/'set.tar').paths == store.paths


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems allow no such names')
def test_a_name_that_is_no_text(tmp_path):
    folder_of(tmp_path/'set', {'a/1.png': stored(GREEN, 'PNG')})
    os.rename(os.fsencode(tmp_path/'set/a/1.png'), os.fsencode(tmp_path/'set/a') + b'/\xe9.png')
    assert cache_of(tmp_path/'set').paths == ['a/\\xe9.png']


def test_links_are_followed_circles_refused_and_dangling_ones_reported(tmp_path):
    folder_of(tmp_path, {'far/1.png': stored(GREEN, 'PNG'), 'set/a/1.png': stored(NOISE, 'PNG')})
    (tmp_path/'set/a/2.png').symlink_to(tmp_path/'far/1.png')
    (tmp_path/'set/b').symlink_to(tmp_path/'far')
    assert cache_of(tmp_path/'set').paths == ['a/1.png', 'a/2.png', 'b/1.png']
    (tmp_path/'set/a/3.png').symlink_to(tmp_path/'gone.png')
    (tmp_path/'set/a/4.png').symlink_to(tmp_path/'set/a/4.png')
    store = cache_of(tmp_path/'set', 8, skip_broken=True)
    assert [path for path, _ in store.broken] == ['a/3.png', 'a/4.png']
    assert store.broken[0][1] == 'a link to a file that is not there' and 'symbolic link' in store.broken[1][1]
    (tmp_path/'far/up').symlink_to(tmp_path/'set')
    with pytest.raises(ValueError, match='link to a folder that it lies in'): list(files_of(tmp_path/'set'))


def test_hidden_and_system_files_are_no_images(tmp_path):
    junk = ['.DS_Store', 'Thumbs.db', 'thumbs.db', 'desktop.ini', 'Desktop.INI', '._1.png', '.git/x.png', 'Icon\r',
            '__MACOSX/a/._1.png', '@eaDir/1.png', 'meta.csv', 'README.md', 'notes.TXT', 'labels.json']
    contents = {f'a/{name}': b'junk' for name in junk} | {'a/1.png': stored(GREEN, 'PNG')}
    folder_of(tmp_path/'set', contents)
    assert cache_of(tmp_path/'set').paths == ['a/1.png']
    with tarfile.open(tmp_path/'set.tar', 'w') as archive: archive.add(tmp_path/'set', 'set')
    with zipfile.ZipFile(tmp_path/'set.zip', 'w') as archive:
        for name, data in contents.items(): archive.writestr(f'set/{name}', data)
    for name in ('set.tar', 'set.zip'): assert cache_of(tmp_path/name).paths == ['set/a/1.png']


def test_upper_case_no_and_wrong_endings(tmp_path):
    png, jpeg = stored(GREEN, 'PNG'), stored(GREEN, 'JPEG')
    store = cache_of(folder_of(tmp_path/'set', {'a/1.PNG': png, 'a/2.JPeG': jpeg, 'a/3': png, 'a/4.jpg': png}))
    assert store.modes == ['PNG RGB', 'JPEG RGB', 'PNG RGB', 'PNG RGB']


def lock(path, monkeypatch):
    "Take the permission to read `path` away, for root too."
    path.chmod(0)
    read = Path.read_bytes
    def read_bytes(self):
        if stat.S_IMODE(self.stat().st_mode) == 0: raise PermissionError(13, 'Permission denied')
        return read(self)
    monkeypatch.setattr(Path, 'read_bytes', read_bytes)


def test_no_permission_is_a_reason_and_may_be_given_later(tmp_path, monkeypatch):
    folder_of(tmp_path/'set', {'a/1.png': stored(GREEN, 'PNG'), 'b/2.png': stored(GREEN, 'PNG')})
    lock(tmp_path/'set/a/1.png', monkeypatch)
    with pytest.raises(ValueError, match='cannot read image set/a/1.png: no permission to read it'):
        cache_of(tmp_path/'set')
    assert cache_of(tmp_path/'set', skip_broken=True).broken == [['a/1.png', 'no permission to read it']]
    (tmp_path/'set/a/1.png').chmod(0o600)
    assert cache_of(tmp_path/'set').paths == ['a/1.png', 'b/2.png']
    monkeypatch.setattr(Path, 'iterdir', lambda self: (_ for _ in ()).throw(PermissionError(13, 'Permission denied')))
    with pytest.raises(ValueError, match='cannot look into folder .*set: Permission denied'):
        list(entries_of(tmp_path/'set'))


def test_pipes_and_sockets_are_never_opened_and_large_files_not_loaded(tmp_path, monkeypatch):
    os.mkfifo(tmp_path/'pipe.png')
    signal.signal(signal.SIGALRM, signal.default_int_handler)  # whoever opens a pipe waits for ever: stop the test
    signal.alarm(20)
    assert content(tmp_path/'pipe.png').reason == 'it is no ordinary file but a pipe, socket or device'
    with pytest.raises(Unreadable, match='a.png: it is no ordinary file'):
        decode(content(tmp_path/'pipe.png'), 0, name='a.png')
    signal.alarm(0)
    monkeypatch.setattr(files, 'MAX_BYTES', 20)
    folder_of(tmp_path/'set', {'a/1.png': bytes(21)})
    with tarfile.open(tmp_path/'set.tar', 'w') as archive: archive.add(tmp_path/'set/a/1.png', 'a/1.png')
    with zipfile.ZipFile(tmp_path/'set.zip', 'w') as archive: archive.write(tmp_path/'set/a/1.png', 'a/1.png')
    for name in ('set', 'set.tar', 'set.zip'):
        data = dict(entries_of(tmp_path/name))['a/1.png']
        assert isinstance(data, Unread) and data.reason == '21 bytes are more than 20'


# Archives

def tar_with(path, **fields):
    "A tar of one sound image and one member with these `fields`."
    with tarfile.open(path, 'w') as archive:
        member = tarfile.TarInfo('set/a/1.png')
        member.size = len(data := stored(GREEN, 'PNG'))
        archive.addfile(member, io.BytesIO(data))
        odd = tarfile.TarInfo()
        for field, value in fields.items(): setattr(odd, field, value)
        archive.addfile(odd)
    return path


@pytest.mark.parametrize('fields', [
    dict(name='../x.png'), dict(name='set/../../x.png'), dict(name='/etc/x.png'), dict(name='C:\\x.png'),
    dict(name='..\\x.png'), dict(name='../x', type=tarfile.DIRTYPE),
    dict(name='x.png', type=tarfile.SYMTYPE, linkname='/etc/passwd'),
    dict(name='x.png', type=tarfile.SYMTYPE, linkname='set/a/1.png'),
    dict(name='x.png', type=tarfile.LNKTYPE, linkname='set/a/1.png'), dict(name='x.png', type=tarfile.CHRTYPE),
    dict(name='x.png', type=tarfile.BLKTYPE), dict(name='x.png', type=tarfile.FIFOTYPE),
    dict(name='.hidden', type=tarfile.SYMTYPE, linkname='/etc')], ids=str)
def test_hostile_tar_is_refused_and_leaves_nothing(tmp_path, fields):
    tar_with(tmp_path/'odd.tar', **fields)
    with pytest.raises(ValueError, match='odd.tar holds .*links, devices, encrypted files and paths that lead outside'):
        cache_of(tmp_path/'odd.tar', skip_broken=True)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == []


@pytest.mark.parametrize('name, mode, flag', [('../x.png', 0, 0), ('/x.png', 0, 0), ('C:/x.png', 0, 0),
                                              ('x.png', stat.S_IFLNK, 0), ('x.png', stat.S_IFCHR, 0), ('x.png', 0, 1)])
def test_hostile_zip_is_refused(tmp_path, name, mode, flag):
    member = zipfile.ZipInfo(name)
    member.external_attr = (mode | 0o644) << 16
    with zipfile.ZipFile(tmp_path/'odd.zip', 'w') as archive: archive.writestr(member, b'x')
    data = bytearray((tmp_path/'odd.zip').read_bytes())
    data[data.index(b'PK\x01\x02') + 8] |= flag
    (tmp_path/'odd.zip').write_bytes(data)
    with pytest.raises(ValueError, match='odd.zip holds'): list(entries_of(tmp_path/'odd.zip'))


def test_a_damaged_archive_is_named(tmp_path):
    folder_of(tmp_path/'set', {f'a/{k}.png': stored(NOISE.resize((90, 90)), 'PNG') for k in range(9)})
    for kind, mode in (('tar', 'w'), ('tar.gz', 'w:gz'), ('tar.xz', 'w:xz'), ('tar.bz2', 'w:bz2')):
        with tarfile.open(tmp_path/f'set.{kind}', mode) as archive: archive.add(tmp_path/'set', 'set')
    with zipfile.ZipFile(tmp_path/'set.zip', 'w') as archive: archive.write(tmp_path/'set/a/1.png', 'a/1.png')
    for path in sorted(tmp_path.glob('set.*')):
        assert [name for name, _ in entries_of(path)][-1].endswith('.png')
        (tmp_path/f'cut.{path.name}').write_bytes(path.read_bytes()[:path.stat().st_size // 2])
        with pytest.raises(ValueError, match=f'cut.{path.name} is damaged or no archive'):
            list(entries_of(tmp_path/f'cut.{path.name}'))


def test_archives_are_read_without_unpacking(tmp_path, monkeypatch):
    folder_of(tmp_path/'set', {f'{c}/{k}.png': stored(NOISE, 'PNG') for c in 'ab' for k in range(40)})
    backwards = sorted((tmp_path/'set').rglob('*.png'), reverse=True)
    with tarfile.open(tmp_path/'set.tar.xz', 'w:xz') as archive:
        for file in backwards: archive.add(file, file.relative_to(tmp_path))
    with zipfile.ZipFile(tmp_path/'set.zip', 'w') as archive:
        for file in backwards: archive.write(file, file.relative_to(tmp_path))
    opened, real = [], open
    def watched(file, mode='r', *args, **kw):
        if set(mode) & set('wax+'): opened.append(Path(file).name)
        return real(file, mode, *args, **kw)
    monkeypatch.setattr('builtins.open', watched)
    tar, zipped, plain = [cache_of(tmp_path/name) for name in ('set.tar.xz', 'set.zip', 'set')]
    assert {name for name in opened if not name.endswith(('.lease', '.npz'))} <= {'pixels.bin', 'meta.json'}
    assert [f'set/{path}' for path in plain.paths] == tar.paths == zipped.paths
    assert np.array_equal(tar.digest, plain.digest) and np.array_equal(zipped.digest, plain.digest)
    assert np.array_equal(tar.images.image(79), plain.images.image(79))


# Tables

def test_a_table_lists_images_and_what_it_lists_in_vain_is_broken(tmp_path):
    folder_of(tmp_path, {'slides/s1/1.png': stored(GREEN, 'PNG'), 'slides/s2/1.png': stored(NOISE, 'PNG')})
    rows = 'slides/s1/1.png,x,train,s1', f'{tmp_path}/slides/s2/1.png,y,test,s2', 'gone.png,x,val,'
    (tmp_path/'set.csv').write_text('\n'.join(['path,class,split,group', *rows]))
    table = listing(tmp_path/'set.csv')
    assert table.paths == ('train/x/slides__s1__1.png', 'test/y/slides__s2__1.png', 'val/x/gone.png')
    store = cached(tmp_path/'cache', lambda: entries_listed(table), 0, skip_broken=True)
    assert store.broken == [['val/x/gone.png', 'no such file']] and len(store.paths) == 2
    assert table.groups == {table.paths[0]: 's1', table.paths[1]: 's2'}


# Broken images of a set

def test_all_broken_images_are_counted_five_named_and_skipped_on_request(tmp_path):
    contents = {f'a/{k}.png': b'broken' for k in range(7)} | {f'b/{k}.png': stored(GREEN, 'PNG') for k in range(5)}
    folder_of(tmp_path/'set', contents)
    with pytest.raises(ValueError) as error: cache_of(tmp_path/'set')
    lines = str(error.value).splitlines()
    assert lines[0].startswith('cannot read 7 of 12 images; repair them, remove them, or skip them')
    assert lines[1].startswith('set/a/0.png: no image of the formats')
    assert lines[-1] == 'and 2 more' and len(lines) == 7
    store = cache_of(tmp_path/'set', skip_broken=True)
    assert store.paths == [f'b/{k}.png' for k in range(5)]
    assert [path for path, _ in store.broken] == [f'a/{k}.png' for k in range(7)]
    assert store.notes == ('7 broken images left out: a/0.png, a/1.png, a/2.png, a/3.png, a/4.png, ...',)
    with pytest.raises(ValueError, match='cannot read 7 of 12 images'): cache_of(tmp_path/'set')


# The cache

def test_three_processes_at_once_build_once(tmp_path):
    folder_of(tmp_path/'set', {f'a/{k}.png': stored(GREEN, 'PNG') for k in range(20)})
    code = ('import sys, time\nfrom pathlib import Path\nfrom lth_nb.datasets.folders import entries_of\n'
            'from lth_nb.datasets.images import cached\nroot = Path(sys.argv[1])\n'
            'def entries():\n    open(root/"asked", "a").write("x")\n    time.sleep(1)\n'
            '    yield from entries_of(root/"set")\n'
            'print(len(cached(root/"cache", entries, 8).paths))')
    def start():
        return subprocess.Popen([sys.executable, '-c', code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    three = [start() for _ in range(3)]
    assert [p.communicate()[0].strip() for p in three] == ['20'] * 3
    assert (tmp_path/'asked').read_text() == 'x'


def test_a_killed_build_leaves_no_cache_and_does_not_harm_the_next(tmp_path):
    code = ('import sys, time\nfrom lth_nb.datasets.images import cached\nimport numpy as np\n'
            'def entries():\n    for k in range(10**6):\n        yield f"a/{k}", np.zeros((64, 64), np.uint8)\n'
            'cached(sys.argv[1], entries, 8)')
    process = subprocess.Popen([sys.executable, '-c', code, str(tmp_path/'cache')])
    part = tmp_path/'cache.part/pixels.bin'
    for _ in range(600):
        if part.exists() and part.stat().st_size: break
        time.sleep(.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert part.exists() and not (tmp_path/'cache').exists()
    assert cached(tmp_path/'cache', lambda: iter([('a/1', np.zeros((9, 9), np.uint8))]), 8).paths == ['a/1']
    assert not part.exists()


def test_a_changed_file_is_decoded_again_and_an_unchanged_set_is_not(tmp_path, monkeypatch):
    def noise():
        return stored(Image.fromarray(RNG.integers(0, 256, (12, 12, 3), dtype=np.uint8)), 'PNG')
    folder_of(tmp_path/'set', {f'{c}/{k:02d}.png': noise() for c in 'ab' for k in range(10)})
    first = load(str(tmp_path/'set'), px=8, cache=tmp_path/'cache')
    with monkeypatch.context() as patch:
        patch.setattr(images, 'decode_all', None)  # whoever decodes fails
        assert load(str(tmp_path/'set'), px=8, cache=tmp_path/'cache').fingerprint == first.fingerprint
    (tmp_path/'set/a/03.png').write_bytes(noise())
    assert load(str(tmp_path/'set'), px=8, cache=tmp_path/'cache').fingerprint != first.fingerprint


def at_one_time(place, contents):
    "A folder, a tar or a zip of images, with one time for all files and for itself."
    folder = place.with_name(place.name.split('.')[0])
    folder_of(folder, contents)
    files = sorted(p for p in folder.rglob('*') if p.is_file())
    if place.suffix == '.tar':
        with tarfile.open(place, 'w') as archive:
            for file in files: archive.add(file, file.relative_to(folder))
    if place.suffix == '.zip':
        with zipfile.ZipFile(place, 'w') as archive:
            for file in files: archive.writestr(zipfile.ZipInfo(str(file.relative_to(folder))), file.read_bytes())
    if place.suffix: shutil.rmtree(folder)
    for path in [*place.rglob('*'), place]: os.utime(path, (10 ** 9, 10 ** 9))
    return place


@pytest.mark.parametrize('limit', ['whole', 'in parts'])
@pytest.mark.parametrize('name', ['cells', 'cells.tar', 'cells.zip'])
def test_sets_of_equal_names_sizes_and_times_are_not_mixed(tmp_path, monkeypatch, name, limit):
    "Another place, and the same place written over with its times kept; what is as before is not decoded again."
    if limit == 'in parts': monkeypatch.setattr(sets, 'READ_WHOLE', 0)
    def bmp():
        return stored(Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)), 'BMP')
    draws = [{f'{c}/{k:02d}.bmp': bmp() for c in 'ab' for k in range(10)} for _ in range(3)]
    kept = dict(cache=tmp_path/'cache')
    for place, contents in zip(('here', 'there', 'here'), draws):
        shutil.rmtree(tmp_path/place, ignore_errors=True)
        path = str(at_one_time(tmp_path/place/name, contents))
        truth = load(path, px=8, cache=tmp_path/'empty')
        shutil.rmtree(tmp_path/'empty')
        got = load(path, px=8, **kept)
        assert got.fingerprint == truth.fingerprint == check(path, **kept).fingerprint
        assert (got.train.pixels == truth.train.pixels).all()
    with monkeypatch.context() as patch:
        patch.setattr(images, 'decode_all', None)  # whoever decodes fails
        assert load(path, px=8, **kept).fingerprint == got.fingerprint


def test_memory_does_not_grow_with_the_set(tmp_path):
    folder_of(tmp_path, {'large.bmp': stored(Image.new('RGB', (1200, 1000)), 'BMP')})
    code = ('data = Path(sys.argv[1], "large.bmp").read_bytes()\n'
            'entries = lambda: ((f"a/{k:04d}", bytes(bytearray(data))) for k in range(int(sys.argv[2])))\n'
            'print(len(cached(Path(sys.argv[1], "cache" + sys.argv[2]), entries, 32).paths))')
    (_, few), (said, many) = megabytes(code, tmp_path, 20), megabytes(code, tmp_path, 160)  # 0.6 GB pass through
    assert said == ['160'] and many < 150 and many < few + 60


def test_a_progress_bar_counts_images(tmp_path, monkeypatch):
    seen = []
    def bar(rows, title, **options):
        for row in rows:
            seen.append((title, options['unit']))
            yield row
    monkeypatch.setattr(images, 'tqdm', bar)
    cache_of(folder_of(tmp_path/'set', {f'a/{k}.png': stored(GREEN, 'PNG') for k in range(3)}))
    assert seen == [('decode', ' images')] * 3


def test_the_cache_is_three_files_that_are_mapped(tmp_path):
    store = cache_of(folder_of(tmp_path/'set', {'a/1.png': stored(NOISE, 'PNG')}))
    assert sorted(p.name for p in (tmp_path/'set.cache0').iterdir()) == ['index.npz', 'meta.json', 'pixels.bin']
    assert isinstance(store.images.pixels, np.memmap) and not store.images.pixels.flags.writeable
    assert json.loads((tmp_path/'set.cache0/meta.json').read_text())['modes'] == ['PNG RGB']


# Crops, against torchvision's own transforms on the same random numbers

SIZES = [(90, 70), (37, 37), (41, 203), (640, 480), (20, 31), (33, 64)]
MEAN, STD = np.array([.2, .5, .7]), np.array([.1, .2, .3])


@pytest.fixture
def noises(tmp_path):
    "PNG files of many sizes, every other one grey, and their cache at short side 37."
    arrays = [RNG.integers(0, 256, size if k % 2 else (*size, 3), dtype=np.uint8) for k, size in enumerate(SIZES)]
    pngs = [stored(Image.fromarray(a), 'PNG') for a in arrays]
    store = cached(tmp_path/'noises', lambda: ((f'a/{k}.png', data) for k, data in enumerate(pngs)), 37)
    return pngs, store.images


def opened(data): return Image.open(io.BytesIO(data)).convert('RGB')


def test_resize_and_random_crop_are_torchvisions(noises):
    pngs, store = noises
    theirs = transforms.Compose([transforms.Resize(37), transforms.RandomCrop(32)])
    for k, data in enumerate(pngs):
        assert np.array_equal(store.image(k), np.asarray(transforms.Resize(37)(opened(data))))
        for seed in range(5):
            torch.manual_seed(seed)
            place = transforms.RandomCrop.get_params(Image.fromarray(store.image(k)), (32, 32))[:2]
            torch.manual_seed(seed)
            ours = crop(store, np.array([k]), *np.array(place)[:, None], px=32)[0]
            assert np.array_equal(ours, np.asarray(theirs(opened(data)))), (k, seed)


@pytest.mark.parametrize('views, cut', [(1, transforms.CenterCrop(32)), (10, transforms.TenCrop(32))])
def test_centre_and_ten_crops_grey_and_normalising_are_torchvisions(noises, views, cut):
    pngs, store = noises
    tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    theirs = []
    for data in pngs:
        img = Image.open(io.BytesIO(data))
        if img.mode == 'L': img = transforms.Grayscale(3)(img)
        crops = cut(transforms.Resize(37)(img))
        theirs += [tensor(one) for one in (crops if views == 10 else [crops])]
    x, _ = Batches(store, px=32, batch=6, mean=MEAN, std=STD, train=False, views=views)[0]
    torch.testing.assert_close(x, torch.stack(theirs), rtol=0, atol=1e-5)
    eight = ((x * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]) * 255).round()
    assert torch.equal(eight, (torch.stack(theirs) * torch.tensor(STD)[:, None, None] +
                               torch.tensor(MEAN)[:, None, None]).mul(255).round())


def test_channel_statistics_are_those_of_all_pixels():
    arrays = [RNG.integers(0, 256, (5, 4 + k % 3, 3), dtype=np.uint8) for k in range(20)]
    mean, std = channel_stats(pack(arrays, np.zeros(20)))
    every = np.concatenate([a.reshape(-1, 3) for a in arrays]) / 255
    assert np.allclose(mean, every.mean(0), atol=1e-12) and np.allclose(std, every.std(0), atol=1e-12)
    ones = normalise(np.full((1, 1, 1, 3), 255, np.uint8), torch.ones(3), torch.zeros(3))
    assert ones.flatten().tolist() == [255.] * 3


def test_the_rules_have_a_version_for_the_keys_of_caches():
    assert isinstance(images.RULES, int) and images.RULES >= 2


# What is refused, beyond what the pages show

TABLES = {
    '': "line 1: no column path", 'path,label\na.png,x': "line 1: no column class",
    'path,class': "lists no image", 'path,class\na.png,é': "is no table in UTF-8",
    'path,class\na.png,x\n\nb.png,': "line 4, column class: is empty",
    'path,class\n,x': "line 2, column path: is empty", 'path,class\na.png,x/y': "column class: holds a '/'",
    'path,class\na.png,x\n./a.png,y': "line 3, column path: repeats line 2",
    'path,class\na.png,Test': "line 2, column class: 'Test' would be read as a split: rename it",
    'path,class,split\na.png,x,train\nb.png,x,': "line 3, column split: is '', must be train, val or test",
    'path,class,split\na.png,x,dev': "line 2, column split: is 'dev'"}


@pytest.mark.parametrize('text', TABLES, ids=range(len(TABLES)))
def test_a_table_is_refused_with_the_line_and_the_column(tmp_path, text):
    (tmp_path/'bad.csv').write_bytes(text.encode('latin-1'))
    with pytest.raises(ValueError) as error: listing(tmp_path/'bad.csv')
    assert 'bad.csv' in str(error.value) and TABLES[text] in str(error.value)


PATHS = {
    "no image in pets: put images in <class>/": ([], []),
    "pets: 1.png lies outside the class folders": (['1.png'], []),
    "new/cat/2.png lies outside": (['train/cat/1.png', 'new/cat/2.png'], []),
    "pets has one class, 'cat'": (['cat/1.png', 'cat/2.png'], []),
    "'test' is read as a split: rename it if it is a class": (['control/1.png', 'test/2.png'], []),
    "class 'eel' has no images": (['cat/1.png', 'dog/1.png'], ['cat/', 'dog/', 'eel/'])}


@pytest.mark.parametrize('said', PATHS)
def test_paths_that_tell_no_class_are_refused(said):
    with pytest.raises(ValueError) as error: layout(*PATHS[said], 'pets')
    assert said in str(error.value)


@pytest.mark.parametrize('last', ['zwei/dog/4.png', 'drei/cat/4.png'])  # two folders suffice: they may be patients
def test_folders_that_may_be_classes_or_slides_are_refused(last):
    paths = ['eins/cat/1.png', 'eins/dog/2.png', 'zwei/cat/3.png', 'zwei/dog/3.png', last]
    with pytest.raises(ValueError) as error: layout(paths, [], 'pets')
    assert "folders 'eins' and 'zwei' both hold ['cat', 'dog']: which of them" in str(error.value)


def test_splits_that_a_class_or_a_group_cannot_fill_are_refused():
    how = dict(name='', where='pets', source_val=.1, seed=0)
    with pytest.raises(ValueError, match="class 'dog' has no images in train"):
        complete(np.array(['train', 'val', 'test']), np.array(['cat', 'dog', 'dog']), **how)
    with pytest.raises(ValueError, match="pets has no test split: add test/<class>/, or put the class folders"):
        complete(np.array(['train', 'val']), np.array(['cat', 'dog']), **how)
    shares = dict(train=.7, test=.2, val=.1)
    with pytest.raises(ValueError, match="4 groups leave no image for val"):  # of two patients each, none is left over
        by_group(np.repeat(['cat', 'dog'], 4), np.array([*'aabbccdd']), shares, 0)


def test_parts_that_are_no_part_are_refused():
    label = np.repeat([0, 1, 2], [80, 16, 4])
    with pytest.raises(ValueError, match="train=300 asks for 300 of 100 images"): pick(label, 300, seed=0)
    for text in ('half', '1.2.3', '3/class4'):
        with pytest.raises(ValueError, match=f"got '{text}'"): pick(label, text, seed=0)


def test_values_without_a_white_are_refused():
    def grey(values, kind):
        return Image.fromarray(np.array([values], kind))
    with pytest.raises(ValueError, match="from nan to nan"): white_of(grey([0, np.nan], np.float32))
    with pytest.raises(ValueError, match="from 0 to 70000"): white_of(grey([0, 70000], np.int32))


def test_a_file_that_is_not_there_or_too_large_is_named():
    with pytest.raises(Unreadable, match='No such file'): decode('no/such.png', 32)
    bitmap = stored(GREEN, 'BMP')
    with pytest.raises(Unreadable, match='c.bmp: 20,000 x 20,000 px is more than 67,108,864 pixels'):
        decode(bitmap[:18] + struct.pack('<ii', 20_000, 20_000) + bitmap[26:], 32, name='c.bmp')
    with pytest.raises(ValueError, match='short side must be >= 1 px, got -3'): images.resize_short(GREEN, -3)


def test_crops_and_batches_that_cannot_be_are_refused():
    store = pack([np.zeros((9, 8, 3), np.uint8)] * 4, np.zeros(4))
    with pytest.raises(ValueError, match=r"crop of 7 px at \(0, 2\) leaves its image of 9 x 8 px"):
        crop(store, np.array([0]), np.array([0]), np.array([2]), px=7)
    with pytest.raises(ValueError, match='at least one image, got none'): channel_stats(pack([], []))
    how = dict(px=8, batch=2, mean=np.zeros(3), std=np.ones(3))
    with pytest.raises(ValueError, match="views must be 1 to train, 1 or 10 to evaluate, got 10"):
        Batches(store, **how, views=10)
    with pytest.raises(ValueError, match="std must be > 0 in every channel"):
        Batches(store, **how | dict(std=np.zeros(3)))


def test_a_mended_set_is_read_again_and_one_without_images_leaves_nothing(tmp_path):
    square = np.zeros((8, 8), np.uint8)
    torn = [('cat/1.png', square), ('cat/x0.png', b'no image')]
    with pytest.raises(ValueError, match='cannot read image pets/cat/x0.png: no image of the formats'):
        cached(tmp_path/'torn', lambda: iter(torn), 10, what='pets')
    assert cached(tmp_path/'torn', lambda: iter(torn[:1]), 10, what='pets').broken == []
    for entries, said, how in (([('1.png', b'')], 'cannot read image pets/1.png', dict(skip_broken=True)),
                               ([('cat/', None)], 'no image in pets: put images in <class>/', {}),
                               ([('cat/1.png', square)] * 2, 'pets holds cat/1.png twice', {})):
        with pytest.raises(ValueError, match=said):
            cached(tmp_path/'bad', lambda: iter(entries), 10, what='pets', **how)
    assert [p.name for p in tmp_path.glob('bad*') if p.is_dir()] == []


def test_names_and_paths_that_lead_nowhere_are_refused(tmp_path):
    with pytest.raises(ValueError, match='have artist_classification_1, artist_classification_2, '): find('', tmp_path)
    with pytest.raises(ValueError, match='mice.tar does not exist: give a folder, an archive'):
        find('mice.tar', tmp_path)
    with pytest.raises(ValueError, match='mice does not exist: give a folder, an archive'):
        find(tmp_path/'mice', tmp_path)


def test_a_set_found_once_is_checked_and_loaded_without_looking_it_up_again(tmp_path, monkeypatch):
    noise = RNG.integers(0, 256, (20, 12, 12, 3), dtype=np.uint8)
    files = {f'{"ab"[k % 2]}/{k:02d}.png': stored(Image.fromarray(image), 'PNG') for k, image in enumerate(noise)}
    folder_of(tmp_path/'set', files)
    found = find(tmp_path/'set')
    by_name = load(str(tmp_path/'set'), px=8, cache=tmp_path/'cache').fingerprint
    monkeypatch.setattr(sets, 'find', None)  # whoever looks it up fails
    report = check(found, cache=tmp_path/'cache').require()
    assert load(found, px=8, cache=tmp_path/'cache').fingerprint == report.fingerprint == by_name


def test_sets_are_found_checked_and_loaded_without_torch(tmp_path):
    code = ("import sys\nfrom lth_nb.datasets import check, find, load\nimages = find('digits')\n"
            "check(images, cache=sys.argv[1]), load(images, cache=sys.argv[1])\nprint('torch' in sys.modules)")
    done = subprocess.run([sys.executable, '-c', code, tmp_path], text=True, capture_output=True)
    assert done.stdout.strip() == 'False', done.stderr
