"The second computation of an article's statistics: it agrees, and it notices what does not."
import json
import re
import shutil

import pandas as pd
import pytest
from conftest import ROOT, call

SCRIPT, STUDY = ROOT/'studies/recompute.py', ROOT/'studies/deep'
NOTEBOOK = ROOT/'nbs/experiments/what_we_found.ipynb'


def compared(printed):
    "Group -> how many numbers agree, of how many."
    lines = re.findall(r'^(.+): (\d+) of (\d+) numbers agree$', printed, re.M)
    return {group: (int(agreeing), int(of_all)) for group, agreeing, of_all in lines}


@pytest.fixture
def notebook(tmp_path):
    return shutil.copy(NOTEBOOK, tmp_path/'what_we_found.ipynb')


def test_nothing_of_the_package_is_imported():
    assert not re.search(r'^\s*(?:import|from) +(?:lth_nb|\.)', SCRIPT.read_text(encoding='utf-8'), re.M)


def test_committed_notebook_agrees():
    done = call('python', SCRIPT, STUDY, NOTEBOOK)
    groups = compared(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(groups) == 21 and all(agreeing == of_all > 0 for agreeing, of_all in groups.values())
    assert sum(of_all for group, (_, of_all) in groups.items() if group != 'test accuracy of runs') > 40


def test_an_accuracy_of_the_table_that_is_one_image_off_is_named(tmp_path):
    study = tmp_path/'study'
    study.mkdir()
    for name in ('study.json', 'predictions.npz', 'tuning.csv'): shutil.copy(STUDY/name, study)
    rows = pd.read_csv(STUDY/'table.csv', dtype=str, keep_default_na=False)
    changed = rows.iloc[7]
    rows.loc[7, 'test_acc'] = str(float(changed.test_acc) - 1/int(changed.n_test))
    rows.to_csv(study/'table.csv', index=False)
    done = call('python', SCRIPT, study, NOTEBOOK)
    assert done.returncode == 1, done.stderr
    named = [line for line in done.stdout.splitlines() if line.startswith('DISAGREES: test accuracy of runs')]
    assert len(named) == 1 and changed.key[:12] in named[0]


def test_a_digit_of_the_abstract_is_noticed(notebook):
    text = notebook.read_text(encoding='utf-8')
    reached = re.search(r'networks from scratch reach (\d+\.\d)%', text)
    wrong = f'{float(reached[1]) + .1:.1f}'
    notebook.write_text(text[:reached.start(1)] + wrong + text[reached.end(1):], encoding='utf-8')
    done = call('python', SCRIPT, STUDY, notebook)
    assert done.returncode == 1, done.stderr
    assert f'DISAGREES: abstract: scratch: shown {wrong}' in done.stdout


def test_digits_elsewhere_are_noticed(notebook):
    "One digit of each kind, all in one copy: every one is named in its group."
    text = notebook.read_text(encoding='utf-8')
    digits = {
        r'set by set \+(\d)': 'abstract: smallest gain',
        r'points \[\+(\d)\.\d, \+\d\.\d\], higher</td>': 'four questions, set by set',
        r'winners: \+(\d)': 'health table: blood_cells, positive',
        r'<td>1(1)</td>': 'without tried tickets: ticket - scratch, n left',
        r'<td>(\d) higher, ': "the paper's claims: (a) tuned, deep, words",
        r'<td>tissue: [^<]*: \+(\d)': "the paper's claims: (a) tuned, deep, the one shown",
        r'(\d) core hours, and': 'size and hours: hours'}
    for form in digits:
        place = re.search(form, text).start(1)
        text = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1:]
    notebook.write_text(text, encoding='utf-8')
    done = call('python', SCRIPT, STUDY, notebook)
    assert done.returncode == 1, done.stderr
    for named in digits.values(): assert f'DISAGREES: {named}' in done.stdout, (named, done.stdout)


def test_a_table_that_cannot_be_read_is_no_agreement(notebook):
    written = json.loads(notebook.read_text(encoding='utf-8'))
    for cell in written['cells']:
        if 'advice(' in ''.join(cell['source']) and cell['cell_type'] == 'code':
            for output in cell['outputs']: output['data'].pop('text/html', None)
    notebook.write_text(json.dumps(written), encoding='utf-8')
    done = call('python', SCRIPT, STUDY, notebook)
    assert done.returncode == 1, done.stderr
    assert 'advice table: the notebook has it, and nothing could be compared' in done.stdout
