"""Fashion-MNIST (Xiao et al. 2017): MNIST's format with ten kinds of clothing, 60,000 + 10,000."""

from __future__ import annotations

from suite.datasets import mnist
from suite.datasets.base import Dataset, Published
from suite.datasets.images.idx import Grey
from suite.datasets.standins.images import write_clothes

CLASSES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
FILES = Grey(
    "fashion_mnist",
    "FashionMNIST",
    write_clothes,
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    {
        "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    },
)

DATASET = Dataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    kind="spatial",
    classes=CLASSES,
    load=FILES.load,
    protocols={"suite": mnist.SUITE},
    folders=("FashionMNIST/raw",),
    archives=FILES.archives,
    published=(
        Published(
            60_000, 10_000, classes={"train": (6_000,) * 10, "test": (1_000,) * 10}, mean=(0.2860,), std=(0.3530,)
        ),
    ),
)
