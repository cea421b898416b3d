"""Readers of files: images, labels, regions, classes and maps.

Fast to import: a module is loaded when one of its names is used, the names stand in
``__init__.pyi``, and imaging libraries are loaded when a file of their kind is read. Whatever is
wrong with a file raises `FileError`, in one sentence.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
