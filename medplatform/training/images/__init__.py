"""Images for training: from the lake to batches on the device.

`spec` declares which images and how, `cache` keeps them ready in mapped files, `resident` brings
batches of them to the device and `augment` varies them there. Importing the package is light.
"""
