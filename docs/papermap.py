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
    'The question and its terms': (
        Row('A winning ticket: a mask and early weights of one network', '21_tickets', 'tickets.Ticket masks.Mask',
            'test_defects::test_defect_02_every_round_starts_at_theta_k'),
        Row('Does it train better than a network from scratch on a small set of another kind?', 'run_transfer',
            'transfer.transfer stats.verdict', 'test_experiments::test_table'),
        Row('Iterative magnitude pruning: train, prune, rewind, again', '21_tickets', 'tickets.search tickets.Round',
            'test_defects::test_defect_02_every_round_starts_at_theta_k test_survival::test_a_killed_search_ends_bit_identical'),
        Row('Late resetting: rewind to step k instead of 0', '21_tickets', 'tickets.rewind_step tickets.rewind_',
            'test_defects::test_defect_02_every_round_starts_at_theta_k'),
        Row('The baselines: dense from scratch, and the mask with a new init', '22_transfer',
            'transfer.arm_mask transfer.arm_weights protocol.ARMS', 'test_defects::test_defect_05_arms_differ_in_what_their_pair_names')),
    'Equations': (
        Row('The sub-network: mask times weights, pruned weights exactly 0', '01_masks', 'masks.apply_mask_',
            'test_defects::test_defect_16_pruned_weights_stay_zero'),
        Row('Weights kept after a round: $n_{r+1} = n_r - \\mathrm{round}(0.2\\,n_r)$', '10_pruning', 'pruning.prune',
            'test_defects::test_defect_15_ties_are_cut_to_an_exact_count test_defects::test_defect_15_a_search_keeps_exact_counts'),
        Row('A round starts at $m_r \\odot \\theta_k$', '21_tickets', 'tickets.rewind_',
            'test_defects::test_defect_02_every_round_starts_at_theta_k'),
        Row('Categorical cross-entropy', '20_training', 'training.train_step training.evaluate'),
        Row('Mean and standard deviation over seeds', '02_effects', 'effects.t_interval', 'test_figures::test_one_seed_has_no_interval_and_says_why')),
    'Table 3 and the text: how networks are trained': (
        Row('ResNet-50', '14_models', 'models.build models.prunable_names',
            'test_defects::test_defect_08_source_and_target_share_every_shape_but_the_heads'),
        Row('Xavier init', '14_models', 'models.init_state', 'test_defects::test_defect_09_seed_zero_is_a_seed_for_every_draw'),
        Row('SGD, Nesterov momentum 0.9, weight decay 1e-5, learning rate 0.1, batch 64', '19_schedule', 'schedule.optimizer',
            'test_defects::test_defect_16_pruned_weights_stay_zero'),
        Row('Annealing at epochs 50, 60, 75', '19_schedule', 'schedule.learning_rate'),
        Row('Early stopping: validation loss not lower for 5 epochs', '20_training', 'training.fit training.Best',
            'test_defects::test_defect_12_the_test_split_is_read_after_training'),
        Row('Random crop of 224 px, no other augmentation', '11_images', 'images.train_crops images.eval_crops',
            'test_images::test_resize_and_random_crop_are_torchvisions'),
        Row('20 % of the kept weights a round, 31 rounds, k = 2, 4 seeds', '00_protocol', 'protocol.PRESETS protocol.make_protocol'),
        Row('At transfer the head becomes a random linear layer', '14_models', 'models.head_state',
            'test_defects::test_defect_07_head_depends_on_target_and_seed_alone')),
    'Data': (
        Row('Table 1: seven targets, their splits and classes', 'table1', 'protocol.TARGETS collections.COLLECTIONS',
            'test_datacheck::test_table_1_stands_beside_a_target test_collections::test_with_enough_pictures_table_1_is_met_to_the_image'),
        Row('Sources: CIFAR-10, CIFAR-100, Fashion-MNIST', '06_official', 'official.official_entries protocol.SOURCES'),
        Row('Fig. 2: what the images look like', 'fig2_samples', 'gallery.sample_grid',
            'test_figures::test_what_needs_no_run_works_at_its_defaults')),
    'Results': (
        Row('Fig. 1: the mask alone, or the mask with its early weights? An MLP on MNIST', 'fig1_tickets', 'paper.mlp figures.panel',
            'test_figures::test_at_its_defaults_a_figure_draws_the_study_and_trains_nothing'),
        Row('Fig. 3: accuracy over sparsity, six targets', 'fig3_transfer', 'paper.core panels.panels stats.curve',
            'test_figures::test_at_its_defaults_a_figure_draws_the_study_and_trains_nothing'),
        Row('Table 2: the best ticket of each source beside scratch', 'table2', 'tables.best_tickets tables.beside_paper',
            'test_figures::test_smoke_runs_end_to_end_and_is_never_evidence'),
        Row('4.3.1 and Fig. 4, column 1: a ticket against the fine-tuned network', 'fig4_finetuned', 'paper.finetuned claims.against_finetuned',
            'test_defects::test_defect_04_every_arm_runs_from_end_to_end'),
        Row('Fig. 4, column 2: tickets of a related set', 'fig4_related', 'paper.related claims.related_sources',
            'test_figures::test_smoke_runs_end_to_end_and_is_never_evidence'),
        Row('Fig. 4, column 3: the size of the training set', 'fig4_size', 'paper.by_size panels.size_panel',
            'test_figures::test_smoke_runs_end_to_end_and_is_never_evidence')),
    'Claims': (
        Row('(a) Tickets beat scratch on every target', 'what_we_found', 'claims.beat_scratch'),
        Row('(b) About 1 % of the weights suffice; on art the own tickets fall', 'what_we_found', 'claims.how_sparse panels.chain_panel'),
        Row('(c) Own tickets win on pathology, natural ones on art', 'what_we_found', 'claims.own_or_natural'),
        Row('(d) Tickets beat fine-tuned networks', 'what_we_found', 'claims.against_finetuned'),
        Row('(e) Tickets of a related set are equal or better', 'what_we_found', 'claims.related_sources'),
        Row('(f) Stability does not depend on the size of the training set', 'what_we_found', 'claims.by_size')),
    'What the paper does not have': (
        Row('The ladder: early weights, mask, and what only both have', 'ladder', 'stats.ladder figures.ladder_figure',
            'test_figures::test_at_its_defaults_a_figure_draws_the_study_and_trains_nothing'),
        Row('The same under a well-trained baseline', 'recipes', 'protocol.RECIPES tables.shrinkage',
            'test_figures::test_an_under_trained_baseline_allows_no_reading'),
        Row('Can the printed means be means of four runs?', 'table2_check', 'tablecheck.possible_mean tablecheck.two_runs tablecheck.check_table',
            'test_figures::test_what_needs_no_run_works_at_its_defaults'),
        Row('How many runs a difference needs', '42_power', 'power.runs_needed power.could_see'),
        Row('Rounds named beforehand, chosen on validation, best on the test set', '47_readings',
            'readings.primary readings.secondary readings.oracles'),
        Row('Shuffled and random masks', '10_pruning', 'pruning.shuffled pruning.random_mask',
            'test_defects::test_defect_03_shuffled_mask_is_another_mask_and_is_used'),
        Row('Leaks, copies and shortcuts in a set', '13_datacheck', 'datacheck.check', 'test_datacheck::test_the_same_pixels_in_two_splits')),
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
