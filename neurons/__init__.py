"""The LIF neuron and its ablations (Yin et al. 2024), on SpikingJelly and snnTorch.

neuron = make_neuron("with_recurrence", 64, backend="snntorch", leakage="learnable")
spikes = neuron(current)  # [T, B, 64] -> [T, B, 64]
"""

from neurons.checks import NonFiniteError
from neurons.kernels.autograd import constant_current
from neurons.make import BACKENDS, State, make_neuron
from neurons.snntorch_leaky import VariantLeaky
from neurons.spikingjelly_lif import VariantLIFNode
from neurons.surrogate import SURROGATES, Surrogate, arctan, multi_gaussian, rectangle, sigmoid
from neurons.variant import VARIANTS, Learnable, Variant, get_variant

__all__ = [
    "BACKENDS",
    "SURROGATES",
    "VARIANTS",
    "Learnable",
    "NonFiniteError",
    "State",
    "Surrogate",
    "Variant",
    "VariantLIFNode",
    "VariantLeaky",
    "arctan",
    "constant_current",
    "get_variant",
    "make_neuron",
    "multi_gaussian",
    "rectangle",
    "sigmoid",
]
