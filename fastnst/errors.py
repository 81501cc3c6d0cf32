"""Every error that fastnst raises on purpose.

* FastNSTError
  - ImageError      a picture cannot be read, written or used
  - StyleFileError  a file is not a fastnst style, or is of a newer format
  - WeightsError    the VGG-19 weights are missing or damaged
  - ConfigError     a setting has a value that cannot work
  - DataError       there are no photos to train on
  - TrainingError   training cannot go on
  - ContestError    there is nothing to vote on, or its votes cannot be kept
"""


class FastNSTError(Exception):
    """Base class: the command line prints its message and exits with status 1."""


class ImageError(FastNSTError):
    """A picture cannot be read, written or used."""


class StyleFileError(FastNSTError):
    """A file is not a fastnst style, or is of a newer format."""


class WeightsError(FastNSTError):
    """The VGG-19 weights are missing or damaged."""


class ConfigError(FastNSTError):
    """A setting has a value that cannot work."""


class DataError(FastNSTError):
    """There are no photos to train on."""


class TrainingError(FastNSTError):
    """Training cannot go on."""


class ContestError(FastNSTError):
    """There is nothing to vote on, or its votes cannot be kept."""
