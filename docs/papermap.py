"""The paper, part by part: where this project has it. tests/test_docs.py looks every name up.

A row: what the paper says, a notebook, the exported names that do it, the tests that hold it. A test is `file::name` of
tests/; a notebook's own lessons are tests too and need no name."""
from typing import NamedTuple


class Row(NamedTuple):
    "One part of the paper."
    part:str       # What it says, in our words
    notebook:str   # Stem in nbs/ or nbs/experiments/
    names:str=''   # module.name, separated by spaces
    tests:str=''   # file::name, separated by spaces; '' = the notebook's lessons


MAP = {
    '1 Introduction': (
        Row('The question: does a ticket of natural images train better on a small set of another kind?', 'run_transfer',
            'transfer.transfer stats.verdict', 'test_experiments::test_table'),
        Row('A winning ticket: a mask and early weights of one network', '05_tickets', 'tickets.Ticket masks.Mask',
            'test_defects::test_defect_02_every_round_starts_at_theta_k'),
        Row('Iterative magnitude pruning: train, prune, rewind, again', '05_tickets', 'tickets.search tickets.Round',
            'test_defects::test_defect_02_every_round_starts_at_theta_k test_survival::test_a_killed_search_ends_bit_identical'),
        Row('The cost of a search is paid once and shared: the bank', '06_bank', 'bank.Bank bank.banks',
            'test_package::test_installed_package_finds_its_banks'),
        Row('Fig. 1: the mask alone, or the mask with its early weights? An MLP on MNIST', 'fig1_tickets', 'paper.mlp figures.panel',
            'test_figures::test_at_its_defaults_a_figure_draws_the_study_and_trains_nothing')),
    '2 Datasets': (
        Row('Table 1: seven targets, their splits and classes', 'table1', 'protocol.TARGETS sources.COLLECTIONS',
            'test_datacheck::test_table_1_stands_beside_a_target test_collections::test_with_enough_pictures_table_1_is_met_to_the_image'),
        Row('Pathology from Cytomine, art from WikiArt: what can be had, and how', 'datasets/08_sources', 'sources.prepare',
            'test_collections::test_with_enough_pictures_table_1_is_met_to_the_image'),
        Row('Fig. 2: what the images look like', 'fig2_samples', 'gallery.sample_grid',
            'test_figures::test_what_needs_no_run_works_at_its_defaults')),
    '3 Experimental setup': (
        Row('Sources: CIFAR-10, CIFAR-100, Fashion-MNIST', 'datasets/03_sets', 'sets.official_entries protocol.SOURCES'),
        Row('Equation, a ticket: $f(x;\\, m \\odot \\theta_k)$, pruned weights exactly 0', '01_masks', 'masks.apply_mask_ tickets.Ticket',
            'test_defects::test_defect_16_pruned_weights_stay_zero'),
        Row('Late resetting: weights go back to $\\theta_k$ of an early step, not to $\\theta_0$', '05_tickets', 'tickets.rewind_step tickets.rewind_',
            'test_defects::test_defect_02_every_round_starts_at_theta_k'),
        Row('Equation, magnitude pruning: what ranks below the rate $p = 0.2$ goes, $n_{r+1} = n_r - \\mathrm{round}(0.2\\,n_r)$', '02_pruning', 'pruning.prune',
            'test_defects::test_defect_15_ties_are_cut_to_an_exact_count test_defects::test_defect_15_a_search_keeps_exact_counts'),
        Row('20 % of the kept weights a round, 31 rounds, k = 2, 4 seeds', '00_protocol', 'protocol.PRESETS protocol.make_protocol'),
        Row('At transfer the head becomes a random linear layer', '03_models', 'models.head_state',
            'test_defects::test_defect_07_head_depends_on_target_and_seed_alone'),
        Row('Baselines: a full network from scratch, and tickets of the target itself', '07_transfer',
            'transfer.arm_mask transfer.arm_weights protocol.ARMS', 'test_defects::test_defect_05_arms_differ_in_what_their_pair_names')),
    'Table 3: how networks are trained': (
        Row('ResNet-50', '03_models', 'models.build models.prunable_names',
            'test_defects::test_defect_08_source_and_target_share_every_shape_but_the_heads'),
        Row('Xavier init', '03_models', 'models.init_state', 'test_defects::test_defect_09_seed_zero_is_a_seed_for_every_draw'),
        Row('SGD, Nesterov momentum 0.9, weight decay 1e-5, learning rate 0.1, batch 64', '04_training', 'training.optimizer',
            'test_defects::test_defect_16_pruned_weights_stay_zero'),
        Row('Annealing at epochs 50, 60, 75', '04_training', 'training.learning_rate'),
        Row('Early stopping: validation loss not lower for 5 epochs', '04_training', 'training.fit training.Best',
            'test_defects::test_defect_12_the_test_split_is_read_after_training'),
        Row('Random crop of 224 px, no other augmentation', 'datasets/01_images', 'images.train_crops images.eval_crops',
            'test_images::test_resize_and_random_crop_are_torchvisions'),
        Row('Categorical cross-entropy', '04_training', 'training.train_step training.evaluate'),
        Row('Mean and standard deviation over seeds', 'stats/90_old_effects', 'effects.t_interval', 'test_figures::test_one_seed_has_no_interval_and_says_why')),
    '4 Results': (
        Row('Fig. 3: accuracy over sparsity, six targets', 'fig3_transfer', 'paper.core panels.panels stats.curve',
            'test_figures::test_at_its_defaults_a_figure_draws_the_study_and_trains_nothing'),
        Row('4.1 Winning initializations against a full network: claims (a), (b)', 'what_we_found', 'claims.beat_scratch claims.how_sparse'),
        Row("Equation, tickets with new weights: $f(x;\\, m \\odot \\theta'_0)$, the arm *reinit*", '07_transfer', 'transfer.arm_weights',
            'test_defects::test_defect_05_arms_differ_in_what_their_pair_names'),
        Row('Table 2: the best ticket of each source beside scratch', 'table2', 'tables.best_tickets tables.beside_paper',
            'test_figures::test_smoke_runs_end_to_end_and_is_never_evidence'),
        Row('4.2 Natural tickets against the target\'s own: claim (c)', 'what_we_found', 'claims.own_or_natural'),
        Row('4.3.1 and Fig. 4, column 1: a ticket against the fine-tuned network, $f(x;\\, m \\odot \\theta_i)$; claim (d)', 'fig4_finetuned', 'paper.finetuned claims.against_finetuned',
            'test_defects::test_defect_04_every_arm_runs_from_end_to_end'),
        Row('4.3.2 and Fig. 4, column 2: tickets of a related set; claim (e)', 'fig4_related', 'paper.related claims.related_sources',
            'test_figures::test_smoke_runs_end_to_end_and_is_never_evidence'),
        Row('4.3.3 and Fig. 4, column 3: the size of the training set; claim (f)', 'fig4_size', 'paper.by_size claims.by_size panels.size_panel',
            'test_figures::test_smoke_runs_end_to_end_and_is_never_evidence')),
    '5 Related work and 6 Conclusion': (
        Row('Tickets across natural sets and optimizers (Morcos et al. 2019), late resetting (Frankle et al. 2019)', '00_protocol', 'protocol.make_protocol'),
        Row('Is it always beneficial to train a ticket? The six claims, judged one by one', 'what_we_found', 'claims.headline panels.chain_panel')),
    'What the paper does not have': (
        Row('The ladder: early weights, mask, and what only both have', 'ladder', 'stats.ladder figures.ladder_figure',
            'test_figures::test_at_its_defaults_a_figure_draws_the_study_and_trains_nothing'),
        Row('The same under a well-trained baseline', 'recipes', 'protocol.RECIPES tables.shrinkage',
            'test_figures::test_an_under_trained_baseline_allows_no_reading'),
        Row('Can the printed means be means of four runs?', 'table2_check', 'tablecheck.possible_mean tablecheck.two_runs tablecheck.check_table',
            'test_figures::test_what_needs_no_run_works_at_its_defaults'),
        Row('The numbers behind the curves: how many runs, two test sets in one mean, what was there before pruning', 'paper_curves',
            'published.smallest_runs published.mixtures published.before_pruning',
            'test_figures::test_what_needs_no_run_works_at_its_defaults'),
        Row('How many runs a difference needs', 'stats/90_old_power', 'power.runs_needed power.could_see'),
        Row('Rounds named beforehand, chosen on validation, best on the test set', 'stats/90_old_readings',
            'readings.primary readings.secondary readings.oracles'),
        Row('Shuffled and random masks', '02_pruning', 'pruning.shuffled pruning.random_mask',
            'test_defects::test_defect_03_shuffled_mask_is_another_mask_and_is_used'),
        Row('Leaks, copies and shortcuts in a set', 'datasets/05_check', 'check.check', 'test_datacheck::test_the_same_pixels_in_two_splits')),
}


def rows()->list[Row]: # All
    "Every row of the map."
    return [row for part in MAP.values() for row in part]


def page(
    rooms:dict,  # Stems of library notebooks
    labels:dict, # Module -> name -> label
)->str: # Markdown
    "The map as tables."
    def name(full):
        module, what = full.split('.')
        return f'[`{what}`](#{labels[module][what]})'
    def test(full):
        file, what = full.split('::')
        return f'`{what}` in {file}'
    parts = []
    for part, some in MAP.items():
        lines = ['| in the paper | notebook | function | test |' if part != 'What the paper does not have' else
                 '| new here | notebook | function | test |', '|---|---|---|---|']
        for r in some:
            book = f"[{r.notebook}]({'rooms' if r.notebook in rooms else 'experiments'}/{r.notebook}.ipynb)"
            tests = '<br>'.join(map(test, r.tests.split())) or 'the lessons of its rooms'
            lines.append(f"| {r.part} | {book} | {'<br>'.join(map(name, r.names.split()))} | {tests} |")
        parts.append(f'## {part}\n\n:::{{div}} map\n' + '\n'.join(lines) + '\n:::')
    return '\n\n'.join(parts)
