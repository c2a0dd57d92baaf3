"""The trials behind docs/xor.md, one run a setting: python trials.py OUT.jsonl '{"variant": ...}' ..., or a file of such lines.

`settings.jsonl` has every setting that was run, `outcomes.jsonl` what came of it: best and last validation accuracy,
epochs, the length that the curriculum reached, test accuracy where it was read. A script, kept as it was run; the suite
itself trains with the protocol `suite/xor`.
"""

import json
import math
import os
import sys
import time

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from neurons import Learnable, arctan, make_neuron, multi_gaussian, rectangle, sigmoid

torch.set_num_threads(1)

VARIANTS = ["baseline", "without_leakage", "complete_leakage", "without_reset", "with_recurrence"]
D = dict(
    variant="baseline",
    seed=0,
    T=50,
    epochs=10,
    bpe=100,
    batch=128,
    lr=1e-2,
    leak_lr=1.0,
    step=20,
    gamma=0.5,
    k=[0, 4],
    kr=[0, 4],
    th=1.0,
    sur="rectangle",
    a=0.5,
    w=1.0,
    b=1.0,
    wmean=0.0,
    clip=0.0,
    cur=None,
    cur_at=0.9,
    cur_f=0.0,
    cur_every=25,
    rec=1.0,
    w2=1.0,
    stop=0.0,
    detach=False,
    hidden=16,
    test=False,
    tag="",
    grid=None,
    lr_pow=0.0,
    skip=0.0,
)


def make(T, n, rng, first=10, last=10, channels=20, rates=(0.2, 0.6), noise=0.01):
    """Spikes [T, n, 20] float32, labels [n]."""
    bits = rng.integers(0, 2, (2, n))
    eff = np.asarray([r + noise - r * noise for r in rates], np.float32)
    x = np.empty((T, n, channels), np.float32)
    r = rng.random((T, n, channels), dtype=np.float32)
    np.less(r[:first], eff[bits[0]][None, :, None], out=x[:first], casting="unsafe")
    np.less(r[first : T - last], np.float32(noise), out=x[first : T - last], casting="unsafe")
    np.less(r[T - last :], eff[bits[1]][None, :, None], out=x[T - last :], casting="unsafe")
    return torch.from_numpy(x), torch.from_numpy(bits[0] ^ bits[1]), bits


class Net(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc = nn.Linear(20, c["hidden"])
        s = {"rectangle": rectangle, "arctan": arctan, "sigmoid": sigmoid, "multi_gaussian": multi_gaussian}[c["sur"]](
            c["a"]
        )
        self.lif = make_neuron(
            c["variant"],
            c["hidden"],
            engine="fused",
            leakage=Learnable(init=tuple(c["k"])),
            threshold=c["th"],
            surrogate=s,
            detach_reset=c["detach"],
        )
        self.out = nn.Linear(c["hidden"], 2)
        self.kr = nn.Parameter(torch.empty(2).uniform_(*c["kr"]))
        with torch.no_grad():
            self.fc.weight.mul_(c["w"]).add_(c["wmean"])
            self.fc.bias.mul_(c["b"])
            if c["grid"]:  # equal weights: neuron i fires once it has counted grid[0]..grid[1] input spikes
                self.fc.weight.copy_((c["th"] / torch.linspace(*c["grid"], c["hidden"]))[:, None].expand(-1, 20))
                self.fc.bias.zero_()
            self.out.weight.mul_(c["w2"])
            if self.lif.recurrent is not None:
                self.lif.recurrent.weight.mul_(c["rec"])

    def forward(self, x, last=9):
        s = self.lif(self.fc(x))
        T = x.shape[0]
        y = self.out(s)  # [T, B, 2]
        k = torch.sigmoid(self.kr)
        # mean of u over the last 9 steps, u[t] = k u[t-1] + y[t]: sum_t c[t] y[t]
        lag = torch.arange(T - last, T)[:, None] - torch.arange(T)[None, :]
        p = torch.where(lag[..., None] >= 0, torch.exp(lag.clamp(min=0)[..., None] * torch.log(k)), torch.zeros(()))
        return torch.einsum("tc,tbc->bc", p.mean(0), y), s


@torch.no_grad()
def evaluate(net, x, y, bits):
    logits, s = net(x)
    ok = (logits.argmax(1) == y).float()
    per = [
        round(float(ok[torch.from_numpy((bits[0] == i) & (bits[1] == j))].mean()), 3) for i in (0, 1) for j in (0, 1)
    ]
    return float(ok.mean()), per, float(s.mean()), float((s.mean((0, 1)) == 0).float().mean())


def run(cfg):
    unknown = set(cfg) - set(D)
    assert not unknown, unknown
    c = {**D, **cfg}
    torch.manual_seed(c["seed"])
    rng = np.random.default_rng([c["seed"], 1])
    net = Net(c)
    leak = [net.kr] + ([net.lif.leak.logit] if net.lif.leak.logit is not None else [])
    ids = {id(p) for p in leak}
    opt = torch.optim.Adam(
        [{"params": [p for p in net.parameters() if id(p) not in ids]}, {"params": leak, "lr": c["lr"] * c["leak_lr"]}],
        lr=c["lr"],
    )
    sch = torch.optim.lr_scheduler.StepLR(opt, c["step"], c["gamma"])
    T = c["T"]
    val = make(T, 2000, np.random.default_rng([777, T]))
    cur = list(c["cur"] or [])
    Tt = cur.pop(0) if cur else T
    wacc = wn = 0
    curve, best, best_state, t90, t0, died = [], 0, None, None, time.time(), None
    for e in range(c["epochs"]):
        tot = acc = 0
        gn = []
        for _ in range(c["bpe"]):
            x, y, _b = make(Tt, c["batch"], rng)
            logits, _s = net(x)
            loss = F.cross_entropy(logits, y)
            opt.zero_grad()
            loss.backward()
            if not math.isfinite(loss.item()):
                died = e
                break
            if c["clip"]:
                gn.append(float(nn.utils.clip_grad_norm_(net.parameters(), c["clip"])))
            a = float((logits.argmax(1) == y).float().mean())
            opt.step()
            tot += loss.item()
            acc += a
            if c["cur_f"] and Tt < T:
                wacc += a
                wn += 1
                if wn == c["cur_every"]:
                    if wacc / wn > c["cur_at"]:
                        old, Tt = Tt, min(T, math.ceil(Tt * c["cur_f"]))
                        for g in opt.param_groups:
                            g["lr"] *= (old / Tt) ** c["lr_pow"]
                        sch.base_lrs = [b * (old / Tt) ** c["lr_pow"] for b in sch.base_lrs]
                    wacc = wn = 0
        if died is not None:
            break
        sch.step()
        tot /= c["bpe"]
        acc /= c["bpe"]
        v, per, rate, dead = evaluate(net, *val)
        curve.append(
            (Tt, round(tot, 4), round(acc, 4), round(v, 4))
            + ((float("%.3g" % np.median(gn)), float("%.3g" % max(gn))) if gn else ())
        )
        if v > best:
            best, best_state = v, {k: t.clone() for k, t in net.state_dict().items()}
        if t90 is None and v > 0.9:
            t90 = e + 1
        if not c["cur_f"] and Tt < T and acc > c["cur_at"]:
            Tt = cur.pop(0) if cur else T
        if c["stop"] and v > c["stop"]:
            break
    sec = time.time() - t0
    r = dict(
        cfg=cfg,
        best=round(best, 4),
        last=curve[-1][3] if curve else None,
        loss=curve[-1][1] if curve else None,
        t90=t90,
        epochs=len(curve),
        Tt=Tt,
        per=per,
        rate=round(rate, 4),
        dead=dead,
        sec=round(sec, 1),
        died=died,
        kr=[round(v, 4) for v in torch.sigmoid(net.kr.detach()).tolist()],
    )
    if net.lif.leak.logit is not None:
        r["k"] = [round(v, 4) for v in torch.sigmoid(net.lif.leak.logit.detach()).sort().values.tolist()]
    if c["test"]:
        test = make(T, 10000, np.random.default_rng([4242, T]))
        net.load_state_dict(best_state)
        r["test"], r["test_per"], r["test_rate"], _ = evaluate(net, *test)
    r["curve"] = curve
    return r


if __name__ == "__main__":
    out, jobs = sys.argv[1], sys.argv[2:]
    lines = [l for j in jobs for l in (open(j).read().splitlines() if os.path.exists(j) else [j]) if l.strip()]
    for l in lines:
        r = run(json.loads(l))
        with open(out, "a") as f:
            f.write(json.dumps(r) + "\n")
        cv = r["curve"]
        print(
            json.dumps(r["cfg"]),
            "| best",
            r["best"],
            "last",
            r["last"],
            "t90",
            r["t90"],
            "ep",
            r["epochs"],
            "Tt",
            r["Tt"],
            "per",
            r["per"],
            "rate",
            r["rate"],
            "dead",
            r["dead"],
            r["sec"],
            "s",
            "TEST %s" % r.get("test", ""),
            flush=True,
        )
