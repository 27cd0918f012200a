"""Images of a set: found once, checked, loaded in splits; the test split sealed.

    images = find('path/to/cells')            # looked up once, nothing decoded
    check(images).require()                   # what would falsify a result stops here
    splits = load(images, px=32)              # train and val at hand; test behind `open_test`

What a user types is named here. `lth_nb.datasets.check` and `lth_nb.datasets.prepare` are these
functions, and `from lth_nb.datasets.check import Report` reaches what else their modules hold.
No torch is loaded."""
from .images import Batches, ImageSet, channel_stats
from .sets import Images, Splits, empty, find, list_sets, load, set_names, shelves, subset
from .check import Finding, Report, check
from .sources import COLLECTIONS, PUBLIC, prepare

__all__ = ['Batches', 'COLLECTIONS', 'Finding', 'ImageSet', 'Images', 'PUBLIC', 'Report', 'Splits',
           'channel_stats', 'check', 'empty', 'find', 'list_sets', 'load', 'prepare', 'set_names',
           'shelves', 'subset']
