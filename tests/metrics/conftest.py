"""Property tests run the same examples everywhere, and no clock stops them on a busy machine."""

from hypothesis import settings

settings.register_profile(
    "metrics", deadline=None, database=None, derandomize=True, max_examples=60
)
settings.load_profile("metrics")
