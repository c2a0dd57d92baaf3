"""What can be measured of a trained network; each module here but `base` is one experiment, its `EXPERIMENT`."""

from suite.experiments.base import Cell, Experiment, Metric, NotDefined, Run
from suite.results.record import Value

__all__ = ["Cell", "Experiment", "Metric", "NotDefined", "Run", "Value"]
