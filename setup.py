"Reads settings.ini, the one place for metadata and requirements; adds the experiments and studies to what is built."
from configparser import ConfigParser
from pathlib import Path
from shutil import copyfile

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).resolve().parent
ini = ConfigParser(delimiters=['='], interpolation=None)
ini.read(here/'settings.ini', encoding='utf-8')
c = ini['DEFAULT']
lib = c['lib_path']
STUDY = ('table.csv', 'card.json', 'study.json', 'predictions.npz', 'history.csv.gz')
SHARED = {'nbs/experiments': ('*.ipynb',), 'studies': tuple(f'*/{file}' for file in STUDY)}


class BuildShare(build_py):
    "Copies SHARED to <build>/lth_nb/_share/{experiments,studies}; an editable install reads them where they lie."
    def shared(self):
        "Pairs of (file in this folder, file in the build folder)."
        for folder, patterns in SHARED.items():
            into = Path(self.build_lib)/lib/'_share'/Path(folder).name
            for pattern in patterns:
                for path in sorted((here/folder).glob(pattern)): yield path, into/path.relative_to(here/folder)

    def run(self):
        super().run()
        if self.editable_mode: return
        for path, to in self.shared():
            to.parent.mkdir(parents=True, exist_ok=True)
            copyfile(path, to)

    def get_outputs(self, include_bytecode=True):
        mine = [] if self.editable_mode else [str(to) for _, to in self.shared()]
        return super().get_outputs(include_bytecode) + mine


readme = here/'README.md'
setup(
    name=c['lib_name'], version=c['version'], description=c['description'], author=c['author'],
    license_expression=c['license'], keywords=c['keywords'].split(),
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    classifiers=['Programming Language :: Python :: 3 :: Only', 'Framework :: Jupyter'],
    python_requires='>=' + c['min_python'],
    packages=find_packages(include=[lib, lib + '.*']), package_data={lib: ['banks/**', 'datasets/*.csv', 'paper/published/*']},
    install_requires=c['requirements'].split(),
    extras_require={k.removesuffix('_requirements'): c[k].split() for k in c if k.endswith('_requirements')},
    entry_points={'console_scripts': c['console_scripts'].split(), 'nbdev': [f'{lib}={lib}._modidx:d']},
    cmdclass={'build_py': BuildShare},
)
