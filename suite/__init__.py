"""lif-roles: what leakage, reset and recurrence each do for a LIF spiking network."""

__version__ = "0.1.0"
