"""The claims about the convolutional cascade: what is trained, measured and concluded."""
