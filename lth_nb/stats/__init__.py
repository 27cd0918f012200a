"From a table of finished runs to comparisons, their words and one sentence; no torch."
from .aggregate import compare_gains, cross_fitted, pooled
from .paired import Comparison, holm, points, record
from .power import expected_half_width, runs_for
from .readings import (
    Reading, Side, as_table, compare, compare_sides, contrasts, curve, ladder, readings)
from .verdict import Health, Verdict, accuracy_table, health, verdict
