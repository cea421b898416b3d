"""The folder that a training set lives in: images, annotations, settings, model and history.

The folder is the truth: whoever opens it, here or on another machine, goes on where it was left.
"""

from .annotation import Annotation
from .card import ImageEntry, ProjectCard
from .errors import MissingImage, ProjectError, WrongImage
from .folder import Project

__all__ = [
    "Annotation",
    "ImageEntry",
    "MissingImage",
    "Project",
    "ProjectCard",
    "ProjectError",
    "WrongImage",
]
