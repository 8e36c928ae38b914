"""Judge detectors and embedders on labelled photos of your own: `facelab eval`."""
