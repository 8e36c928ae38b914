"""The course's own people: sampled, rendered with exact labels, composed into scenes, shipped as a
pack."""
