"""Writers of results, in the formats of other programs.

A module is loaded when one of its names is used; the names stand in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
