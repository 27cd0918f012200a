"""Modules:

- `lth_nb.datasets`: Image sets by name or path, in splits, with the test split sealed.
- `lth_nb.images`: Image files become one flat uint8 store on disk; batches are cut from it by `(seed, step)` alone.
- `lth_nb.pixels`: Many images of any size in one flat uint8 buffer: pick some, cut crops, count their colours.
- `lth_nb.sampling`: Which image goes where: splits, scarce training sets, batches and crops, from names, labels and seeds alone.
- `lth_nb.standins`: Image sets that need no files: drawings of the size of the paper's seven targets, and the embedded digits."""

__version__ = "0.1.0"
