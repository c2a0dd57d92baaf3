"""Linear layers on sequences, on spikes and on events."""

from neurons.linear.events import event_linear
from neurons.linear.sequence import SequenceLinear, linear

__all__ = ["SequenceLinear", "event_linear", "linear"]
