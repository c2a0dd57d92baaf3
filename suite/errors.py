"""What can go wrong outside the code. Everything the command line prints without a traceback is one of these."""


class SuiteError(Exception):
    """Base of the suite's own errors. The message says what was wrong, which value, what is allowed, what to do."""


class DataUnavailable(SuiteError):
    """The dataset is not here. The message says where it was looked for and how to get it."""


class DataCorrupt(SuiteError):
    """A data file is damaged, truncated or not what it claims to be."""


class PluginError(SuiteError):
    """A user's plugin is missing or fails."""


class ResultsError(SuiteError):
    """The results folder or a results file cannot be used."""
