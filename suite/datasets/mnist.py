"""MNIST (LeCun et al. 1998): grey digits, 60,000 + 10,000."""

from __future__ import annotations

from dataclasses import replace

from suite.datasets.base import Dataset, Published, Timed
from suite.datasets.common.table5 import SPATIAL
from suite.datasets.images.idx import DIGITS, DIGITS_COUNTED, Grey
from suite.datasets.standins.images import write_digits
from suite.protocols import Cosine

FILES = Grey(
    "mnist",
    "MNIST",
    write_digits,
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    {
        "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    },
)
UNPACKED = {
    "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""MD5, as torchvision has them."""

PAPER = replace(SPATIAL, data={"n_steps": 8}, batch_size=512)
SUITE = replace(
    PAPER,
    epochs=10,
    batch_size=128,
    learning_rate=1e-3,
    schedule=Cosine(),
    readout="integrator",
    loss="cross_entropy",
)

DATASET = Dataset(
    name="mnist",
    title="MNIST",
    kind="spatial",
    classes=DIGITS,
    load=FILES.load,
    protocols={"suite": SUITE, "paper": PAPER},
    in_paper=True,
    folders=("MNIST/raw",),
    archives=FILES.archives,
    published=(Published(60_000, 10_000, classes=DIGITS_COUNTED, mean=(0.1307,), std=(0.3081,), md5=UNPACKED),),
    input_shape=(1, 28, 28),
    timed=(Timed(),),
)
