"""The protocols that judge: what counts as found, and how alike two faces look."""
