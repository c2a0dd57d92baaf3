"""What can go wrong outside the code. Everything the command line prints without a traceback is one of these."""

from __future__ import annotations

import errno
import os
from pathlib import Path


class SuiteError(Exception):
    """Base of the suite's own errors. The message says what was wrong, which value, what is allowed, what to do."""


class DataUnavailable(SuiteError):
    """The dataset is not here. The message says where it was looked for and how to get it."""


class DataCorrupt(SuiteError):
    """A data file is damaged, truncated or not what it claims to be."""


class MachineFault(SuiteError):
    """The machine does not let it be done: a full disk, a file or folder that may not be read or written, or is locked.
    The message has the path, the reason and the remedy.
    """


class DataUnreadable(MachineFault, DataUnavailable):
    """The dataset is here, but cannot be read now: the machine's fault, and no reason to go on without it."""


class PluginError(SuiteError):
    """A user's plugin is missing or fails."""


class ResultsError(SuiteError):
    """The results folder or a results file cannot be used."""


_REMEDIES = {
    errno.EACCES: "give yourself the right to read it",
    errno.EPERM: "give yourself the right to read it",
    errno.EAGAIN: "it is locked, as another program has it open for writing; close that and try again",
    errno.ENOLCK: "its file system has no locks; for HDF5 files, HDF5_USE_FILE_LOCKING=FALSE does without",
    errno.EMFILE: "raise `ulimit -n`, or have fewer files open at a time",
    errno.ENFILE: "have fewer files open at a time on this machine",
    errno.ENOMEM: "free some memory",
    errno.EIO: "the disk or the network may be failing",
    errno.ESTALE: "its file system was mounted anew; try again",
    errno.ETIMEDOUT: "its file system does not answer; try again",
    errno.EBUSY: "try again",
    errno.EINTR: "try again",
}


_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


def is_machines(error: OSError) -> bool:
    """Whether the error says something of the machine, not of what is in the file."""
    return error.errno in _REMEDIES or error.errno in _WRITING


def cannot_read(path: Path, error: OSError) -> DataUnavailable:
    """What to raise for a file of a dataset that cannot be read: that it is not here, or the machine's fault."""
    what = f"cannot read {path}: {_reason(error)}"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DataUnavailable(what)
    return DataUnreadable(f"{what}; {_REMEDIES.get(error.errno or 0, 'look at what is there')}")


def cannot_write(what: str, error: OSError, variable: str) -> MachineFault:
    """What to raise for what cannot be written in the folder that `variable` of the environment names."""
    return MachineFault(
        f"{what} cannot be written: {_reason(error)}; free some space there, or set {variable} to a folder that can be "
        "written"
    )


def _reason(error: OSError) -> str:
    # h5py has its own words, with "errno = 11" and addresses in them
    return (error.strerror if error.errno is None else os.strerror(error.errno)) or str(error)
