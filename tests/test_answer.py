"run_transfer to its end on sets that a reader of results must be told something about."
import numpy as np
import pytest
from notebooks import walk
from PIL import Image

QUICK = dict(px=8, batch=8, change='max_epochs=2,finetune_tries=1', rounds='1', threads=1, recipe='tuned',
             arms='scratch,dense,ticket', pretrained='')


def put(folder, counts, seed):
    "Class folders of coloured noise, so many images each."
    rng = np.random.default_rng(seed)
    for place, (name, count) in enumerate(counts.items()):
        (folder/name).mkdir(parents=True)
        for number in range(count):
            noise = rng.integers(0, 160, (12, 12, 3), 'u1')
            noise[..., place] += 90
            Image.fromarray(noise).save(folder/name/f'{number:03d}.png')


@pytest.fixture
def answer(tickets, tmp_path):
    "Draw a set from the counts of its splits, run the question, and give the names the notebook ends with."
    def answered(*, seeds='2', **splits):
        for seed, (split, counts) in enumerate(splits.items()): put(tmp_path/'cells'/split, counts, seed)
        return walk('run_transfer', target=str(tmp_path/'cells'), bank=str(tickets), smoke='False', seeds=seeds,
                    out=str(tmp_path/'out'), **QUICK)
    return answered


def test_one_class_with_nearly_all_images_is_read_by_balanced_accuracy(answer):
    names = answer(train=dict(a=40, b=4), val=dict(a=20, b=2), test=dict(a=40, b=2))
    verdict, = names['verdicts']
    assert verdict.reading.measure == 'balanced accuracy'
    assert (verdict.reading.rows.test_acc == verdict.reading.rows.test_balanced_acc).all()
    assert verdict.reading.barred or 'balanced accuracy' in verdict.sentence


def test_a_class_that_never_occurs_in_validation_is_no_error(answer):
    names = answer(train=dict(a=12, b=12, c=12), val=dict(a=8, b=8), test=dict(a=8, b=8, c=8))
    verdict, = names['verdicts']
    assert verdict.reading.rows.val_acc.between(0, 1).all() and verdict.sentence


def test_twelve_images_in_all_are_answered(answer):
    names = answer(train=dict(a=3, b=3), val=dict(a=1, b=1), test=dict(a=2, b=2), seeds='1')
    verdict, = names['verdicts']
    assert len(verdict.sentence.split()) <= 60 and '6 training images' in verdict.sentence
