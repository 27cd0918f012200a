"""A bank of 31 ResNet-50 tickets against a masked state_dict for each: bytes on disk, and seconds to read one.

    python benchmarks/bank.py [--repeats 5] [--json FILE]

Weights are drawn, masks pruned by size, a fifth a round; nothing is trained. The peer is `torch.save` of the whole
state with its masks applied, and `torch.load` of it. Ours reads one round of a bank that is
open: every hash was checked when it was opened, which is timed apart."""
import tempfile
from pathlib import Path

import torch
from measured import asked, finish, in_turns, ratios, row, timed

from lth_nb.bank import Bank, start_search
from lth_nb.bank import finish as sealed
from lth_nb.masks import full_mask
from lth_nb.models import bare, init_state, prunable
from lth_nb.protocol import make_protocol, written
from lth_nb.pruning import prune
from lth_nb.tickets import Round, Ticket

ROUNDS = 31
NAME = 'drawn-resnet50-paper-s0'


def filled(folder):
    "The bank and the peer's files."
    model = bare('resnet50', 10, px=32)
    theta = init_state(model, 'kaiming_normal', 0)
    mask = full_mask(prunable(model))
    card = dict(name=NAME, source='drawn', fingerprint='00', model='resnet50', classes=10, recipe='paper',
                search_seed=0, protocol=written(make_protocol('paper', 'paper')), train='', kept_trained=[])
    (folder/'peer').mkdir()
    with start_search(folder/'banks', card, full=mask, keep_trained=()) as found:
        for at_round in range(ROUNDS + 1):
            following = prune(theta, mask, .2) if at_round < ROUNDS else None
            ticket = Ticket(mask, theta, at_round, trained=theta)
            report = dict(val_acc=.5, test_acc=.5, sparsity=1 - mask.density, kept=mask.kept, seconds=1.)
            found.add(Round(ticket, following, report))
            masked = {name: weight * mask[name] if name in mask else weight for name, weight in theta.items()}
            torch.save(masked, folder/f'peer/{at_round}.pt')
            mask = following
        return sealed(found)


def main():
    "Three rows."
    options = asked(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        place = filled(folder)
        ours = sum(file.stat().st_size for file in place.iterdir())
        theirs = sum(file.stat().st_size for file in (folder/'peer').iterdir() if file.stem != '0')
        opening = [timed(lambda: Bank(NAME, folder/'banks')) for _ in range(options.repeats)]
        bank = Bank(NAME, folder/'banks')
        taken = in_turns(options.repeats, ours=lambda: bank[20], peer=lambda: torch.load(folder/'peer/20.pt'))
    rows = [
        row('bank: bytes of rounds 1 to 31 of ResNet-50, a state_dict each over a bank', [theirs / ours], 'times',
            wanted=24.5, beside=f'{ours / 1e6:.0f} MB against {theirs / 1e6:.0f}'),
        row('read: one ticket, torch.load over a bank that is open', ratios(taken['peer'], taken['ours']), 'times',
            wanted=1),
        row('open: all hashes and masks of that bank checked', opening, 's')]
    return finish('bank', rows, options.json)


if __name__ == '__main__': raise SystemExit(main())
