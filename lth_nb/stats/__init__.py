"From a table of finished runs to comparisons and a verdict; no torch."
from .old_stats import ladder, verdict
