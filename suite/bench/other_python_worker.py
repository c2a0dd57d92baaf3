"""Runs in another Python environment: the LIF layer of the SpikingJelly there. Nothing of lif-roles is imported.

Reads a JSON object a line and answers each with one: first the settings (device, leak, threshold, alpha), then
{"shape": [T, B, N]} to get ready, {"do": "time"} and {"do": "memory"}. With a CUDA device it uses the backend "cupy".
"""

import gc
import json
import sys
import time
from typing import Any


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # what SpikingJelly prints is no answer
    settings = json.loads(sys.stdin.readline())
    from importlib.metadata import version

    import torch
    from spikingjelly.activation_based import functional, neuron, surrogate

    device = torch.device(settings["device"])
    backend = "cupy" if device.type == "cuda" else "torch"
    node = neuron.LIFNode(
        tau=1 / (1 - settings["leak"]),
        decay_input=False,
        v_threshold=settings["threshold"],
        surrogate_function=surrogate.ATan(settings["alpha"]),
        step_mode="m",
        backend=backend,
    ).to(device)

    def answer(**found: Any) -> None:
        out.write(json.dumps(found) + "\n")
        out.flush()

    def synchronize() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def inputs(shape: Any) -> Any:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(shape, generator=generator).mul_(settings["threshold"]).to(device).requires_grad_()
        return x, torch.randn(shape, generator=generator).to(device)

    def work(x: Any, grad: Any) -> None:
        x.grad = None
        functional.reset_net(node)
        node(x).backward(grad)

    def memory(x: Any, grad: Any) -> int:
        gc.collect()
        if device.type == "cuda":
            synchronize()
            torch.cuda.reset_peak_memory_stats(device)
            allocated = torch.cuda.memory_allocated(device)
            work(x, grad)
            synchronize()
            return int(torch.cuda.max_memory_allocated(device)) - allocated
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        idle = status("VmRSS")
        work(x, grad)
        return status("VmHWM") - idle

    answer(spikingjelly=version("spikingjelly"), torch=torch.__version__, backend=backend)
    for line in sys.stdin:
        request = json.loads(line)
        if "shape" in request:
            work(*inputs((2, 2, request["shape"][-1])))
            x, grad = inputs(request["shape"])
            answer(ready=True)
        elif request["do"] == "memory":
            answer(peak_mb=memory(x, grad) / 1e6)
        else:
            gc.collect()
            synchronize()
            started = time.perf_counter()
            work(x, grad)
            synchronize()
            answer(seconds=time.perf_counter() - started)


def status(field: str) -> int:
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field + ":"))


if __name__ == "__main__":
    main()
