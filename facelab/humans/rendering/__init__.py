"""From a person and a view to a picture with labels."""
