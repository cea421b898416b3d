"""``train``: images and labels, or a project, in; a model's folder out."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from .flags import CallError
from .model_writer import Keeper
from .reporter import Teller
from .stop_request import Stopping


def train(options: argparse.Namespace) -> int:
    """Run the command."""
    stopping = Stopping()
    keeper = Keeper(Teller(as_json=options.json), stopping)
    if options.stop_on_stdin:
        stopping.listen(keeper.overdue)
    # What is open is closed after what went wrong has been told and noted.
    with ExitStack() as held, keeper.teller.errors():
        _run(options, keeper, held)
    return 0


def _run(options: argparse.Namespace, keeper: Keeper, held: ExitStack) -> None:
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.system.lock import alone

    project = None
    if options.project:
        project = Project.open(options.project)
        keeper.folder = project.model_folder
        busy = f"{project.folder}: another training of this project is at work; stop it first"
        held.enter_context(alone(project.folder / ".training", busy))
        keeper.teller.notes = project.history.note

    from napari_spatial_embeddings.training.annotation import summarise
    from napari_spatial_embeddings.training.train import train as training

    from . import train_job as jobs

    job = jobs.of_project(options, project) if project else jobs.of_folders(options)
    keeper.folder = job.output
    checkpoint = job.output / jobs.CHECKPOINT
    for part in job.output.glob(".*.part") if project else ():
        part.unlink()  # of a training that was killed while it wrote; nobody else is at work here
    if project and not options.resume:
        project.keep_previous()
        checkpoint.unlink(missing_ok=True)
    reports = training(
        job.data.images,
        job.settings,
        job.model,
        validation=job.data.validation or None,
        checkpoint=checkpoint,
        baseline=job.known,
        stop=keeper.stopping.asked,
    )
    start = "" if job.origin == jobs.FRESH else f", starting from {job.origin}"
    text = f"training on {summarise(job.data.images)}{start}"
    keeper.teller.say(text, "start", **jobs.facts(job))
    if keeper.follow(reports) is None:
        raise CallError(
            f"the training in {job.output} is finished; give more --minutes or --epochs to go on"
        )
