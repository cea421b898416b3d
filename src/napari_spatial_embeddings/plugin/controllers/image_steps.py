"""Steps from the current image to the next one, and to the one before."""

from __future__ import annotations

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.tags import image_key
from napari_spatial_embeddings.plugin.state.session import Session

from .images import ImageController
from .project_images import ProjectImages


def step_image(
    session: Session, images: ImageController, project_images: ProjectImages, by: int
) -> None:
    """Make another image the current one.

    The order is that of the project, then that in which the others were opened.

    Parameters
    ----------
    session : Session
    images : ImageController
    project_images : ProjectImages
    by : int
        1 for the next image, -1 for the one before.

    Raises
    ------
    InputError
        If there is none.
    """
    keys = [entry.key for entry in project_images.entries()]
    keys += [key for key in session.images if key not in keys]
    channels = images.channel_layers()[0] if session.image else []
    rest = [x for x in images.layers() if image_key(x) not in keys and x not in channels]
    places = [*keys, *rest]
    here = keys.index(session.image) if session.image in keys else -1 if by > 0 else len(places)
    there = here + by
    if not 0 <= there < len(places):
        raise InputError(f"this is the {'last' if by > 0 else 'first'} image")
    place = places[there]
    if isinstance(place, str):
        project_images.show(place)
    else:
        images.choose(place)
