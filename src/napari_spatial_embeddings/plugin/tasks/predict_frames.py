"""Prediction of frames of a time series, normalised by the intensities of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import plural

from .predict import PredictionReport, PredictionRequest, corrections_of, listed

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ModelSettings
    from napari_spatial_embeddings.core.image_data import ImageData, PixelArray
    from napari_spatial_embeddings.inference.normalisation import Scale
    from napari_spatial_embeddings.inference.registry import ModelCache

Scales = MutableMapping[Any, Any]
"""Normalisations of a series, by what they depend on."""


def scale_of(pixels: PixelArray, known: Scales, settings: ModelSettings) -> Scale:
    """Return the normalisation of a time series or of a large image, which is computed once.

    Parameters
    ----------
    pixels : (T, C, *S) or (C, *S)
    known : mapping
        Those that were computed; it is added there.
    settings : ModelSettings
    """
    from napari_spatial_embeddings.inference.normalisation import normalisation

    wanted = settings.low_percentile, settings.high_percentile, settings.ndim
    if wanted not in known:
        known[wanted] = normalisation(pixels, settings)
    found: Scale = known[wanted]
    return found


def predict_frames(
    models: ModelCache,
    request: PredictionRequest,
    series: ImageData,
    known: Scales,
    frames: Mapping[str, int],
    complete: Sequence[str],
) -> Iterator[PredictionReport]:
    """Segment frames of a time series, one after another.

    Those that the same model predicted as a whole already are left out, unless all are such. A
    frame that cannot be segmented does not stop the others; the last report names it.

    Parameters
    ----------
    models, request
    series : ImageData
    known : mapping
        See `scale_of`.
    frames : mapping
        Number of each frame by its key, in the order in which they are wanted.
    complete : sequence of str
        Keys of those whose results are of the whole frame.

    Raises
    ------
    InputError, Failure
        If the model or the series cannot be used.
    """
    # Its compiled loops take their time to load.
    from napari_spatial_embeddings.inference.image_check import check_image
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob, segment_images

    model = models.load(request.model)
    first = series.frame(0).data
    check_image(model.settings, first.shape, first.dtype)
    card, before = model.card(), request.results
    done = {key for key in complete if key in before and before[key].card == card} & frames.keys()
    left = [key for key in frames if key not in done] or list(frames)
    already = len(frames) - len(left)
    yield PredictionReport(already, len(frames), f"{series.name}: reading the intensities")
    scale = scale_of(series.data, known, model.settings)
    jobs = [
        SegmentationJob(
            key,
            f"{series.name}, frame {frames[key]}",
            partial(series.frame, frames[key]),
            None,
            before.get(key),
            partial(corrections_of, request, key),
            scale=scale,
        )
        for key in left
    ]
    skipped: list[str] = []
    for report in segment_images(
        model, request.model, jobs, request.clustering, request.prediction
    ):
        job, count = report.job, already + report.index + report.finished
        message = f"{count} of {plural(len(frames), 'frame')} predicted"
        problem = "" if report.error is None else report.message
        if problem:
            skipped.append(problem)
        yield PredictionReport(count, len(frames), message, job.key, report.result, problem)
    message = f"{plural(len(frames) - len(skipped), 'frame')} of {series.name} predicted"
    if skipped:
        message = f"Skipped {plural(len(skipped), 'frame')}: {listed(skipped)}. {message}"
    yield PredictionReport(len(frames), len(frames), message)
