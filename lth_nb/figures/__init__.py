"From readings, comparisons and images to figures; no torch."
from .curves import accuracies_told, curves, dot_plot
from .ladder import forest, ladder_figure, slopes
from .pictures import confusion_figure, sample_grid
from .style import save_figure, save_figures, show
