"""The LIF neuron and its ablations (Yin et al. 2024), on SpikingJelly and snnTorch.

neuron = make_neuron("with_recurrence", 64, backend="snntorch", leakage="learnable")
spikes = neuron(current)  # [T, B, 64] -> [T, B, 64]

A framework is imported when a neuron of it is first asked for.
"""

from typing import TYPE_CHECKING, Any

from neurons.ablation import NotAblatable, ablate
from neurons.checks import NonFiniteError
from neurons.kernels.autograd import constant_current
from neurons.make import BACKENDS, make_neuron
from neurons.sequence import Output, State
from neurons.surrogate import SURROGATES, Surrogate, arctan, multi_gaussian, rectangle, sigmoid
from neurons.variant import VARIANTS, Learnable, Variant, get_variant

if TYPE_CHECKING:
    from neurons.snntorch_leaky import VariantLeaky
    from neurons.spikingjelly_lif import VariantLIFNode

__all__ = [
    "BACKENDS",
    "SURROGATES",
    "VARIANTS",
    "Learnable",
    "NonFiniteError",
    "NotAblatable",
    "Output",
    "State",
    "Surrogate",
    "Variant",
    "VariantLIFNode",
    "VariantLeaky",
    "ablate",
    "arctan",
    "constant_current",
    "get_variant",
    "make_neuron",
    "multi_gaussian",
    "rectangle",
    "sigmoid",
]


def __getattr__(name: str) -> Any:
    if name == "VariantLIFNode":
        from neurons.spikingjelly_lif import VariantLIFNode

        return VariantLIFNode
    if name == "VariantLeaky":
        from neurons.snntorch_leaky import VariantLeaky

        return VariantLeaky
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
