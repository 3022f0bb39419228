"""What was drawn, measured and judged on images: structure sets, reports, segments, shapes, boxes.

The modules read data sets inside the reading process and return plain values; `boxes` makes rows
of label tables. Not here: the pixels of masks (see `segmentation`).
"""
