"""Fast neural style transfer: one small network per painting, milliseconds per picture."""

__version__ = "0.1.0"
