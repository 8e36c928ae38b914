"""Face detectors, one folder a paper: each maps a photo to `Faces`."""
