"What is typed wrongly is refused by name, with what is valid, before any training."
import json
import re
import shutil

import numpy as np
import pytest
import torch
from conftest import ROOT, call
from notebooks import files_of, walk
from PIL import Image

from lth_nb.bank import Bank
from lth_nb.datasets.sets import load
from lth_nb.masks import Mask, apply_mask_
from lth_nb.models import build

SIZES = dict(px=8, batch=8, change='max_epochs=1')  # of a target of forty images: a run takes a moment


def draw(folder, *, classes=('a', 'b'), n=20, px=12):
    "A folder of class folders of noise."
    rng = np.random.default_rng(0)
    for c in classes:
        (folder/c).mkdir(parents=True)
        for i in range(n): Image.fromarray(rng.integers(0, 256, (px, px, 3), 'u1')).save(folder/c/f'{i:02d}.png')
    return folder


@pytest.fixture(scope='module')
def pictures(tmp_path_factory): return draw(tmp_path_factory.mktemp('sets')/'pictures')


@pytest.fixture
def ask(tickets, pictures, tmp_path):
    "Ask run_transfer for something, up to its plan; nothing may have been trained, whatever it says."
    def asked(**parameters):
        usual = dict(target=str(pictures), bank=str(tickets), out=str(tmp_path/'out'), rounds='1', seeds='1', threads=1,
                     pretrained='')
        try: return walk('run_transfer', until='plan', **usual | SIZES | parameters)
        finally: assert not files_of(tmp_path/'out')
    return asked


def test_a_sound_question_is_planned(ask):
    plan = ask()
    assert re.match(r'6 runs asked for; 6 runs left', str(plan['_'])) and len({s.key for s in plan['work'].specs}) == 6


TRANSFER = {
    'target': (dict(target='mouse'), "'mouse'", 'mouse_lba', 'digits', 'or give a path'),
    'path': (dict(target='no/such/folder'), 'no/such/folder', 'does not exist', '.tar'),
    'source': (dict(source='imagenet'), "source 'imagenet'", 'digits'),
    'one source of two': (dict(source='digits,imagenet'), "source 'imagenet'", 'digits'),
    'arm': (dict(arms='scratch,tickets'), "arm 'tickets'", 'scratch', 'ticket', 'finetuned_dense', 'shuffled_reinit'),
    'model': (dict(model='resnet'), "model 'resnet'", 'resnet50', 'resnet20_8', 'mlp'),
    'preset': (dict(preset='small'), "preset 'small'", 'paper', 'demo'),
    'recipe': (dict(recipe='papre'), "recipe 'papre'", 'paper', 'tuned'),
    'scope': (dict(change='scope=all'), "scope 'all'", 'global', 'layer'),
    'field': (dict(change='scoop=layer'), "'scoop'", 'scope', 'rewind_at'),
    'change without a value': (dict(change='scope'), 'change', 'field=value', "'scope'"),
    'type of a field': (dict(change='lr=fast'), 'lr', 'float', "'fast'"),
    'rate': (dict(change='rate=1.0'), 'rate must be in (0, 1)', '1.0'),
    'rewind_at': (dict(change='rewind_at=2epochs'), 'rewind_at', 'Nep', 'Nit', "'2epochs'"),
    'rounds=0': (dict(rounds='0'), 'rounds must be >= 1', '0'),
    'rounds not in the bank': (dict(rounds='1,9'), 'digits-resnet20_8-paper-s0', 'no round 9', '0 to 1'),
    'rounds in words': (dict(rounds='one'), 'rounds', 'whole numbers', "'one'"),
    'rounds twice': (dict(rounds='1,1'), 'rounds', 'twice', '1,1'),
    'seeds=0': (dict(seeds=0), 'seeds must be >= 1', '0'),
    'seeds below 0': (dict(seeds=-1), 'seeds', '-1'),
    'seeds twice': (dict(seeds='1,0,1'), 'seeds', 'twice', '1,0,1'),
    'search seeds twice': (dict(search_seeds='0,0'), 'search_seeds', 'twice', '0,0'),
    'search seed not at hand': (dict(search_seeds='7,'), 'search_seeds names 7', 'digits', '[0]'),
    'search seed of another source': (dict(source='digits,other', search_seeds='0,1', bank='uneven'),
                                      'search_seeds names 1; the banks of digits', 'search_seed [0]',
                                      'search_seeds names 0; the banks of other', 'search_seed [1]'),
    'arms twice': (dict(arms='scratch,ticket,scratch'), 'arm', 'twice', 'scratch,ticket,scratch'),
    'recipe twice': (dict(recipe='paper,paper'), 'recipe', 'twice', 'paper,paper'),
    'source twice': (dict(source='digits,digits'), 'source', 'twice', 'digits,digits'),
    'arms without the two': (dict(arms='dense'), 'arms', 'scratch', 'ticket'),
    'trained weights the bank lacks': (dict(arms='scratch,ticket,finetuned', rounds='1', bank='thin'),
                                       "no trained weights of round 1", "'finetuned'", 'keep_trained'),
    'no bank': (dict(bank='nowhere'), 'no bank', 'nowhere', 'find_tickets'),
    'train': (dict(train='ten'), 'train', '40/class', "'ten'"),
    'too many images': (dict(train='1000'), 'train=1000', '1000 of 28'),
    'too many per class': (dict(train='15/class'), 'train=15/class', '14 images'),
    'too few images': (dict(train='1'), 'train=1', 'class', '2 or more'),
    'px': (dict(px='small'), 'px', "'small'"),
    'px=0': (dict(px='0'), 'px must be >= 1', '0'),
    'batch': (dict(batch='many'), 'batch', "'many'"),
    'batch=0': (dict(batch='0'), 'batch must be >= 1', '0'),
    'device': (dict(device='tpu'), "device 'tpu'", 'cpu', 'cuda', 'mps'),
    'threads': (dict(threads=-1), 'threads', '-1'),
}


@pytest.mark.parametrize('case', TRANSFER)
def test_transfer_refuses(case, ask, tickets, tmp_path):
    parameters, *said = TRANSFER[case]
    if parameters.get('bank') == 'thin':  # a bank whose search kept no trained weights
        shutil.copytree(tickets, thin := tmp_path/'thin')
        card = next(thin.glob('*/card.json'))
        facts = json.loads(card.read_text())
        facts['sha256'] = {k: v for k, v in facts['sha256'].items() if not k.startswith('trained')}
        card.write_text(json.dumps(facts))
        parameters = parameters | dict(bank=str(thin))
    if parameters.get('bank') == 'uneven':  # two sources, one search of each, by different seeds
        shutil.copytree(tickets, uneven := tmp_path/'uneven')
        first = next(uneven.glob('*/card.json')).parent
        shutil.copytree(first, second := uneven/'other-resnet20_8-paper-s1')
        facts = json.loads((second/'card.json').read_text())
        (second/'card.json').write_text(json.dumps(facts | dict(source='other', search_seed=1)))
        parameters = parameters | dict(bank=str(uneven))
    with pytest.raises(ValueError) as error: ask(**parameters)
    assert [part for part in said if part not in str(error.value)] == [], str(error.value)
    assert '\n' not in str(error.value)


SEARCH = {
    'source': (dict(source='digit'), "'digit'", 'digits', 'or give a path'),
    'source not at hand': (dict(source='cifar10'), 'cifar10 is not in', 'cifar10.tar'),
    'rounds=0': (dict(rounds='0'), 'rounds must be >= 1', '0'),
    'rounds in words': (dict(rounds='two'), 'rounds', "'two'"),
    'search_seeds=0': (dict(search_seeds='0'), 'search_seeds must be >= 1', '0'),
    'search seeds twice': (dict(search_seeds='0,1,0'), 'search_seeds', 'twice'),
    'rate': (dict(change='rate=1.0'), 'rate must be in (0, 1)', '1.0'),
    'model': (dict(model='resnet'), "model 'resnet'", 'resnet50', 'resnet20_8'),
    'recipe': (dict(recipe='papre'), "recipe 'papre'", 'paper', 'tuned'),
    'preset': (dict(preset='small'), "preset 'small'", 'paper', 'demo'),
    'keep_trained': (dict(keep_trained='0,99'), 'keep_trained', 'round 99', '10'),
    'stem': (dict(change='stem=7x7'), 'stem', "'7x7'", 'auto'),
}


@pytest.mark.parametrize('case', SEARCH)
def test_search_refuses(case, tmp_path):
    parameters, *said = SEARCH[case]
    usual = dict(out=str(tmp_path), data=str(tmp_path/'data'), threads=1)
    with pytest.raises(ValueError) as error: walk('find_tickets', **usual | parameters)
    assert [part for part in said if part not in str(error.value)] == [], str(error.value)
    assert not list(tmp_path.glob('banks/*/*'))


WORDS = {
    'a table': (('run_transfer', 'labels.csv'), '-p target labels.csv'),
    'a table, after a parameter': (('run_transfer', '-p', 'smoke', 'True', 'labels.csv'), '-p target labels.csv'),
    'an archive': (('find_tickets', 'cells.zip'), '-p source cells.zip'),
    'a folder': (('run_transfer', './cells'), '-p target ./cells'),
    'an equals sign': (('run_transfer', 'target=mouse_lba'), '-p target mouse_lba'),
    'only the plan': (('run_transfer', 'labels.csv', '--plan'), '-p target labels.csv'),
    'a file with the name of a notebook': (('run_transfer', 'table.ipynb'), 'table.ipynb exists and is no notebook'),
    'the notebook itself': (('mine.ipynb', 'mine.ipynb'), 'mine.ipynb is the notebook to execute'),
    'the notebook itself, only the plan': (('mine.ipynb', 'mine.ipynb', '--plan'), 'is the notebook to execute'),
}


@pytest.mark.parametrize('case', WORDS)
def test_a_word_after_the_experiment_overwrites_nothing(case, pictures, tmp_path):
    words, said = WORDS[case]
    shutil.copytree(pictures, tmp_path/'cells')
    shutil.make_archive(tmp_path/'cells', 'zip', pictures)
    for name in ('labels.csv', 'table.ipynb'): (tmp_path/name).write_text('path,class\ncells/a/00.png,a\n')
    shutil.copy(ROOT/'nbs/experiments/run_transfer.ipynb', tmp_path/'mine.ipynb')
    before = {p: p.read_bytes() for p in tmp_path.rglob('*') if p.is_file()}
    done = call('lth', 'run', *words, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == '' and done.stderr.count('\n') == 1
    assert done.stderr.startswith('lth: ') and said in done.stderr and words[1].split('=')[-1] in done.stderr
    assert {p: p.read_bytes() for p in tmp_path.rglob('*') if p.is_file()} == before


def flat(folder): (folder/'a').rename(folder/'gone'), [p.rename(folder/p.name) for p in (folder/'gone').iterdir()]
def alone(folder): shutil.rmtree(folder/'b')
def emptied(folder): [p.unlink() for p in (folder/'b').iterdir()]
def torn(folder): (folder/'b/03.png').write_bytes((folder/'b/03.png').read_bytes()[:90])
def bare(folder): [shutil.rmtree(p) for p in folder.iterdir()]
def thin(folder): [p.unlink() for p in sorted((folder/'b').iterdir())[2:]]


FOLDERS = {
    flat: ('outside the class folders', 'train/<class>/', 'or <class>/ alone'),
    alone: ("one class, 'a'", 'two or more are needed'),
    emptied: ("class 'b' has no images", 'fill the folder or remove it'),
    torn: ('b/03.png', 'repair'),
    bare: ('no image in', 'put images in <class>/'),
    thin: ("class 'b' has 2 images", 'a split needs 3'),
}


@pytest.mark.parametrize('spoil', FOLDERS, ids=lambda f: f.__name__)
def test_a_folder_is_refused_by_its_path(spoil, tmp_path, ask):
    spoil(folder := draw(tmp_path/'spoilt'))
    with pytest.raises(ValueError) as error: ask(target=str(folder))
    said = (str(folder), *FOLDERS[spoil])
    assert [part for part in said if part not in str(error.value)] == [], str(error.value)
    draw(tmp_path/'mended')
    shutil.rmtree(folder), (tmp_path/'mended').rename(folder)
    assert ask(target=str(folder))['splits'].classes == ('a', 'b')  # nothing of the first try stays in the way


def test_what_the_data_check_finds_is_refused_until_it_is_accepted(tmp_path, ask):
    folder = draw(tmp_path/'leaky')
    shutil.copy(folder/'a/00.png', folder/'b/copy.png')
    torn(folder)
    with pytest.raises(ValueError, match='(?s)error: broken: .*error: contradiction: .*-p accept leak'):
        ask(target=str(folder))
    with pytest.raises(ValueError, match="unknown finding to accept 'contra'"): ask(target=str(folder), accept='contra')
    plan = ask(target=str(folder), accept='broken,contradiction,leak')
    assert {s.labels['accepted'] for s in plan['work'].specs} == {'broken,contradiction,leak'}
    assert '1 broken images left out: b/03.png' in plan['splits'].notes


def test_small_images_are_enlarged_and_it_is_said(tmp_path):
    splits = load(str(draw(tmp_path/'small', px=12)), px=28, cache=tmp_path/'cache')
    assert '40 of 40 images were enlarged to 32 px, the smallest from 12 px' in splits._repr_markdown_()
    assert (splits.train.size == 32).all()
    large = load(str(draw(tmp_path/'large', px=40)), px=28, cache=tmp_path/'cache')
    assert 'enlarged' not in large._repr_markdown_()


def test_a_mask_that_does_not_fit_names_the_parameter(tickets):
    ticket = Bank('digits-resnet20_8-paper-s0', tickets).ticket(1)
    wide = build('resnet20', 2)
    with pytest.raises(ValueError, match=r"conv1\.weight.* \(8, 3, 3, 3\), the parameter \(16, 3, 3, 3\)"):
        apply_mask_(wide, ticket.mask)
    with pytest.raises(ValueError, match=r"'\w+\.\w+' is \(16,.*\) in the model, \(8,.*\) in the ticket"):
        ticket.into(wide)
    with pytest.raises(KeyError, match='conv9.weight'):
        apply_mask_(build('resnet20_8', 2), Mask({'conv9.weight': torch.ones(1, dtype=bool)}))


def test_a_bank_that_does_not_fit_is_refused_before_training(ask, tickets, tmp_path):
    with pytest.raises(ValueError, match="no bank of resnet20 .*find_tickets"): ask(model='resnet20')
    mlp = dict(model='mlp', rounds='1', change='max_epochs=1,rewind_at=0', keep_trained='0', out=str(tmp_path/'search'))
    walk('find_tickets', bank=str(tmp_path/'banks'), train='40', threads=1, **mlp)  # at 16 px
    assert str(ask(model='mlp', px=16, bank=str(tmp_path/'banks'))['_']).startswith('6 runs')
    with pytest.raises(ValueError, match=r'fc1\.weight|\bpx\b'): ask(model='mlp', px=12, bank=str(tmp_path/'banks'))


def test_a_damaged_bank_is_refused(ask, tickets, tmp_path):
    shutil.copytree(tickets, tmp_path/'banks')
    file = next((tmp_path/'banks').glob('*/theta_k.safetensors'))
    file.write_bytes(file.read_bytes()[:-1] + b'\x01')
    with pytest.raises(ValueError, match='theta_k.safetensors .*digits-resnet20_8-paper-s0.*does not match its card'):
        ask(bank=str(tmp_path/'banks'))


def test_a_loss_that_is_not_finite_stops_the_run(tickets, pictures, tmp_path):
    given = dict(target=pictures, bank=tickets, out='out', rounds=1, threads=1, px=8, batch=8,
                 change='lr=1e30,max_epochs=1')
    done = call('lth', 'run', 'run_transfer', *(w for k, v in given.items() for w in ('-p', k, v)), cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(r'lth: FloatingPointError: .*not finite in epoch \d+ at step \d+: lower lr', last), done.stderr
    assert 'Traceback' not in done.stderr and 'verdict:' not in done.stdout
    assert not list((tmp_path/'out').glob('??/*')) and not (tmp_path/'out/pictures/verdict.json').exists()
