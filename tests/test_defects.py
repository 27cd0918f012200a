"""The sixteen defects found in published lottery-ticket code: one test each, with the defect's number in its name.

Each goes through the package as a study does: a search on a toy source, its bank on disk, runs on a toy target.
"""
import itertools
import random
from dataclasses import asdict, dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.optim.optimizer import register_optimizer_step_post_hook

from lth_nb.bank import Bank, finish, start_search
from lth_nb.datasets import splits as sampling
from lth_nb.datasets.images import Batches, channel_stats, cut, pack, train_places
from lth_nb.datasets.sets import Splits, load
from lth_nb.experiments import parse_seeds
from lth_nb.masks import Mask, apply_mask_, digest, full_mask
from lth_nb.models import MODELS, build, head_state, init_state, prunable, prunable_names, set_state_
from lth_nb.protocol import ARMS, make_protocol
from lth_nb.pruning import prune, random_mask, shuffled
from lth_nb.runs import Runs, correct, table
from lth_nb.sweep import Sweep, carry_out, plan
from lth_nb.tickets import Round, Ticket, rewind_, rewind_step, search
from lth_nb.training import copy_state, evaluate, fit, optimizer, pruned_places, train_step
from lth_nb.transfer import Run

torch.set_num_threads(1)

PX, CLASSES = 8, 3
TOY = make_protocol('demo', 'paper', model='resnet20_8', px=PX, batch=8, lr=.05, max_epochs=2, patience=0,
                    finetune_tries=1, rounds=2, rate=.5, rewind_at='2it')
PRUNABLE = prunable_names(build(TOY.model, CLASSES, px=PX, device='meta'))


# The toy: a source, a target, a search, a bank, a run -----------------------------------------------------------------

def images(n, seed, side=10):
    "`n` noisy images with their class's colour; larger than the crop, so that random crops differ."
    rng, labels = np.random.default_rng(seed), np.arange(n) % CLASSES
    colour = 80 * (labels[:, None] == np.arange(3))[:, None, None]
    return pack(list((rng.integers(0, 160, (n, side, side, 3)) + colour).astype(np.uint8)), labels)


def toy_set(name='target', *, test=None, kind=Splits, seed=1):
    "As many classes as the source has: a head that was left in place would fit, and go unnoticed."
    return kind(name=name, kind='real', classes=('a', 'b', 'c'), fingerprint=name, train=images(24, seed),
                val=images(12, seed + 1), px=PX, notes=(), _test=images(13, seed + 2) if test is None else test)


def net_for(protocol=TOY): return build(protocol.model, CLASSES, px=PX)


def batches_of(imgs, stats, kind=Batches, **kw):
    return kind(imgs, px=PX, batch=TOY.batch, mean=stats[0], std=stats[1], **kw)


def card_of(name, protocol=TOY):
    return dict(name=name, source='source', fingerprint='source', model=protocol.model, classes=CLASSES, recipe='paper',
                search_seed=0, protocol=asdict(protocol), train='', mean=[.5] * 3, std=[.2] * 3)


def begin_search(folder, *, name='toy', protocol=TOY, kind=Batches, splits=None, open_test=None):
    "A search, from its start or from what lies in `folder`: its open bank, rounds, training batches and network."
    splits, net = splits or toy_set('source', seed=11), net_for(protocol)
    stats = channel_stats(splits.train)
    train = batches_of(splits.train, stats, kind, seed=5)
    going = start_search(folder, card_of(name, protocol), full=full_mask(prunable(net)), keep_trained=(0, 1, 2))
    rounds = search(net, init_state(net, protocol.init, 7), train, batches_of(splits.val, stats, train=False),
                    open_test=open_test or (lambda: batches_of(splits.open_test(), stats, train=False)),
                    protocol=protocol, **going.resume())
    return going, rounds, train, net


@pytest.fixture(scope='module')
def bank(tmp_path_factory):
    "Rounds 0 to 2 of a real search, with the trained weights of each: every arm can be run from it."
    folder = tmp_path_factory.mktemp('banks')
    going, rounds, *_ = begin_search(folder)
    for done in rounds: going.add(done)
    return Bank(finish(going).name, folder)


def made_bank(folder, name, mask, theta):
    "A bank that no search found: round 1 is `mask` at `theta`."
    going = start_search(folder, card_of(name), full=full_mask(mask))
    going.add(Round(Ticket(full_mask(mask), theta, 0), mask, dict(sparsity=0.)))
    going.add(Round(Ticket(mask, theta, 1), None, dict(sparsity=1 - mask.density)))
    return Bank(finish(going).name, folder)


def specs_for(bank, arms, *, splits, rounds=(1,), seeds=(0,), protocol=TOY, train=''):
    target = dict(name=splits.name, fingerprint=splits.fingerprint, train=train, n_train=24, n_val=12,
                  n_test=splits.n_test)
    labels = dict(preset='demo*', recipe='paper', changed='', smoke=True, target_kind='real')
    return plan(protocol, target=target, banks=dict(source=[bank]), rounds=rounds, seeds=seeds, arms=tuple(arms),
                labels=labels)


def sweep_of(spec, bank, splits, protocol): return Sweep((spec,), splits, {bank.name: bank}, {spec.key: protocol})


@dataclass
class Seen:
    "A run, watched from outside."
    run: Run       # What came out
    start: dict    # The network's state when the first training batch arrived
    end: dict      # And when all was over
    batches: tuple # Digests of the training batches, in order
    net: torch.nn.Module


def watch(spec, bank, splits, protocol=TOY):
    "Carry out `spec` in a new network and note what the network saw."
    sampling._order.cache_clear() # A remembered order would hide one that is drawn anew each time
    net, start, batches = net_for(protocol), {}, []

    def note(net, args):
        if not net.training: return
        if not batches: start.update(copy_state(net))
        batches.append(digest(dict(x=args[0])))

    net.register_forward_pre_hook(note)
    run = carry_out(spec, net, sweep_of(spec, bank, splits, protocol))
    return Seen(run, start, copy_state(net), tuple(batches), net)


def one(arm, bank, splits=None, *, protocol=TOY, **kw):
    splits = splits or toy_set()
    spec, = specs_for(bank, [arm], splits=splits, protocol=protocol, **kw)
    return watch(spec, bank, splits, protocol)


def nonzero(state): return Mask({n: state[n] != 0 for n in PRUNABLE})
def head(state): return {n: t for n, t in state.items() if n.startswith('fc.')}
def backbone(state): return {n: t for n, t in state.items() if not n.startswith('fc.')}


def masked(state, mask): return {n: t * mask[n] if n in mask else t for n, t in state.items()}


def same(a, b): return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


def agree(a, b):
    "Whether two backbones are equal wherever neither is pruned, and in all that cannot be, statistics included."
    where = {n: (a[n] != 0) & (b[n] != 0) for n in nonzero(a)}
    return same(masked(backbone(a), where), masked(backbone(b), where))


def facts(run):
    "All numbers of a run but its times."
    untimed = [{k: v for k, v in row.items() if k != 'seconds'} for row in run.history]
    metrics = {k: v for k, v in run.metrics.items() if k not in ('seconds', 'images_per_s')}
    return metrics, untimed, digest(dict(val=run.val.probs, test=run.test.probs, label=run.test.labels))


# The sixteen ----------------------------------------------------------------------------------------------------------

def test_defect_01_negative_weights_move():
    "Freezing by `w < eps` also freezes every negative weight: ours all move in one step, whatever their sign."
    p = replace(TOY, max_epochs=1, lr=1., weight_decay=0., restore='last') # No decay: it would move a frozen weight too
    imgs = images(p.batch, 0)
    train, val = (batches_of(imgs, channel_stats(imgs), train=t) for t in (True, False))
    net = net_for()
    set_state_(net, before := init_state(net, p.init, 0))
    mask = prune(prunable(net), full_mask(prunable(net)), .5)
    torch.nn.functional.cross_entropy(apply_mask_(net, mask).train()(train[0][0]), train[0][1]).backward()
    grads = {n: q.grad.clone() for n, q in net.named_parameters()}
    done = fit(set_state_(net, before), mask, train, val, p)
    assert done.steps == 1
    for name, keep in mask.items():
        old, pull = before[name], grads[name].abs() > 1e-5 * before[name].abs() # More than rounding can swallow
        for sign in (-1, 1):
            expected = keep & pull & (old.sign() == sign)
            assert expected.any(), f'{name} has no weight of sign {sign} to watch'
            assert (done.last[name] != old)[expected].all(), f'{name}: kept weights of sign {sign} stood still'


class Starts(Batches):
    "Keeps the network's state whenever the batch of step `at` is fetched: that is where rewound rounds begin."
    net, at, states = None, None, None

    def __getitem__(self, step):
        if step == self.at: self.states.append(copy_state(self.net))
        return super().__getitem__(step)


@pytest.mark.parametrize('prune_on', ['best', 'last'])
def test_defect_02_every_round_starts_at_theta_k(tmp_path, prune_on):
    "Rounds that go on from the last one's weights: ours start at m_r x theta_k, bit for bit, buffers included."
    p = replace(TOY, prune_on=prune_on)
    _, rounds, train, net = begin_search(tmp_path, protocol=p, kind=Starts)
    train.net, train.at, train.states = net, rewind_step(p, len(train)), []
    assert train.at == 2
    found = list(rounds)
    theta = found[0].ticket.theta
    fresh = init_state(net, p.init, 7)
    assert all(theta[n].ne(fresh[n]).any() for n in theta if n.endswith(('running_mean', 'conv1.weight')))
    assert len(train.states) == 3 # Round 0 passes step k, the others begin there
    for done, start in zip(found, train.states):
        assert done.ticket.mask.kept < done.ticket.mask.total or done.ticket.round == 0
        assert same(start, masked(theta, done.ticket.mask)), f'round {done.ticket.round}'
        assert same(done.ticket.theta, theta)

    # A new network, put there by hand, ends where the last round ended: nothing else was carried over, momentum neither
    splits = toy_set('source', seed=11)
    val = batches_of(splits.val, channel_stats(splits.train), train=False)
    net, last = net_for(), found[-1].ticket
    fit(rewind_(net, theta, last.mask), last.mask, train, val, p, first_step=train.at)
    assert same(net.state_dict(), last.trained)


def test_defect_03_shuffled_mask_is_another_mask_and_is_used(bank):
    "A shuffle that changes nothing: our shuffled mask differs, keeps each layer's count, and is what trains."
    seen, mask = one('shuffled', bank), bank.ticket(1).mask
    start, end = nonzero(seen.start), nonzero(seen.end)
    assert {n: int(k.sum()) for n, k in start.items()} == {n: int(k.sum()) for n, k in mask.items()}
    assert [n for n, k in mask.items() if not k.all() and torch.equal(start[n], k)] == []
    assert digest(end) == digest(start), 'the network did not stay under the mask it started with'
    assert facts(seen.run) != facts(one('ticket', bank).run)


def test_defect_04_every_arm_runs_from_end_to_end(bank, tmp_path):
    "Controls that crash on the path nobody ran: all nine of ours are planned, trained, read, stored and listed."
    splits, runs, p = toy_set(), Runs(tmp_path), replace(TOY, max_epochs=1)
    specs = specs_for(bank, ARMS, splits=splits, protocol=p)
    assert sorted(s.arm for s in specs) == sorted(ARMS) and len(ARMS) == 9
    for spec in specs:
        run = carry_out(spec, net_for(), sweep_of(spec, bank, splits, p))
        assert run.metrics['steps'] == 3 and all(np.isfinite(row['val_loss']) for row in run.history)
        assert run.test.probs.shape == (13, CLASSES) and run.test.probs.isfinite().all()
        runs.add(spec, run)
    done = table(runs, specs)
    assert sorted(done.arm) == sorted(ARMS) and done.test_acc.between(0, 1).all()
    assert done.val_loss.nunique() == 9, 'two arms are the same run'


def test_defect_05_arms_differ_in_what_their_pair_names(bank):
    "Controls that differ in more than they say: ours differ in the mask or weights their pair names, in nothing else."
    splits, ticket, dense = toy_set(), bank.ticket(1), bank.ticket(0)
    seen = {spec.arm: watch(spec, bank, splits) for spec in specs_for(bank, ARMS, splits=splits)}
    for a, b in itertools.combinations(ARMS, 2):
        assert same(nonzero(seen[a].start), nonzero(seen[b].start)) == (ARMS[a].mask == ARMS[b].mask), (a, b)
        # Trained weights belong to the mask they were trained under, so the two arms that have them differ
        alike = ARMS[a].weights == ARMS[b].weights != 'trained'
        assert agree(seen[a].start, seen[b].start) == alike, (a, b)
    rates = {arm: [(row['step'], row['lr']) for row in s.run.history] for arm, s in seen.items()}
    for arm, s in seen.items(): # The rest is equal everywhere
        assert same(head(s.start), head(seen['ticket'].start)), arm
        assert s.batches == seen['ticket'].batches and rates[arm] == rates['ticket'], arm
    # And the pairs are what the bank holds
    assert same(backbone(seen['ticket'].start), backbone(masked(ticket.theta, ticket.mask)))
    assert same(backbone(seen['dense'].start), backbone(dense.theta))
    assert same(backbone(seen['finetuned'].start), backbone(ticket.trained))
    assert same(backbone(seen['finetuned_dense'].start), backbone(dense.trained))


@pytest.mark.parametrize('arm', ['ticket', 'reinit', 'finetuned'])
def test_defect_06_the_mask_on_the_target_is_the_banks(bank, arm):
    "Transfer of weights with a mask found anew on the target: ours starts and ends under the bank's mask."
    splits = toy_set()
    spec, = specs_for(bank, [arm], splits=splits, rounds=(2,))
    seen = watch(spec, bank, splits)
    assert digest(nonzero(seen.start)) == digest(nonzero(seen.end)) == bank.card['rounds'][2]['mask']
    assert spec.ticket['mask'] == bank.card['rounds'][2]['mask'] # And the run's key says so


def test_defect_07_head_depends_on_target_and_seed_alone(bank, tmp_path):
    "A head that came along from the source: ours is new, and one for every arm, round and bank of a target and seed."
    p = replace(TOY, max_epochs=1)
    other = made_bank(tmp_path, 'other', shuffled(bank.ticket(2).mask, seed=4), init_state(net_for(), p.init, 99))

    def heads(name, seed, arms, rounds):
        splits, runs = toy_set(name), []
        for b in (bank, other):
            known = arms if b is bank else ('ticket',)
            specs = specs_for(b, known, splits=splits, rounds=rounds if b is bank else (1,), seeds=(seed,), protocol=p)
            runs += [watch(spec, b, splits, p) for spec in specs]
        return {digest(head(seen.start)) for seen in runs}

    mine = heads('target', 0, ('scratch', 'dense', 'ticket', 'finetuned', 'random'), (1, 2))
    assert len(mine) == 1, 'the head depends on the arm, the round or the bank'
    mine |= heads('target', 1, ('ticket',), (1,)) | heads('another', 0, ('ticket',), (1,))
    assert len(mine) == 3, 'the head ignores the target or the seed'
    sources = [bank.ticket(r) for r in bank.rounds] + [other.ticket(1)]
    theirs = {digest(head(state)) for t in sources for state in (t.theta, t.trained) if state}
    assert not theirs & mine


STEMS = [(name, 'auto') for name in MODELS if name != 'mlp'] + [('resnet50', '7x7'), ('resnet18', '7x7')]


@pytest.mark.parametrize('name,stem', STEMS)
def test_defect_08_source_and_target_share_every_shape_but_the_heads(name, stem):
    "A one-channel stem for grey sources: ours has three channels and the same shapes at every size and class count."
    def shapes(px, classes):
        state = build(name, classes, px=px, stem=stem, device='meta').state_dict()
        assert tuple(state['fc.weight'].shape)[0] == classes
        return {n: tuple(t.shape) for n, t in backbone(state).items()}
    native = shapes(28, 10) # Fashion-MNIST: grey and small
    assert native['conv1.weight'][1] == 3
    for px, classes in ((8, 10), (32, 100), (64, 9), (224, 20)): assert shapes(px, classes) == native, (px, classes)


def test_defect_08_a_grey_source_yields_tickets_for_coloured_targets(tmp_path):
    "A one-channel stem for grey sources: ours reads grey files as three equal channels, and its ticket goes anywhere."
    for label, shade in (('dark', 30), ('light', 200)):
        (tmp_path/'set'/label).mkdir(parents=True)
        for i in range(6): Image.new('L', (PX, PX), shade + i).save(tmp_path/'set'/label/f'{i}.png')
    grey = load(str(tmp_path/'set'), px=PX, role='source', cache=tmp_path/'cache')
    x, _ = Batches(grey.train, px=PX, batch=4, mean=[0.] * 3, std=[1.] * 3)[0]
    assert x.shape[1] == 3 and torch.equal(x[:, 0], x[:, 2])
    source, target = build('resnet20_8', 2, px=PX), build('resnet20_8', 7, px=64)
    set_state_(source, init_state(source, TOY.init, 0)).eval()(x)
    full = full_mask(prunable(source))
    Ticket(prune(prunable(source), full, .5), source.state_dict(), 1).into(target)
    assert same(backbone(target.state_dict()), masked(backbone(source.state_dict()), prune(prunable(source), full, .5)))


def scramble(state):
    "Put every global generator somewhere else, as an unseeded program would find it."
    random.seed(state)
    np.random.seed(state)
    torch.manual_seed(state)


def globals_now(): return random.getstate(), str(np.random.get_state()), digest(dict(torch=torch.get_rng_state()))


def test_defect_09_seed_zero_is_a_seed(bank):
    "`if seed:` takes 0 for no seed: ours gives the same run for seed 0 every time, and another one for seed 1."
    for arm in ('shuffled_reinit', 'random'): # Between them: init, both controls, head, subset, order, crops
        runs = []
        for noise, seed in enumerate((0, 0, 1)):
            scramble(noise)
            runs.append(one(arm, bank, seeds=(seed,), train='0.75'))
        first, again, other = runs
        assert facts(first.run) == facts(again.run) and same(first.start, again.start) and same(first.end, again.end)
        assert first.batches == again.batches
        assert digest(nonzero(first.start)) != digest(nonzero(other.start))
        assert digest(head(first.start)) != digest(head(other.start)) and not set(first.batches) & set(other.batches)
        if ARMS[arm].weights == 'fresh': assert not agree(first.start, other.start)
    assert parse_seeds('0,') == (0,)


def drawn(seed):
    "Everything the package draws directly from a seed, 0 included."
    sampling._order.cache_clear()
    net, imgs = net_for(), images(24, 0)
    half = prune(set_state_(net, init_state(net, TOY.init, 3)).state_dict(), full_mask(prunable(net)), .5)
    places = train_places(imgs, 8, seed, 0, px=PX)
    crops, order = cut(imgs, places, PX), places.rows.tolist()
    return dict(init=digest(init_state(net, TOY.init, seed)), head=digest(head_state(net, TOY.init, 'target', seed)),
                shuffled=digest(shuffled(half, seed=seed)), random=digest(random_mask(half, seed=seed)),
                order=order, crops=crops.tobytes(), part=sampling.pick(imgs.labels, '0.5', seed).tolist(),
                held=sampling.carve(imgs.labels, .5, seed).tolist(), batch=digest(dict(x=batches_of(
                    imgs, channel_stats(imgs), seed=seed)[0][0])))


def test_defect_09_seed_zero_is_a_seed_for_every_draw():
    "`if seed:` takes 0 for no seed: each draw of ours comes out the same for 0 twice, and differs for 1."
    first, again, other = drawn(0), drawn(0), drawn(1)
    assert first == again
    assert [k for k in first if first[k] == other[k]] == []


def test_defect_10_no_global_generator_matters(bank):
    "Only `random` seeded: our first batch, init and order follow from the seed, whatever the global generators hold."
    for arm in ('shuffled_reinit', 'random'): # A seed no other test uses: what was drawn before cannot be remembered
        runs = []
        for noise in (3, 4):
            scramble(noise)
            before = globals_now()
            runs.append(one(arm, bank, seeds=(1234,), train='0.75'))
            assert globals_now() == before, 'a global generator was used'
        a, b = runs
        assert a.batches[0] == b.batches[0] and a.batches == b.batches
        assert same(a.start, b.start) and same(a.end, b.end) and facts(a.run) == facts(b.run)
        assert len(set(a.batches)) == len(a.batches), 'one order for all epochs'


def test_defect_10_a_search_needs_no_global_generator(tmp_path):
    "Only `random` seeded: our search finds the same tickets whatever the global generators hold."
    found = []
    for noise in (3, 4):
        scramble(noise)
        before = globals_now()
        sampling._order.cache_clear()
        _, rounds, *_ = begin_search(tmp_path/str(noise), protocol=replace(TOY, rounds=1))
        found.append([(digest(r.ticket.mask), digest(r.ticket.theta), digest(r.ticket.trained)) for r in rounds])
        assert globals_now() == before, 'a global generator was used'
    assert found[0] == found[1]


def test_defect_11_a_kept_zero_stays_trainable(tmp_path, bank):
    "A mask read off the weights that are not 0: a kept weight of ours that is exactly 0 trains, and counts as kept."
    mask, theta = bank.ticket(1).mask, {n: t.clone() for n, t in bank.ticket(1).theta.items()}
    rng = torch.Generator().manual_seed(0)
    zeros = {n: keep & (torch.rand(keep.shape, generator=rng) < .2) for n, keep in mask.items()}
    for name, at in zeros.items(): theta[name][at] = 0
    with_zeros = made_bank(tmp_path, 'zeros', mask, theta)
    assert digest(with_zeros.ticket(1).mask) == digest(mask)
    seen = one('ticket', with_zeros)
    for name, at in zeros.items():
        assert at.any() and (seen.start[name][at] == 0).all()
        assert (seen.end[name][at] != 0).any(), f'{name}: its kept zeros never moved'
        assert (seen.end[name][~mask[name]] == 0).all()
    still = sum(int((seen.end[n][at] == 0).sum()) for n, at in zeros.items())
    assert still < .1 * sum(int(at.sum()) for at in zeros.values()) # Some unit may be dead; a frozen mask leaves all
    cut = sum(int(at.sum()) for at in zeros.values()) // 2 # Fewer than there are zeros: the others stay kept
    assert prune(theta, mask, cut / mask.kept).kept == mask.kept - cut


class Sealed:
    "Images nobody may look at; how many there are is no secret."
    def __len__(self): return 13
    def __getattr__(self, name): raise AssertionError(f'the test split was reached: {name}')


def counted_steps(count):
    "Add 1 to `count` at every optimiser step, wherever it is taken."
    return register_optimizer_step_post_hook(lambda *_: count.append(1))


CHOOSY = replace(TOY, max_epochs=6, patience=1) # Stops early, and puts the best weights back


def misled(splits):
    "With wrong labels in validation: its loss rises as training goes well, so there is something to stop and choose."
    return replace(splits, val=replace(splits.val, labels=(splits.val.labels + 1) % CLASSES))


@pytest.mark.parametrize('arm', ['scratch', 'ticket'])
def test_defect_12_the_test_split_is_read_after_training(bank, arm):
    "Test images used to stop or to choose: ours are sealed until the last step is taken, and change nothing before it."
    seen = []
    for test in (images(13, 50), images(13, 60)):
        steps, opened = [], []

        class Watched(Splits):
            def open_test(self): return opened.append(len(steps)) or test

        hook = counted_steps(steps)
        try: seen.append(one(arm, bank, misled(toy_set(kind=Watched, test=Sealed())), protocol=CHOOSY))
        finally: hook.remove()
        assert opened == [seen[-1].run.metrics['steps']] == [len(steps)] # Once, and no step after it
    a, b = (s.run for s in seen)
    chosen = [{k: v for k, v in facts(r)[0].items() if not k.startswith('test_')} for r in (a, b)]
    assert chosen[0] == chosen[1] and facts(a)[1] == facts(b)[1] and same(seen[0].end, seen[1].end)
    assert torch.equal(a.val.probs, b.val.probs) and not torch.equal(a.test.probs, b.test.probs)
    assert a.metrics['stopped_by'] == 'patience', 'nothing was chosen, so this test saw nothing'


def test_defect_12_a_search_reads_its_test_split_after_each_round(tmp_path):
    "Test images used to stop or to choose: each round of our search reads them once, at its end, and prunes without."
    splits, found = misled(toy_set('source', seed=11)), []
    for i in range(2):
        steps, opened, test = [], [], batches_of(images(13, 50 + i), channel_stats(splits.train), train=False)
        hook = counted_steps(steps)
        try:
            _, rounds, *_ = begin_search(
                tmp_path/str(i), protocol=replace(CHOOSY, rounds=1), splits=replace(splits, _test=Sealed()),
                open_test=lambda opened=opened, steps=steps, test=test: opened.append(len(steps)) or test)
            found.append(list(rounds))
        finally: hook.remove()
        assert opened == np.cumsum([r.report['steps'] for r in found[-1]]).tolist()
    for a, b in zip(*found):
        for part in ('mask', 'theta', 'trained'): assert same(getattr(a.ticket, part), getattr(b.ticket, part)), part
        reports = [{k: v for k, v in r.report.items() if k not in ('test_acc', 'seconds')} for r in (a, b)]
        assert reports[0] == reports[1] and reports[0]['stopped_by'] == 'patience'


@pytest.mark.parametrize('n_test,views', [(13, 'centre'), (13, 'ten'), (5, 'centre')])
def test_defect_13_every_test_image_is_predicted_once(bank, tmp_path, n_test, views):
    "`drop_last` on the test split: ours predicts every image once, in order, batch size regardless."
    splits, p = toy_set(test=images(n_test, 9)), replace(TOY, views=views, max_epochs=1)
    assert n_test % p.batch
    spec, = specs_for(bank, ['ticket'], splits=splits, protocol=p)
    seen = watch(spec, bank, splits, p)
    assert len(seen.run.test.probs) == n_test == splits.n_test
    assert seen.run.test.labels.tolist() == splits.open_test().labels.tolist()
    assert len(seen.run.val.probs) == len(splits.val)
    alone = batches_of(splits.open_test(), channel_stats(splits.train), train=False, views=10 if views == 'ten' else 1)
    alone.batch = 1
    assert torch.allclose(evaluate(seen.net, alone).probs, seen.run.test.probs, atol=1e-5)
    runs = Runs(tmp_path)
    runs.add(spec, seen.run)
    assert len(correct(runs, spec.key)) == n_test


class Dies(Batches):
    "Training data that stop a search after so many batches."
    left = 10**9

    def __getitem__(self, step):
        self.left -= 1
        if self.left < 0: raise KeyboardInterrupt
        return super().__getitem__(step)


def bank_files(folder):
    "Bytes of a finished bank, and its card without times."
    card = Bank('toy', folder).card
    rows = [{k: v for k, v in row.items() if k != 'seconds'} for row in card['rounds']]
    return {p.name: p.read_bytes() for p in (folder/'toy').glob('*.safetensors')}, card | dict(rounds=rows)


@pytest.mark.parametrize('batches', [8, 11]) # Rounds take 6, 4 and 4: in the middle of round 1, then of round 2
def test_defect_14_a_resumed_search_ends_bit_identical(bank, tmp_path, batches):
    "Masks or theta_k lost at save: a search of ours that died in a round goes on from disk and ends bit-identical."
    going, rounds, train, _ = begin_search(tmp_path, kind=Dies)
    train.left = batches
    with going, pytest.raises(KeyboardInterrupt): # A process that dies lets go of its lock
        for done in rounds: going.add(done)
    assert not (tmp_path/'toy').exists()
    going, rounds, *_ = begin_search(tmp_path) # All new: network, batches, and what it knows comes from disk
    assert len(going.reports) == (1 if batches == 8 else 2)
    for done in rounds: going.add(done)
    finish(going)
    whole, resumed = bank_files(bank.folder.parent), bank_files(tmp_path)
    assert sorted(n.removesuffix('.safetensors') for n in resumed[0]) == \
           ['rounds', 'theta_k', 'trained_00', 'trained_01', 'trained_02']
    assert resumed[0] == whole[0]
    assert resumed[1] == whole[1]


@pytest.mark.parametrize('scope', ['global', 'layer'])
def test_defect_15_ties_are_cut_to_an_exact_count(scope):
    "A threshold cuts every tie: ours cuts an exact count, and always the same ones."
    net = net_for()
    tied = {n: torch.where(torch.rand(w.shape, generator=torch.Generator().manual_seed(0)) < .5, -.1, .1)
            for n, w in prunable(net).items()}
    mask = full_mask(tied)
    for _ in range(8):
        before, mask = mask, prune(tied, mask, .2, scope=scope)
        counts = [int(k.sum()) for k in before.values()] if scope == 'layer' else [before.kept]
        assert mask.kept == sum(n - round(.2 * n) for n in counts)
        assert all((before[n] | ~mask[n]).all() for n in mask)
        scramble(mask.kept)
        backwards = prune(dict(reversed(tied.items())), Mask(reversed(before.items())), .2, scope=scope)
        assert digest(backwards) == digest(mask), 'the tie-break depends on the order of the layers, or on chance'
    small = prune({'a': torch.ones(3), 'b': torch.ones(3)}, full_mask(dict(b=torch.ones(3), a=torch.ones(3))), .5)
    assert small['a'].sum() + small['b'].sum() == 3 and small['b'].all() # The first by name and place go first


def test_defect_15_a_search_keeps_exact_counts(bank):
    "A threshold cuts every tie: the counts in our bank follow from the rate alone."
    kept = [row['kept'] for row in bank.card['rounds']]
    assert kept[0] == bank.ticket(0).mask.total
    assert [a - round(TOY.rate * a) for a in kept[:-1]] == kept[1:] == [bank.ticket(r).mask.kept for r in (1, 2)]


def test_defect_16_pruned_weights_stay_zero():
    "Momentum and weight decay revive pruned weights: ours are exactly 0 after each of 100 Nesterov steps."
    p = make_protocol('demo', 'paper', model='mlp', px=4, lr=.05, weight_decay=1e-2)
    assert p.nesterov and p.momentum == .9
    net = build('mlp', CLASSES, px=4)
    set_state_(net, init_state(net, p.init, 0))
    imgs = images(24, 0)
    train = Batches(imgs, px=4, batch=8, mean=[.4] * 3, std=[.2] * 3)
    opt, full = optimizer(net, p), full_mask(prunable(net))
    for step in range(5): train_step(net, pruned_places(net, full), opt, *train[step]) # The optimiser gathers momentum
    mask = prune(prunable(net), full, .5)
    places = pruned_places(apply_mask_(net, mask), mask)
    assert all(opt.state[weight]['momentum_buffer'][cut].abs().max() > 0 for weight, cut in places) and len(places) == 2
    for step in range(5, 105):
        train_step(net, places, opt, *train[step])
        assert all((weight[cut] == 0).all() for weight, cut in places), f'a weight came back at step {step}'
    assert all((w[mask[n]] != 0).all() for n, w in prunable(net).items())


def test_defect_16_fit_prunes_and_keeps_pruned():
    "Momentum and weight decay revive pruned weights: a network handed to our `fit` unmasked is pruned, and stays so."
    p = replace(TOY, max_epochs=34, weight_decay=1e-2, restore='last', model='mlp')
    net, imgs = net_for(p), images(24, 0)
    set_state_(net, init_state(net, p.init, 0))
    mask = prune(prunable(net), full_mask(prunable(net)), .8)
    train, val = (batches_of(imgs, channel_stats(imgs), train=t) for t in (True, False))
    revived = [] # At each batch it sees, the first included
    net.register_forward_pre_hook(
        lambda net, _: revived.append(any((w[~mask[n]] != 0).any() for n, w in prunable(net).items())))
    done = fit(net, mask, train, val, p)
    assert done.steps >= 100 and len(revived) > done.steps and not any(revived)
    for state in (done.last, done.best, net.state_dict()):
        assert all((state[n][~keep] == 0).all() and (state[n][keep] != 0).all() for n, keep in mask.items())


def test_every_defect_has_its_test():
    "Sixteen numbers, none left out."
    numbers = {name.split('_')[2] for name in globals() if name.startswith('test_defect_')}
    assert numbers == {f'{n:02d}' for n in range(1, 17)}
